"""What DataProcessing does with records: filter before, join and filter after. Pure.

A row of CSV is an array of texts; a row that no filter touches keeps its letters. JSON is read and written anew, in one
line, so that numbers are those of a double. Source: SageMaker developer guide, "Associate Prediction Results with Input
Records".
"""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any, Never, Protocol

from contracts.serving import CSV, parse_media_type
from contracts.transform import Filters, SplitType
from tuner.requests.json_path import NothingPicked, parse_json_path
from tuner.transform.errors import ObjectFailed

#: Where a join puts the answer, and an input that is no object.
OUTPUT_MEMBER = "SageMakerOutput"
INPUT_MEMBER = "SageMakerInput"

_RECORD, _ANSWER = "a record", "the answer"


class _Format(Protocol):
    def parse(self, text: bytes, what: str) -> Any: ...

    def write(self, value: Any) -> bytes: ...

    def join(self, given: Any, answer: Any) -> Any: ...


#: The csv module's own limit of 128 KiB a field, one for the whole process, is no limit of rows here.
_FIELD_BYTES = 1 << 30


class _Csv:
    def __init__(self) -> None:
        csv.field_size_limit(_FIELD_BYTES)

    def parse(self, text: bytes, what: str) -> Any:
        try:
            return next(csv.reader([text.decode()]), [])
        except (UnicodeDecodeError, csv.Error) as error:
            raise ObjectFailed(f"{what} is no row of CSV: {error}", _blame(what)) from error

    def write(self, value: Any) -> bytes:
        row = io.StringIO()
        # One column, as $[0] picks it, is a row too.
        csv.writer(row, lineterminator="").writerow(value if isinstance(value, list) else [value])
        return row.getvalue().encode()

    def join(self, given: Any, answer: Any) -> Any:
        return given + answer


class _Json:
    def parse(self, text: bytes, what: str) -> Any:
        def refuse(constant: str) -> Never:
            raise ValueError(f"{constant} is none of its numbers")

        try:
            return json.loads(text, parse_constant=refuse)
        except (ValueError, RecursionError) as error:
            raise ObjectFailed(f"{what} is no JSON: {error}", _blame(what)) from error

    def write(self, value: Any) -> bytes:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()

    def join(self, given: Any, answer: Any) -> Any:
        return {**(given if isinstance(given, dict) else {INPUT_MEMBER: given}), OUTPUT_MEMBER: answer}


class RecordProcessing:
    """What one job's DataProcessing does with each record; `content_type` is that of input and answers alike."""

    def __init__(self, wanted: Filters, content_type: str, split: SplitType) -> None:
        self._format: _Format = _Csv() if parse_media_type(content_type).name == CSV else _Json()
        self._input_filter = parse_json_path(wanted.input_filter)
        self._output_filter = parse_json_path(wanted.output_filter)
        self._joins = wanted.joins_input
        self._split = split

    @property
    def takes_lines(self) -> bool:
        """Whether a record is a line, and not the whole object."""
        return self._split is SplitType.LINE

    @property
    def changes_answers(self) -> bool:
        """Whether answers have to be understood; else they stay as they are."""
        return self._joins or not self._output_filter.is_everything

    def before(self, record: bytes) -> bytes:
        """What of `record` the container gets; raises ObjectFailed."""
        if self._input_filter.is_everything:
            return record
        return self._picked(self._input_filter.apply, self._format.parse(record, _RECORD))

    def after(self, records: Sequence[bytes], answer: bytes) -> bytes:
        """What becomes of `records` and the `answer` to all of them, a line a record; raises ObjectFailed."""
        answers = _lines(answer) if self.takes_lines and len(records) > 1 else [answer.strip()]
        if len(answers) != len(records):
            raise ObjectFailed(
                f"the container answered {len(answers)} lines to a request of {len(records)} records, so which answer"
                " belongs to which record is not known",
                "AlgorithmError",
            )
        return b"\n".join(self._joined(*pair) for pair in zip(records, answers, strict=True))

    def _joined(self, record: bytes, answer: bytes) -> bytes:
        value = self._format.parse(answer, _ANSWER)
        if self._joins:
            value = self._format.join(self._format.parse(record, _RECORD), value)
        return self._picked(self._output_filter.apply, value)

    def _picked(self, pick: Any, value: Any) -> bytes:
        try:
            return self._format.write(pick(value))
        except NothingPicked as error:
            raise ObjectFailed(f"a filter cannot be applied: {error}") from error


def _blame(what: str) -> str:
    return "AlgorithmError" if what == _ANSWER else "ClientError"


def _lines(text: bytes) -> list[bytes]:
    return [line.removesuffix(b"\r") for line in text.split(b"\n") if line.strip()]
