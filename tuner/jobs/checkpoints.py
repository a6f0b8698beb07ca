"""The checkpoints of a job whose CheckpointConfig names a place in S3: brought here, kept in step, and lost."""

import threading
from pathlib import Path
from typing import Self

from contracts.jobs import TrainingJobSpec
from tuner.channels.addresses import is_local
from tuner.jobs.folder import JobFolder, checkpoint_folder, make_writable
from tuner.jobs.left_files import remove_tree
from tuner.s3.checkpoint_sync import CheckpointSync


class SyncedCheckpoints:
    """The folder that all hosts of a job see as their checkpoint folder, and its place in S3."""

    def __init__(self, folder: Path, uri: str) -> None:
        self._folder = folder
        self._sync = CheckpointSync(folder, uri)
        self._has_unsaved = False
        self._told: str | None = None

    @classmethod
    def of(cls, spec: TrainingJobSpec, folder: JobFolder) -> Self | None:
        """Those of a job; None where it has none, or keeps them in a folder of this machine."""
        if spec.checkpoint_path is None or spec.checkpoint_uri is None or is_local(spec.checkpoint_uri):
            return None
        return cls(checkpoint_folder(spec, folder), spec.checkpoint_uri)

    def restore(self, called_off: threading.Event) -> None:
        """Make the folder what S3 has, as on new instances; what an interruption gave time to save is saved first."""
        if self._has_unsaved:
            self._sync.finish()
            self._has_unsaved = False
        remove_tree(self._folder)
        make_writable(self._folder)
        self._sync.restore(called_off)

    def start(self) -> None:
        """Keep S3 in step with the folder from now on."""
        self._sync.start()

    def new_problem(self) -> str | None:
        """Why S3 has fallen behind, said once; None where it has not, or where it has been said."""
        problem = self._sync.problem
        is_new = problem != self._told
        self._told = problem
        return problem if is_new else None

    def lose(self, *, with_notice: bool) -> None:
        """The instances are gone: only what was in S3 by then is restored, or, `with_notice`, all that was written."""
        self._has_unsaved = with_notice
        self._sync.close()

    def finish(self) -> None:
        """Bring S3 to what the folder is at the end of the job; raises S3Error."""
        self._sync.finish()

    def close(self) -> None:
        """Leave S3 as it is."""
        self._sync.close()
