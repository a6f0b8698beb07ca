"""One row of the matrix: what a fault does, on which stage, and for which points, times or bytes it is tried."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from invariants import Loss
from scene import Scene, Stage, Undisturbed
from small_disks import small_disk
from tuning_scene import TuningScene

#: Tells for which numbers a fault is tried: of points mostly.
Cases = Callable[[Undisturbed], Sequence[int]]
_ENGINE_MEGABYTES = 48


def every_point(undisturbed: Undisturbed) -> Sequence[int]:
    """All of them; every other first, so that a run that is ended early has been everywhere."""
    last = len(undisturbed.points)
    return [*range(1, last + 1, 2), *range(2, last + 1, 2)]


def every_other_point(undisturbed: Undisturbed) -> Sequence[int]:
    """Half of them."""
    return range(1, len(undisturbed.points) + 1, 2)


def spread(count: int) -> Cases:
    """So many points, evenly over the whole job."""
    return lambda undisturbed: [round((number + 0.5) * len(undisturbed.points) / count) for number in range(count)]


def before(word: str, *, most: int) -> Cases:
    """Points that have `word` in what they are, evenly chosen."""

    def choose(undisturbed: Undisturbed) -> Sequence[int]:
        found = [number for number, point in enumerate(undisturbed.points, start=1) if word in point]
        step = max(1, len(found) // most)
        return found[step // 2 :: step][:most]

    return choose


def at_work(count: int) -> Cases:
    """Every other point from the one on at which the container has just been started; so many."""

    def choose(undisturbed: Undisturbed) -> Sequence[int]:
        points = undisturbed.points
        first = max(number for number, point in enumerate(points, start=1) if point == "after engine.start")
        return range(first, len(points) + 1, 2)[:count]

    return choose


def each_of(*numbers: int) -> Cases:
    """These."""
    return lambda _: numbers


def moments(step_milliseconds: int) -> Cases:
    """So many milliseconds apart, from the beginning to the end of the job."""
    return lambda undisturbed: range(step_milliseconds, int(undisturbed.seconds * 1000), step_milliseconds)


@contextmanager
def plain_stage(kind: type[Scene]) -> Iterator[Stage]:
    """An engine as it comes."""
    with Stage(kind) as stage:
        yield stage


@contextmanager
def restoring_stage(kind: type[Scene]) -> Iterator[Stage]:
    """An engine whose containers live on when it dies."""
    with Stage(kind, live_restore=True) as stage:
        yield stage


@contextmanager
def rotating_stage(kind: type[Scene]) -> Iterator[Stage]:
    """An engine that was told to keep little of each log."""
    with Stage(kind, "--log-opt=max-size=4k", "--log-opt=max-file=2") as stage:
        yield stage


@contextmanager
def cramped_stage(kind: type[Scene]) -> Iterator[Stage]:
    """An engine with a small disk of its own."""
    folder = Path(mkdtemp(prefix="addisk-", dir="/tmp"))
    with small_disk(folder, _ENGINE_MEGABYTES) as disk, Stage(kind, images=folder, disk=disk) as stage:
        yield stage
    folder.rmdir()


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One row of the matrix.

    `says` stands in the page, `scene` is what the fault hits. `play` injects it, for the numbers that `cases` gives in
    the long form and `short`, if any, in the short one, and returns what was lost.
    """

    name: str
    says: str
    play: Callable[[Stage, int], list[Loss]]
    cases: Cases
    short: Cases | None = None
    scene: type[Scene] = TuningScene
    stage: Callable[[type[Scene]], AbstractContextManager[Stage]] = plain_stage
    text: str | None = None
