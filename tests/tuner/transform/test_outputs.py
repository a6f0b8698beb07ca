"""Objects are delivered whole, also to another disk; progress is told truly."""

import errno
from pathlib import Path

import pytest

from tuner.transform.outputs import LocalOutput
from tuner.transform.progress import Progress, Tally, read_progress, write_progress


@pytest.fixture
def part(tmp_path: Path) -> Path:
    """A whole output in a scratch folder."""
    path = tmp_path / "1.part"
    path.write_text("whole")
    return path


def test_an_output_is_moved_into_its_place(tmp_path: Path, part: Path) -> None:
    """Folders are made; what an earlier job left there is replaced. %20 in the address is a space."""
    output = LocalOutput(f"file://{tmp_path}/out%20put")
    (tmp_path / "out put" / "a").mkdir(parents=True)
    (tmp_path / "out put" / "a" / "b.csv.out").write_text("old")

    output.deliver(part, "a/b.csv")

    assert ("whole", False) == ((tmp_path / "out put" / "a" / "b.csv.out").read_text(), part.exists())


def test_an_output_on_another_disk_is_copied_beside_its_place_first(
    tmp_path: Path, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So nobody ever sees half of it; no copy is left behind."""
    replace = Path.replace

    def refuse(self: Path, target: Path) -> Path:
        if self == part:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refuse)

    LocalOutput(f"file://{tmp_path}/out").deliver(part, "b.csv")

    assert [("b.csv.out", "whole")] == [(path.name, path.read_text()) for path in (tmp_path / "out").iterdir()]
    assert not part.exists()


def test_discarding_takes_away_what_is_there(tmp_path: Path, part: Path) -> None:
    """What is not there is no error."""
    output = LocalOutput(f"file://{tmp_path}/out")
    output.deliver(part, "a.csv")

    for _ in range(2):
        output.discard("a.csv")

    assert [] == list((tmp_path / "out").iterdir())


def test_the_time_left_follows_from_the_bytes_read_by_this_process() -> None:
    """Those that an earlier one delivered took none of its time."""
    progress = Progress(objects=4, bytes=1000, bytes_read=600, earlier_bytes=500, begun=100.0)

    assert 80.0 == progress.seconds_left(120.0)
    assert None is Progress(bytes=1000, begun=100.0).seconds_left(120.0)
    assert None is Progress(bytes=10, bytes_read=10, begun=1.0).seconds_left(2.0)


def test_bytes_that_are_read_again_are_counted_once() -> None:
    """A retry opens its object anew."""
    tally = Tally()
    tally.begin({"a": 10, "b": 20, "c": 5}, frozenset({"c"}), 1.0)
    for _ in range(2):
        tally.opened("a")
        tally.read("a", 8)

    assert (13, 1, 0) == (tally.progress.bytes_read, tally.progress.delivered, tally.progress.failed)
    tally.ended("a", 10, delivered=False)
    assert (15, 1, 1) == (tally.progress.bytes_read, tally.progress.delivered, tally.progress.failed)


def test_progress_comes_back_from_its_file(tmp_path: Path) -> None:
    """And is nothing yet where there is none."""
    progress = Progress(objects=3, delivered=1, failed=1, bytes=9, bytes_read=5, begun=2.5)
    path = tmp_path / "job" / "progress.json"

    assert Progress() == read_progress(path)
    write_progress(path, progress)
    assert progress == read_progress(path)
