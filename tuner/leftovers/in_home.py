"""Files of a home that nobody needs any more."""

import json
import stat
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from contracts.jobs import JobKind
from tuner.leftovers.leftover import Leftover, LeftoverKind
from tuner.profile import HostProfile
from tuner.store.lock import ControllerLock
from tuner.store.records import best_training_job, pareto_front
from tuner.store.sqlite_store import Store

#: A folder of a check is locked a moment after it is made.
_YOUNG_SECONDS = 60.0
_OUTPUT = "output"


def left_in_home(store: Store, profile: HostProfile, *, with_jobs: bool = True) -> Iterator[Leftover]:
    """What killed processes have left, and `with_jobs` the folders of jobs that the store does not know.

    Nothing of an unfinished job. A folder of an unknown job that has a model in it stays.
    """
    yield from _of_checks(profile)
    yield from _of_endpoints(profile)
    if not profile.database.exists():
        return  # jobs that nobody remembers may be all that there is
    folders = {kind: _folders(profile.home / kind) for kind in ("jobs", "processing", "transform", "tuning")}
    finished = _finished(store)  # after the folders: a job is in the store before its folder is made
    for kind, found in folders.items():
        known = finished[kind]
        for folder in found:
            if folder.name.lower() not in known:
                has_model = (folder / _OUTPUT / "model.tar.gz").exists()
                if with_jobs and not has_model:
                    yield _folder(folder, "the store knows no job of that name")
            elif known[folder.name.lower()]:
                yield from _unfinished_files(folder)


def outlived(store: Store, profile: HostProfile, *, before: float) -> Iterator[Leftover]:
    """The folders of jobs that ended before `before`, in seconds since the epoch; their records stay.

    Of the best trial of a tuning job (of those in the Pareto front, where it has two objectives) and of a training job
    that is no trial the output stays. What an unfinished job refers to stays whole.
    """
    referred = _requests_of_unfinished(store)
    kept = _best_of_all(store)
    for job in store.training_jobs():
        folder = profile.job_folder(job.name)
        if job.end_time is None or job.end_time >= before or not folder.is_dir() or _refers(referred, folder):
            continue
        spared = (_OUTPUT,) if job.tuning_job is None or job.name in kept else ()
        if {path.name for path in folder.iterdir()} - set(spared):
            yield _folder(folder, "its job ended long ago", spared=spared, image=job.spec.image)
    for kind in (JobKind.PROCESSING, JobKind.TRANSFORM):
        for other in store.jobs(kind):
            folder = profile.home / kind / other.name
            if other.end_time is None or other.end_time >= before or _refers(referred, folder):
                continue
            if folder.is_dir():
                yield _folder(folder, "its job ended long ago")


def cached(store: Store, profile: HostProfile) -> Iterator[Leftover]:
    """What was downloaded from S3, where no unfinished job has data there."""
    if "s3://" not in _requests_of_unfinished(store) and (size := size_of(profile.cache)):
        yield Leftover(
            kind=LeftoverKind.CACHE,
            name=str(profile.cache),
            identity=str(profile.cache),
            why="no unfinished job has data in S3",
            size_bytes=size,
        )


def size_of(path: Path) -> int:
    """How much room `path` and all in it take on the disk, in bytes; links are not followed."""
    total = 0
    pending = [path]
    while pending:
        one = pending.pop()
        try:
            status = one.lstat()
            if stat.S_ISDIR(status.st_mode):
                pending += one.iterdir()
        except OSError:
            continue  # gone by now, or not ours to look into
        total += status.st_blocks * 512 // (1 if stat.S_ISDIR(status.st_mode) else status.st_nlink)
    return total


def _of_checks(profile: HostProfile) -> Iterator[Leftover]:
    for folder in profile.check_folders():
        if time.time() - folder.stat().st_mtime > _YOUNG_SECONDS and not ControllerLock(folder).is_held():
            yield _folder(folder, "a check that was killed has left it", lock=folder)


def _of_endpoints(profile: HostProfile) -> Iterator[Leftover]:
    for endpoint in _folders(profile.home / "endpoints"):
        lock = profile.endpoint_lock(endpoint.name)
        for folder in (endpoint / "model", endpoint / "models"):
            if folder.is_dir() and not ControllerLock(lock).is_held():
                yield _folder(folder, f"the process that served {endpoint.name} has ended", lock=lock)


def _unfinished_files(folder: Path) -> Iterator[Leftover]:
    """FIFOs and half-written archives of a job that has ended."""
    fifos = [path for path in folder.glob("*/opt/ml/input/data/*") if path.is_fifo()]
    for path in [*fifos, *folder.glob(f"{_OUTPUT}/.*.unfinished")]:
        yield Leftover(
            kind=LeftoverKind.FILE,
            name=str(path),
            identity=str(path),
            why="a process that was killed has left it",
            size_bytes=size_of(path),
        )


def _finished(store: Store) -> Mapping[str, Mapping[str, bool]]:
    """All jobs by the folder that theirs are in, in small letters, and whether each has ended."""
    return {
        "jobs": {job.name.lower(): job.is_finished for job in store.training_jobs()},
        "tuning": {job.name.lower(): job.status.is_terminal for job in store.tuning_jobs()},
        "processing": {job.name.lower(): job.is_finished for job in store.jobs(JobKind.PROCESSING)},
        "transform": {job.name.lower(): job.is_finished for job in store.jobs(JobKind.TRANSFORM)},
    }


def _best_of_all(store: Store) -> frozenset[str]:
    kept: set[str] = set()
    for tuning_job in store.tuning_jobs():
        trials = store.trials(tuning_job.name)
        best = best_training_job(tuning_job, trials)
        kept.update(trial.name for trial in (*([] if best is None else [best]), *pareto_front(tuning_job, trials)))
    return frozenset(kept)


def _requests_of_unfinished(store: Store) -> str:
    """What all unfinished jobs ask for, in one text."""
    documents: list[Mapping[str, Any] | None] = [
        *(job.request for job in store.tuning_jobs(unfinished=True)),
        *(job.request for job in store.unfinished_training_jobs()),
        *(document for job in store.unfinished_jobs() for document in (job.request, job.model)),
    ]
    return json.dumps(documents, ensure_ascii=False)


def _refers(requests: str, folder: Path) -> bool:
    """Whether a request names something in `folder`."""
    texts = {str(folder), folder.as_uri()}
    return any(f"{text}{end}" in requests for text in texts for end in ("/", '"'))


def _folder(
    folder: Path, why: str, *, spared: Collection[str] = (), lock: Path | None = None, image: str | None = None
) -> Leftover:
    return Leftover(
        kind=LeftoverKind.FOLDER,
        name=str(folder),
        identity=str(folder),
        why=why,
        size_bytes=size_of(folder) - sum(size_of(folder / name) for name in spared),
        spared=tuple(spared),
        lock=lock,
        image=image,
    )


def _folders(parent: Path) -> list[Path]:
    if not parent.is_dir():
        return []
    return sorted(path for path in parent.iterdir() if path.is_dir() and not path.is_symlink())
