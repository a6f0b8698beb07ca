"""Pipe channels whose objects are in S3: streamed, never kept, never torn."""

import gzip
import json
import os
import threading
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from faulty_proxy import Fault, FaultyProxy
from fifo_readers import FifoReader, read_epoch, wait_for
from s3_server import Bucket

from container.cifar10.recordio import read_records
from contracts.channels import Channel, Compression, InputMode, RecordWrapper, Shard, SourceType
from contracts.paths import OptMlLayout
from tuner.channels.epochs import Epochs
from tuner.channels.feeds import ChannelFeeds
from tuner.errors import ChannelError
from tuner.s3.errors import S3Error

#: More than a pipe holds, and more than a chunk.
LONG = os.urandom(5_000_000)

Stream = Callable[..., list[bytes]]


def pipe(uri: str, **members: Any) -> Channel:
    """A channel that reads `uri`."""
    return Channel(name="train", uri=uri, input_mode=InputMode.PIPE, **members)


@pytest.fixture
def stream(tmp_path: Path) -> Stream:
    """Reads an epoch of a channel, or a share of it, piece by piece."""

    def run(channel: Channel, epoch: int = 0, shard: Shard = Shard(), times: int = 1) -> list[bytes]:  # noqa: B008
        epochs = Epochs(channel, shard, scratch=tmp_path / "manifest", called_off=threading.Event())
        for _ in range(times):
            pieces = [one if isinstance(one, bytes) else b"".join(one.chunks()) for one in epochs.pieces(epoch)]
        return pieces

    return run


@pytest.fixture
def feed(tmp_path: Path) -> Iterator[Callable[[Channel], ChannelFeeds]]:
    """Feeds a channel through real FIFOs below `tmp_path`; ends with the test."""
    started: list[ChannelFeeds] = []
    OptMlLayout(tmp_path).data.mkdir(parents=True)

    def start(channel: Channel) -> ChannelFeeds:
        feeds = ChannelFeeds([channel], OptMlLayout(tmp_path), tmp_path / "feeds", threading.Event())
        started.append(feeds)
        feeds.start()
        return feeds

    yield start
    for one in started:
        one.close()


def test_objects_follow_each_other_in_the_order_of_their_keys(bucket: Bucket, stream: Stream) -> None:
    """Also where a key makes no path: nothing is written. Folder markers are no objects."""
    bucket.put({"d/": b"", "d/b": b"2", "d/a": b"1", "d//c": b"0", "d/é": b"3", "e": b"no"})

    assert [b"0", b"1", b"2", b"3"] == stream(pipe(bucket.uri("d/")))


def test_what_is_packed_is_unpacked_and_what_is_wrapped_is_a_record(
    bucket: Bucket, stream: Stream, tmp_path: Path
) -> None:
    """A packed record counts unpacked; several gzip members are one content."""
    bucket.put({"d/a": gzip.compress(b"12345") + gzip.compress(b"678"), "d/b": gzip.compress(LONG), "d/c": b""})
    bucket.delete("d/c")
    members: dict[str, Any] = {"compression": Compression.GZIP, "record_wrapper": RecordWrapper.RECORD_IO}
    (tmp_path / "stream.rec").write_bytes(b"".join(stream(pipe(bucket.uri("d"), **members))))

    assert [b"12345678", LONG] == list(read_records(tmp_path / "stream.rec"))


def test_what_is_no_whole_gzip_object_is_told(bucket: Bucket, stream: Stream) -> None:
    """By its address."""
    bucket.put({"d/a": gzip.compress(b"x" * 1000)[:-4]})

    with pytest.raises(ChannelError, match=f"{bucket.uri('d/a')} is no whole gzip file"):
        stream(pipe(bucket.uri("d"), compression=Compression.GZIP))


def test_a_manifest_gives_its_objects_as_they_stand(bucket: Bucket, stream: Stream, tmp_path: Path) -> None:
    """Wherever it lies itself."""
    text = json.dumps([{"prefix": bucket.uri("d/")}, "b", "a", "b"])
    bucket.put({"m": text.encode(), "d/a": b"1", "d/b": b"2"})
    (tmp_path / "m").write_text(text)
    found = [stream(pipe(uri, source_type=SourceType.MANIFEST)) for uri in (bucket.uri("m"), f"file://{tmp_path}/m")]

    assert 2 * [[b"2", b"1", b"2"]] == found


def test_an_augmented_manifest_gives_attributes_and_the_objects_they_name(
    bucket: Bucket, stream: Stream, tmp_path: Path
) -> None:
    """Wherever it lies itself; one in S3 is read once, however many epochs there are."""
    lines = [{"i-ref": bucket.uri(f"d/{n}"), "label": n} for n in (2, 1)]
    text = "\n".join(map(json.dumps, lines))
    bucket.put({"m": text.encode(), "d/1": b"<one>", "d/2": b"<two>"})
    (tmp_path / "m").write_text(text)
    members: dict[str, Any] = {
        "source_type": SourceType.AUGMENTED_MANIFEST,
        "attribute_names": ("i-ref", "label"),
    }

    assert [b"<two>", b"2", b"<one>", b"1"] == stream(pipe(bucket.uri("m"), **members), times=2)
    assert [b"<two>", b"2", b"<one>", b"1"] == stream(pipe(f"file://{tmp_path}/m", **members))


def test_a_manifest_in_s3_does_not_lead_to_files_of_this_host(bucket: Bucket, stream: Stream) -> None:
    """Who may write to a bucket must not choose what a container reads of it."""
    bucket.put({"m": json.dumps({"a-ref": "file:///etc/passwd"}).encode()})
    channel = pipe(bucket.uri("m"), source_type=SourceType.AUGMENTED_MANIFEST, attribute_names=("a-ref",))

    with pytest.raises(ChannelError, match="leads to objects in S3 only"):
        stream(channel)


def test_hosts_share_the_objects_and_change_places_with_a_seed(bucket: Bucket, stream: Stream) -> None:
    """As they do with files of this host."""
    bucket.put({f"d/{letter}": letter.encode() for letter in "abcdefghij"})
    channel = pipe(bucket.uri("d"), distribution="ShardedByS3Key", shuffle_seed=5)
    epochs = [[stream(channel, epoch, Shard(index, 3)) for index in range(3)] for epoch in range(2)]

    assert 2 * ["abcdefghij"] == [b"".join(sorted(chain.from_iterable(shares))).decode() for shares in epochs]
    assert epochs[0] != epochs[1]
    assert [4, 3, 3] == [len(share) for share in epochs[0]]


def test_a_connection_that_breaks_does_not_tear_the_stream(
    bucket: Bucket, proxy: FaultyProxy, tmp_path: Path, feed: Callable[[Channel], ChannelFeeds]
) -> None:
    """Through a real FIFO, in every epoch."""
    bucket.put({"d/a": LONG, "d/b": b"end"})
    proxy.first(Fault(cut_after=2_000_000), times=4)
    feeds = feed(pipe(bucket.uri("d")))
    got = [read_epoch(OptMlLayout(tmp_path).channel_fifo("train", epoch)) for epoch in range(2)]

    assert 2 * [LONG + b"end"] == got
    assert feeds.problem is None
    assert ["bytes=2000000-4999999", "bytes=4000000-4999999"] == [
        one.bytes_range for one in proxy.asked_for("/d/a")[1:3]
    ]


def test_an_object_that_is_changed_in_the_middle_is_a_problem_and_no_end_of_the_epoch(
    bucket: Bucket, proxy: FaultyProxy, tmp_path: Path, feed: Callable[[Channel], ChannelFeeds]
) -> None:
    """The reader must not take a mixture for an epoch."""
    bucket.put({"d/a": LONG})
    proxy.first(Fault(cut_after=1000))
    feeds = feed(pipe(bucket.uri("d")))
    reader = FifoReader(OptMlLayout(tmp_path).channel_fifo("train", 0))
    reader.wait_until_fed()
    bucket.put({"d/a": b"new"})
    wait_for(lambda: feeds.problem is not None, "the problem")
    begin = reader.read(len(LONG))

    assert LONG.startswith(begin)
    assert reader.has_nothing_now
    assert f"ClientError: channel 'train': {bucket.uri('d/a')}: was changed" in (feeds.problem or "")
    reader.close()


def test_a_stream_is_called_off_while_its_reader_waits(
    bucket: Bucket, tmp_path: Path, feed: Callable[[Channel], ChannelFeeds]
) -> None:
    """In the middle of an object; no thread stays behind."""
    bucket.put({"d/a": LONG})
    feeds = feed(pipe(bucket.uri("d")))
    reader = FifoReader(OptMlLayout(tmp_path).channel_fifo("train", 0))
    reader.wait_until_fed()
    feeds.close()
    reader.read_all()
    reader.close()

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("feed of")]


def test_a_stream_is_called_off_while_s3_says_nothing(
    bucket: Bucket, proxy: FaultyProxy, tmp_path: Path, feed: Callable[[Channel], ChannelFeeds]
) -> None:
    """Of small objects at once; a thread that waits for a large one ends with its connection."""
    bucket.put({"d/a": b"small"})
    held = threading.Event()
    proxy.always(Fault(hold=held))
    feeds = feed(pipe(bucket.uri("d")))
    reader = FifoReader(OptMlLayout(tmp_path).channel_fifo("train", 0))
    wait_for(lambda: proxy.asked_for("/d/a") != [], "the request")
    feeds.close()
    held.set()
    reader.close()

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("feed of")]


def test_a_prefix_that_is_not_there_is_a_problem_before_anybody_reads(
    bucket: Bucket, feed: Callable[[Channel], ChannelFeeds]
) -> None:
    """The job fails with it."""
    feeds = feed(pipe(bucket.uri("nothing")))
    wait_for(lambda: feeds.problem is not None, "the problem")

    assert f"ClientError: channel 'train': {bucket.uri('nothing')}: no object's key" in (feeds.problem or "")


def test_an_object_that_is_deleted_before_its_turn_is_told(bucket: Bucket, stream: Stream, tmp_path: Path) -> None:
    """It was listed."""
    bucket.put({"d/a": b"1"})
    epochs = Epochs(pipe(bucket.uri("d")), scratch=tmp_path / "m", called_off=threading.Event())
    bucket.delete("d/a")

    with pytest.raises(S3Error, match="there is no such object"):
        list(epochs.pieces(0))


def test_objects_are_asked_for_ahead_and_given_in_order(bucket: Bucket, proxy: FaultyProxy, stream: Stream) -> None:
    """The first one comes late: by then S3 has been asked for the next ones, and not for all."""
    bucket.put({f"d/{number:02}": b"%d" % number for number in range(40)})
    paths = [f"/d/{number:02}" for number in range(40)]
    asked: list[list[str]] = []

    def hold() -> None:
        wait_for(lambda: len(asked_for()) >= 17, "those that are asked for ahead")
        asked.append(asked_for())

    def asked_for() -> list[str]:
        return [path for path in paths if proxy.asked_for(path)]

    proxy.first(Fault(before=hold), path="/d/00")

    assert [b"%d" % number for number in range(40)] == stream(pipe(bucket.uri("d/")))
    assert [paths[:17]] == asked


def test_an_error_waits_for_its_turn(bucket: Bucket, tmp_path: Path) -> None:
    """What comes before it is given first."""
    bucket.put({f"d/{letter}": letter.encode() for letter in "abcd"})
    epochs = Epochs(pipe(bucket.uri("d")), scratch=tmp_path / "m", called_off=threading.Event())
    bucket.delete("d/c")
    pieces = epochs.pieces(0)

    assert [b"a", b"b"] == [next(pieces), next(pieces)]
    with pytest.raises(S3Error, match="/d/c: there is no such object"):
        next(pieces)
