"""Channels whose data is in S3, as they are when their container starts."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faulty_proxy import Fault, FaultyProxy
from s3_server import Bucket

from contracts.channels import Channel, InputMode, SourceType
from tuner.channels.addresses import local_path
from tuner.channels.fetching import fetch, free
from tuner.errors import ChannelError
from tuner.s3.errors import CalledOff

Fetch = Callable[..., Channel]


@pytest.fixture
def get(tmp_path: Path, called_off: threading.Event) -> Fetch:
    """Fetches a channel that reads the address given."""

    def run(uri: str, **members: Any) -> Channel:
        channel = Channel(name="train", uri=uri, **members)
        return fetch(channel, cache=tmp_path / "c%20che", progress=lambda _d, _t: None, called_off=called_off)

    return run


def files(channel: Channel) -> dict[str, bytes]:
    """What a container would find."""
    assert SourceType.PREFIX is channel.source_type
    folder = local_path(channel.uri)
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("uri", ["d", "d/"])
@pytest.mark.parametrize("mode", [InputMode.FILE, InputMode.FAST_FILE])
def test_a_folder_in_s3_is_a_folder_here(bucket: Bucket, get: Fetch, uri: str, mode: InputMode) -> None:
    """Without its markers; all else about the channel stays."""
    bucket.put({"d/": b"", "d/a": b"1", "d/deep/": b"", "d/deep/b": b"2"})
    channel = get(bucket.uri(uri), input_mode=mode, content_type="text/csv", distribution="ShardedByS3Key")

    assert {"a": b"1", "deep/b": b"2"} == files(channel)
    assert ("train", mode, "text/csv", True) == (
        channel.name,
        channel.input_mode,
        channel.content_type,
        channel.is_sharded,
    )


def test_a_prefix_is_what_keys_begin_with(bucket: Bucket, get: Fetch) -> None:
    """Not a folder: the service says so of File mode."""
    bucket.put({"d/part-1": b"1", "d/part-2": b"2", "d/other": b"3"})

    assert {"part-1": b"1", "part-2": b"2"} == files(get(bucket.uri("d/part-")))
    assert {"other": b"3"} == files(get(bucket.uri("d/other")))


def test_in_fastfile_mode_a_prefix_is_whole_names(bucket: Bucket, get: Fetch) -> None:
    """``train-0`` is not the beginning of ``train-01/``."""
    bucket.put({"train-0/a": b"1", "train-01/a": b"2"})
    channel = get(bucket.uri("train-0"), input_mode=InputMode.FAST_FILE)
    assert {"a": b"1"} == files(channel)

    with pytest.raises(ChannelError, match=r"in FastFile mode.*train-0/a; name the whole of it"):
        get(bucket.uri("train"), input_mode=InputMode.FAST_FILE)


def test_a_manifest_in_s3_is_followed(bucket: Bucket, get: Fetch) -> None:
    """The container sees what is listed and no more, laid out by the keys."""
    lines = [{"prefix": bucket.uri("d/")}, "x/1", "2", "2"]
    bucket.put({"m": json.dumps(lines).encode(), "d/x/1": b"1", "d/2": b"2", "d/3": b"3"})

    assert {"x/1": b"1", "2": b"2"} == files(get(bucket.uri("m"), source_type=SourceType.MANIFEST))


def test_a_manifest_of_this_host_may_lead_to_s3(bucket: Bucket, get: Fetch, tmp_path: Path) -> None:
    """And one that leads to files of this host comes back as it is."""
    bucket.put({"d/a": b"1"})
    (tmp_path / "m").write_text(json.dumps([{"prefix": bucket.uri("d/")}, "a"]))
    assert {"a": b"1"} == files(get(f"file://{tmp_path}/m", source_type=SourceType.MANIFEST))
    (tmp_path / "m").write_text(json.dumps([{"prefix": "file://d/"}, "a"]))

    assert f"file://{tmp_path}/m" == get(f"file://{tmp_path}/m", source_type=SourceType.MANIFEST).uri


@pytest.mark.parametrize(
    ("uri", "members"), [("file:///d", {}), ("s3://b/d", {"input_mode": InputMode.PIPE})], ids=["here", "pipe"]
)
def test_what_needs_no_download_comes_back_as_it_is(get: Fetch, uri: str, members: dict[str, Any]) -> None:
    """Nobody is asked for it."""
    assert Channel(name="train", uri=uri, **members) == get(uri, **members)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([{"prefix": "file:///etc/"}, "passwd"], "a manifest in S3 leads to objects in S3 only"),
        ([{"prefix": "s3://b/d/"}, "../secret"], "which is no place below its prefix"),
        ({"no": "manifest"}, "is no JSON array"),
        ([{"prefix": "s3:///"}, "x"], "not an address in S3"),
    ],
)
def test_a_manifest_in_s3_that_leads_astray_is_refused(bucket: Bucket, get: Fetch, lines: object, words: str) -> None:
    """Who may write to a bucket must not choose which files of this host a container sees."""
    bucket.put({"m": json.dumps(lines).encode()})

    with pytest.raises(ChannelError, match=f"channel 'train': .*{words}"):
        get(bucket.uri("m"), source_type=SourceType.MANIFEST)


def test_what_a_manifest_names_and_is_not_there_is_told(bucket: Bucket, get: Fetch) -> None:
    """By its address."""
    bucket.put({"m": json.dumps([{"prefix": bucket.uri("d/")}, "gone"]).encode()})

    with pytest.raises(ChannelError, match=f"{bucket.uri('d/gone')}: there is no such object"):
        get(bucket.uri("m"), source_type=SourceType.MANIFEST)


def test_a_prefix_without_an_object_is_told(bucket: Bucket, get: Fetch) -> None:
    """A folder marker is none."""
    bucket.put({"d/": b""})

    with pytest.raises(ChannelError, match=f"channel 'train': {bucket.uri('d/')}: no object's key begins with that"):
        get(bucket.uri("d/"))


@pytest.mark.parametrize("key", ["d/../../x", "d//x", "d/a/b/c", "d/x/"])
def test_keys_that_are_no_paths_are_refused_and_nothing_is_written(
    bucket: Bucket, get: Fetch, tmp_path: Path, key: str
) -> None:
    """Whatever a bucket holds, it stays in its place."""
    bucket.put({"d/a/b": b"1"})
    bucket.client.put_object(Bucket=bucket.name, Key=key, Body=b"bad")
    before = sorted(tmp_path.rglob("*"))

    with pytest.raises(ChannelError, match="Pipe mode"):
        get(bucket.uri("d/"))
    assert before == sorted(tmp_path.rglob("*"))


def test_an_error_of_s3_is_one_of_the_channel(bucket: Bucket, get: Fetch, proxy: FaultyProxy) -> None:
    """It names channel and object."""
    bucket.put({"d/a": b"1"})
    proxy.always(Fault(status=403))

    with pytest.raises(ChannelError, match=f"channel 'train': {bucket.uri('d/a')}: access is denied"):
        get(bucket.uri("d"))


def test_a_place_that_cannot_be_written_is_told(bucket: Bucket, get: Fetch, tmp_path: Path) -> None:
    """It names channel and place."""
    bucket.put({"d/a": b"1"})
    (tmp_path / "c%20che").write_text("in the way")

    with pytest.raises(ChannelError, match=f"channel 'train': {tmp_path}/c%20che/objects: Not a directory"):
        get(bucket.uri("d"))


def test_fetching_is_called_off(bucket: Bucket, get: Fetch, called_off: threading.Event) -> None:
    """Before the first byte as well."""
    bucket.put({"d/a": b"1"})
    called_off.set()

    with pytest.raises(CalledOff):
        get(bucket.uri("d"))


def test_what_no_job_uses_can_be_freed(bucket: Bucket, get: Fetch, tmp_path: Path) -> None:
    """A channel that is in use stays as it is; where nothing was ever fetched there is nothing to free."""
    assert 0 == free(tmp_path / "nothing", [])
    bucket.put({"d/a": b"1", "e/a": bytes(100_000)})
    kept, other = get(bucket.uri("d")), get(bucket.uri("e"))

    assert 100_000 <= free(tmp_path / "c%20che", [kept])
    assert {"a": b"1"} == files(kept)
    assert not local_path(other.uri).exists()
