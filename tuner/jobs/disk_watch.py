"""Stops the container that fills a disk, before the machine and the other jobs suffer from it.

Half of the room that was there when a container was created is for the containers that run side by side, in equal
shares; the rest is for what jobs leave, and for others. The container that has taken the most is to blame, if that is
more than its share. What somebody else fills a disk with is no container's fault: then none is stopped, for to stop one
that wrote little would make little room.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from tuner.engine.protocol import Engine, Writings
from tuner.errors import ContainerNotFound, EngineRejected
from tuner.jobs.background import Background, EngineThreads
from tuner.jobs.disks import Disk, Disks, Place, free_at_start, in_words, used_by
from tuner.jobs.hosts import RunningHosts

#: How long after one measurement the next begins while a disk stays full and nobody is to blame, in seconds.
_AGAIN_SECONDS = 5.0
#: The part of the room on a disk that its containers may take together.
_FOR_CONTAINERS = 0.5
#: With less than so many bytes an engine cannot keep what a container prints: the longest line, as it writes it.
_ROOM_FOR_A_LINE = 1 << 16
#: How many of the things that a container wrote a reason names.
_MOST_NAMED = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Writer:
    """A running container of a job, and what it has taken of the disks."""

    job: str
    host: str
    used: Mapping[Place, Mapping[str, int]]
    labels: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The job whose container has filled a disk, and how, in words."""

    job: str
    reason: str


class DiskWatch:
    """Looks at the disks while jobs of one kind run. One object belongs to one thread.

    The disks are looked at in every round, what containers have taken of them only when one is full, in the background.
    `has_gone` says whether a job has ended and made room: until then nobody else is judged. `loses_logs` is whether the
    engine had no room for what containers print, at the last look: Docker drops it then, and nobody knows what it was.
    """

    def __init__(
        self,
        engine: Engine,
        disks: Disks,
        threads: EngineThreads,
        clock: Callable[[], float],
        has_gone: Callable[[str], bool],
    ) -> None:
        self._engine = engine
        self._disks = disks
        self._threads = threads
        self._clock = clock
        self._has_gone = has_gone
        self._measurement: Background[list[Writer]] | None = None
        self._next = float("-inf")
        self._condemned: str | None = None
        self.loses_logs = False

    def look(self, running: Mapping[str, RunningHosts]) -> Verdict | None:
        """Which of the `running` jobs is to be stopped now, by its name, for filling a disk; mostly None."""
        self.loses_logs = False
        if not running:
            return None
        disks = self._disks.look()
        self.loses_logs = Place.ENGINE in disks and disks[Place.ENGINE].free_bytes < _ROOM_FOR_A_LINE
        if self._condemned is not None and not self._has_gone(self._condemned):
            return None
        self._condemned = None
        full = {place: disk for place, disk in disks.items() if disk.free_bytes < self._disks.floor(disk)}
        if not full:
            self._measurement, self._next = None, float("-inf")
            return None
        if self._measurement is None:
            if self._clock() >= self._next:
                self._measurement = self._measure(running)
            return None
        if not self._measurement.is_done:
            return None
        writers, self._measurement = self._measurement.result(), None
        self._next = self._clock() + _AGAIN_SECONDS
        verdict = self._judged(disks, full, [one for one in writers if one.job in running])
        self._condemned = None if verdict is None else verdict.job
        return verdict

    # Inside

    def _measure(self, running: Mapping[str, RunningHosts]) -> Background[list[Writer]]:
        members = [
            (job, one.name, one.container_id, one.intake.end.bytes)
            for job, hosts in running.items()
            for one in hosts.members
            if not one.has_ended
        ]

        def work(_: object) -> list[Writer]:
            found = []
            for job, host, container_id, log_copy_bytes in members:
                with suppress(ContainerNotFound, EngineRejected):
                    writings: Writings = self._engine.writings(container_id)
                    used = used_by(writings, log_copy_bytes=log_copy_bytes)
                    found.append(Writer(job=job, host=host, used=used, labels=writings.labels))
            return found

        return Background.of_engine(work, self._threads)

    def _judged(
        self, disks: Mapping[Place, Disk], full: Mapping[Place, Disk], writers: Sequence[Writer]
    ) -> Verdict | None:
        for place, disk in full.items():
            together = [other for other, one in disks.items() if one.device == disk.device]
            taken = [(sum(sum(one.used[other].values()) for other in together), one) for one in writers]
            if not taken:
                continue
            most, biggest = max(taken, key=lambda pair: pair[0])
            free = free_at_start(biggest.labels, place)
            if free is None:
                continue
            share = int(_FOR_CONTAINERS * max(free - self._disks.floor(disk), 0)) // len(writers)
            if most > share:
                parts = {what: size for other in together for what, size in biggest.used[other].items()}
                return Verdict(
                    job=biggest.job, reason=_reason(disk, self._disks.floor(disk), biggest.host, share, parts)
                )
        return None


def _reason(disk: Disk, floor: int, host: str, share: int, parts: Mapping[str, int]) -> str:
    largest = sorted(parts.items(), key=lambda part: part[1], reverse=True)[:_MOST_NAMED]
    named = ", ".join(f"{in_words(size)} in {what}" for what, size in largest if size)
    return (
        f"stopped for filling the disk at {disk.path}, of which {in_words(disk.free_bytes)} were left: {host} wrote"
        f" {in_words(sum(parts.values()))}, and its share was {in_words(share)} ({named}); let it write less, or make"
        f" room: {in_words(floor)} are kept free (half of free_disk in algodock.toml)"
    )
