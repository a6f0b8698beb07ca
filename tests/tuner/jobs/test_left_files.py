"""Folders that a hostile container has left: nested without end, full of links."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tuner.jobs.left_files import NotTakenOver, choose, open_file, remove_tree

#: Deeper than Python calls itself, and than a path may be long.
DEEP = 1100


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """A folder nested as deep as a container can make it, which is deeper than its path can be written."""
    top = tmp_path / "deep"
    top.mkdir()
    place = os.open(top, os.O_RDONLY)
    for _ in range(DEEP):
        os.mkdir("nested", dir_fd=place)
        inner = os.open("nested", os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = inner
    os.close(place)
    yield top
    remove_tree(top)


def test_folders_without_end_are_refused(deep: Path) -> None:
    """A clear refusal, no recursion error."""
    with pytest.raises(NotTakenOver, match="nested more than 128 folders deep"):
        choose([deep])


def test_folders_without_end_are_removed(deep: Path, tmp_path: Path) -> None:
    """A container cannot make its job's folder unremovable; what it links to stays."""
    (tmp_path / "kept").mkdir()
    (deep / "link").symlink_to(tmp_path / "kept")
    (deep / "nested" / ".1").mkdir()
    (deep / "nested" / ".1" / "file").touch()
    (deep / ".1").mkdir()
    remove_tree(deep)
    remove_tree(deep)

    assert [tmp_path / "kept"] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "target", "expected"),
    [
        ("link", "/etc/passwd", True),
        ("link", "../secret", True),
        ("a/link", "../weights", False),
        ("a/link", "../../secret", True),
        ("link", "/opt/ml/model/weights", False),
        ("link", "/opt/ml/model/../../../etc", True),
        ("link", "a/../..", True),
        ("link", ".", False),
    ],
)
def test_a_link_that_leads_out_is_known(tmp_path: Path, name: str, target: str, expected: bool) -> None:
    """By its text alone: what is there on this host is another matter."""
    (tmp_path / "a").mkdir()
    (tmp_path / name).symlink_to(target)
    [link] = [one for one in choose([tmp_path]).chosen if one.is_link]

    assert expected == link.leads_out_of("/opt/ml/model")


def test_only_files_are_opened(tmp_path: Path) -> None:
    """Neither a link nor a pipe nor a folder, and a file in the place of a folder is none."""
    (tmp_path / "file").write_text("text")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    os.mkfifo(tmp_path / "pipe")
    opened = open_file(tmp_path / "file")

    assert opened is not None
    with opened:
        assert b"text" == opened.read()
    assert [None] * 5 == [open_file(tmp_path / name) for name in ("link", "pipe", ".", "missing", "file/below")]
