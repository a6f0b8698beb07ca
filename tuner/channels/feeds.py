"""Feeds the Pipe channels of a running job: each channel has a thread of its own, so none waits for another."""

import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from contracts.channels import Channel, InputMode, Shard
from contracts.paths import OptMlLayout
from tuner.channels.epochs import Epochs
from tuner.channels.fifo import FifoWriter, make_fifo
from tuner.channels.progress import FeedProgress, FeedState
from tuner.s3.errors import CalledOff

#: A thread that is called off ends within a fraction of a second, unless a disk or a network file system hangs.
_JOIN_SECONDS = 5.0


class ChannelFeeds:
    """The Pipe channels of one host. `progress_folder` is where it is remembered how far each has been fed.

    `shard` says which host it is. Goes on where an earlier process stopped between two epochs. `activity` is set when
    there is a `problem`.
    """

    def __init__(
        self,
        channels: Iterable[Channel],
        layout: OptMlLayout,
        progress_folder: Path,
        activity: threading.Event,
        shard: Shard = Shard(),  # noqa: B008 - frozen
    ) -> None:
        self._feeders = [
            _Feeder(channel, layout, progress_folder / channel.name, activity, shard)
            for channel in channels
            if channel.input_mode is InputMode.PIPE
        ]

    def start(self) -> None:
        """Begin to feed."""
        for feeder in self._feeders:
            feeder.start()

    @property
    def problem(self) -> str | None:
        """Why the job cannot end well: a channel cannot be read; in the form of a failure reason."""
        return next((feeder.problem for feeder in self._feeders if feeder.problem is not None), None)

    @property
    def torn(self) -> str | None:
        """How the container came to read a torn epoch, if it may have: it has to be run again."""
        return next((feeder.torn for feeder in self._feeders if feeder.torn is not None), None)

    def finish_epochs(self) -> bool:
        """Begin no further epoch; return whether there is one that has not come to its end."""
        for feeder in self._feeders:
            feeder.finish_epoch()
        return any(feeder.is_busy for feeder in self._feeders)

    def close(self) -> None:
        """Stop feeding. A reader in the middle of an epoch sees its end, and the job has to start again."""
        for feeder in self._feeders:
            feeder.call_off()
        for feeder in self._feeders:
            feeder.join()


def remove_fifos(layout: OptMlLayout) -> None:
    """Remove the FIFOs of a job that has ended."""
    if layout.data.is_dir():
        for path in layout.data.iterdir():
            if path.is_fifo():
                path.unlink()


class _Feeder:
    """Feeds one channel, an epoch after the other, until it is called off."""

    def __init__(
        self, channel: Channel, layout: OptMlLayout, progress: Path, activity: threading.Event, shard: Shard
    ) -> None:
        self._channel = channel
        self._shard = shard
        self._layout = layout
        self._progress = FeedProgress(progress)
        self._scratch = progress.with_name(f"{progress.name}~manifest")  # no channel can be called like that
        self._activity = activity
        self._called_off = threading.Event()
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"feed of {channel.name}", daemon=True)
        # What an earlier process has left.
        self.problem = self._progress.problem if self._progress.state is FeedState.BROKEN else None
        self.torn = self._torn() if self._progress.state is FeedState.FEEDING else None

    def start(self) -> None:
        if self.problem is None and self.torn is None:
            self._thread.start()

    @property
    def is_busy(self) -> bool:
        return self.problem is None and self._thread.is_alive()

    def finish_epoch(self) -> None:
        self._enough.set()

    def call_off(self) -> None:
        self._enough.set()
        self._called_off.set()

    def join(self) -> None:
        if self._thread.ident is not None:
            self._thread.join(_JOIN_SECONDS)

    def _torn(self) -> str:
        return (
            f"the process that fed Pipe channel {self._channel.name!r} ended in the middle of epoch"
            f" {self._progress.epoch}, so the container read a torn epoch"
        )

    def _run(self) -> None:
        try:
            epochs = Epochs(self._channel, self._shard, scratch=self._scratch, called_off=self._called_off)
            while True:
                self._feed(epochs)
        except CalledOff:
            return
        except Exception as error:  # noqa: BLE001 - the rim of the thread: the reader would wait for ever
            self._break_off(error)

    def _feed(self, epochs: Epochs) -> None:
        """Feed the next epoch: from before it has a reader until the FIFO of the one after it is there."""
        epoch = self._progress.epoch
        fifo = self._layout.channel_fifo(self._channel.name, epoch)
        make_fifo(fifo)
        begin, not_yet = self._progress.begin, self._progress.not_yet
        with FifoWriter.open(fifo, self._called_off, enough=self._enough, before=begin, in_vain=not_yet) as writer:
            try:
                for piece in epochs.pieces(epoch):
                    writer.send(piece)
            except BrokenPipeError:
                pass  # the reader has had enough, which ends the epoch as well
            except CalledOff:
                raise
            except Exception as error:  # whatever it is, the reader must not take it for the end
                self._break_off(error)
                self._called_off.wait()
                raise CalledOff from error
        self._progress.wait_for(epoch + 1)
        make_fifo(self._layout.channel_fifo(self._channel.name, epoch + 1))
        fifo.unlink(missing_ok=True)  # who opens it again learns at once that it is over

    def _break_off(self, error: Exception) -> None:
        text = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)
        self.problem = f"ClientError: channel {self._channel.name!r}: {text}"
        self._activity.set()
        with suppress(OSError):  # a full disk, perhaps: then it stays written that the epoch has begun
            self._progress.break_off(self.problem)
