"""What a container leaves behind, also a hostile one."""

import io
import os
import socket
import tarfile
from pathlib import Path

import pytest

from tuner.jobs.artifacts import archive, deliver, deliver_from, read_failure


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model folder with a file and a sub-folder."""
    folder = tmp_path / "model"
    (folder / "parts").mkdir(parents=True)
    (folder / "weights.bin").write_bytes(b"\x00\x01")
    (folder / "parts" / "a.txt").write_text("a")
    return folder


def test_members_are_relative_to_the_folder(model: Path, tmp_path: Path) -> None:
    """The archive unpacks into /opt/ml/model without a leading folder."""
    assert archive([model], tmp_path / "out" / "model.tar.gz")

    with tarfile.open(tmp_path / "out" / "model.tar.gz") as tar:
        assert ["parts", "parts/a.txt", "weights.bin"] == sorted(tar.getnames())


def test_an_empty_folder_gives_no_archive(tmp_path: Path) -> None:
    """A job may complete without a model."""
    (tmp_path / "model").mkdir()

    assert not archive([tmp_path / "model"], tmp_path / "model.tar.gz")
    assert not archive([tmp_path / "missing"], tmp_path / "model.tar.gz")
    assert not (tmp_path / "model.tar.gz").exists()


def test_a_planted_link_is_never_followed(model: Path, tmp_path: Path) -> None:
    """A link to a file of the host comes out as a link, not as the host's file."""
    secret = tmp_path / "secret"
    secret.write_text("host secret")
    (model / "leak").symlink_to(secret)
    archive([model], tmp_path / "model.tar.gz")

    with tarfile.open(tmp_path / "model.tar.gz") as tar:
        assert tar.getmember("leak").issym()


def test_a_folder_that_is_a_link_is_no_folder(model: Path, tmp_path: Path) -> None:
    """The container may replace /opt/ml/output/data by a link to a folder of the host."""
    (tmp_path / "data").symlink_to(model)

    assert not archive([tmp_path / "data"], tmp_path / "output.tar.gz")


def test_pipes_and_sockets_are_left_out(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packing neither waits for a pipe's other end nor fails at a socket."""
    os.mkfifo(model / "pipe")
    monkeypatch.chdir(model)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        archive([model], tmp_path / "model.tar.gz")

    with tarfile.open(tmp_path / "model.tar.gz") as tar:
        assert not {"pipe", "socket"} & set(tar.getnames())


def test_a_link_of_one_host_is_no_folder_for_the_files_of_another(tmp_path: Path) -> None:
    """Whoever unpacks an archive with both would write through the link, to a place of the container's choice."""
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second / "plugins"):
        folder.mkdir(parents=True)
    (first / "plugins").symlink_to("/etc")
    (second / "plugins" / "passwd").write_text("mine")
    archive([first, second], tmp_path / "model.tar.gz")

    with tarfile.open(tmp_path / "model.tar.gz") as tar:
        assert ["plugins"] == tar.getnames()


def test_a_second_name_of_a_file_is_packed_with_its_own_content(tmp_path: Path) -> None:
    """Hard links within a host are links in the archive, but never to a file of that name of another host."""
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        (folder / "a").write_text(folder.name)
    (second / "b").hardlink_to(second / "a")
    (second / "c").hardlink_to(second / "a")
    archive([first, second], tmp_path / "model.tar.gz")

    with tarfile.open(tmp_path / "model.tar.gz") as tar:
        contents = {name: tar.extractfile(name) for name in ("a", "b", "c")}
        assert {"a": b"first", "b": b"second", "c": b"second"} == {
            name: file.read() for name, file in contents.items() if file is not None
        }
        assert "b" == tar.getmember("c").linkname


def test_nobody_becomes_root_by_running_what_was_packed(model: Path, tmp_path: Path) -> None:
    """A program stays executable; the bits that give it its owner's rights are gone."""
    (model / "weights.bin").chmod(0o6755)
    archive([model], tmp_path / "model.tar.gz")

    with tarfile.open(tmp_path / "model.tar.gz") as tar:
        assert 0o755 == tar.getmember("weights.bin").mode


def test_odd_names_come_through(tmp_path: Path) -> None:
    """A name may have any byte but two; as text it need not be UTF-8, nor one line."""
    folder = tmp_path / "model"
    folder.mkdir()
    names = {b"two\nlines", b"\xff\xfe", b"..hidden", b" ", b"a" * 255}
    for name in names:
        Path(os.fsdecode(os.path.join(os.fsencode(folder), name))).write_bytes(name)  # noqa: PTH118 - of bytes
    archive([folder], tmp_path / "model.tar.gz")

    with tarfile.open(tmp_path / "model.tar.gz") as tar:
        assert names == {os.fsencode(name) for name in tar.getnames()}


def test_a_second_packing_replaces_the_first_and_leaves_no_rest(model: Path, tmp_path: Path) -> None:
    """After a crash in the middle, the job is packed again."""
    target = tmp_path / "out" / "model.tar.gz"
    archive([model], target)
    (model / "weights.bin").unlink()
    archive([model], target)
    deliver(target, tmp_path / "delivered")

    with tarfile.open(tmp_path / "delivered" / "model.tar.gz") as tar:
        assert "weights.bin" not in tar.getnames()
    assert [target] == list(target.parent.iterdir())


def test_the_failure_text_is_cut_at_1024_characters(tmp_path: Path) -> None:
    """Characters, not bytes; broken UTF-8 is no obstacle."""
    (tmp_path / "failure").write_bytes("é".encode() * 2000 + b"\xff")

    assert "é" * 1024 == read_failure(tmp_path / "failure")


def test_a_failure_file_that_is_a_link_or_a_pipe_is_not_read(tmp_path: Path) -> None:
    """A container cannot make the host read another file, or wait."""
    (tmp_path / "secret").write_text("host secret")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "pipe")

    assert ["", "", "", ""] == [read_failure(tmp_path / name) for name in ("link", "pipe", "missing", ".")]


def test_a_huge_failure_file_is_not_read_whole(tmp_path: Path) -> None:
    """One of a terabyte, with nothing in it, takes no memory."""
    with (tmp_path / "failure").open("wb") as file:
        file.write(b"why")
        file.truncate(2**40)

    assert "why" == read_failure(tmp_path / "failure").rstrip("\0")


def test_nothing_is_delivered_through_a_link_that_waits_there(tmp_path: Path) -> None:
    """The folder of another job's checkpoints may be where results are wanted: its container has foreseen the name."""
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / ".model.tar.gz.unfinished").symlink_to(victim)
    deliver_from(io.BytesIO(b"model"), tmp_path / "results" / "model.tar.gz")

    assert "untouched" == victim.read_text()
    assert b"model" == (tmp_path / "results" / "model.tar.gz").read_bytes()
