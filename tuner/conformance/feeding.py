"""Feeds the FIFOs of one run's Pipe channels, in all the ways in which the platform may; sees what is read of them."""

import array
import fcntl
import itertools
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from contracts.channels import Channel, Shard
from contracts.paths import OptMlLayout
from tuner.channels.epochs import Epochs
from tuner.channels.fifo import FifoWriter, make_fifo
from tuner.channels.pieces import Piece
from tuner.conformance.sending import Feeding, Sending, SentChannel
from tuner.errors import ChannelError
from tuner.s3.errors import CalledOff

#: So many pieces at the beginning of an epoch are sent one by one, each after the one before it was read.
_PIECES = 500
#: Their lengths in bytes, over and over: no record has a multiple of all of them.
_LENGTHS = (1, 2, 3, 5, 7)
#: A reader that does not read is not waited for longer, in seconds: the next piece comes behind this one.
_READ_SECONDS = 0.2
_LOOK_SECONDS = 0.0002
#: What a pipe holds at least: no read gets more than this at once.
_SMALLEST_PIPE_BYTES = 4096
_JOIN_SECONDS = 5.0


class Feeds:
    """The Pipe channels of one run; `start` makes the first FIFOs, so it comes before the container does.

    Raises ChannelError where a channel's data cannot be listed.
    """

    def __init__(self, sending: Sending, layout: OptMlLayout) -> None:
        self._feeders = [
            _Feeder(channel, channel.feeding, layout) for channel in sending.channels if channel.feeding is not None
        ]

    def start(self) -> None:
        """Make the first FIFO of each channel, and begin to feed."""
        for feeder in self._feeders:
            feeder.start()

    def close(self) -> Mapping[str, Sequence[bool]]:
        """Stop; return by channel, for each FIFO that was opened, whether all of it was taken.

        Raises ChannelError where a channel could not be fed.
        """
        for feeder in self._feeders:
            feeder.call_off()
        for feeder in self._feeders:
            feeder.join()
        for feeder in self._feeders:
            if feeder.problem is not None:
                raise feeder.problem
        return {feeder.name: tuple(feeder.read) for feeder in self._feeders}


class _Feeder:
    """Feeds one channel, an epoch after the other, until it is called off."""

    def __init__(self, channel: SentChannel, feeding: Feeding, layout: OptMlLayout) -> None:
        self.name = channel.name
        self.read: list[bool] = []
        self.problem: Exception | None = None
        self._source = channel.source
        self._feeding = feeding
        self._layout = layout
        self._called_off = threading.Event()
        self._epochs = None if channel.source is None else self._listed(channel, channel.source)
        self._thread = threading.Thread(target=self._run, name=f"feed of {channel.name}", daemon=True)

    def _listed(self, channel: SentChannel, source: Path) -> Epochs:
        scratch = self._layout.root / "scratch"  # for a manifest in S3: never made, as `source` is a path
        return Epochs(_as_channel(channel, source), Shard(), scratch=scratch, called_off=self._called_off)

    def start(self) -> None:
        make_fifo(self._layout.channel_fifo(self.name, 0))
        self._thread.start()

    def call_off(self) -> None:
        self._called_off.set()

    def join(self) -> None:
        if self._thread.ident is not None:
            self._thread.join(_JOIN_SECONDS)

    def _run(self) -> None:
        try:
            for epoch in itertools.count():
                self._feed(epoch)
        except CalledOff:
            return
        except OSError as error:
            self.problem = ChannelError(f"channel {self.name!r}: {error.filename or self._source}: {error.strerror}")
        except Exception as error:  # noqa: BLE001 - the rim of the thread; `close` raises it where it is heard
            self.problem = error

    def _feed(self, epoch: int) -> None:
        fifo = self._layout.channel_fifo(self.name, epoch)
        make_fifo(fifo)
        kind = _PieceWriter if self._feeding.in_pieces else FifoWriter
        with kind.open(
            fifo, self._called_off, enough=self._called_off, before=lambda: None, in_vain=lambda: None
        ) as writer:
            self.read.append(False)
            with suppress(BrokenPipeError):  # the reader has had enough, which ends the epoch as well
                for piece in () if self._epochs is None else self._epochs.pieces(epoch):
                    writer.send(piece)
                self.read[-1] = True
            if not self._feeding.late_seconds:
                make_fifo(self._layout.channel_fifo(self.name, epoch + 1))
            fifo.unlink(missing_ok=True)  # before its reader sees the end: who opens it again learns that it is over
        if self._called_off.wait(self._feeding.late_seconds):
            raise CalledOff


class _PieceWriter(FifoWriter):
    """Sends a few bytes at a time, and the next ones when they were read."""

    def __init__(self, descriptor: int, called_off: threading.Event) -> None:
        super().__init__(descriptor, called_off)
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _SMALLEST_PIPE_BYTES)
        self._lengths = itertools.islice(itertools.cycle(_LENGTHS), _PIECES)

    def send(self, piece: Piece) -> None:
        for content in [piece] if isinstance(piece, bytes) else piece.chunks():
            start = 0
            while start < len(content):
                length = next(self._lengths, None)
                end = len(content) if length is None else start + length
                super().send(content[start:end])
                if length is not None:
                    self._wait_until_read()
                start = end

    def _wait_until_read(self) -> None:
        deadline = time.monotonic() + _READ_SECONDS
        while self._unread() and time.monotonic() < deadline:
            if self._called_off.wait(_LOOK_SECONDS):
                raise CalledOff

    def _unread(self) -> int:
        found = array.array("i", [0])
        fcntl.ioctl(self._descriptor, termios.FIONREAD, found)
        return found[0]


def _as_channel(channel: SentChannel, path: Path) -> Channel:
    # An address is unquoted where it is read, so a per cent sign of a path has to be quoted.
    return Channel(
        name=channel.name,
        uri="file://" + str(path).replace("%", "%25"),
        source_type=channel.source_type,
        attribute_names=channel.attribute_names,
        input_mode=channel.mode,
        record_wrapper=channel.record_wrapper,
        compression=channel.compression,
        shuffle_seed=channel.shuffle_seed,
    )
