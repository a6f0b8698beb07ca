"""The one way in: from a job file, or a request made in Python, to a request that is complete and valid."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tuner.errors import JobFileError, NotSupported, RequestPath, ValidationError, Violation, ViolationKind
from tuner.requests.autotune import automatic_choices
from tuner.requests.completion import (
    CREATE_PROCESSING_JOB,
    CREATE_TRAINING_JOB,
    CREATE_TRANSFORM_JOB,
    CREATE_TUNING_JOB,
    Defaults,
    complete,
    resolve_file_uris,
)
from tuner.requests.job_file import read_job_file
from tuner.requests.limits_of_this_version import check_supported
from tuner.requests.rules import check_rules
from tuner.requests.service_model import check_request, did_you_mean

#: The member that names the job, by operation.
NAME_MEMBERS: Mapping[str, str] = {
    CREATE_TUNING_JOB: "HyperParameterTuningJobName",
    CREATE_TRAINING_JOB: "TrainingJobName",
    CREATE_TRANSFORM_JOB: "TransformJobName",
    CREATE_PROCESSING_JOB: "ProcessingJobName",
}

#: Members that only one operation has, so that a file without a name still tells what it is.
_TELLING: Mapping[str, tuple[str, ...]] = {
    CREATE_TUNING_JOB: (
        "HyperParameterTuningJobName",
        "HyperParameterTuningJobConfig",
        "TrainingJobDefinition",
        "TrainingJobDefinitions",
    ),
    CREATE_TRAINING_JOB: ("TrainingJobName", "AlgorithmSpecification"),
    CREATE_TRANSFORM_JOB: ("TransformJobName", "TransformInput", "TransformOutput"),
    CREATE_PROCESSING_JOB: ("ProcessingJobName", "AppSpecification", "ProcessingInputs"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedJob:
    """A job file that has been read and completed; `validate` tells whether it is valid.

    `request` is the completed request with absolute ``file://`` addresses: what is validated, stored and shown.
    `lines` has the line of the file of each member that stands there. `choices` are what Autotune has chosen, in lines
    for people.
    """

    operation: str
    request: Mapping[str, Any]
    path: Path
    lines: Mapping[RequestPath, int] = field(default_factory=dict)
    texts: Mapping[RequestPath, str] = field(default_factory=dict)
    choices: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the job, empty where it has none (which validation refuses)."""
        return str(self.request.get(NAME_MEMBERS[self.operation], ""))

    def validate(self) -> list[Violation]:
        """All that is wrong with the request, in the order of the file."""
        return validate(self.operation, self.request, self.lines, self.texts)

    def check(self) -> None:
        """Raise ValidationError or NotSupported with all that is wrong, as ``path:line: member: text``, one a line."""
        raise_violations(self.validate(), self.path)


def load_job(path: Path, defaults: Defaults, name: str | None = None) -> LoadedJob:
    """Read the job file at `path` and complete it from `defaults`; `name` replaces the name that the file gives.

    Relative ``file://`` addresses are taken from the file's folder. Raises JobFileError for a file that is no request;
    what the request says is not looked at yet.
    """
    file = read_job_file(path)
    operation = operation_of(file.request, path)
    request = dict(file.request)
    if name is not None:
        request[NAME_MEMBERS[operation]] = name
    choices = automatic_choices(request) if operation == CREATE_TUNING_JOB else ()
    request = resolve_file_uris(operation, complete(operation, request, defaults), path.absolute().parent)
    return LoadedJob(
        operation=operation, request=request, path=path, lines=file.lines, texts=file.texts, choices=choices
    )


def operation_of(request: Mapping[str, Any], path: Path) -> str:
    """Which operation takes `request`, told by its members; raises JobFileError, naming `path`."""
    for operation, members in _TELLING.items():
        if any(member in request for member in members):
            return operation
    telling = [member for members in _TELLING.values() for member in members]
    hints = (did_you_mean(str(member), telling) for member in request)
    hint = next((f": {hint}" for hint in hints if hint is not None), "")
    raise JobFileError(f"{path}: neither {' nor '.join(NAME_MEMBERS.values())} is there, so this is no job file{hint}")


def validate(
    operation: str,
    request: Mapping[str, Any],
    lines: Mapping[RequestPath, int] | None = None,
    texts: Mapping[RequestPath, str] | None = None,
) -> list[Violation]:
    """All that is wrong with `request` as the input of `operation`, whoever would say it.

    With the `lines` of its file, each violation has the line of its member, or of the nearest member around it, and
    they are sorted by line. `texts` are the letters of unquoted YAML values, for hints.
    """
    found = [
        *check_request(operation, request, texts),
        *check_rules(operation, request),
        *check_supported(operation, request),
    ]
    return locate(found, lines) if lines else found


def locate(violations: Iterable[Violation], lines: Mapping[RequestPath, int]) -> list[Violation]:
    """The violations with their lines, sorted by line."""
    located = [replace(violation, line=_line(violation.path, lines)) for violation in violations]
    return sorted(located, key=lambda violation: violation.line or 0)


def _line(path: RequestPath, lines: Mapping[RequestPath, int]) -> int:
    around = (path[:length] for length in range(len(path), 0, -1))
    return next((lines[part] for part in around if part in lines), 1)


def format_violations(violations: Iterable[Violation], path: Path | None = None) -> str:
    """The violations for people, one a line: ``examples/job.yaml:12: Member.Path: text (hint)``."""
    return "\n".join(_place(violation, path) + str(violation) for violation in violations)


def _place(violation: Violation, path: Path | None) -> str:
    if path is None:
        return ""
    return f"{path}: " if violation.line is None else f"{path}:{violation.line}: "


def raise_violations(violations: Iterable[Violation], path: Path | None = None) -> None:
    """Raise what AWS would answer, if there is any violation.

    NotSupported where all violations are about what this version cannot do, ValidationError else; the text has all.
    """
    found = tuple(violations)
    if not found:
        return
    text = format_violations(found, path)
    if all(violation.kind is ViolationKind.NOT_SUPPORTED for violation in found):
        raise NotSupported(text, found)
    raise ValidationError(text, found)


def service_message(violations: Iterable[Violation]) -> str:
    """What AWS would answer: of those who look at a request in turn, the first that finds something says it all."""
    found = sorted(violations, key=lambda violation: violation.kind.value)
    first = [violation for violation in found if violation.kind is found[0].kind]
    texts = list(dict.fromkeys(violation.message for violation in first))
    if first[0].kind is ViolationKind.PARAMETER:
        return "Parameter validation failed:\n" + "\n".join(texts)
    if first[0].kind is ViolationKind.CONSTRAINT:
        errors = "error" if len(texts) == 1 else "errors"
        return f"{len(texts)} validation {errors} detected: {'; '.join(texts)}"
    return texts[0]
