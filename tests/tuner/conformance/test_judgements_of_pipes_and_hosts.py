"""Judgements of Pipe mode and of several hosts, on hand-made observations."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from conformance_observations import CASE, GOOD, epochs, evidence, run

from tuner.conformance import judgements_of_hosts as hosts
from tuner.conformance import judgements_of_pipes as pipes
from tuner.conformance.evidence import Outcome
from tuner.conformance.observation import Run

PASS, FAIL, NONE = Outcome.PASS, Outcome.FAIL, Outcome.NOT_APPLICABLE


def reader(*whole: bool, exit_code: int | None = 0) -> Run:
    """A run that opened so many FIFOs of its channel."""
    return run(*epochs(0.5, 0.6), exit_code=exit_code, epochs_read={"training": whole})


@pytest.mark.parametrize(
    ("observed", "outcome"),
    [
        (reader(True, True), PASS),
        (reader(True, False), PASS),  # it had enough of the last one
        (reader(), FAIL),
        (reader(False, False), FAIL),
        (reader(True, exit_code=1), FAIL),
    ],
)
def test_an_image_reads_pipe_mode_that_read_a_fifo_to_its_end(observed: Run, outcome: Outcome) -> None:
    """And ended well."""
    assert outcome == pipes.epoch_by_epoch(evidence(runs={"piped": observed})).outcome


@pytest.mark.parametrize(
    ("observed", "outcome"),
    [(reader(True, True), PASS), (reader(True), NONE), (reader(True, exit_code=1), FAIL)],
)
def test_only_a_second_epoch_can_be_late(observed: Run, outcome: Outcome) -> None:
    """An image that keeps what it has read never waits."""
    assert outcome == pipes.waits_for_late_fifos(evidence(runs={"piped late": observed})).outcome


@pytest.mark.parametrize(
    ("again", "in_pieces", "outcome"), [(0.6, 0.6, PASS), (0.6, 0.5, FAIL), (0.7, 0.5, PASS), (None, 0.5, PASS)]
)
def test_data_in_pieces_gives_the_same_result_where_training_can_be_repeated(
    again: float | None, in_pieces: float, outcome: Outcome
) -> None:
    """Data that is lost in silence is seen by that only."""
    runs = {"piped": run(*epochs(0.5, 0.6)), "piped in pieces": run(*epochs(0.5, in_pieces))}
    if again is not None:
        runs["piped again"] = run(*epochs(0.5, again))

    assert outcome == pipes.takes_pieces(evidence(runs=runs)).outcome


def pair(name: str, first: Run, second: Run) -> dict[str, Run]:
    """The runs of two hosts."""
    return {f"{name}, algo-1": first, f"{name}, algo-2": second}


BAD = run("boom", exit_code=1)
PLAIN = "two hosts, as plain as can be"


@pytest.mark.parametrize(
    ("runs", "outcomes"),
    [
        (pair("two hosts", GOOD, GOOD), (PASS, PASS, PASS)),
        (pair("two hosts", GOOD, BAD) | pair(PLAIN, GOOD, BAD), (FAIL, FAIL, FAIL)),
        (
            pair("two hosts", GOOD, BAD)
            | pair(PLAIN, GOOD, GOOD)
            | pair("other hostnames", BAD, GOOD)
            | pair("other host first", GOOD, GOOD),
            (PASS, FAIL, PASS),
        ),
        ({}, (NONE, NONE, NONE)),
    ],
)
def test_what_does_harm_on_two_hosts_is_told_apart(
    runs: Mapping[str, Run], outcomes: tuple[Outcome, Outcome, Outcome]
) -> None:
    """Joining, names and the order of hosts; the latter two rest on the first, which the checks know."""
    observed = evidence(runs=runs)

    assert outcomes == (
        hosts.hosts_join(observed).outcome,
        hosts.goes_by_current_host(observed).outcome,
        hosts.agrees_on_a_leader(observed).outcome,
    )


@pytest.mark.parametrize(
    ("other", "signalled_at", "outcome"),
    [
        (BAD, 5.0, PASS),
        (GOOD, 5.0, FAIL),  # it says success
        (run(exit_code=None), 5.0, FAIL),  # it hung
        (GOOD, None, NONE),
    ],
)
def test_the_loss_of_a_host_fails_the_others(other: Run, signalled_at: float | None, outcome: Outcome) -> None:
    """The job fails only when all its containers have ended."""
    lost = run(exit_code=137, signalled_at=signalled_at)

    assert outcome == hosts.notices_a_lost_host(evidence(runs=pair("lost host", other, lost))).outcome


@pytest.mark.parametrize(
    ("first", "second", "outcome"),
    [(GOOD, GOOD, PASS), (run("one group only", exit_code=1), run(exit_code=None), PASS), (BAD, BAD, PASS)],
)
def test_two_groups_work_or_are_refused(first: Run, second: Run, outcome: Outcome) -> None:
    """One host that says why is enough."""
    assert outcome == hosts.takes_groups(evidence(runs=pair("two groups", first, second))).outcome
    assert FAIL == hosts.takes_groups(evidence(runs=pair("two groups", run(exit_code=1), GOOD))).outcome


@pytest.mark.parametrize(
    ("second", "outcome"), [(run("epoch 1 is done"), PASS), (GOOD, FAIL), (run("accuracy=many"), FAIL)]
)
def test_one_host_prints_the_objective(second: Run, outcome: Outcome) -> None:
    """What the expression matches counts, a number or not."""
    assert outcome == hosts.one_host_reports(evidence(runs=pair("two hosts", GOOD, second))).outcome


def test_without_a_metric_nobody_can_say_who_prints_it() -> None:
    """It does not apply then."""
    case = replace(CASE, metrics=())

    assert NONE == hosts.one_host_reports(evidence(runs=pair("two hosts", GOOD, GOOD), case=case)).outcome


@pytest.mark.parametrize(
    ("first", "second", "outcome"),
    [(["a-1"], ["b-1"], PASS), (["a-1"], [], PASS), (["1", "a"], ["1"], FAIL), ([], [], NONE)],
)
def test_hosts_share_no_name_of_a_checkpoint(first: list[str], second: list[str], outcome: Outcome) -> None:
    """They share one prefix in S3."""
    runs = pair("two hosts", replace(GOOD, checkpoint_files=first), replace(GOOD, checkpoint_files=second))

    assert outcome == hosts.checkpoints_of_different_names(evidence(runs=runs)).outcome
