"""What this search is to reach, and whether it does, by the figures. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from benchmarks.search.figures import RANDOM, Figures, Row, Triple


class Verdict(StrEnum):
    """How a goal stands."""

    MET = "met"
    MISSED = "missed"
    UNKNOWN = "not measured"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One goal: what was asked, what was measured, and by how much it is missed where it is."""

    what: str
    asked: str
    measured: str
    verdict: Verdict
    missed_by: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ParallelFigures:
    """The share of the gain over random search that `parallel` trials at a time lost of one at a time.

    `against` is the number of trials that were compared; `ranking` are mean ranks with 8 at a time, ours first.
    """

    lost: Triple
    against: int
    pairs: int
    ranking: Sequence[tuple[str, Triple]]


@dataclass(frozen=True, kw_only=True, slots=True)
class WarmStartSummary:
    """Trials until the cold run's value after 30, with their interval; None where it was never reached.

    `until` is of the mean regret over all tasks, `middle` the median of the tasks' own.
    """

    until: int | None
    interval: tuple[float, float]
    middle: float
    most: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeedFigures:
    """Of ours: CPU seconds and MiB, by number of observations."""

    cpu: Mapping[int, float]
    memory: Mapping[int, float]


EQUIVALENTS, SGD_EQUIVALENTS, GAIN_LOST, MEMORY = 30.0, 10.0, 0.10, 300.0
REGRET_RATIO, EARLY = 0.75, 10
SECONDS = {30: 0.1, 100: 0.25, 300: 0.6, 1000: 1.5}
WARM_TRIALS, MISLED_COST, COLD_TRIALS = 10, 2, 30


def rank_finding(found: Figures | None) -> Finding:
    """First, and the interval clear of the next one's."""
    what, asked = "mean rank at 30 trials, 2 at a time", "best of all, its 95 % interval clear of the next"
    if found is None or found.ours is None or not found.peers:
        return _unknown(what, asked, found)
    last = found.setting.trials
    own = found.ours.rank[last]
    following = min((row for row in found.rows if row is not found.ours), key=lambda row: row.rank[last][0])
    other = following.rank[last]
    behind = following.behind[last] if following.behind else (float("nan"),) * 3
    measured = (
        f"{_interval(own, 2)} of {len(found.rows)}; {following.optimiser} {_interval(other, 2)},"
        f" {behind[0]:.2f} ({behind[1]:.2f} to {behind[2]:.2f}) behind in pairs"
    )
    if own[0] > other[0]:
        by = f"{own[0] - other[0]:.2f} ranks behind {following.optimiser}"
        return Finding(what=what, asked=asked, measured=measured, verdict=Verdict.MISSED, missed_by=by)
    if own[2] < other[1]:
        return Finding(what=what, asked=asked, measured=measured, verdict=Verdict.MET)
    by = f"best, but the intervals overlap by {own[2] - other[1]:.2f}"
    return Finding(what=what, asked=asked, measured=measured, verdict=Verdict.MISSED, missed_by=by)


def equivalents_findings(found: Figures | None) -> Iterator[Finding]:
    """Over all problems, and on those of stochastic gradient descent."""
    for what, goal, of in (
        ("random equivalents at 30 trials, geometric mean", EQUIVALENTS, lambda row: row.equivalents),
        ("the same on the SGD problems (published: 4)", SGD_EQUIVALENTS, lambda row: row.sgd),
    ):
        value: Triple | None = of(found.ours) if found is not None and found.ours is not None else None
        asked = f"at least {goal:g}"
        if found is None or value is None:
            yield _unknown(what, asked, found)
            continue
        best = max(found.peers, key=lambda row: (of(row) or (0.0,))[0], default=None)
        peer = "" if best is None else f"; best peer {best.optimiser} {(of(best) or (0.0,))[0]:.1f}"
        is_met = value[0] >= goal
        yield Finding(
            what=what,
            asked=asked,
            measured=_interval(value, 1) + peer,
            verdict=Verdict.MET if is_met else Verdict.MISSED,
            missed_by="" if is_met else f"a factor of {goal / value[0]:.1f}",
        )


def regret_finding(found: Figures | None) -> Finding:
    """Of the ratios to each peer the greatest counts: that of the best peer."""
    what, asked = f"mean regret at {EARLY} trials, to the best peer's", f"at most {REGRET_RATIO:g}"
    peers = [] if found is None else found.peers
    ratios = [(row.ratio[EARLY], row) for row in peers if row.ratio and EARLY in row.ratio]
    if not ratios:
        return _unknown(what, asked, found)
    ratio, peer = max(ratios, key=lambda one: one[0][0])
    is_met = ratio[0] <= REGRET_RATIO
    return Finding(
        what=what,
        asked=asked,
        measured=f"{_interval(ratio, 2)}, {peer.optimiser}",
        verdict=Verdict.MET if is_met else Verdict.MISSED,
        missed_by="" if is_met else f"{ratio[0] - REGRET_RATIO:.2f}",
    )


def parallel_findings(found: ParallelFigures | None) -> Iterator[Finding]:
    """What 8 at a time lose, and whether ours is still first there."""
    what, asked = "8 at a time, 100 trials: share of the sequential gain lost", f"at most {GAIN_LOST:.0%}"
    still, first = "8 at a time, 100 trials: mean rank", "still first"
    if found is None:
        yield _unknown(what, asked, None)
        yield _unknown(still, first, None)
        return
    value, low, high = found.lost
    is_met = value <= GAIN_LOST
    yield Finding(
        what=what,
        asked=asked,
        measured=f"{value:.0%} ({low:.0%} to {high:.0%}) after {found.against} trials, {found.pairs} pairs of runs",
        verdict=Verdict.MET if is_met else Verdict.MISSED,
        missed_by="" if is_met else f"{100 * (value - GAIN_LOST):.0f} points",
    )
    yield _still_first(found.ranking, still, first)


def _still_first(ranking: Sequence[tuple[str, Triple]], what: str, asked: str) -> Finding:
    others = [(name, rank) for name, rank in ranking[1:] if name != RANDOM]
    if not ranking or not others:
        return Finding(what=what, asked=asked, measured="no peer was run so", verdict=Verdict.UNKNOWN)
    (_, own), (name, other) = ranking[0], min(others, key=lambda one: one[1][0])
    is_met = own[0] < other[0]
    return Finding(
        what=what,
        asked=asked,
        measured=f"{_interval(own, 2)} of {len(ranking)}; {name} {_interval(other, 2)}",
        verdict=Verdict.MET if is_met else Verdict.MISSED,
        missed_by="" if is_met else f"{own[0] - other[0]:.2f} ranks behind {name}",
    )


def speed_findings(found: SpeedFigures | None) -> Iterator[Finding]:
    """Seconds by number of observations, and the memory of all of them."""
    for observations, most in SECONDS.items():
        what, asked = f"CPU seconds a suggestion, 6 ranges, {observations} observations", f"at most {most:g}"
        seconds = found.cpu.get(observations) if found else None
        if seconds is None:
            yield _unknown(what, asked, None)
            continue
        is_met = seconds <= most
        by = "" if is_met else f"a factor of {seconds / most:.1f}"
        verdict = Verdict.MET if is_met else Verdict.MISSED
        yield Finding(what=what, asked=asked, measured=f"{seconds:.3f}", verdict=verdict, missed_by=by)
    what, asked = "most memory of the process, MiB", f"under {MEMORY:g}"
    if found is None or not found.memory:
        yield _unknown(what, asked, None)
        return
    observations, most_memory = max(found.memory.items(), key=lambda one: one[1])
    is_met = most_memory < MEMORY
    yield Finding(
        what=what,
        asked=asked,
        measured=f"{most_memory:.0f} with {observations} observations",
        verdict=Verdict.MET if is_met else Verdict.MISSED,
        missed_by="" if is_met else f"{most_memory - MEMORY:.0f}",
    )


def warm_start_findings(related: WarmStartSummary | None, misleading: WarmStartSummary | None) -> Iterator[Finding]:
    """What a good parent saves, and what a bad one costs."""
    yield _until(
        "trials with a related parent until the cold run's value after 30",
        f"at most {WARM_TRIALS}",
        related,
        WARM_TRIALS,
        less=0,
    )
    yield _until(
        "trials that a misleading parent costs", f"at most {MISLED_COST}", misleading, MISLED_COST, less=COLD_TRIALS
    )


def _until(what: str, asked: str, found: WarmStartSummary | None, most: int, *, less: int) -> Finding:
    if found is None:
        return _unknown(what, asked, None)
    low, high, middle = (max(end - less, 0) for end in (*found.interval, found.middle))
    if found.until is None:
        by = f"not reached in {found.most} trials"
        measured = f"{by}; the median task {middle:g}"
        return Finding(what=what, asked=asked, measured=measured, verdict=Verdict.MISSED, missed_by=by)
    trials = max(found.until - less, 0)
    is_met = trials <= most
    return Finding(
        what=what,
        asked=asked,
        measured=f"{trials} ({low:.0f} to {high:.0f}); the median task {middle:g}",
        verdict=Verdict.MET if is_met else Verdict.MISSED,
        missed_by="" if is_met else f"{trials - most} trials",
    )


def _unknown(what: str, asked: str, found: Figures | None) -> Finding:
    row: Row | None = None if found is None else found.ours
    return Finding(
        what=what,
        asked=asked,
        measured="no results of ours" if row is None else "nothing to compare with",
        verdict=Verdict.UNKNOWN,
    )


def _interval(triple: Triple, digits: int) -> str:
    value, low, high = triple
    return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
