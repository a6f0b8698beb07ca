"""The part of an examination that trains: plans the runs, and judges what was seen."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tuner.conformance.bench import Bench
from tuner.conformance.case import GoodCase
from tuner.conformance.checks import CHECKS
from tuner.conformance.conditions import (
    ON_THE_PLATFORM,
    UNUSUAL,
    Condition,
    together,
    typed_hyperparameters,
)
from tuner.conformance.evidence import Evidence, Outcome, Verdict, either, not_applicable, passed
from tuner.conformance.judgements import start_argument
from tuner.conformance.observation import Run, fails_clearly
from tuner.conformance.part import Task, because_of, judged, no_good_case
from tuner.conformance.probe import Probe
from tuner.conformance.recipes import RECIPES
from tuner.conformance.sending import Sending, plainest
from tuner.engine.protocol import ImageFacts

#: Conditions that travel in what another condition is about: broken, that one tells it.
_CONDITIONS_AFTER: Mapping[str, tuple[str, ...]] = {
    "TRAIN-HP-LONG": ("TRAIN-HP-SAGEMAKER-KEYS",),
    "TRAIN-HP-UNICODE": ("TRAIN-HP-SAGEMAKER-KEYS",),
    "TRAIN-CH-NAME-CHARS": ("TRAIN-CH-EXTRA",),
}
_UNUSUAL_TOGETHER = "all that is unusual"
_WITH_EVERYTHING = "the good case, with all that the platform brings"
_PLAIN = "the good case, as plain as can be"
_TYPED = "the good case, with hyperparameters that are no strings"


def training_ids() -> frozenset[str]:
    """The items that this part judges."""
    return frozenset(check.id for check in CHECKS) | {condition.id for condition in (*ON_THE_PLATFORM, *UNUSUAL)}


@dataclass(slots=True)
class _Seen:
    """What has been seen so far. `good` is None until the good case was run, `start` what it was sent with."""

    start: Sending
    good: Run | None = None
    is_settled: bool = False
    runs: dict[str, Run] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)


class TrainingPart:
    """The training of one image. `wanted` are the ids of the items to be judged.

    `is_a_try`: nobody said that the image trains; where its `train` cannot be started nothing of training applies, and
    the option that would make it a failure is named.
    """

    def __init__(
        self,
        *,
        probe: Probe,
        case: GoodCase,
        image: ImageFacts,
        wanted: Collection[str],
        folder: Path,
        is_a_try: bool = False,
    ) -> None:
        self._probe = probe
        self._case = case
        self._image = image
        self._wanted = frozenset(wanted)
        self._folder = folder
        self._is_a_try = is_a_try
        self._seen = _Seen(start=plainest(case))

    @property
    def ids(self) -> Collection[str]:
        """The items that it judges."""
        return training_ids()

    @property
    def is_settled(self) -> bool:
        """Whether it is known how the good case does."""
        return self._seen.is_settled

    @property
    def good(self) -> Run | None:
        """The run of the good case, once it is settled and ended well."""
        good = self._seen.good
        return good if self._seen.is_settled and good is not None and good.is_good else None

    def abandon(self) -> None:
        """Let every run that is under way remove its container and raise CheckAbandoned."""
        self._probe.abandon()

    def close(self) -> None:
        """Nothing is kept from one round to the next but files."""

    # The good case: at first with all that the platform brings, then as plain as can be. Then all else, side by side.

    def rounds(self) -> Iterator[Mapping[str, Task]]:
        """The good case, then what needs it; conditions that fail together are sent one by one."""
        yield from self._good_case()
        self._seen.is_settled = True
        if self._good.is_good:
            if tasks := {name: self._recipe(name) for name in self._needed_recipes()} | self._conditions():
                yield tasks
            if tasks := self._unusual_one_by_one():
                yield tasks

    @property
    def _good(self) -> Run:
        assert self._seen.good is not None, "the good case is run first"
        return self._seen.good

    def _good_case(self) -> Iterator[Mapping[str, Task]]:
        seen, plain = self._seen, plainest(self._case)
        everything, applied = together(ON_THE_PLATFORM, plain, self._case)
        yield {_WITH_EVERYTHING: self._good_run(everything)}
        run = self._good
        if run.is_good:
            seen.start = replace(plain, config_read_only=True, channels_read_only=True)
            seen.runs |= {condition.id: run for condition in applied}
        elif run.exit_code is not None or run.refusal:
            yield {_PLAIN: self._good_run(plain)}
            if not self._good.is_good and not self._good.refusal:
                typed = typed_hyperparameters(plain, self._case)
                yield {_TYPED: lambda: seen.runs.update(typed=self._probe.run(typed))}

    def _good_run(self, sending: Sending) -> Task:
        def run() -> None:
            self._seen.good = self._probe.run(sending)

        return run

    def _needed_recipes(self) -> list[str]:
        needed = {check.needs for check in CHECKS if check.id in self._wanted}
        return [name for name in RECIPES if name in needed]

    def _recipe(self, name: str) -> Task:
        bench = Bench(
            probe=self._probe,
            case=self._case,
            image=self._image,
            start=self._seen.start,
            good=self._good,
            folder=self._folder,
        )
        return self._kept(name, lambda: RECIPES[name](bench))

    def _kept(self, name: str, make: Callable[[], Mapping[str, Run] | str]) -> Task:
        """A task that keeps the runs, or the reason for none."""

        def run() -> None:
            made = make()
            if isinstance(made, str):
                self._seen.reasons[name] = made
            else:
                self._seen.runs |= made

        return run

    def _conditions(self) -> dict[str, Task]:
        """The runs of conditions that are not settled: those of the platform one by one, the unusual ones together."""
        tasks = {
            condition.id: self._alone(condition)
            for condition in ON_THE_PLATFORM
            if condition.id in self._wanted and condition.id not in self._seen.runs
        }
        sending, applied = together(self._wanted_unusual(), self._seen.start, self._case)
        if len(applied) > 1:
            tasks[_UNUSUAL_TOGETHER] = self._kept(
                _UNUSUAL_TOGETHER, lambda: {_UNUSUAL_TOGETHER: self._probe.run(sending, limit=self._limit())}
            )
        return tasks

    def _wanted_unusual(self) -> list[Condition]:
        return [condition for condition in UNUSUAL if condition.id in self._wanted]

    def _unusual_one_by_one(self) -> dict[str, Task]:
        """What settles the unusual conditions that their common run, where it went well, has not settled."""
        unusual = self._wanted_unusual()
        _, applied = together(unusual, self._seen.start, self._case)
        all_at_once = self._seen.runs.get(_UNUSUAL_TOGETHER)
        if all_at_once is not None and all_at_once.is_good:
            self._seen.runs |= {condition.id: all_at_once for condition in applied}
        return {one.id: self._alone(one) for one in unusual if one.id not in self._seen.runs}

    def _alone(self, condition: Condition) -> Task:
        def run() -> Mapping[str, Run] | str:
            changed = condition.change(self._seen.start, self._case)
            if isinstance(changed, str):
                return changed
            return {condition.id: self._probe.run(changed, limit=self._limit())}

        return self._kept(condition.id, run)

    def _limit(self) -> float:
        return 3 * self._good.seconds + self._probe.patience.spare

    # Judging.

    def verdicts(self) -> Mapping[str, Verdict]:
        """The verdict on every item of training that is run."""
        evidence = Evidence(
            case=self._case,
            image=self._image,
            good=self._good,
            patience=self._probe.patience,
            runs=self._seen.runs,
            reasons=self._seen.reasons,
        )
        if self._is_a_try and (why := _why_it_does_not_train(evidence)):
            return {name: not_applicable(why) for name in self.ids}
        return verdicts(evidence)


def _why_it_does_not_train(evidence: Evidence) -> str:
    if start_argument(evidence).outcome is not Outcome.FAIL:
        return ""
    return f"`docker run IMAGE train` does not start ({evidence.good.words}); with --train that is a failure"


def verdicts(evidence: Evidence) -> Mapping[str, Verdict]:
    """The verdict on every item of training; what was not looked at is not applicable. Pure."""
    found: dict[str, Verdict] = {}
    judged(CHECKS, evidence, has_good_case=evidence.good.is_good, found=found)
    for condition in (*ON_THE_PLATFORM, *UNUSUAL):
        refers = because_of(_CONDITIONS_AFTER.get(condition.id, ()), found)
        found[condition.id] = judge_condition(condition, evidence) if refers is None else refers
    return found


def judge_condition(condition: Condition, evidence: Evidence) -> Verdict:
    """Whether the image did as well under a condition as without it."""
    if not evidence.good.is_good:
        return no_good_case()
    run = evidence.runs.get(condition.id)
    if run is None:
        return not_applicable(evidence.reasons.get(condition.id, _why_not(condition, evidence)))
    if run.is_good:
        return passed(run.words)
    return either(condition.may_refuse and fails_clearly(run, evidence.good), run.words)


def _why_not(condition: Condition, evidence: Evidence) -> str:
    changed = condition.change(plainest(evidence.case), evidence.case)
    return changed if isinstance(changed, str) else "the run it needs was not made"
