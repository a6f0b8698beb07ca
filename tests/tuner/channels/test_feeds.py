"""Pipe channels fed through real FIFOs, by real threads."""

import gzip
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fifo_readers import FifoReader, read_epoch, wait_for

from contracts.channels import Channel, Compression, InputMode, RecordWrapper
from contracts.paths import OptMlLayout
from tuner.channels.feeds import ChannelFeeds, remove_fifos

#: More than a pipe holds, so that the writer has to wait for its reader.
LONG = os.urandom(3_000_000)


class Place:
    """A job's folder, and the feeds that were started in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.layout = OptMlLayout(root / "opt")
        self.layout.data.mkdir(parents=True)
        self.activity = threading.Event()
        self.started: list[ChannelFeeds] = []

    def feed(self, *channels: Channel) -> ChannelFeeds:
        """Feed, as a process does that starts or adopts the job."""
        feeds = ChannelFeeds(channels, self.layout, self.root / "feeds", self.activity)
        self.started.append(feeds)
        feeds.start()
        return feeds

    def fifo(self, name: str, epoch: int) -> Path:
        """The FIFO of an epoch."""
        return self.layout.channel_fifo(name, epoch)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A job's folder; what feeds there ends with the test, and no thread stays behind."""
    one = Place(tmp_path)
    yield one
    for feeds in one.started:
        feeds.close()
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("feed of")]


@pytest.fixture
def pipe(tmp_path: Path) -> Callable[..., Channel]:
    """Makes Pipe channels, and the files that they read."""

    def make(name: str, *objects: bytes, **members: Any) -> Channel:
        folder = tmp_path / f"data of {name}"
        folder.mkdir()
        for number, one in enumerate(objects):
            (folder / f"{number:05d}").write_bytes(one)
        return Channel(name=name, uri=f"file://{folder}", input_mode=InputMode.PIPE, **members)

    return make


MakePipe = Callable[..., Channel]


def test_each_epoch_gives_everything_and_then_ends(place: Place, pipe: MakePipe) -> None:
    """Three of them, each in a FIFO of its own."""
    place.feed(pipe("train", b"one,", LONG, b"", b",three"))

    assert 3 * [b"one," + LONG + b",three"] == [read_epoch(place.fifo("train", epoch)) for epoch in range(3)]


def test_the_first_fifo_is_there_and_the_next_comes_when_an_epoch_is_over(place: Place, pipe: MakePipe) -> None:
    """And that of an epoch that is over goes, so that who opens it again does not wait for ever."""
    place.feed(pipe("train", LONG))
    reader = FifoReader(place.fifo("train", 0))
    reader.read(1)
    assert not place.fifo("train", 1).exists()
    reader.read_all()
    reader.close()

    wait_for(place.fifo("train", 1).is_fifo, "the next FIFO")
    wait_for(lambda: not place.fifo("train", 0).exists(), "the end of the last one")
    assert 0o644 == place.fifo("train", 1).stat().st_mode & 0o777


def test_a_reader_may_take_tiny_pieces(place: Place, pipe: MakePipe) -> None:
    """Nothing is lost between them."""
    place.feed(pipe("train", LONG[:5000], LONG[5000:9001]))

    assert LONG[:9001] == read_epoch(place.fifo("train", 0), piece=7)


@pytest.mark.parametrize("most", [0, 1, 100_000])
def test_closing_early_ends_the_epoch_and_the_next_one_is_whole(place: Place, pipe: MakePipe, most: int) -> None:
    """After some bytes, and without having read any; it is no error."""
    feeds = place.feed(pipe("train", LONG))
    reader = FifoReader(place.fifo("train", 0))
    reader.wait_until_fed()
    reader.read(most)
    reader.close()

    assert LONG == read_epoch(place.fifo("train", 1))
    assert feeds.problem is None


def test_channels_do_not_wait_for_each_other(place: Place, pipe: MakePipe) -> None:
    """One is at its third epoch while another is in the middle of its first and a third was never opened."""
    place.feed(pipe("train", b"t"), pipe("slow", LONG), pipe("unused", b"u"))
    slow = FifoReader(place.fifo("slow", 0))
    first = slow.read(10)

    assert 3 * [b"t"] == [read_epoch(place.fifo("train", epoch)) for epoch in range(3)]
    assert LONG == first + slow.read_all()
    slow.close()


def test_thousands_of_small_objects_are_one_stream(place: Place, pipe: MakePipe) -> None:
    """In order."""
    objects = [f"{number}\n".encode() for number in range(3000)]
    place.feed(pipe("train", *objects))

    assert b"".join(objects) == read_epoch(place.fifo("train", 0))


def test_a_file_that_the_kernel_cannot_hand_on_is_read_and_written(place: Place) -> None:
    """Not every file system takes part in sendfile; this one of /proc does not."""
    place.feed(Channel(name="train", uri="file:///proc/self/cmdline", input_mode=InputMode.PIPE))

    assert Path("/proc/self/cmdline").read_bytes() == read_epoch(place.fifo("train", 0))


def test_gzip_arrives_unpacked(place: Place, pipe: MakePipe) -> None:
    """Also what is longer than a pipe holds."""
    place.feed(pipe("train", gzip.compress(LONG), gzip.compress(b"end"), compression=Compression.GZIP))

    assert LONG + b"end" == read_epoch(place.fifo("train", 0))


def test_an_object_that_changes_its_length_while_it_is_a_record_is_a_problem(place: Place, pipe: MakePipe) -> None:
    """The record's length has been said already, so what follows would be read as nonsense."""
    feeds = place.feed(pipe("train", LONG, record_wrapper=RecordWrapper.RECORD_IO))
    reader = FifoReader(place.fifo("train", 0))
    reader.read(8)
    os.truncate(place.root / "data of train" / "00000", 2_000_000)
    while not reader.has_nothing_now or feeds.problem is None:
        if not reader.has_nothing_now:
            assert reader.read(1 << 20)
    reader.close()

    assert feeds.problem is not None
    assert feeds.problem.endswith("00000 was changed while it was read")


def test_only_pipe_channels_are_fed(place: Place) -> None:
    """Others are folders."""
    feeds = place.feed(Channel(name="train", uri="file:///nowhere"))

    assert (None, []) == (feeds.problem, list(place.layout.data.iterdir()))


def test_a_writer_that_waits_for_its_reader_can_be_called_off(place: Place, pipe: MakePipe) -> None:
    """In the middle of an epoch, with the pipe full; the reader sees the end of what there was."""
    feeds = place.feed(pipe("train", LONG))
    reader = FifoReader(place.fifo("train", 0))
    first = reader.read(1)
    feeds.close()
    rest = reader.read_all()
    reader.close()

    assert LONG.startswith(first + rest)
    assert len(LONG) > len(first + rest)


def test_a_later_process_goes_on_between_two_epochs(place: Place, pipe: MakePipe) -> None:
    """Nobody has read anything of the epoch that was waited for, so nothing is torn."""
    channel = pipe("train", LONG, shuffle_seed=1)
    first = place.feed(channel)
    read_epoch(place.fifo("train", 0))
    wait_for(place.fifo("train", 1).is_fifo, "the next epoch")
    first.close()
    second = place.feed(channel)

    assert LONG == read_epoch(place.fifo("train", 1))
    assert second.problem is None


def test_epochs_can_be_brought_to_their_end_for_another_process_to_go_on(place: Place, pipe: MakePipe) -> None:
    """Who is in the middle of one gets it whole; no further one begins, until the other process feeds it."""
    channels = (pipe("train", LONG), pipe("waits", b"w"))
    first = place.feed(*channels)
    reader = FifoReader(place.fifo("train", 0))
    begin = reader.read(10)
    assert first.finish_epochs()
    assert LONG == begin + reader.read_all()
    reader.close()
    wait_for(lambda: not first.finish_epochs(), "the end of the epoch")
    first.close()
    second = place.feed(*channels)

    assert (None, LONG, b"w") == (
        second.problem,
        read_epoch(place.fifo("train", 1)),
        read_epoch(place.fifo("waits", 0)),
    )


def test_a_later_process_knows_that_an_epoch_was_torn(place: Place, pipe: MakePipe) -> None:
    """The reader could not tell it from the end of the epoch. It is known at once, and nothing is fed."""
    channel = pipe("train", LONG)
    first = place.feed(channel)
    read_epoch(place.fifo("train", 0))
    reader = FifoReader(place.fifo("train", 1))
    reader.read(1)
    first.close()
    reader.close()
    second = ChannelFeeds([channel], place.layout, place.root / "feeds", place.activity)

    assert second.problem is None
    assert second.torn is not None
    assert second.torn.startswith("the process that fed Pipe channel 'train' ended in the middle of epoch 1")


def test_a_file_that_cannot_be_read_is_a_problem_and_no_end_of_the_epoch(place: Place, pipe: MakePipe) -> None:
    """The reader waits: it must not take half an epoch for a whole one. A later process says the same."""
    channel = pipe("train", b"good", b"bad")
    feeds = place.feed(channel)
    wait_for(place.fifo("train", 0).is_fifo, "the FIFO")
    (place.root / "data of train" / "00001").unlink()
    reader = FifoReader(place.fifo("train", 0))
    assert b"good" == reader.read(100)
    wait_for(lambda: feeds.problem is not None, "the problem")
    assert place.activity.is_set()
    assert reader.has_nothing_now
    reader.close()
    feeds.close()

    assert feeds.problem == f"ClientError: channel 'train': {place.root}/data of train/00001: No such file or directory"
    assert feeds.problem == place.feed(channel).problem


def test_a_channel_that_cannot_be_listed_is_a_problem(place: Place) -> None:
    """It is said before anybody reads."""
    feeds = place.feed(Channel(name="train", uri="file:///nowhere/at/all", input_mode=InputMode.PIPE))
    wait_for(lambda: feeds.problem is not None, "the problem")

    assert feeds.problem == "ClientError: channel 'train': /nowhere/at/all: No such file or directory"


def test_the_fifos_of_a_job_that_has_ended_are_removed(place: Place, pipe: MakePipe) -> None:
    """And nothing else."""
    feeds = place.feed(pipe("train", b"x"), pipe("a.b-c_1", b"y"))
    (place.layout.data / "folder").mkdir()
    wait_for(place.fifo("train", 0).is_fifo, "the FIFO")
    wait_for(place.fifo("a.b-c_1", 0).is_fifo, "the FIFO")
    feeds.close()
    remove_fifos(place.layout)

    assert ["folder"] == [path.name for path in place.layout.data.iterdir()]
