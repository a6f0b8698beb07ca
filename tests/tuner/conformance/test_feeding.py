"""Feeding the FIFOs of one run, read as a container reads them."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from conformance_observations import CASE
from fifo_readers import FifoReader, read_epoch, wait_for

from contracts.channels import RecordWrapper
from contracts.paths import OptMlLayout
from contracts.recordio import record_header, record_padding
from tuner.conformance.feeding import Feeds
from tuner.conformance.sending import Feeding, SentChannel, plainest
from tuner.errors import ChannelError

CONTENT = b"0123456789" * 501
Feed = Callable[[SentChannel], Feeds]


@pytest.fixture
def layout(tmp_path: Path) -> OptMlLayout:
    """The folder of one run."""
    made = OptMlLayout(tmp_path / "opt" / "ml")
    made.data.mkdir(parents=True)
    return made


@pytest.fixture
def channel(tmp_path: Path) -> SentChannel:
    """A channel of one file, whose name would be misread as an address."""
    (tmp_path / "100%20").write_bytes(CONTENT)
    return SentChannel(name="training", source=tmp_path / "100%20").piped(Feeding())


@pytest.fixture
def feed(layout: OptMlLayout) -> Iterator[Feed]:
    """Feeds a channel; called off at the end, whatever the test said."""
    made: list[Feeds] = []

    def start(channel: SentChannel) -> Feeds:
        made.append(Feeds(replace(plainest(CASE), channels=(channel,)), layout))
        made[-1].start()
        return made[-1]

    yield start
    for one in made:
        one._feeders[0].call_off()
        one._feeders[0].join()


def test_each_epoch_comes_through_a_fifo_of_its_own(channel: SentChannel, feed: Feed, layout: OptMlLayout) -> None:
    """At the end of one the next is there, and the one that was read is gone."""
    feeds = feed(channel)
    first, second = layout.channel_fifo("training", 0), layout.channel_fifo("training", 1)

    assert CONTENT == read_epoch(first)
    assert (False, True) == (first.exists(), second.is_fifo())
    assert CONTENT == read_epoch(second)
    assert {"training": (True, True)} == feeds.close()


def test_a_reader_that_has_had_enough_ends_its_epoch(channel: SentChannel, feed: Feed, layout: OptMlLayout) -> None:
    """It is seen that not all was taken."""
    big = channel.source.with_name("big")  # type: ignore[union-attr]
    big.write_bytes(bytes(8 << 20))
    feeds = feed(replace(channel, source=big))
    reader = FifoReader(layout.channel_fifo("training", 0))
    reader.read(10)
    reader.close()
    wait_for(layout.channel_fifo("training", 1).is_fifo, "the next epoch")

    assert {"training": (False,)} == feeds.close()


def test_pieces_are_of_a_few_bytes(channel: SentChannel, feed: Feed, layout: OptMlLayout) -> None:
    """Each waits until the one before it was read; together they are everything."""
    feed(channel.piped(Feeding(in_pieces=True)))
    reader = FifoReader(layout.channel_fifo("training", 0))
    beginning = [reader.read(1 << 16) for _ in range(3)]
    rest = reader.read_all()
    reader.close()

    assert CONTENT == b"".join(beginning) + rest
    assert max(len(piece) for piece in beginning) < 20


def test_a_late_fifo_is_not_there_at_the_end_of_the_epoch_before(
    channel: SentChannel, feed: Feed, layout: OptMlLayout
) -> None:
    """It comes all the same."""
    feed(channel.piped(Feeding(late_seconds=0.5)))
    read_epoch(layout.channel_fifo("training", 0))

    assert not layout.channel_fifo("training", 1).exists()
    assert CONTENT == read_epoch(layout.channel_fifo("training", 1))


def test_an_object_may_be_a_record(channel: SentChannel, feed: Feed, layout: OptMlLayout) -> None:
    """With its header and its padding."""
    feed(replace(channel, record_wrapper=RecordWrapper.RECORD_IO))
    size = len(CONTENT)

    assert record_header(size) + CONTENT + record_padding(size) == read_epoch(layout.channel_fifo("training", 0))


def test_a_channel_of_nothing_gives_nothing(channel: SentChannel, feed: Feed, layout: OptMlLayout) -> None:
    """Its FIFO is there, and at its end at once."""
    feed(replace(channel, source=None))

    assert b"" == read_epoch(layout.channel_fifo("training", 0))


def test_data_that_is_not_there_ends_the_check(channel: SentChannel, feed: Feed) -> None:
    """It says nothing of the image."""
    with pytest.raises(ChannelError):
        feed(replace(channel, source=Path("/nowhere")))
