"""Job files: YAML and JSON into a request with lines."""

import json
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from domain_strategies import json_documents, wire_texts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tuner.errors import JobFileError, RequestPath
from tuner.requests.job_file import MAX_FILE_BYTES, read_job_file

Write = Callable[..., Path]

mappings = st.dictionaries(wire_texts, json_documents, min_size=1, max_size=5)
file_per_example = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a job file and return its path."""

    def write_file(text: str | bytes, name: str = "job.yaml") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else textwrap.dedent(text).encode())
        return path

    return write_file


def refusal(path: Path) -> str:
    """The text of the error that the file causes, without the path's folder."""
    with pytest.raises(JobFileError) as caught:
        read_job_file(path)
    return str(caught.value).replace(f"{path.parent}/", "")


def test_a_yaml_file_is_read_with_the_line_of_every_member_and_item(write: Write) -> None:
    """Lines count from 1; a member is where its name is."""
    file = read_job_file(write("# comment\nA:\n  B: x\n  C:\n    - 1\n    - D: y\n"))

    assert {"A": {"B": "x", "C": [1, {"D": "y"}]}} == file.request
    assert {
        ("A",): 2,
        ("A", "B"): 3,
        ("A", "C"): 4,
        ("A", "C", 0): 5,
        ("A", "C", 1): 6,
        ("A", "C", 1, "D"): 6,
    } == file.lines


def test_a_json_file_is_read_with_the_same_lines(write: Write) -> None:
    """Tabs, escapes and brackets inside of texts do not confuse."""
    file = read_job_file(write('{\n\t"A": {"B}": "[\\"{",\n\t"C": [1,\n{"D\\u0041": "\\/"}]}\n}', "job.json"))

    assert {"A": {"B}": '["{', "C": [1, {"DA": "/"}]}} == file.request
    expected: dict[RequestPath, int] = {
        ("A",): 2, ("A", "B}"): 2, ("A", "C"): 3, ("A", "C", 0): 3, ("A", "C", 1): 4, ("A", "C", 1, "DA"): 4,
    }  # fmt: skip
    assert expected == file.lines


@file_per_example
@given(request_=mappings)
def test_every_json_document_is_read_as_it_was_written(write: Write, request_: dict[str, Any]) -> None:
    """With the line of every member, whatever its name."""
    file = read_job_file(write(json.dumps(request_, indent=1), "job.json"))

    assert request_ == file.request
    assert {(name,) for name in request_} <= set(file.lines)


@file_per_example
@given(request_=mappings)
def test_every_yaml_document_is_read_as_it_was_written(write: Write, request_: dict[str, Any]) -> None:
    """PyYAML writes it, we read it; it quotes all, because what it takes for text we may take for a number."""
    file = read_job_file(write(yaml.safe_dump(request_, allow_unicode=True, default_style='"')))

    assert request_ == file.request
    assert {(name,) for name in request_} <= set(file.lines)


@file_per_example
@given(
    content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode), name=st.sampled_from(["a.yaml", "a.json"])
)
def test_any_bytes_are_a_request_or_a_clear_refusal(write: Write, content: bytes, name: str) -> None:
    """Nothing but JobFileError ever comes out, and it begins with the path."""
    path = write(content, name)
    refused = ""
    try:
        read_job_file(path)
    except JobFileError as error:
        refused = str(error)

    assert refused == "" or refused.startswith(str(path))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "job.yaml: the file is empty"),
        ("\n  \n", "job.yaml: the file is empty"),
        ("# only a comment\n", "job.yaml: a job file is a mapping of a request's members, not nothing"),
        ("- a\n- b\n", "job.yaml: a job file is a mapping of a request's members, not a list"),
        ("just words\n", "job.yaml: a job file is a mapping of a request's members, not a text"),
        ("{}\n", "job.yaml: the file has no members"),
        ("A: 1\nB: 2\nA: 3\n", "job.yaml:3: the key 'A' is there twice, first on line 1"),
        ("A: 1\n---\nB: 2\n", "job.yaml:2:1: a second document begins here; a job file holds one request"),
        ("A: x\n1: y\n", 'job.yaml:2: the key 1 is a number; quote it: "1"'),
        ("A:\n  no: y\n", 'job.yaml:2: the key no is a truth value; quote it: "no"'),
        ("A:\n  2024-01-01: y\n", 'job.yaml:2: the key 2024-01-01 is a date; quote it: "2024-01-01"'),
        ("A: 2024-02-31\n", "job.yaml:1: '2024-02-31' cannot be read: day is out of range for month; quote it"),
        ("A:\n\tB: 1\n", "job.yaml:2:1: this is not YAML: a tab; YAML is indented with spaces"),
        ("A: x\n<<: word\n", "job.yaml:2: << wants a mapping or an alias of one"),
        ("A: &a [*a]\n", "job.yaml:1: nested more than 50 levels deep"),
        ("A: &a\n  <<: *a\n", "job.yaml: nested more than 50 levels deep"),
        ("A: " + "[" * 60 + "]" * 60, "job.yaml:1: nested more than 50 levels deep"),
        ("A: " + "[" * 100_000, "job.yaml: nested more than 50 levels deep"),
    ],
)  # fmt: skip
def test_a_yaml_file_that_is_no_request_is_refused_with_the_place(write: Write, text: str, expected: str) -> None:
    """Path, line and what to do."""
    assert refusal(write(text)).startswith(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"A": 1,\n "B": }', "job.json:2:7: this is not JSON: Expecting value"),
        ('{"A": 1,\n "B": {"C": 1,\n "C": 2}}', "job.json:3: the key 'C' is there twice, first on line 2"),
        ('{"A": NaN}', "job.json: this is not JSON: NaN is no JSON number"),
        ('{"A": 1} x', "job.json:1:10: this is not JSON: Extra data"),
        ("[]", "job.json: a job file is a mapping of a request's members, not a list"),
        ('{"A": ' + "[" * 60 + "]" * 60 + "}", "job.json:1: nested more than 50 levels deep"),
        ("[" * 100_000, "job.json: nested more than 50 levels deep"),
    ],
)
def test_a_json_file_that_is_no_request_is_refused_with_the_place(write: Write, text: str, expected: str) -> None:
    """The same errors as in YAML."""
    assert refusal(write(text, "job.json")).startswith(expected)


def test_a_syntax_error_says_line_column_and_what_was_expected(write: Write) -> None:
    """PyYAML's own words, in one line."""
    assert "job.yaml:2:5: this is not YAML: mapping values are not allowed here" == refusal(write("A: x\nB: C: 1\n"))


def test_a_file_that_is_not_there_or_a_folder_is_refused(tmp_path: Path) -> None:
    """Each with its reason."""
    assert "job.yaml: there is no such file" == refusal(tmp_path / "job.yaml")
    with pytest.raises(JobFileError, match="cannot be read: Is a directory"):
        read_job_file(tmp_path)


def test_a_file_that_is_not_utf_8_is_refused_with_the_line(write: Write) -> None:
    """Latin-1 is what it usually is."""
    assert "job.yaml:2: the file is not UTF-8 text; save it as UTF-8" == refusal(
        write("A: 1\nB: é\n".encode("latin-1"))
    )


def test_a_control_character_is_refused_with_the_line(write: Write) -> None:
    """YAML allows none."""
    assert "job.yaml:2: a control character (0x7) in the text" == refusal(write(b"A: 1\nB: \a\n"))


@pytest.mark.parametrize("name", ["job.yaml", "job.json"])
def test_half_a_character_is_refused(write: Write, name: str) -> None:
    """Only an escape can write one, and neither a file nor a socket takes it."""
    assert f"{name}: \\ud83d is half a character; write the character itself" == refusal(
        write(r'{"A": "\ud83d"}', name)
    )


def test_a_byte_order_mark_is_no_part_of_the_first_name(write: Write) -> None:
    """Some editors write one."""
    assert {"A": "x"} == read_job_file(write(b"\xef\xbb\xbfA: x\n")).request


def test_a_file_that_is_far_too_big_is_refused_unread(write: Write) -> None:
    """No request comes near."""
    assert "job.yaml: larger than 256 KiB" in refusal(write("A: x\n" + "#" * MAX_FILE_BYTES))


@pytest.mark.parametrize("link", ["&{0} [*{1}, *{1}, *{1}, *{1}, *{1}, *{1}, *{1}, *{1}]",
                                  "&{0} {{<<: [*{1}, *{1}, *{1}, *{1}, *{1}, *{1}, *{1}, *{1}]}}"])  # fmt: skip
def test_aliases_that_unfold_to_thousands_of_millions_are_refused_at_once(write: Write, link: str) -> None:
    """A bomb of one kilobyte."""
    lines = ["l0: &l0 {x: y}", *(f"l{n}: " + link.format(f"l{n}", f"l{n - 1}") for n in range(1, 12))]

    assert "more than 50000 members; does an alias repeat another?" in refusal(write("\n".join(lines)))


def test_an_alias_repeats_a_value_and_a_merge_brings_in_members(write: Write) -> None:
    """Own members win over merged ones, wherever the << stands; lines are those of what is read."""
    file = read_job_file(write("A: &a {x: a, y: a}\nB: *a\nC:\n  y: c\n  <<: *a\n"))

    assert {"A": {"x": "a", "y": "a"}, "B": {"x": "a", "y": "a"}, "C": {"x": "a", "y": "c"}} == file.request
    assert (1, 4) == (file.lines["C", "x"], file.lines["C", "y"])


def test_values_that_yaml_does_not_read_as_text_are_remembered_by_their_letters(write: Write) -> None:
    """So that a hint can quote what stands in the file."""
    file = read_job_file(write("A: no\nB: 1e-3\nC: 0x10\nD: 2024-01-01\nE: 'no'\nF: text\nG:\n"))

    assert {"A": "no", "B": "1e-3", "C": "0x10", "D": "2024-01-01", "G": ""} == {
        str(path[0]): text for path, text in file.texts.items()
    }
    assert (False, 0.001, 16) == (file.request["A"], file.request["B"], file.request["C"])


def test_a_tag_of_python_is_refused_and_makes_nothing(write: Write) -> None:
    """The safe loader knows no objects."""
    assert "could not determine a constructor for the tag" in refusal(
        write("A: !!python/object/apply:os.system ['true']\nB: !!python/name:os.system x\n")
    )
