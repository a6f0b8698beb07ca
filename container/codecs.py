"""Bodies of invocations to arrays, and predictions to bodies, by media type.

What is read: JSON, ``{"instances": [...]}`` or the list alone; JSON lines, an instance a line; CSV without a header, an
instance a row; NPY; one PNG or JPEG. An instance in JSON may also be ``{"features": [...]}``, as SageMaker's own
algorithms have it. What is written: JSON, ``{"predictions": [...]}``; JSON lines; CSV; NPY.

Texts end without a line feed: in a transform job AssembleWith=Line puts one after each response, and a second one would
make an empty record. What cannot be read raises InvalidPayload, whose text tells where, but never quotes the body.
"""

import codecs
import csv
import io
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from container.algorithm import ClassProbabilities, Instances, Predictions
from container.errors import InvalidPayload
from container.images import decode_image
from contracts.serving import ANY_IMAGE, CSV, JPEG, JSON, JSON_LINES, NPY, PNG, MediaType

#: Signed and unsigned integers, floats, booleans: what an array may hold.
_NUMBERS = "iufb"


class UnsupportedMediaType(Exception):
    """There is no codec for this media type; the text names those that there are."""


def decode(body: bytes, media_type: MediaType) -> Instances:
    """The instances in a request's body.

    Raises UnsupportedMediaType, or InvalidPayload where the body is not what its media type says, or holds no instance.
    """
    reader = _READERS.get(media_type.name)
    if reader is None:
        raise UnsupportedMediaType(f"Content-Type {media_type.name!r} is not read here: send {', '.join(READ)}")
    if not body:
        raise InvalidPayload("the body is empty")
    instances = reader(body, media_type)
    if instances.ndim == 0 or instances.size == 0:
        raise InvalidPayload("there is no instance in the body")
    return instances


def encode(predictions: Predictions, media_type: str) -> bytes:
    """The body of an answer; `media_type` is one of `WRITTEN`."""
    if media_type == NPY:
        return _npy(predictions)
    opening, _, ending = _JOINTS[media_type]
    return (opening + _ROWS[media_type](predictions) + ending).encode()


def encode_pieces(pieces: Iterator[Predictions], media_type: str) -> Iterator[bytes]:
    """The body of an answer that comes in `pieces` of rows, piece by piece; `media_type` is one of `WRITTEN`.

    Together they are what `encode` makes of all rows. NPY says at its beginning how many rows there are, so there it is
    one piece, at the end.
    """
    if media_type == NPY:
        arrays = [_values(piece) for piece in pieces]
        yield encode(np.concatenate(arrays) if arrays else np.empty(0), media_type)
        return
    opening, between, ending = _JOINTS[media_type]
    joint = opening
    for piece in pieces:
        if len(_values(piece)):
            yield (joint + _ROWS[media_type](piece)).encode()
            joint = between
            opening = ""
    if opening + ending:
        yield (opening + ending).encode()


def _text(body: bytes, media_type: MediaType) -> str:
    charset = media_type.parameters.get("charset", "utf-8")
    try:
        encoding = codecs.lookup(charset).name
        return body.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except LookupError as error:
        raise UnsupportedMediaType("the charset is not known here: send utf-8") from error
    except UnicodeError as error:
        raise InvalidPayload(f"the body is not {charset}") from error


def _read_json(body: bytes, media_type: MediaType) -> Instances:
    document = _parsed(_text(body, media_type), "the body")
    if isinstance(document, dict):
        if "instances" not in document:
            raise InvalidPayload('the JSON object has no key "instances"')
        document = document["instances"]
    if not isinstance(document, list):
        raise InvalidPayload('the body is no JSON list of instances, nor {"instances": [...]}')
    return _array(document)


def _read_json_lines(body: bytes, media_type: MediaType) -> Instances:
    # Split at line feeds only: str.splitlines knows separators that may stand within a JSON string.
    lines = _text(body, media_type).split("\n")
    return _array([_parsed(line, f"line {number}") for number, line in enumerate(lines, start=1) if line.strip()])


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        place = f", at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise InvalidPayload(f"{where} is no JSON{place}") from error


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no JSON")


def _array(instances: Sequence[Any]) -> Instances:
    try:
        features = [instance["features"] if isinstance(instance, dict) else instance for instance in instances]
        return np.array(features, dtype=np.float64)  # null becomes NaN, a missing value
    except KeyError as error:
        raise InvalidPayload('an instance that is an object has no key "features"') from error
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise InvalidPayload("the instances are not numbers, or not all of one shape") from error


def _read_csv(body: bytes, media_type: MediaType) -> Instances:
    text = _text(body, media_type)
    if not text.strip():
        raise InvalidPayload("there is no record in the body")
    try:
        return np.loadtxt(io.StringIO(text, newline=""), delimiter=",", quotechar='"', comments=None, ndmin=2)
    except ValueError:  # a missing value, which numpy does not know, or a mistake, which we tell the place of
        return _read_csv_slowly(text)


def _read_csv_slowly(text: str) -> Instances:
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    values: list[list[float]] = []
    try:
        for row in rows:
            if row:  # an empty line is no record, wherever it stands
                values.append(_numbers(row, rows.line_num))
                if len(row) != len(values[0]):
                    raise InvalidPayload(f"line {rows.line_num} has {len(row)} columns, the first has {len(values[0])}")
    except csv.Error as error:
        raise InvalidPayload(f"line {rows.line_num} is no CSV") from error
    return np.array(values, dtype=np.float64)


def _numbers(row: Sequence[str], line: int) -> list[float]:
    try:
        return [float(field) for field in row]
    except ValueError:  # an empty field is a missing value, and this way is slower
        return [_number(field, f"line {line}, column {column}") for column, field in enumerate(row, start=1)]


def _number(field: str, where: str) -> float:
    try:
        return float(field) if field.strip() else math.nan
    except ValueError as error:
        raise InvalidPayload(f"{where} is no number; a header is not read") from error


def _read_npy(body: bytes, _: MediaType) -> Instances:
    # Not np.load: it sets aside as much memory as the header asks for before it looks whether the file has as much.
    shape, is_fortran, dtype, start = _npy_header(body)
    if dtype.kind not in _NUMBERS or any(length < 0 for length in shape):
        raise InvalidPayload("the NPY file is no array of numbers")
    if len(body) - start != math.prod(shape) * dtype.itemsize:
        raise InvalidPayload("the NPY file is not as long as its header says")
    return np.frombuffer(body, dtype, offset=start).reshape(shape, order="F" if is_fortran else "C")


def _npy_header(body: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Shape, whether in Fortran's order, kind of numbers, and where they start."""
    stream = io.BytesIO(body)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    try:
        shape, is_fortran, dtype = readers[np.lib.format.read_magic(stream)](stream)
    except Exception as error:  # a seam: the header is a Python literal, and what numpy raises for one differs
        raise InvalidPayload("the body is no NPY file") from error
    return shape, is_fortran, dtype, stream.tell()


def _read_image(body: bytes, _: MediaType) -> Instances:
    return decode_image(body)[np.newaxis]


def _rows(predictions: Predictions) -> list[Any]:
    """A JSON value for each prediction. JSON has no NaN and no infinity: they become null."""
    if isinstance(predictions, ClassProbabilities):
        return [
            {"predicted_label": predictions.classes[int(np.argmax(row))], "probabilities": _by_class(predictions, row)}
            for row in predictions.values
        ]
    values = np.atleast_1d(predictions)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        return np.where(np.isfinite(values), values, None).tolist()  # type: ignore[no-any-return, call-overload]  # object
    rows: list[Any] = values.tolist()
    return rows


def _by_class(predictions: ClassProbabilities, row: npt.NDArray[Any]) -> Mapping[str, float | None]:
    numbers = (value if math.isfinite(value) else None for value in row.tolist())
    return dict(zip(predictions.classes, numbers, strict=True))


def _json_rows(predictions: Predictions) -> str:
    return json.dumps(_rows(predictions))[1:-1]  # without the brackets of the list


def _json_lines(predictions: Predictions) -> str:
    return "\n".join(json.dumps(row) for row in _rows(predictions))


def _values(predictions: Predictions) -> npt.NDArray[Any]:
    return predictions.values if isinstance(predictions, ClassProbabilities) else np.atleast_1d(predictions)


def _csv_rows(predictions: Predictions) -> str:
    values = _values(predictions)
    rows = values.reshape(len(values), -1).tolist()
    if values.dtype.kind in _NUMBERS:  # nothing to be quoted
        return "\n".join([",".join(map(str, row)) for row in rows])
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().removesuffix("\n")


def _npy(predictions: Predictions) -> bytes:
    stream = io.BytesIO()
    np.save(stream, _values(predictions), allow_pickle=False)
    return stream.getvalue()


_READERS: Mapping[str, Callable[[bytes, MediaType], Instances]] = {
    JSON: _read_json,
    JSON_LINES: _read_json_lines,
    CSV: _read_csv,
    NPY: _read_npy,
    PNG: _read_image,
    JPEG: _read_image,
    ANY_IMAGE: _read_image,
}
#: Of each text: how the rows of an answer are written, and what stands before, between and after them.
_ROWS: Mapping[str, Callable[[Predictions], str]] = {
    JSON: _json_rows,
    JSON_LINES: _json_lines,
    CSV: _csv_rows,
}
_JOINTS = {JSON: ('{"predictions": [', ", ", "]}"), JSON_LINES: ("", "\n", ""), CSV: ("", "\n", "")}

#: Media types that `decode` reads and `encode` writes; of those written the first is the default.
READ: Sequence[str] = tuple(_READERS)
WRITTEN: Sequence[str] = (*_ROWS, NPY)
