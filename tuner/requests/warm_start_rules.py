"""What a tuning job that starts from others may ask, told by its request alone.

What its parents have to be is in `parent_rules`. Source: SageMaker developer guide, "Run a Warm Start Hyperparameter
Tuning Job"; API reference, HyperParameterTuningJobWarmStartConfig. How many parents there may be is in the model.
"""

from collections.abc import Iterator

from tuner.errors import RequestPath, Violation, ViolationKind
from tuner.requests.node import Node

_Found = Iterator[Violation]


def parent_names(tuning: Node) -> Iterator[tuple[str, RequestPath]]:
    """The parents that a request names, and where."""
    for parent in tuning.member("WarmStartConfig", "ParentHyperParameterTuningJobs").items():
        name = parent.text("HyperParameterTuningJobName")
        if name is not None:
            yield name, parent.at("HyperParameterTuningJobName")


def _parents_are_named(tuning: Node) -> _Found:
    for parent in tuning.member("WarmStartConfig", "ParentHyperParameterTuningJobs").items():
        if isinstance(parent.value, dict) and not parent.has("HyperParameterTuningJobName"):
            yield _refused(parent.path, "a parent needs its HyperParameterTuningJobName")


def _parents_are_other_jobs(tuning: Node) -> _Found:
    """Names of tuning jobs are the same whatever their case."""
    own = (tuning.text("HyperParameterTuningJobName") or "").lower()
    seen: set[str] = set()
    for name, path in parent_names(tuning):
        if name.lower() == own:
            yield _refused(path, f"{name} is this job: it cannot start from itself")
        elif name.lower() in seen:
            yield _refused(path, f"{name} is named twice")
        seen.add(name.lower())


def _there_is_one_algorithm(tuning: Node) -> _Found:
    if tuning.has("WarmStartConfig") and tuning.has("TrainingJobDefinitions"):
        yield _refused(
            ("WarmStartConfig",),
            "warm start is for tuning jobs with one TrainingJobDefinition, not for TrainingJobDefinitions",
        )


def _refused(path: RequestPath, message: str, hint: str | None = None) -> Violation:
    return Violation(path=path, message=message, kind=ViolationKind.RULE, hint=hint)


WARM_START_RULES = (_parents_are_named, _parents_are_other_jobs, _there_is_one_algorithm)
