"""Filters and joins of records and answers."""

import pytest

from contracts.transform import Filters, SplitType
from tuner.transform.errors import ObjectFailed
from tuner.transform.formats import RecordProcessing

CSV, JSON, JSON_LINES = "text/csv", "application/json", "application/jsonlines"


def processing(
    content_type: str,
    split: SplitType = SplitType.LINE,
    *,
    before: str = "$",
    after: str = "$",
    join: bool = False,
) -> RecordProcessing:
    """What a job does with its records."""
    return RecordProcessing(Filters(input_filter=before, output_filter=after, joins_input=join), content_type, split)


@pytest.mark.parametrize(
    ("content_type", "path", "record", "sent"),
    [
        (CSV, "$", b"1, 2", b"1, 2"),
        (CSV, "$[1:]", b"7,1,2", b"1,2"),
        (CSV, "$[0]", b"7,1,2", b"7"),
        (CSV, "$[-1,0]", b"7,1,2", b"2,7"),
        (CSV, "$[1:]", b'7,"a,b","say ""x"""', b'"a,b","say ""x"""'),
        (CSV, "$[1:]", "7,ß".encode(), "ß".encode()),
        (JSON_LINES, "$.features", b'{"id": 1, "features": [1.5, 2]}', b"[1.5,2]"),
        (JSON_LINES, "$['a','b']", '{"a": "ß", "b": null, "c": 1}'.encode(), '{"a":"ß","b":null}'.encode()),
        (JSON, "$[0]", b"[1, 2]", b"1"),
    ],
)
def test_an_input_filter_picks_what_the_container_gets(
    content_type: str, path: str, record: bytes, sent: bytes
) -> None:
    """Rows are arrays of texts; what no filter touches keeps its letters."""
    assert sent == processing(content_type, before=path).before(record)


@pytest.mark.parametrize(
    ("how", "record", "answer", "output"),
    [
        (processing(CSV, after="$", join=True), b"7,1,2", b"0.9", b"7,1,2,0.9"),
        (processing(CSV, after="$", join=True), b"7,1,2", b"0.9,0.1\n", b"7,1,2,0.9,0.1"),
        (processing(CSV, after="$[0,-1]", join=True), b"7,1,2", b"0.9", b"7,0.9"),
        (processing(CSV, after="$[0]", join=False), b"7,1,2", b"0.9,0.1", b"0.9"),
        (
            processing(JSON_LINES, after="$", join=True),
            b'{"id":1}',
            b'{"p":0.5}',
            b'{"id":1,"SageMakerOutput":{"p":0.5}}',
        ),
        (
            processing(JSON_LINES, after="$", join=True),
            b"[1,2]",
            b"0.5",
            b'{"SageMakerInput":[1,2],"SageMakerOutput":0.5}',
        ),
        (
            processing(JSON_LINES, after="$['id','SageMakerOutput']", join=True),
            b'{"id":1,"x":2}',
            b"[0.5]",
            b'{"id":1,"SageMakerOutput":[0.5]}',
        ),
        (processing(JSON_LINES, after="$.p", join=False), b'{"id":1}', b'{"p": 0.5}', b"0.5"),
        (processing(JSON, after="$.SageMakerOutput.p", join=True), b'{"id":1}', b'{\n "p": 0.5\n}', b"0.5"),
    ],
)
def test_joins_and_output_filters(how: RecordProcessing, record: bytes, answer: bytes, output: bytes) -> None:
    """CSV: the answer's columns behind the row's; JSON: the answer as a member of the input's object."""
    assert output == how.after([record], answer)


def test_the_answer_to_several_records_has_a_line_for_each() -> None:
    """In their order; empty lines between are none."""
    how = processing(CSV, join=True)

    assert b"1,a\n2,b\n3,c" == how.after([b"1", b"2", b"3"], b"a\r\nb\n\nc\n")


def test_an_answer_with_too_few_lines_belongs_to_nothing() -> None:
    """Whose prediction is whose could only be guessed."""
    with pytest.raises(ObjectFailed, match="answered 2 lines to a request of 3 records") as caught:
        processing(CSV, join=True).after([b"1", b"2", b"3"], b"a\nb\n")

    assert "AlgorithmError" == caught.value.blame


def test_a_whole_document_is_joined_with_the_whole_answer() -> None:
    """SplitType None: both may have as many lines as they like."""
    how = processing(JSON, SplitType.NONE, join=True)

    assert b'{"a":[1,2],"SageMakerOutput":{"p":1}}' == how.after([b'{"a":\n[1,\n2]}'], b'{\n"p": 1\n}\n')


def test_an_input_filter_alone_leaves_answers_alone() -> None:
    """They need not even be of that type."""
    assert not processing(CSV, before="$[1:]").changes_answers
    assert processing(CSV, join=True).changes_answers
    assert processing(CSV, after="$[0]").changes_answers


@pytest.mark.parametrize(
    ("content_type", "record", "words"),
    [
        (JSON_LINES, b"{", "a record is no JSON"),
        (JSON_LINES, b'{"a": NaN}', "a record is no JSON: NaN is none of its numbers"),
        (JSON_LINES, b"\xff", "a record is no JSON"),
        (JSON_LINES, b"[" * 100_000, "a record is no JSON"),
        (CSV, b"\xff,1", "a record is no row of CSV"),
    ],
)
def test_a_record_that_cannot_be_understood_is_an_error(content_type: str, record: bytes, words: str) -> None:
    """Of the input, and so of whoever wrote it."""
    with pytest.raises(ObjectFailed, match=words) as caught:
        processing(content_type, before="$[0]").before(record)

    assert "ClientError" == caught.value.blame


def test_an_answer_that_cannot_be_understood_is_the_container_s_error() -> None:
    """Not that of the input."""
    with pytest.raises(ObjectFailed, match="the answer is no JSON") as caught:
        processing(JSON_LINES, join=True).after([b"1"], b"oops")

    assert "AlgorithmError" == caught.value.blame
