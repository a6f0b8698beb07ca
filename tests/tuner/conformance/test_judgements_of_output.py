"""Judgements of what an image printed, on hand-made observations."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from conformance_observations import CASE, GOOD, METRIC, epochs, evidence, run

from contracts.metrics import MetricDefinition
from tuner.conformance import judgements_of_output as output
from tuner.conformance.evidence import Evidence, Outcome, Verdict, matches, values
from tuner.conformance.observation import Run

PASS, FAIL, NONE = Outcome.PASS, Outcome.FAIL, Outcome.NOT_APPLICABLE


@pytest.mark.parametrize(("good", "outcome"), [(GOOD, PASS), (run(), FAIL), (run("", "  "), FAIL)])
def test_printing_means_to_say_something(good: Run, outcome: Outcome) -> None:
    """Empty lines say nothing."""
    assert outcome == output.prints(evidence(good)).outcome


@pytest.mark.parametrize(
    ("first", "seconds", "outcome"), [(1.0, 10.0, PASS), (7.9, 10.0, PASS), (9.5, 10.0, FAIL), (1.9, 2.0, NONE)]
)
def test_lines_that_all_come_at_the_end_were_buffered(first: float, seconds: float, outcome: Outcome) -> None:
    """In two seconds nobody can tell."""
    good = run("a", "b", seconds=seconds, line_times=[first, seconds])

    assert outcome == output.prints_at_once(evidence(good)).outcome


@pytest.mark.parametrize(
    ("longer", "outcome"),
    [
        (run("a", exit_code=137, signalled_at=3.0), PASS),  # a slow start, little work
        (run(exit_code=None), FAIL),  # nothing until it was killed
        (run(*"abcdefgh", exit_code=137, signalled_at=9.0, line_times=[9.0] * 8), FAIL),  # a buffer was full
        (run(*"abcdefgh", exit_code=137, signalled_at=9.0), PASS),
    ],
)
def test_a_late_first_line_is_looked_at_again_with_more_work(longer: Run, outcome: Outcome) -> None:
    """A job that starts slowly and does little looks as one does that keeps its lines."""
    good = run("a", "b", "c", seconds=30.0, line_times=[29.0, 29.1, 29.2])
    observed = evidence(good, {"longer": longer})

    assert outcome == output.prints_at_once(observed).outcome


def test_output_that_ends_without_a_newline_is_no_line() -> None:
    """Its last words are shown."""
    verdict = output.prints_lines(evidence(run("don", unfinished_output=True)))

    assert FAIL == verdict.outcome
    assert "'don'" in verdict.came
    assert PASS == output.prints_lines(evidence()).outcome


@pytest.mark.parametrize(
    ("printed", "found", "numeric"),
    [
        (epochs("0.5"), PASS, PASS),
        (epochs("1.5e-05", "-3", ".5"), PASS, PASS),
        (epochs("nan"), PASS, FAIL),
        (epochs("90%", "0.5"), PASS, FAIL),
        (["loss=0.5"], FAIL, NONE),
    ],
)
def test_metrics_are_found_and_are_numbers(printed: Sequence[str], found: Outcome, numeric: Outcome) -> None:
    """What is not found cannot be no number."""
    seen = evidence(run(*printed))

    assert (found, numeric) == (output.metrics_found(seen).outcome, output.metrics_are_numbers(seen).outcome)


@pytest.mark.parametrize(
    ("definition", "outcome"),
    [
        (METRIC, PASS),
        (MetricDefinition(name="a", regex="a=(?:b|c)([0-9]+)"), PASS),
        (MetricDefinition(name="a", regex="a=[0-9]+"), FAIL),
        (MetricDefinition(name="a", regex="(a|b)=([0-9]+)"), FAIL),
        (MetricDefinition(name="a", regex=f"({'a' * 499})"), FAIL),
        (MetricDefinition(name="a" * 256, regex="(a)"), FAIL),
    ],
)
def test_a_definition_has_one_group_and_is_not_too_long(definition: MetricDefinition, outcome: Outcome) -> None:
    """Groups that capture nothing do not count."""
    assert outcome == output.one_group(evidence(case=replace(CASE, metrics=(definition,)))).outcome


@pytest.mark.parametrize(
    ("printed", "outcome"), [(epochs(1, 2), PASS), (epochs(1), FAIL), (epochs(1, 2, 3), FAIL), (["nothing"], NONE)]
)
def test_the_objective_comes_once_an_epoch(printed: Sequence[str], outcome: Outcome) -> None:
    """Of two epochs."""
    assert outcome == output.once_an_epoch(evidence(run(*printed))).outcome


def test_the_objective_is_the_one_named() -> None:
    """Else it is the first definition."""
    loss = MetricDefinition(name="loss", regex="loss=([0-9.]+)")
    case = replace(CASE, metrics=(METRIC, loss), objective="loss")
    good = run("loss=3 accuracy=1", "loss=2")

    assert PASS == output.once_an_epoch(evidence(good, case=case)).outcome
    assert FAIL == output.once_an_epoch(evidence(good, case=replace(case, objective=None))).outcome


@pytest.mark.parametrize(("again", "outcome"), [(0.6, PASS), (0.60001, PASS), (0.65, FAIL), ("nan", NONE)])
def test_the_same_seed_gives_nearly_the_same(again: object, outcome: Outcome) -> None:
    """The last value counts; sums in another order differ a little."""
    runs = {"again": run(*epochs(0.1, again)) if again != "nan" else run("nothing")}

    assert outcome == output.same_seed(evidence(runs=runs)).outcome


@pytest.mark.parametrize(
    "judged", [output.metrics_found, output.metrics_are_numbers, output.one_group, output.once_an_epoch]
)
def test_without_metric_definitions_there_is_nothing_to_judge(judged: Callable[[Evidence], Verdict]) -> None:
    """And it is said how to give one."""
    verdict = judged(evidence(case=replace(CASE, metrics=())))

    assert NONE == verdict.outcome
    assert "--metric" in verdict.came


def test_an_expression_that_takes_for_ever_finds_nothing() -> None:
    """The line is the container's, the expression the user's; together they must not hang the check."""
    slow = MetricDefinition(name="slow", regex="(a+)+$")

    assert [] == matches(slow, ["a" * 5000 + "b"])


def test_values_are_the_numbers_among_the_matches() -> None:
    """In their order."""
    assert [0.5, 1e-5] == values(METRIC, epochs(0.5, "nan", "1e-05"))
