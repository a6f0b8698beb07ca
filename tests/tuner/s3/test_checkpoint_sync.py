"""Checkpoints in step with S3, whatever the container does to the folder and whoever is killed."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from faulty_proxy import Fault, FaultyProxy, assert_set
from fifo_readers import wait_for
from markdown_pages import ROOT
from s3_server import Bucket

from tuner.s3.checkpoint_sync import CheckpointSync
from tuner.s3.errors import CalledOff, S3Error

Sync = Callable[[], CheckpointSync]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the container puts its checkpoints."""
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints"


@pytest.fixture
def sync(folder: Path, bucket: Bucket) -> Iterator[Sync]:
    """Makes what keeps the folder in step with ``ckpt`` in the bucket, each as a process of its own would."""
    made: list[CheckpointSync] = []

    def make() -> CheckpointSync:
        made.append(CheckpointSync(folder, bucket.uri("ckpt"), look_seconds=0.02))
        return made[-1]

    yield make
    for one in made:
        one.close()


def in_step(bucket: Bucket, **files: bytes) -> Callable[[], bool]:
    """Whether S3 has just these."""
    return lambda: {f"ckpt/{name}": content for name, content in files.items()} == bucket.content()


def test_new_and_changed_files_go_to_s3_while_it_runs_and_deletions_too(
    folder: Path, sync: Sync, bucket: Bucket
) -> None:
    """File by file, as they are."""
    sync().start()
    (folder / "a").write_bytes(b"1")
    (folder / "b").write_bytes(b"2")
    wait_for(in_step(bucket, a=b"1", b=b"2"), "two files")
    (folder / "a").write_bytes(b"3")
    (folder / "b").unlink()

    wait_for(in_step(bucket, a=b"3"), "a change and a deletion")


def test_a_file_that_is_being_written_waits_until_it_is_whole(
    folder: Path, sync: Sync, bucket: Bucket, proxy: FaultyProxy
) -> None:
    """It is the same at two looks; one that is written all the time is uploaded at the end."""
    one = sync()
    enough = threading.Event()

    def write() -> None:
        with (folder / "growing").open("ab", buffering=0) as file:
            while not enough.is_set():
                file.write(b"x")

    writer = threading.Thread(target=write)
    writer.start()
    one.start()
    (folder / "mark").write_bytes(b"m")
    wait_for(in_step(bucket, mark=b"m"), "the whole file")
    enough.set()
    writer.join()
    one.finish()

    assert (folder / "growing").read_bytes() == bucket.content()["ckpt/growing"]
    assert 1 == len(proxy.asked_for("/ckpt/mark", "PUT"))


def test_what_s3_has_is_there_at_the_start_and_what_is_added_there_later_is_not(
    folder: Path, sync: Sync, bucket: Bucket, called_off: threading.Event
) -> None:
    """And is left alone: other hosts of the job have the same prefix."""
    bucket.put({"ckpt/deep/er/a": b"1", "ckpt/": b"", "ckpt-other/x": b"no", "ckpt/b": b"2"})
    one = sync()
    one.restore(called_off)
    one.start()
    bucket.put({"ckpt/foreign": b"f"})
    (folder / "b").unlink()
    (folder / "mine").write_bytes(b"m")
    one.finish()

    assert {"ckpt/", "ckpt/deep/er/a", "ckpt/foreign", "ckpt/mine", "ckpt-other/x"} == set(bucket.content())
    assert ["deep/er/a", "mine"] == sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    assert {0o777} == {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_dir()}
    assert 0o666 == (folder / "deep/er/a").stat().st_mode & 0o777


def test_what_was_restored_is_not_uploaded_again(
    folder: Path, sync: Sync, bucket: Bucket, proxy: FaultyProxy, called_off: threading.Event
) -> None:
    """Also not by a later process."""
    bucket.put({"ckpt/a": b"1"})
    sync().restore(called_off)
    sync().finish()
    (folder / "b").write_bytes(b"2")
    sync().finish()

    assert ["PUT"] == [one.method for one in proxy.requests if one.method != "GET"]


def test_a_process_that_is_killed_leaves_the_next_one_what_it_has_to_know(
    folder: Path, sync: Sync, bucket: Bucket, proxy: FaultyProxy
) -> None:
    """It uploads what changed since, and deletes what is gone: not only what it has seen itself."""
    program = (
        "import sys, threading; from pathlib import Path; from tuner.s3.checkpoint_sync import CheckpointSync;"
        "CheckpointSync(Path(sys.argv[1]), sys.argv[2], look_seconds=0.02).start(); threading.Event().wait()"
    )
    (folder / "stays").write_bytes(b"1")
    (folder / "goes").write_bytes(b"2")
    remembered = folder.parent / "checkpoints.in-s3"
    with subprocess.Popen([sys.executable, "-c", program, str(folder), bucket.uri("ckpt")], cwd=ROOT) as process:
        wait_for(lambda: remembered.exists() and "null" not in remembered.read_text(), "what is remembered")
        process.kill()
    (folder / "goes").unlink()
    (folder / "new").write_bytes(b"3")
    sync().finish()

    assert in_step(bucket, stays=b"1", new=b"3")()
    assert 1 == len(proxy.asked_for("/ckpt/stays", "PUT"))


def test_s3_that_is_out_of_order_for_a_while_is_told_and_caught_up_with(
    folder: Path, sync: Sync, bucket: Bucket, proxy: FaultyProxy
) -> None:
    """The job goes on."""
    one = sync()
    proxy.always(Fault(status=403), method="PUT")
    one.start()
    (folder / "a").write_bytes(b"1")
    wait_for(lambda: one.problem is not None, "the problem")
    assert "ckpt/a: access is denied" in (one.problem or "")
    proxy.faults = lambda _asked: None

    wait_for(in_step(bucket, a=b"1"), "the file")
    wait_for(lambda: one.problem is None, "no problem")


def test_the_last_pass_fails_where_s3_does(folder: Path, sync: Sync, proxy: FaultyProxy) -> None:
    """Checkpoints that are not in S3 must not pass for saved."""
    (folder / "a").write_bytes(b"1")
    proxy.always(Fault(status=403), method="PUT")

    with pytest.raises(S3Error, match="ckpt/a: access is denied"):
        sync().finish()


def test_links_and_what_is_no_file_stay_where_they_are(
    folder: Path, sync: Sync, bucket: Bucket, tmp_path: Path
) -> None:
    """A container may have put them there to get at files of this host."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("key")
    (folder / "file").symlink_to(tmp_path / "secret" / "key")
    (folder / "folder").symlink_to(tmp_path / "secret")
    os.mkfifo(folder / "fifo")
    (folder / "a").write_bytes(b"1")
    sync().finish()

    assert in_step(bucket, a=b"1")()


def test_nothing_is_restored_through_a_link(
    folder: Path, sync: Sync, bucket: Bucket, tmp_path: Path, called_off: threading.Event
) -> None:
    """Which the container of an earlier start may have left."""
    (tmp_path / "elsewhere").mkdir()
    (folder / "out").symlink_to(tmp_path / "elsewhere")
    bucket.put({"ckpt/out/x": b"1"})

    with pytest.raises(S3Error, match="out is a link"):
        sync().restore(called_off)
    assert [] == list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize("key", ["ckpt/../x", "ckpt//x", "ckpt/a/../../x"])
def test_keys_that_lead_out_of_the_folder_are_refused(
    sync: Sync, bucket: Bucket, tmp_path: Path, called_off: threading.Event, key: str
) -> None:
    """Before anything is downloaded."""
    bucket.client.put_object(Bucket=bucket.name, Key=key, Body=b"1")

    with pytest.raises(S3Error, match="no place below its folder"):
        sync().restore(called_off)
    assert not (tmp_path / "x").exists()


def test_the_last_pass_is_called_off_by_closing(folder: Path, sync: Sync, bucket: Bucket, proxy: FaultyProxy) -> None:
    """Also where S3 says nothing: a process that is to end does not wait for it."""
    one = sync()
    (folder / "a").write_bytes(b"1")
    held = threading.Event()
    proxy.always(Fault(before=lambda: assert_set(held), status=500), method="PUT")
    ended: list[type[Exception]] = []

    def finish() -> None:
        try:
            one.finish()
        except CalledOff as error:
            ended.append(type(error))

    thread = threading.Thread(target=finish)
    thread.start()
    wait_for(lambda: proxy.asked_for("/ckpt/a", "PUT") != [], "the request")
    one.close()
    thread.join(20)
    held.set()

    assert [CalledOff] == ended
    assert {} == bucket.content()


def test_it_can_be_closed_and_started_again(folder: Path, sync: Sync, bucket: Bucket) -> None:
    """Between the two nothing goes to S3, until it is said that all has to."""
    one = sync()
    one.start()
    one.close()
    (folder / "a").write_bytes(b"1")
    assert {} == bucket.content()
    one.finish()
    assert in_step(bucket, a=b"1")()
    one.start()
    (folder / "b").write_bytes(b"2")

    wait_for(in_step(bucket, a=b"1", b=b"2"), "the second file")
