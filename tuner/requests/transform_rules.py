"""What the service asks of a transform job beyond its model.

Source: API reference, CreateTransformJob and DataProcessing; SageMaker developer guide, "Associate Prediction Results
with Input Records". The service's own texts are not known.
"""

from collections.abc import Iterator

from contracts.serving import CSV, JSON, JSON_LINES, TRANSFORM_PAYLOADS_LIMIT_MB, parse_media_type
from tuner.errors import RequestPath, Violation, ViolationKind
from tuner.requests.json_path import MAX_LENGTH, InvalidJsonPath, parse_json_path
from tuner.requests.node import Node

_Found = Iterator[Violation]
_FILTERS = ("InputFilter", "OutputFilter")


def _refused(path: RequestPath, message: str, hint: str | None = None) -> Violation:
    return Violation(path=path, message=message, kind=ViolationKind.RULE, hint=hint)


def _payloads_fit(job: Node) -> _Found:
    payload, at_once = job.integer("MaxPayloadInMB") or 0, job.integer("MaxConcurrentTransforms") or 0
    most = TRANSFORM_PAYLOADS_LIMIT_MB
    if payload > most:
        yield _refused(job.at("MaxPayloadInMB"), f"MaxPayloadInMB cannot be greater than {most}, and is {payload}")
    elif payload * at_once > most:
        yield _refused(
            job.at("MaxConcurrentTransforms"),
            f"MaxConcurrentTransforms * MaxPayloadInMB cannot be greater than {most}, and is {at_once} * {payload}"
            f" = {at_once * payload}",
        )


def _filters_are_paths(job: Node) -> _Found:
    processing = job.member("DataProcessing")
    for name in _FILTERS:
        text = processing.text(name)
        if not text or len(text) > MAX_LENGTH:  # the model has said so
            continue
        try:
            path = parse_json_path(text)
        except InvalidJsonPath as error:
            yield _refused(processing.at(name), f"{name} {text!r} {error}")
            continue
        if _media_type(job.member("TransformInput").text("ContentType")) == CSV and path.names_members:
            yield _refused(
                processing.at(name),
                f"{name} {text!r} names members, and a row of CSV has none",
                "columns are counted from 0, as in $[0] and $[1:]",
            )


def _processed_records_are_understood(job: Node) -> _Found:
    """Filters and joins look into records: the two sides have to agree on what one is."""
    if not _is_processed(job.member("DataProcessing")):
        return
    given, taken = job.member("TransformInput"), job.member("TransformOutput")
    content_type, accept = _media_type(given.text("ContentType")), _media_type(taken.text("Accept"))
    if content_type not in {CSV, JSON, JSON_LINES}:
        said = "none is given" if content_type is None else f"it is {content_type}"
        yield _refused(
            given.at("ContentType"), f"DataProcessing needs ContentType {CSV}, {JSON} or {JSON_LINES}, and {said}"
        )
        return
    if accept != content_type:
        said = "none is given" if accept is None else f"it is {accept}"
        yield _refused(
            taken.at("Accept"),
            f"with DataProcessing Accept must be the same as ContentType, {content_type}, and {said}",
        )
    split, assemble = given.text("SplitType") or "None", taken.text("AssembleWith") or "None"
    if content_type in {CSV, JSON_LINES} and split != "Line":
        yield _refused(given.at("SplitType"), f"with DataProcessing {content_type} needs SplitType Line, not {split}")
    elif split not in {"None", "Line"}:
        yield _refused(given.at("SplitType"), f"with DataProcessing {content_type} takes no SplitType {split}")
    if split != assemble:
        yield _refused(
            taken.at("AssembleWith"),
            f"with DataProcessing AssembleWith must be the same as SplitType, {split}, and is {assemble}",
        )


def _is_processed(processing: Node) -> bool:
    filters = [processing.text(name) or "$" for name in _FILTERS]
    return filters != ["$", "$"] or processing.text("JoinSource") == "Input"


def _media_type(text: str | None) -> str | None:
    return parse_media_type(text).name if text else None


def _the_kernel_takes_every_variable(job: Node) -> _Found:
    environment = job.member("Environment")
    for name in environment.names():
        if "\0" in str(environment.member(name).value):
            yield _refused(environment.at(name), "a program cannot be given a NUL character")


#: All rules of this page.
TRANSFORM_RULES = (
    _payloads_fit,
    _filters_are_paths,
    _processed_records_are_understood,
    _the_kernel_takes_every_variable,
)
