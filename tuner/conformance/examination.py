"""Examines an image: makes the runs of all parts side by side, and has them judged."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from tuner.conformance.batch.checks import batch_ids
from tuner.conformance.checklist import checklist
from tuner.conformance.evidence import Result, not_applicable
from tuner.conformance.part import Part, Task
from tuner.conformance.probe import CheckAbandoned
from tuner.conformance.processing.checks import processing_ids
from tuner.conformance.serving.checks import serving_ids
from tuner.conformance.training import training_ids

#: Told of progress: tasks done, tasks planned so far, and what the last one was about.
Progress = Callable[[int, int, str], None]
#: How late it is noticed that the check is given up, in seconds.
_LOOK_SECONDS = 0.2


def checked_ids() -> tuple[str, ...]:
    """The items that this version checks, in the order of the checklist."""
    known = {*training_ids(), *serving_ids(), *batch_ids(), *processing_ids()}
    return tuple(name for name in checklist() if name in known)


@dataclass(eq=False, slots=True)
class _Agenda:
    """A part, the rounds that it still has, and its tasks that are under way."""

    part: Part
    rounds: Iterator[Mapping[str, Task]]
    running: set[Future[None]] = field(default_factory=set)
    is_over: bool = False


class Examination:
    """The examination of one image. `wanted` are the ids of the items to be told; `workers` tasks run side by side.

    `is_given_up` is asked again and again whether somebody wants an end.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        *,
        wanted: Collection[str],
        workers: int,
        progress: Progress,
        is_given_up: Callable[[], bool] = lambda: False,
    ) -> None:
        self._parts = parts
        self._wanted = frozenset(wanted)
        self._workers = workers
        self._progress = progress
        self._is_given_up = is_given_up
        self._made = 0
        self._planned = 0

    def results(self) -> list[Result]:
        """Make all runs, and judge.

        Raises EngineError where the engine fails, and CheckAbandoned where the check is given up. In either case no
        container and no network of it is left.
        """
        try:
            self._make()
            return list(self._judged())
        finally:
            for part in self._parts:
                part.close()

    def _make(self) -> None:
        agendas = [_Agenda(part=part, rounds=iter(part.rounds())) for part in self._parts]
        names: dict[Future[None], str] = {}
        with ThreadPoolExecutor(self._workers, thread_name_prefix="check") as pool:
            try:
                self._begin_rounds(agendas, pool, names)
                while under_way := {future for agenda in agendas for future in agenda.running}:
                    done, _ = wait(under_way, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED)
                    self._look_whether_to_go_on()
                    if not done:
                        continue
                    for future in [one for one in names if one in done]:  # in the order in which they were begun
                        future.result()
                        self._made += 1
                        self._progress(self._made, self._planned, names[future])
                    for agenda in agendas:
                        agenda.running -= done
                    self._begin_rounds(agendas, pool, names)
            except BaseException:  # whatever it was: no container is left behind
                for part in self._parts:
                    part.abandon()
                pool.shutdown(cancel_futures=True)
                raise
        assert all(agenda.is_over for agenda in agendas), "two parts wait for each other"

    def _look_whether_to_go_on(self) -> None:
        if self._is_given_up():
            self._progress(self._made, self._planned, "given up: removing the containers")
            raise CheckAbandoned("the check was given up")

    def _begin_rounds(
        self, agendas: Sequence[_Agenda], pool: ThreadPoolExecutor, names: dict[Future[None], str]
    ) -> None:
        """Ask every part that has nothing under way for its next round, until none has one to give."""
        has_news = True
        while has_news:
            has_news = False
            for agenda in agendas:
                if agenda.running or agenda.is_over:
                    continue
                tasks = next(agenda.rounds, None)
                agenda.is_over = tasks is None
                has_news = has_news or tasks is None or bool(tasks)
                for name, task in (tasks or {}).items():
                    future = pool.submit(task)
                    agenda.running.add(future)
                    names[future] = name
                    self._planned += 1

    def _judged(self) -> Iterator[Result]:
        found = {name: verdict for part in self._parts for name, verdict in part.verdicts().items()}
        for name, item in checklist().items():
            if name not in self._wanted:
                continue
            verdict = not_applicable(item.not_run) if item.not_run else found[name]
            yield Result(item=item, outcome=verdict.outcome, sent=verdict.sent or item.sent, came=verdict.came)
