"""What goes through a Pipe channel in one epoch."""

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from container.cifar10.recordio import read_records
from contracts.channels import Channel, Compression, RecordWrapper, Shard, SourceType
from tuner.channels.epochs import Epochs
from tuner.channels.pieces import FilePiece, Piece, record_length
from tuner.errors import ChannelError, NotSupported


def pipe(path: Path, **members: Any) -> Channel:
    """A channel that reads `path`."""
    return Channel(name="train", uri=f"file://{path}", **members)


def bytes_of(piece: Piece) -> bytes:
    """What a reader gets of a piece."""
    return piece if isinstance(piece, bytes) else b"".join(piece.chunks())


def content(channel: Channel, epoch: int = 0) -> bytes:
    """The bytes of one epoch."""
    return b"".join(map(bytes_of, Epochs(channel).pieces(epoch)))


@pytest.fixture
def letters(tmp_path: Path) -> Path:
    """A folder with a file for each letter."""
    folder = tmp_path / "letters"
    folder.mkdir()
    for letter in "zyxwvutsrqponmlkjihgfedcba":
        (folder / letter).write_text(letter)
    return folder


def augmented(path: Path, *lines: dict[str, Any], names: tuple[str, ...], **members: Any) -> Channel:
    """A channel that reads an augmented manifest, which is written to `path`."""
    path.write_text("\n".join(json.dumps(line) for line in lines))
    return pipe(path, source_type=SourceType.AUGMENTED_MANIFEST, attribute_names=names, **members)


def test_objects_follow_each_other_in_listing_order_with_nothing_between(letters: Path) -> None:
    """The same in every epoch."""
    assert b"abcdefghijklmnopqrstuvwxyz" == content(pipe(letters)) == content(pipe(letters), 5)


def test_a_seed_shuffles_each_epoch_differently_and_always_alike(letters: Path) -> None:
    """The order follows from the seed and the epoch, and nothing is lost."""
    epochs = [content(pipe(letters, shuffle_seed=7), epoch) for epoch in range(5)]

    assert 5 == len(set(epochs))
    assert {tuple(sorted(Counter(b"abcdefghijklmnopqrstuvwxyz").items()))} == {
        tuple(sorted(Counter(epoch).items())) for epoch in epochs
    }
    assert epochs == [content(pipe(letters, shuffle_seed=7), epoch) for epoch in range(5)]
    assert epochs[0] != content(pipe(letters, shuffle_seed=8))


def test_an_order_stays_the_same_from_one_version_of_python_to_the_next(letters: Path) -> None:
    """A run can be repeated years later."""
    assert b"apzvcghukresoqjynimxfdbtlw" == content(pipe(letters, shuffle_seed=7))


def test_gzip_is_unpacked_also_when_an_object_is_several_of_them(tmp_path: Path) -> None:
    """As gzip -c a >> b makes them."""
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"one ") + gzip.compress(b"two "))
    (tmp_path / "b.gz").write_bytes(gzip.compress(b""))

    assert b"one two " == content(pipe(tmp_path, compression=Compression.GZIP))


@pytest.mark.parametrize(
    "packed",
    [b"no gzip at all", gzip.compress(b"x" * 5000)[:-9], b"\x1f\x8b\x08\0" + bytes(40)],
    ids=["another format", "cut off", "torn"],
)
def test_what_is_no_whole_gzip_file_is_told_with_its_path(tmp_path: Path, packed: bytes) -> None:
    """Whatever is wrong with it."""
    (tmp_path / "bad.gz").write_bytes(packed)

    with pytest.raises(ChannelError, match=r"bad\.gz is no whole gzip file"):
        content(pipe(tmp_path, compression=Compression.GZIP))


@pytest.mark.parametrize("compression", list(Compression))
def test_recordio_makes_each_object_one_record_that_mxnet_s_format_reads(
    tmp_path: Path, compression: Compression
) -> None:
    """Read by the reference algorithm's reader; an empty object is an empty record, a packed one counts unpacked."""
    (tmp_path / "data").mkdir()
    payloads = [b"", b"1", b"12345678", b"x" * 100_001]
    for number, payload in enumerate(payloads):
        packed = gzip.compress(payload) if compression is Compression.GZIP else payload
        (tmp_path / "data" / str(number)).write_bytes(packed)
    channel = pipe(tmp_path / "data", record_wrapper=RecordWrapper.RECORD_IO, compression=compression)
    (tmp_path / "stream.rec").write_bytes(content(channel))

    assert payloads == list(read_records(tmp_path / "stream.rec"))


def test_an_object_of_512_mib_is_too_long_for_a_record(tmp_path: Path) -> None:
    """Its path is told; one byte less is not too long."""
    with (tmp_path / "big").open("wb") as file:
        file.truncate((1 << 29) - 1)
    assert (1 << 29) - 1 == record_length(tmp_path / "big")
    with (tmp_path / "big").open("ab") as file:
        file.truncate(1 << 29)

    with pytest.raises(ChannelError, match=r"/big: a RecordIO record holds less than 512 MiB"):
        list(Epochs(pipe(tmp_path / "big", record_wrapper=RecordWrapper.RECORD_IO)).pieces(0))


def test_attributes_come_in_the_order_that_was_asked_for(tmp_path: Path) -> None:
    """A reference as the bytes it leads to, others as their JSON text; what was not asked for is left out."""
    (tmp_path / "1.png").write_bytes(b"<one>")
    (tmp_path / "2.png").write_bytes(b"<two>")
    lines = (
        {"label": 1, "image-ref": f"file://{tmp_path}/1.png", "box": [1.5, 2], "other": "x"},
        {"image-ref": "file://2.png", "box": {}, "label": "cat"},
    )
    channel = augmented(tmp_path / "m", *lines, names=("image-ref", "label", "box"))

    assert b'<one>1[1.5, 2]<two>"cat"{}' == content(channel)


def test_each_attribute_is_a_record_of_its_own(tmp_path: Path) -> None:
    """So that a reader can tell them apart."""
    (tmp_path / "1.png").write_bytes(b"<one>")
    channel = augmented(
        tmp_path / "m",
        {"image-ref": "file://1.png", "label": 12},
        names=("label", "image-ref"),
        record_wrapper=RecordWrapper.RECORD_IO,
    )
    (tmp_path / "stream.rec").write_bytes(content(channel))

    assert [b"12", b"<one>"] == list(read_records(tmp_path / "stream.rec"))


def test_a_seed_shuffles_the_lines_of_an_augmented_manifest_whole(tmp_path: Path) -> None:
    """Attributes of one line stay together; blank lines are none."""
    path = tmp_path / "m"
    path.write_text("\n\n".join(json.dumps({"a": n, "b": n}) for n in range(10, 40)) + "\n")
    members: dict[str, Any] = {"source_type": SourceType.AUGMENTED_MANIFEST, "attribute_names": ("a", "b")}
    plain, shuffled = content(pipe(path, **members)), content(pipe(path, shuffle_seed=3, **members))
    pairs = [shuffled[place : place + 4] for place in range(0, len(shuffled), 4)]

    assert plain != shuffled
    assert all(pair[:2] == pair[2:] for pair in pairs)
    assert plain == b"".join(sorted(pairs))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"b": 1}', "line 2 has no attribute 'a-ref'"),
        ('{"a-ref": 5}', "line 2 holds 5"),
        ("nonsense", "line 2 is no JSON object"),
        ("\udcff", "line 2 "),
    ],
)
def test_a_wrong_line_is_told_by_its_number(tmp_path: Path, line: str, words: str) -> None:
    """Before anything starts, and in the middle of an epoch if it comes to that."""
    (tmp_path / "m").write_text('{"a-ref": "file:///dev/null"}\n' + line, errors="surrogateescape")
    channel = pipe(tmp_path / "m", source_type=SourceType.AUGMENTED_MANIFEST, attribute_names=("a-ref",))

    with pytest.raises(ChannelError) as raised:
        list(Epochs(channel).pieces(0))
    assert words in str(raised.value)


def test_a_reference_into_the_web_is_not_supported(tmp_path: Path) -> None:
    """It says which."""
    channel = augmented(tmp_path / "m", {"a-ref": "https://bucket/a"}, names=("a-ref",))

    with pytest.raises(NotSupported, match="https://bucket/a"):
        list(Epochs(channel).pieces(0))


SHARDS = tuple(Shard(index, 3) for index in range(3))


def shared(path: Path, **members: Any) -> Channel:
    """A channel that its hosts share."""
    return pipe(path, distribution="ShardedByS3Key", **members)


def shares(channel: Channel, epoch: int = 0) -> list[bytes]:
    """What each of three hosts gets in an epoch."""
    return [b"".join(map(bytes_of, Epochs(channel, shard).pieces(epoch))) for shard in SHARDS]


def test_hosts_that_share_a_channel_deal_out_its_objects(letters: Path) -> None:
    """Round robin, the same in each epoch; one that is replicated is given to each as a whole."""
    assert [b"adgjmpsvy", b"behknqtwz", b"cfilorux"] == shares(shared(letters)) == shares(shared(letters), 4)
    assert 3 * [content(pipe(letters))] == shares(pipe(letters))


def test_a_seed_deals_the_objects_anew_in_each_epoch(letters: Path) -> None:
    """Nothing is lost and nothing given twice, and every host can be asked alone."""
    channel = shared(letters, shuffle_seed=1)
    epochs = [shares(channel, epoch) for epoch in range(4)]

    assert 4 == len({frozenset(first) for first, *_ in epochs})
    assert 4 * [sorted(b"abcdefghijklmnopqrstuvwxyz")] == [sorted(b"".join(epoch)) for epoch in epochs]
    assert epochs[3] == shares(channel, 3)


def test_more_hosts_than_objects_leave_some_with_nothing(tmp_path: Path) -> None:
    """Their epochs are empty."""
    (tmp_path / "only").write_bytes(b"x")

    assert [b"x", b"", b""] == shares(shared(tmp_path))


def test_hosts_deal_out_the_lines_of_an_augmented_manifest(tmp_path: Path) -> None:
    """Lines are what it is made of."""
    lines = [{"a": number} for number in range(7)]
    channel = augmented(tmp_path / "m", *lines, names=("a",), distribution="ShardedByS3Key")

    assert [b"036", b"14", b"25"] == shares(channel)


def test_a_file_is_handed_on_by_its_path_whatever_its_size(letters: Path) -> None:
    """Nothing is read into memory."""
    assert [FilePiece(path=letters / "a")] == list(Epochs(pipe(letters / "a")).pieces(0))
