"""What a job has made: packed into its folder, and delivered to where its OutputDataConfig wants it."""

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path

from contracts.jobs import TrainingJobSpec
from tuner.channels.addresses import is_local, local_path
from tuner.jobs.artifacts import archive, deliver, files_below
from tuner.jobs.background import Background, Progress
from tuner.jobs.checkpoints import SyncedCheckpoints
from tuner.jobs.folder import JobFolder
from tuner.jobs.left_files import choose
from tuner.s3.uploads import upload_files

#: What became of the job's output, once it is done: the warnings to be recorded. Raises OSError, S3Error.
Packing = Background[list[str]]

#: So many names of files are told.
_MOST_NAMES = 5


def pack(
    spec: TrainingJobSpec,
    folder: JobFolder,
    checkpoints: SyncedCheckpoints | None,
    executor: Executor,
    activity: threading.Event,
) -> Packing:
    """Pack and deliver in the background what the containers of a job have left. Done again, the result is the same."""

    def work(progress: Progress, called_off: threading.Event) -> list[str]:
        if checkpoints is not None:
            checkpoints.finish()
        layouts = [folder.host(host.name).opt_ml for host in spec.hosts]
        models, outputs = [layout.model for layout in layouts], [layout.output_data for layout in layouts]
        artifacts = {
            target.name: target
            for folders, target in ((models, folder.model_artifact), (outputs, folder.output_artifact))
            if archive(folders, target)
        }
        if spec.output_uri is not None:
            files = artifacts if spec.compress else _uncompressed({"model": models, "data": outputs})
            _deliver(files, spec, folder, progress, called_off)
        return _warnings({"/opt/ml/model": models, "/opt/ml/output/data": outputs})

    packing = Packing("Uploading", work)
    packing.begin(executor, activity)
    return packing


def _uncompressed(folders: Mapping[str, Sequence[Path]]) -> dict[str, Path]:
    """The files of `folders`, each under the name of its kind."""
    return {f"{name}/{key}": path for name, some in folders.items() for key, path in files_below(some).items()}


def _deliver(
    files: Mapping[str, Path],
    spec: TrainingJobSpec,
    folder: JobFolder,
    progress: Progress,
    called_off: threading.Event,
) -> None:
    """Copy `files` to ``<S3OutputPath>/<job>/output/<name>``, the service's layout."""
    assert spec.output_uri is not None
    if not is_local(spec.output_uri):
        place = f"{spec.output_uri.rstrip('/')}/{spec.name}/output"
        upload_files(files, place, progress=progress, called_off=called_off)
        return
    target = local_path(spec.output_uri) / spec.name / "output"
    if target != folder.output:
        for name, path in files.items():
            deliver(path, (target / name).parent)


def _warnings(folders: Mapping[str, Sequence[Path]]) -> list[str]:
    """What the owner of a job should know of what was left in each place.

    Which of several hosts' things of one name the service would keep is undefined.
    """
    warnings = []
    for place, some in folders.items():
        choice = choose(some)
        if choice.clashes:
            warnings.append(
                f"several hosts wrote {_some_of(choice.clashes)} to {place}; the first host's was kept:"
                " let one host write, or let each choose names of its own"
            )
        if links := [one.name for one in choice.chosen if one.leads_out_of(place)]:
            warnings.append(
                f"in {place} there are links that lead out of it: {_some_of(links)}. They were packed as links, without"
                " what they lead to: write files there"
            )
        if special := [one.name for one in choice.chosen if one.is_special]:
            warnings.append(
                f"in {place} there are devices, pipes or sockets, and they were left out: {_some_of(special)}"
            )
    return warnings


def _some_of(names: Sequence[str]) -> str:
    """The first of `names`; those that would break a line, or are no UTF-8, with escapes."""
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(name if name.isprintable() else ascii(name) for name in names[:_MOST_NAMES]) + more
