"""What has to be brought to this machine before the containers of a job can start."""

import threading
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path

from contracts.channels import Channel, InputMode, SourceType
from tuner.channels.addresses import is_local
from tuner.channels.fetching import fetch
from tuner.jobs.background import Background, Progress
from tuner.jobs.checkpoints import SyncedCheckpoints


class Preparation(Background[tuple[Channel, ...]]):
    """Fetches the `channels` of a job into the `cache`, and its checkpoints; the result is the channels as local ones.

    `is_needed` says whether anything is elsewhere, or may be: a job with everything here is ready at once.
    """

    def __init__(self, channels: Sequence[Channel], cache: Path, checkpoints: SyncedCheckpoints | None = None) -> None:
        super().__init__("Downloading input data", self._fetch)
        self._channels = tuple(channels)
        self._cache = cache
        self._checkpoints = checkpoints
        self.is_needed = checkpoints is not None or any(_may_be_elsewhere(channel) for channel in channels)

    def begin(self, executor: Executor, activity: threading.Event) -> None:
        """Start, where it is needed."""
        if self.is_needed:
            super().begin(executor, activity)

    @property
    def is_done(self) -> bool:
        """Whether everything is here, or cannot be had."""
        return not self.is_needed or super().is_done

    def result(self) -> tuple[Channel, ...]:
        """The channels as local ones, once it is done; raises ChannelError, S3Error, OSError."""
        return super().result() if self.is_needed else self._channels

    def _fetch(self, progress: Progress, called_off: threading.Event) -> tuple[Channel, ...]:
        channels = tuple(
            fetch(channel, cache=self._cache, progress=progress, called_off=called_off) for channel in self._channels
        )
        if self._checkpoints is not None:
            self._checkpoints.restore(called_off)
        return channels


def _may_be_elsewhere(channel: Channel) -> bool:
    """Whether a channel has to be fetched: it is in S3, or its manifest may lead there."""
    if channel.input_mode is InputMode.PIPE:
        return False
    return not is_local(channel.uri) or channel.source_type is SourceType.MANIFEST
