"""The good case of `algodock check` of training: from a job file, from options, or from both; options win."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
import regex

from contracts.channels import InputMode, SourceType
from contracts.definitions import TrainingDefinition
from contracts.hyperparameters import TUNING_OBJECTIVE_METRIC
from contracts.jobs import TrainingJobSpec, TuningJobSpec
from contracts.metrics import MetricDefinition
from contracts.ranges import CategoricalParameterRange
from contracts.search_extension import SearchExtension
from tuner.channels.addresses import is_local, local_path
from tuner.cli import job_files, search_files
from tuner.cli.machine import Machine
from tuner.conformance.case import Claim, GivenChannel, GoodCase
from tuner.errors import NotSupported
from tuner.requests import CREATE_TRAINING_JOB, CREATE_TUNING_JOB
from tuner.search.first_configurations import complete
from tuner.search.space import SearchSpace
from tuner.search.strategy import trial_generator
from tuner.suggestions import space_of


def read_case(
    image: str | None,
    machine: Machine,
    *,
    job_file: Path | None,
    hyperparameters: Sequence[str],
    channels: Sequence[str],
    metrics: Sequence[str],
    objective: str | None,
    optional: Sequence[str],
    invalid: Sequence[str],
    claims: Sequence[str],
) -> GoodCase:
    """The good case; raises click.UsageError for options that make no sense, and what reading a job file raises."""
    case = GoodCase(image="") if job_file is None else case_of_job(job_file, machine, image)
    if image is None and not case.image:
        raise click.UsageError("Name an IMAGE, or give --job with a job file that does.")
    given = tuple(_channel(text) for text in channels)
    replaced = {channel.name for channel in given}
    case = replace(
        case,
        image=image or case.image,
        hyperparameters={**case.hyperparameters, **_hyperparameters(hyperparameters)},
        channels=(*(one for one in case.channels if one.name not in replaced), *given),
        metrics=(*case.metrics, *(_metric(text) for text in metrics)),
        objective=objective or case.objective,
        optional_channels=frozenset(optional),
        invalid=dict(_pair(text, "--invalid") for text in invalid),
        claims=case.claims | {Claim(text) for text in claims},
    )
    _refuse_unknown_names(case)
    return case


def case_of_job(path: Path, machine: Machine, image: str | None = None) -> GoodCase:
    """The job in the file at `path` as a good case: a training job, or a trial in the middle of a tuning job's ranges.

    Of several definitions in a tuning job it is the one of `image`. Raises what reading a job file raises, and
    NotSupported for channels that are not here.
    """
    if job_files.read(path, machine).operation == CREATE_TUNING_JOB:
        job = job_files.read_valid(path, machine, CREATE_TUNING_JOB)
        search = search_files.read_valid(job, None)
        definition = _definition_of(TuningJobSpec.from_request(job.request), image, path)
        trial = middle_trial(definition, None if search is None else SearchExtension.from_extension(search.extension))
        return replace(_case_of(trial, path), objective=definition.objective.metric_name)
    loaded = job_files.read_valid(path, machine, CREATE_TRAINING_JOB)
    return _case_of(TrainingJobSpec.from_request(loaded.request), path)


def _definition_of(tuning: TuningJobSpec, image: str | None, path: Path) -> TrainingDefinition:
    """The definition that `image` is of, or the only one; raises NotSupported where that is not told."""
    if len(tuning.definitions) == 1:
        return tuning.definitions[0]
    of_image = [definition for definition in tuning.definitions if definition.image == image]
    if len(of_image) != 1:
        images = ", ".join(dict.fromkeys(definition.image for definition in tuning.definitions))
        raise NotSupported(
            f"{path}: a check is of one image, and this job has {len(tuning.definitions)} definitions; name the IMAGE"
            f" of one of them ({images})"
        )
    return of_image[0]


def middle_trial(definition: TrainingDefinition, search: SearchExtension | None = None) -> TrainingJobSpec:
    """The trial with the middle of each range, on the range's own scale, and the first value of each category.

    Where there is a search file, it is the trial that this has first, or one that keeps its constraints. Without the
    tuner's own hyperparameter: that is a condition which the check adds.
    """
    point = [0.0 if isinstance(one, CategoricalParameterRange) else 0.5 for one in definition.ranges]
    values = SearchSpace(definition.ranges).decode(point)
    if search is not None:
        first = search.first_configurations[0] if search.first_configurations else {}
        values = complete(space_of(definition, search), first, trial_generator(0, 1))
    spec = TrainingJobSpec.from_request(definition.training_job_request("middle", values, []))
    own = {name: text for name, text in spec.hyperparameters.items() if name != TUNING_OBJECTIVE_METRIC}
    return replace(spec, hyperparameters=own)


def _case_of(spec: TrainingJobSpec, path: Path) -> GoodCase:
    elsewhere = [channel.name for channel in spec.channels if not is_local(channel.uri)]
    if elsewhere:
        raise NotSupported(
            f"{path}: a check reads channels of this machine only; give {', '.join(elsewhere)} as"
            " --channel NAME=PATH in a job file without it"
        )
    listed = [
        one.name
        for one in spec.channels
        if one.source_type is SourceType.MANIFEST and one.input_mode is not InputMode.PIPE
    ]
    if listed:
        raise NotSupported(
            f"{path}: a check gives channels as files or folders; give {', '.join(listed)}, which is a manifest, as"
            " --channel NAME=PATH in a job file without it"
        )
    claims = set()
    if spec.network_isolation:
        claims.add(Claim.ISOLATION)
    if spec.checkpoint_path is not None:
        claims.add(Claim.CHECKPOINTS)
    if len(spec.hosts) > 1:
        claims.add(Claim.HOSTS)
    overridden = spec.entry_point is not None or spec.arguments is not None
    return GoodCase(
        image=spec.image,
        hyperparameters=spec.hyperparameters,
        channels=tuple(
            GivenChannel(
                name=one.name,
                path=local_path(one.uri),
                content_type=one.content_type,
                mode=one.input_mode,
                record_wrapper=one.record_wrapper,
                compression=one.compression,
                source_type=one.source_type,
                attribute_names=one.attribute_names,
            )
            for one in spec.channels
        ),
        environment=spec.environment,
        metrics=spec.metric_definitions,
        claims=frozenset(claims),
        entry_point=spec.entry_point,
        arguments=spec.arguments if overridden else ("train",),
    )


def _refuse_unknown_names(case: GoodCase) -> None:
    channels = {channel.name for channel in case.channels}
    unknown = sorted(case.optional_channels - channels)
    if unknown:
        raise click.UsageError(f"--optional {unknown[0]}: the good case has no channel of that name.")
    names = {metric.name for metric in case.metrics}
    if case.objective is not None and case.objective not in names:
        raise click.UsageError(f"--objective {case.objective}: no metric definition has that name.")


def _hyperparameters(texts: Sequence[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for text in texts:
        if "=" in text:
            values |= [_pair(text, "--hyperparameters")]
        else:
            values |= _hyperparameter_file(Path(text))
    return values


def _hyperparameter_file(path: Path) -> dict[str, str]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise click.UsageError(
            f"--hyperparameters {path}: it is neither NAME=VALUE nor a JSON file: {error}"
        ) from error
    if not isinstance(document, dict):
        raise click.UsageError(f"--hyperparameters {path}: it is no JSON object")
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in document.items()}


def _channel(text: str) -> GivenChannel:
    name, path = _pair(text, "--channel")
    place = Path(path).absolute()
    if not place.exists():
        raise click.UsageError(f"--channel {text}: there is no {place}")
    return GivenChannel(name=name, path=place)


def _metric(text: str) -> MetricDefinition:
    name, expression = _pair(text, "--metric")
    try:
        regex.compile(expression)
    except regex.error as error:
        raise click.UsageError(f"--metric {text}: {error}") from error
    return MetricDefinition(name=name, regex=expression)


def _pair(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise click.UsageError(f"{option} {text}: write NAME=VALUE")
    return name, value
