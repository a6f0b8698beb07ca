"""Plans the runs of an image, makes them side by side, and judges what was seen."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path

from tuner.conformance.case import GoodCase
from tuner.conformance.checklist import checklist
from tuner.conformance.checks import CHECKS, Check
from tuner.conformance.conditions import (
    ON_THE_PLATFORM,
    UNUSUAL,
    Condition,
    together,
    typed_hyperparameters,
)
from tuner.conformance.evidence import Evidence, Outcome, Result, Verdict, either, not_applicable, passed
from tuner.conformance.observation import Run, fails_clearly
from tuner.conformance.probe import Probe
from tuner.conformance.recipes import RECIPES, Bench
from tuner.conformance.sending import Sending, plainest
from tuner.engine.protocol import ImageFacts

#: Told of progress: runs made, runs planned so far, and what the last one was about.
Progress = Callable[[int, int, str], None]
_Task = Callable[[], Mapping[str, Run] | str]

#: Conditions that travel in what another condition is about: broken, that one tells it.
_CONDITIONS_AFTER: Mapping[str, tuple[str, ...]] = {
    "TRAIN-HP-LONG": ("TRAIN-HP-SAGEMAKER-KEYS",),
    "TRAIN-HP-UNICODE": ("TRAIN-HP-SAGEMAKER-KEYS",),
    "TRAIN-CH-NAME-CHARS": ("TRAIN-CH-EXTRA",),
}
_UNUSUAL_TOGETHER = "all that is unusual"


def checked_ids() -> tuple[str, ...]:
    """The items that this version checks, in the order of the checklist."""
    known = {check.id for check in CHECKS} | {condition.id for condition in (*ON_THE_PLATFORM, *UNUSUAL)}
    return tuple(name for name in checklist() if name in known)


@dataclass(slots=True)
class _Seen:
    """What an examination has seen so far."""

    good: Run
    start: Sending
    runs: dict[str, Run] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)


class Examination:
    """The examination of one image. `wanted` are the ids of the items to be judged; `workers` run side by side."""

    def __init__(
        self,
        *,
        probe: Probe,
        case: GoodCase,
        image: ImageFacts,
        wanted: Collection[str],
        workers: int,
        folder: Path,
        progress: Progress,
    ) -> None:
        self._probe = probe
        self._case = case
        self._image = image
        self._wanted = frozenset(wanted)
        self._workers = workers
        self._folder = folder
        self._progress = progress
        self._made = 0
        self._planned = 1

    def results(self) -> list[Result]:
        """Make all runs that the wanted items need, and judge; raises EngineError where the engine fails."""
        seen = self._good_case()
        if seen.good.is_good:
            self._make(
                {name: self._recipe(name, seen) for name in self._needed_recipes()} | self._conditions(seen), seen
            )
            self._unusual_one_by_one(seen)
        return list(self._judged(seen))

    # The good case: at first with all that the platform brings, then as plain as can be.

    def _good_case(self) -> _Seen:
        plain = plainest(self._case)
        start = replace(plain, config_read_only=True, channels_read_only=True)
        everything, applied = together(ON_THE_PLATFORM, plain, self._case)
        run = self._one("the good case, with all that the platform brings", everything)
        seen = _Seen(good=run, start=start)
        if run.is_good:
            seen.runs |= {condition.id: run for condition in applied}
        elif run.exit_code is not None or run.refusal:
            self._planned += 1
            seen.good, seen.start = self._one("the good case, as plain as can be", plain), plain
            if not seen.good.is_good and not seen.good.refusal:
                self._planned += 1
                typed = typed_hyperparameters(plain, self._case)
                seen.runs["typed"] = self._one("the good case, with hyperparameters that are no strings", typed)
        return seen

    def _one(self, what: str, sending: Sending) -> Run:
        run = self._probe.run(sending)
        self._made += 1
        self._progress(self._made, self._planned, what)
        return run

    # Everything else, side by side.

    def _needed_recipes(self) -> list[str]:
        needed = {check.needs for check in CHECKS if check.id in self._wanted}
        return [name for name in RECIPES if name in needed]

    def _recipe(self, name: str, seen: _Seen) -> _Task:
        bench = Bench(
            probe=self._probe,
            case=self._case,
            image=self._image,
            start=seen.start,
            good=seen.good,
            folder=self._folder,
        )
        return lambda: RECIPES[name](bench)

    def _conditions(self, seen: _Seen) -> dict[str, _Task]:
        """The runs of conditions that are not settled: those of the platform one by one, the unusual ones together."""
        tasks = {
            condition.id: self._alone(condition, seen)
            for condition in ON_THE_PLATFORM
            if condition.id in self._wanted and condition.id not in seen.runs
        }
        unusual = [condition for condition in UNUSUAL if condition.id in self._wanted]
        sending, applied = together(unusual, seen.start, self._case)
        if len(applied) > 1:
            tasks[_UNUSUAL_TOGETHER] = lambda: {_UNUSUAL_TOGETHER: self._probe.run(sending, limit=self._limit(seen))}
        return tasks

    def _unusual_one_by_one(self, seen: _Seen) -> None:
        """Settle the unusual conditions: by their common run where that went well, else each by its own."""
        unusual = [condition for condition in UNUSUAL if condition.id in self._wanted]
        _, applied = together(unusual, seen.start, self._case)
        all_at_once = seen.runs.get(_UNUSUAL_TOGETHER)
        if all_at_once is not None and all_at_once.is_good:
            seen.runs |= {condition.id: all_at_once for condition in applied}
        self._make(
            {one.id: self._alone(one, seen) for one in unusual if one.id not in seen.runs},
            seen,
        )

    def _alone(self, condition: Condition, seen: _Seen) -> _Task:
        def run() -> Mapping[str, Run] | str:
            changed = condition.change(seen.start, self._case)
            if isinstance(changed, str):
                return changed
            return {condition.id: self._probe.run(changed, limit=self._limit(seen))}

        return run

    def _limit(self, seen: _Seen) -> float:
        return 3 * seen.good.seconds + self._probe.patience.spare

    def _make(self, tasks: Mapping[str, _Task], seen: _Seen) -> None:
        self._planned += len(tasks)
        with ThreadPoolExecutor(self._workers, thread_name_prefix="check") as pool:
            futures: dict[Future[Mapping[str, Run] | str], str] = {
                pool.submit(task): name for name, task in tasks.items()
            }
            try:
                for future in as_completed(futures):
                    name, made = futures[future], future.result()
                    if isinstance(made, str):
                        seen.reasons[name] = made
                    else:
                        seen.runs |= made
                    self._made += 1
                    self._progress(self._made, self._planned, name)
            except BaseException:  # also Ctrl-C: no container is left behind
                self._probe.abandon()
                pool.shutdown(cancel_futures=True)
                raise

    # Judging.

    def _judged(self, seen: _Seen) -> Iterator[Result]:
        evidence = Evidence(
            case=self._case,
            image=self._image,
            good=seen.good,
            patience=self._probe.patience,
            runs=seen.runs,
            reasons=seen.reasons,
        )
        for name, verdict in verdicts(evidence).items():
            if name in self._wanted:
                item = checklist()[name]
                yield Result(item=item, outcome=verdict.outcome, sent=verdict.sent or item.sent, came=verdict.came)


def verdicts(evidence: Evidence) -> Mapping[str, Verdict]:
    """The verdict on every item, in the order of the checklist; what was not looked at is not applicable. Pure."""
    found: dict[str, Verdict] = {}
    conditions = {condition.id: condition for condition in (*ON_THE_PLATFORM, *UNUSUAL)}
    for check in CHECKS:
        found[check.id] = _because_of(check.after, found) or _judge(check, evidence)
    for name, condition in conditions.items():
        found[name] = _because_of(_CONDITIONS_AFTER.get(name, ()), found) or judge_condition(condition, evidence)
    ordered: dict[str, Verdict] = {}
    for name, item in checklist().items():
        ordered[name] = not_applicable(item.not_run) if item.not_run else found[name]
    return ordered


def _judge(check: Check, evidence: Evidence) -> Verdict:
    if check.needs_good_case and not evidence.good.is_good:
        return _no_good_case()
    return check.judge(evidence)


def judge_condition(condition: Condition, evidence: Evidence) -> Verdict:
    """Whether the image did as well under a condition as without it."""
    if not evidence.good.is_good:
        return _no_good_case()
    run = evidence.runs.get(condition.id)
    if run is None:
        return not_applicable(evidence.reasons.get(condition.id, _why_not(condition, evidence)))
    if run.is_good:
        return passed(run.words)
    return either(condition.may_refuse and fails_clearly(run, evidence.good), run.words)


def _why_not(condition: Condition, evidence: Evidence) -> str:
    changed = condition.change(plainest(evidence.case), evidence.case)
    return changed if isinstance(changed, str) else "the run it needs was not made"


def _no_good_case() -> Verdict:
    return not_applicable("the good case does not end well, so nothing else can be told")


def _because_of(earlier: Sequence[str], found: Mapping[str, Verdict]) -> Verdict | None:
    for name in earlier:
        if found[name].outcome is Outcome.FAIL:
            return not_applicable(f"see {name}, which failed")
    return None
