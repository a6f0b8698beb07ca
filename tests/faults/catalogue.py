"""The faults of the matrix: what each does, and for which points, times or bytes it is tried."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

import faults_of_engines as engines
import faults_of_homes as homes
import faults_of_processes as processes
from algorithm import script
from invariants import Loss
from scene import Stage, Undisturbed
from small_disks import small_disk

#: Tells for which numbers a fault is tried: of points mostly.
Cases = Callable[[Undisturbed], Sequence[int]]
_ENGINE_MEGABYTES = 48


def every_point(undisturbed: Undisturbed) -> Sequence[int]:
    """All of them; every other first, so that a run that is ended early has been everywhere."""
    last = len(undisturbed.points)
    return [*range(1, last + 1, 2), *range(2, last + 1, 2)]


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


def each_of(*numbers: int) -> Cases:
    """These."""
    return lambda _: numbers


def moments(step_milliseconds: int) -> Cases:
    """So many milliseconds apart, from the beginning to the end of the job."""
    return lambda undisturbed: range(step_milliseconds, int(undisturbed.seconds * 1000), step_milliseconds)


@contextmanager
def plain_stage() -> Iterator[Stage]:
    """An engine as it comes."""
    with Stage() as stage:
        yield stage


@contextmanager
def restoring_stage() -> Iterator[Stage]:
    """An engine whose containers live on when it dies."""
    with Stage(live_restore=True) as stage:
        yield stage


@contextmanager
def rotating_stage() -> Iterator[Stage]:
    """An engine that was told to keep little of each log."""
    with Stage("--log-opt=max-size=4k", "--log-opt=max-file=2") as stage:
        yield stage


@contextmanager
def cramped_stage() -> Iterator[Stage]:
    """An engine with a small disk of its own."""
    folder = Path(mkdtemp(prefix="addisk-", dir="/tmp"))
    with small_disk(folder, _ENGINE_MEGABYTES) as disk, Stage(images=folder, disk=disk) as stage:
        yield stage
    folder.rmdir()


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One row of the matrix.

    `says` stands in the page. `play` injects it, for the numbers that `cases` gives in the long form and `short`, if
    any, in the short one, and returns what was lost.
    """

    name: str
    says: str
    play: Callable[[Stage, int], list[Loss]]
    cases: Cases
    short: Cases | None = None
    stage: Callable[[], AbstractContextManager[Stage]] = plain_stage
    text: str = script()


FAULTS: Sequence[Fault] = (
    Fault(
        name="kill-point",
        says="controller killed (`kill -9`) right before or after every change of a file, call of the engine, and"
        " statement of a transaction",
        play=processes.killed_at_a_point,
        cases=every_point,
        short=spread(4),
    ),
    Fault(
        name="kill-time",
        says="controller killed at moments 50 ms apart",
        play=processes.killed_at_a_time,
        cases=moments(50),
    ),
    Fault(
        name="kill-recovery",
        says="killed in the middle, and the process that goes on with it killed at a point of its own",
        play=processes.killed_on_the_way_back,
        cases=lambda undisturbed: range(3, len(undisturbed.points) // 2, 6),
        short=each_of(41),
    ),
    Fault(
        name="kill-loop",
        says="every process killed after so many points, as often as it takes",
        play=processes.killed_again_and_again,
        cases=each_of(55, 62, 70, 81, 95, 110, 130, 160),
        short=each_of(110),
    ),
    Fault(
        name="follower",
        says="commands that only follow a job killed",
        play=processes.follower_killed,
        cases=each_of(*range(1, 9)),
        short=each_of(5),
    ),
    Fault(
        name="second-controller",
        says="a second controller for the same home",
        play=processes.second_controller,
        cases=spread(12),
    ),
    Fault(
        name="takeover",
        says="controller killed while a second one follows",
        play=processes.controller_killed_before_a_second,
        cases=spread(12),
        short=spread(1),
    ),
    Fault(
        name="stopped",
        says="controller stopped (`SIGSTOP`) and continued",
        play=processes.stopped_controller,
        cases=spread(12),
    ),
    Fault(
        name="clock",
        says="clock jumps back by an hour",
        play=processes.clock_jumps_back,
        cases=each_of(1, 2, 4, 8, 12, 16, 24, 32, 48, 64),
        short=each_of(24),
    ),
    Fault(
        name="engine-killed",
        says="engine killed (`kill -9`) and started again",
        play=engines.engine_killed,
        cases=spread(16),
        short=spread(1),
    ),
    Fault(
        name="engine-stopped",
        says="engine stopped with its containers, and started again",
        play=engines.engine_stopped,
        cases=spread(12),
    ),
    Fault(
        name="engine-replaced",
        says="engine killed while its containers live on (`live-restore`)",
        play=engines.engine_replaced,
        cases=spread(12),
        stage=restoring_stage,
    ),
    Fault(
        name="reboot",
        says="host rebooted: our process, the engine and all containers killed at once",
        play=engines.host_rebooted,
        cases=spread(16),
        short=spread(1),
    ),
    Fault(
        name="container-killed",
        says="containers killed from outside",
        play=engines.container_killed,
        cases=before("engine.", most=12),
    ),
    Fault(
        name="container-removed",
        says="containers removed from outside",
        play=engines.container_removed,
        cases=before("engine.", most=12),
        short=before("engine.", most=2),
    ),
    Fault(
        name="stays-away",
        says="any container of one trial killed at once, until its retries are used up",
        play=engines.infrastructure_stays_away,
        cases=each_of(1, 2, 3),
        short=each_of(2),
    ),
    Fault(
        name="log-cut",
        says="connection cut in the middle of a log, each time it is made",
        play=engines.log_cut,
        cases=each_of(120, 200, 230, 260, 300, 333, 370, 400, 440, 480),
        short=each_of(260),
    ),
    Fault(
        name="log-rotated",
        says="log rotated away while nobody reads it",
        play=engines.log_rotated,
        cases=before("engine.start", most=6),
        stage=rotating_stage,
        text=script(noise=300),
    ),
    Fault(
        name="image-removed",
        says="image removed, and there again",
        play=engines.image_removed,
        cases=before("engine.", most=10),
    ),
    Fault(
        name="gpu-refused",
        says="driver refuses to hand out GPUs for a while",
        play=engines.gpu_refused,
        cases=before("engine.", most=10),
    ),
    Fault(
        name="engine-disk-full",
        says="engine's disk full for a while",
        play=engines.engine_disk_full,
        cases=before("engine.", most=10),
        stage=cramped_stage,
    ),
    Fault(
        name="disk-full",
        says="home's disk full for a while",
        play=homes.disk_full,
        cases=spread(24),
        short=spread(1),
    ),
    Fault(
        name="disk-nearly-full",
        says="home's disk too full for a model, but not for the database",
        play=homes.disk_nearly_full,
        cases=before("model.tar.gz", most=8),
        short=before("model.tar.gz", most=1),
        text=homes.LARGE_MODEL,
    ),
    Fault(
        name="read-only",
        says="home made read-only for a while",
        play=homes.home_read_only,
        cases=spread(10),
        short=spread(1),
    ),
    Fault(
        name="locked",
        says="database locked by another program for 2 s",
        play=homes.database_locked,
        cases=spread(8),
    ),
    Fault(
        name="locked-long",
        says="database locked for longer than anybody waits",
        play=homes.database_locked_for_long,
        cases=spread(2),
    ),
    Fault(
        name="corrupted",
        says="database overwritten or cut short, then brought back",
        play=homes.database_corrupted,
        cases=spread(6),
        short=spread(1),
    ),
    Fault(
        name="newer",
        says="database of a newer version",
        play=homes.database_newer,
        cases=spread(4),
    ),
)


def fault(name: str) -> Fault:
    """The fault of that name; raises KeyError."""
    return {one.name: one for one in FAULTS}[name]
