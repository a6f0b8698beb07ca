"""What the service asks of a processing job beyond its model.

Source: API reference, CreateProcessingJob, ProcessingS3Input, ProcessingS3Output. The service's own texts are not
known.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath

from contracts.processing import PROCESSING_ROOT
from tuner.errors import RequestPath, Violation, ViolationKind
from tuner.requests.node import Node

_Found = Iterator[Violation]


def _refused(path: RequestPath, message: str, hint: str | None = None) -> Violation:
    return Violation(path=path, message=message, kind=ViolationKind.RULE, hint=hint)


def _inputs(job: Node) -> Iterator[Node]:
    return job.member("ProcessingInputs").items()


def _outputs(job: Node) -> Iterator[Node]:
    return job.member("ProcessingOutputConfig", "Outputs").items()


def _image_is_named(job: Node) -> _Found:
    application = job.member("AppSpecification")
    if application.text("ImageUri") == "":
        yield _refused(application.at("ImageUri"), "ImageUri is empty")


def _names_differ(job: Node) -> _Found:
    for entries, member in ((_inputs(job), "InputName"), (_outputs(job), "OutputName")):
        names: set[str] = set()
        for entry in entries:
            name = entry.text(member)
            if name is not None and name in names:
                yield _refused(entry.at(member), f"there is another {member} {name!r}")
            if name == "":
                yield _refused(entry.at(member), f"{member} is empty")
            names.add(name or "")


def _sources_are_single(job: Node) -> _Found:
    for entries, members in (
        (_inputs(job), ("S3Input", "DatasetDefinition")),
        (_outputs(job), ("S3Output", "FeatureStoreOutput")),
    ):
        for entry in entries:
            named = [member for member in members if entry.has(member)]
            if isinstance(entry.value, dict) and len(named) != 1:
                yield _refused(entry.path, f"there has to be either {members[0]} or {members[1]}")


def _paths_are_in_their_place(job: Node) -> _Found:
    """Each input and output has a folder of its own below /opt/ml/processing."""
    seen: list[tuple[PurePosixPath, str]] = []
    for place, name in _places(job):
        path = place.text("LocalPath")
        if path is None:
            if isinstance(place.value, dict) and not place.has("LocalPath"):
                yield _refused(place.at("LocalPath"), "LocalPath is required unless AppManaged is true")
            continue
        steps = PurePosixPath(path)
        if not path.startswith(PROCESSING_ROOT) or ".." in steps.parts or steps == PurePosixPath(PROCESSING_ROOT):
            yield _refused(place.at("LocalPath"), f"LocalPath must be a folder below {PROCESSING_ROOT}, not {path}")
            continue
        for other, other_name in seen:
            if steps == other or steps in other.parents or other in steps.parents:
                yield _refused(place.at("LocalPath"), f"{name} and {other_name} share the folder {path}")
        seen.append((steps, name))


def _places(job: Node) -> Iterator[tuple[Node, str]]:
    for entry in _inputs(job):
        if entry.member("AppManaged").value is not True:
            yield entry.member("S3Input"), f"the input {entry.text('InputName')!r}"
    for entry in _outputs(job):
        if entry.member("AppManaged").value is not True:
            yield entry.member("S3Output"), f"the output {entry.text('OutputName')!r}"


def _gzip_is_for_pipes(job: Node) -> _Found:
    for entry in _inputs(job):
        source = entry.member("S3Input")
        if source.text("S3CompressionType") == "Gzip" and source.text("S3InputMode") != "Pipe":
            yield _refused(source.at("S3CompressionType"), "Gzip is for inputs in Pipe mode only")


def _the_kernel_takes_every_text(job: Node) -> _Found:
    """Environment and arguments of a program end at the first NUL character; the engine refuses such a container."""
    environment, application = job.member("Environment"), job.member("AppSpecification")
    texts = [
        *(environment.member(name) for name in environment.names()),
        *application.member("ContainerEntrypoint").items(),
        *application.member("ContainerArguments").items(),
    ]
    for text in texts:
        if "\0" in str(text.value):
            yield _refused(text.path, "a program cannot be given a NUL character")


#: All rules of this page.
PROCESSING_RULES = (
    _image_is_named,
    _names_differ,
    _sources_are_single,
    _paths_are_in_their_place,
    _gzip_is_for_pipes,
    _the_kernel_takes_every_text,
)
