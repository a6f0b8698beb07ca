"""The store alone, after any sequence of changes, against a model of it in three dictionaries."""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from job_requests import training_request

from contracts.errors import IllegalTransition
from contracts.jobs import SecondaryStatus, StopReason, check_training_job_transition
from contracts.outcome import LossCause
from tuner.errors import ResourceInUse
from tuner.store.records import MetricSummary, Observation
from tuner.store.sqlite_store import Store

GPUS = ("GPU-a", "GPU-b", "GPU-c")
JOBS = ("one", "two", "three")
Key = tuple[str, str, int, int]

jobs = st.sampled_from(JOBS)
observations = st.builds(
    Observation,
    host=st.sampled_from(["algo-1", "algo-2"]),
    line=st.integers(1, 4),
    match=st.integers(1, 2),
    metric=st.sampled_from(["loss", "accuracy"]),
    value=st.sampled_from([-1.5, 0.0, 0.25, 3.0]),
    time=st.sampled_from([1.0, 2.0, 3.0]),
)


class AnySequenceOfChanges(RuleBasedStateMachine):
    """A store, and what it should remember."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="adstore-")
        self.path = Path(self.folder.name) / "algodock.db"
        self.store = Store(self.path)
        self.now = 0.0
        self.went: dict[str, list[SecondaryStatus]] = {}
        self.found: dict[str, dict[Key, Observation]] = {}
        self.leased: dict[str, tuple[str, ...]] = {}
        self.stopped: dict[str, StopReason] = {}
        self.lost: dict[str, list[LossCause]] = {}

    def teardown(self) -> None:
        """Nothing stays."""
        self.store.close()
        self.folder.cleanup()

    @rule(name=jobs)
    def create(self, name: str) -> None:
        """A name is given once."""
        try:
            self.store.create_training_job(training_request(name), now=self.tick(), gpu_count=1)
        except ResourceInUse:
            assert name in self.went
        else:
            assert name not in self.went
            self.went[name] = [SecondaryStatus.PENDING]

    @rule(name=jobs, status=st.sampled_from(SecondaryStatus))
    def change_status(self, name: str, status: SecondaryStatus) -> None:
        """Along the table, or not at all; whoever ends gives back what it leased."""
        if name not in self.went:
            return
        try:
            check_training_job_transition(self.went[name][-1], status)
        except IllegalTransition:
            try:
                self.store.change_status(name, status, now=self.tick())
            except IllegalTransition:
                return
            raise AssertionError(f"from {self.went[name][-1]} to {status}") from None
        self.store.change_status(name, status, now=self.tick())
        self.went[name].append(status)
        if status.primary.is_terminal:
            self.leased.pop(name, None)

    @rule(name=jobs, seen=st.lists(observations, max_size=6))
    def record(self, name: str, seen: list[Observation]) -> None:
        """What was read before counts no second time."""
        if name in self.went:
            self.store.record_observations(name, seen)
            for one in seen:
                self.found.setdefault(name, {}).setdefault((one.metric, one.host, one.line, one.match), one)

    @rule(name=jobs, count=st.integers(0, 3))
    def lease(self, name: str, count: int) -> None:
        """All or nothing; what is held is kept."""
        if name not in self.went or self.went[name][-1].primary.is_terminal:
            return
        got = self.store.lease_gpus(name, GPUS, count)
        free = len(GPUS) - sum(map(len, self.leased.values()))
        if name in self.leased:
            assert self.leased[name] == got
        elif count > free:
            assert got is None
        else:
            assert got is not None
            assert count == len(got)
            if got:
                self.leased[name] = got

    @rule(name=jobs, reason=st.sampled_from(StopReason))
    def request_stop(self, name: str, reason: StopReason) -> None:
        """The first reason stays; who has ended is not asked."""
        if name in self.went:
            self.store.request_stop(name, reason, now=self.tick())
            if not self.went[name][-1].primary.is_terminal:
                self.stopped.setdefault(name, reason)

    @rule(name=jobs, cause=st.sampled_from(LossCause), for_good=st.booleans())
    def lose(self, name: str, cause: LossCause, for_good: bool) -> None:
        """Loss, status and the end of leases are one: all or nothing."""
        status = SecondaryStatus.FAILED if for_good else SecondaryStatus.RESTARTING
        if name not in self.went:
            return
        try:
            self.store.record_loss(name, cause, "gone", now=self.tick(), status=status, message="gone")
        except IllegalTransition:
            return
        self.went[name].append(status)
        self.lost.setdefault(name, []).append(cause)
        if for_good:
            self.leased.pop(name, None)

    @rule()
    def open_again(self) -> None:
        """Another process does."""
        self.store.close()
        self.store = Store(self.path)

    @invariant()
    def statuses_are_remembered_in_order(self) -> None:
        """With the time of each, one beginning where the other ends."""
        for name, went in self.went.items():
            kept = self.store.transitions(name)
            assert went == [one.status for one in kept]
            assert [one.start_time for one in kept[1:]] == [one.end_time for one in kept[:-1]]
            assert went[-1] is self.store.training_job(name).status
            assert self.stopped.get(name) == self.store.training_job(name).stop_reason

    @invariant()
    def losses_are_remembered_in_order(self) -> None:
        """Each with its cause; whoever has failed for one is lost, and nobody else."""
        for name, went in self.went.items():
            job, causes = self.store.training_job(name), self.lost.get(name, [])
            assert causes == [loss.cause for loss in self.store.losses(name)]
            assert len(causes) == job.losses
            assert job.is_lost == (went[-1] is SecondaryStatus.FAILED and job.failure_reason == "gone")

    @invariant()
    def no_gpu_is_leased_twice(self) -> None:
        """And none to a job that has ended."""
        held = {name: self.store.leased_gpus(name) for name in self.went}
        assert {name: tuple(sorted(gpus)) for name, gpus in self.leased.items()} == {
            name: gpus for name, gpus in held.items() if gpus
        }
        every = [gpu for gpus in held.values() for gpu in gpus]
        assert len(set(every)) == len(every)

    @invariant()
    def observations_and_their_summaries_are_right(self) -> None:
        """A summary is what one gets by going through the observations."""
        for name in self.went:
            expected = self.found.get(name, {})
            kept = self.store.observations(name)
            assert sorted(expected.values(), key=_place) == sorted(kept, key=_place)
            summaries = self.store.training_job(name).metrics
            assert {one.metric for one in kept} == set(summaries)
            for metric, summary in summaries.items():
                assert _is_summary_of(summary, [one for one in kept if one.metric == metric])

    def tick(self) -> float:
        self.now += 1
        return self.now


def _place(one: Observation) -> Any:
    return one.metric, one.host, one.line, one.match


def _is_summary_of(summary: MetricSummary, seen: list[Observation]) -> bool:
    """Whether it is that of these; of observations of one moment and place, several hosts', any may be the last."""
    values = [one.value for one in seen]
    latest = max((one.time, one.line, one.match) for one in seen)
    lasts = [one.value for one in seen if (one.time, one.line, one.match) == latest]
    counted = (len(seen), latest[0], min(values), max(values))
    return summary.last in lasts and counted == (summary.count, summary.time, summary.minimum, summary.maximum)


AnySequenceOfChanges.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestAnySequenceOfChanges = AnySequenceOfChanges.TestCase
