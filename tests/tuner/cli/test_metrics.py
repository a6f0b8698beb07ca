"""`algodock metrics test`: the regex laboratory."""

from pathlib import Path

import pytest
from commands_in_process import Run

LINES = """start
epoch 1: accuracy=0.5 loss=0.9
epoch 2: accuracy=0.25 loss=nan
epoch 3: accuracy 0,75
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of four lines."""
    path = tmp_path / "log.txt"
    path.write_text(LINES)
    return path


def test_captures_are_shown_line_by_line_with_their_place(run: Run, log: Path) -> None:
    """What was captured is marked also where there are no colours."""
    outcome = run("metrics", "test", log, "--metric", r"acc=accuracy=([0-9.]+)")

    assert 0 == outcome.code
    assert "accuracy=>0.25< loss=nan" in outcome.out
    assert "acc: 2 numbers in 4 lines; first 0.5, last 0.25, least 0.25, greatest 0.5" in outcome.out


def test_the_document_has_every_number_in_full(run: Run, log: Path) -> None:
    """Places are those of the captured text in its line."""
    document = run("metrics", "test", log, "--metric", r"acc=accuracy=([0-9.]+)", "--json").document

    assert [(2, "acc", 0.5, "0.5"), (3, "acc", 0.25, "0.25")] == [
        (one["line"], one["metric"], one["value"], one["text"][one["start"] : one["end"]])
        for one in document["captures"]
    ]
    assert (2, 0.25, 0.5) == tuple(document["metrics"][0][name] for name in ("count", "minimum", "maximum"))


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        (r"accuracy=accuracy=(\d+,\d+)", "the number has a decimal comma"),
        (r"loss=loss=(nan)", "no finite number"),
        (r"accuracy=accuracy is ([0-9.]+)", "the pattern does not match it"),
    ],
)
def test_a_definition_that_captures_nothing_is_told_apart_and_why(
    run: Run, log: Path, metric: str, reason: str
) -> None:
    """Lines in which it seems to be meant are shown; the exit code is 1."""
    outcome = run("metrics", "test", log, "--metric", metric)

    assert 1 == outcome.code
    assert "nothing is captured in 4 lines" in outcome.out
    assert reason in outcome.out


def test_the_definitions_of_a_job_are_tried_on_its_own_log(run: Run, training_file: Path) -> None:
    """What the laboratory captures is what the job has recorded."""
    run("train", training_file)
    document = run("metrics", "test", "one", "--json").document

    assert [0.25, 0.5] == [one["value"] for one in document["captures"]]


def test_a_job_file_brings_its_definitions(run: Run, log: Path, tuning_file: Path) -> None:
    """Of tuning jobs too."""
    outcome = run("metrics", "test", log, "--job-file", tuning_file)

    assert 0 == outcome.code
    assert "validation:accuracy: 2 numbers" in outcome.out


def test_a_suggestion_is_printed_as_it_stands_in_a_job_file(run: Run, log: Path) -> None:
    """And is the same by number and by name."""
    by_number = run("metrics", "test", log, "--suggest", "0.25")
    by_name = run("metrics", "test", log, "--suggest", "accuracy")

    assert (0, 0) == (by_number.code, by_name.code)
    assert r"  Regex: 'accuracy=([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)'" in by_number.out
    assert "It captures numbers in 2 of 4 lines." in by_name.out


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("--metric", "a=("), 2, "does not compile"),
        (("--metric", "nothing"), 2, "not of the form NAME=REGEX"),
        ((), 2, "Say --metric NAME=REGEX"),
        (("--suggest", "0.999"), 1, "No pattern can be suggested"),
    ],
)
def test_what_cannot_be_done_is_said(run: Run, log: Path, arguments: tuple[str, ...], code: int, text: str) -> None:
    """A pattern that does not compile is shown with the place."""
    outcome = run("metrics", "test", log, *arguments)

    assert code == outcome.code
    assert text in outcome.out + outcome.err


def test_a_log_that_is_not_there_is_said(run: Run) -> None:
    """It may have been meant as a file or as a job."""
    outcome = run("metrics", "test", "nowhere", "--suggest", "1")

    assert 2 == outcome.code
    assert "nowhere is no file, and no job either" in outcome.err
