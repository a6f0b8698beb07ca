"""Containers that are needed no more: removed in the background, while the next ones start already."""

from collections.abc import Callable
from dataclasses import dataclass

from tuner.engine.protocol import HOME_LABEL, Engine
from tuner.errors import EngineRejected, EngineUnreachable
from tuner.jobs.background import Background, EngineThreads
from tuner.jobs.hosts import remove_containers


@dataclass(slots=True)
class _Removal:
    """The removal of a job's containers, and of the network of `several`; without `work` it is to begin (again)."""

    several: bool
    work: Background[None] | None = None


class Removals:
    """Removes the containers of the jobs of one kind in one home; the label `of_job` holds the name of each one's job.

    What a process that was killed has not come to is removed by the next: a container whose job `has_ended`.
    """

    def __init__(
        self, engine: Engine, home: str, of_job: str, has_ended: Callable[[str], bool], threads: EngineThreads
    ) -> None:
        self._engine = engine
        self._home = home
        self._of_job = of_job
        self._has_ended = has_ended
        self._threads = threads
        self._under_way: dict[str, _Removal] = {}
        self._found: Background[set[str]] | None = None
        self._has_looked = False

    def begin(self, name: str, *, several: bool) -> None:
        """Remove the containers of a job, and the network of `several`."""
        removal = self._under_way.setdefault(name, _Removal(several))
        if removal.work is None:
            labels = {HOME_LABEL: self._home, self._of_job: name}
            removal.work = Background.of_engine(
                lambda _: remove_containers(self._engine, labels, several=removal.several), self._threads
            )

    def is_over(self, name: str) -> bool:
        """Whether the removal of a job's containers has come to its end; one that has to begin again has not."""
        removal = self._under_way.get(name)
        return removal is None or (removal.work is not None and removal.work.is_done and removal.work.problem is None)

    def step(self) -> dict[str, EngineRejected]:
        """See what has come to its end; return why containers could not be removed, by the name of their job.

        Raises EngineUnreachable: the next step begins again with what is left.
        """
        self._look_for_left_ones()
        away: EngineUnreachable | None = None
        problems = {}
        for name, removal in list(self._under_way.items()):
            if removal.work is None:
                self.begin(name, several=removal.several)
            elif removal.work.is_done:
                try:
                    removal.work.result()
                except EngineUnreachable as error:
                    removal.work, away = None, error
                    continue
                except EngineRejected as error:
                    problems[name] = error
                del self._under_way[name]
        if away is not None:
            raise away
        return problems

    def _look_for_left_ones(self) -> None:
        """Once: begin to remove what an earlier process has left."""
        if self._has_looked:
            return
        if self._found is None:
            self._found = Background.of_engine(lambda _: self._names(), self._threads)
        if self._found.is_done:
            found, self._found = self._found, None
            for name in sorted(found.result()):
                if self._has_ended(name):
                    self.begin(name, several=True)
            self._has_looked = True

    def _names(self) -> set[str]:
        """The jobs of which there are containers or networks."""
        home = {HOME_LABEL: self._home}
        labels = [one.labels for one in self._engine.containers(home)]
        labels += [one.labels for one in self._engine.networks(home)]
        return {one[self._of_job] for one in labels if self._of_job in one}
