"""Objects of S3 as folders: downloaded once, whole or not at all, whatever breaks in between."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from faulty_proxy import Asked, Fault, FaultyProxy
from fifo_readers import wait_for
from markdown_pages import ROOT
from s3_server import Bucket

from tuner.s3.addresses import S3Address, S3Object, layout
from tuner.s3.downloads import PART_BYTES
from tuner.s3.errors import CalledOff, S3Error
from tuner.s3.snapshots import SnapshotCache
from tuner.s3.storage import Storage

SMALL = {f"d/{number:03}": os.urandom(2000) for number in range(20)}
#: Five parts, the last one short.
LARGE = os.urandom(4 * PART_BYTES + 5)


def nobody(_done: int, _total: int) -> None:
    """Is not interested in the progress."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A cache, and a bucket behind a proxy."""

    root: Path
    bucket: Bucket
    proxy: FaultyProxy
    called_off: threading.Event

    @property
    def cache(self) -> SnapshotCache:
        """The cache, as each process and each job has one of its own."""
        return SnapshotCache(self.root)

    def take(self, progress: Callable[[int, int], None] = nobody) -> Path:
        """A snapshot of the whole bucket."""
        storage = Storage.connect()
        found = storage.list(S3Address(self.bucket.name, ""), self.called_off)
        places = layout((one.key, one) for one in found)
        return self.cache.snapshot(storage, places, progress=progress, called_off=self.called_off)

    def gets(self) -> list[Asked]:
        """The requests for content so far."""
        return [one for one in self.proxy.requests if one.method == "GET" and "list-type" not in one.path]


@pytest.fixture
def place(tmp_path: Path, bucket: Bucket, proxy: FaultyProxy, called_off: threading.Event) -> Place:
    """An empty cache and an empty bucket."""
    return Place(root=tmp_path / "cache", bucket=bucket, proxy=proxy, called_off=called_off)


def content(folder: Path) -> Mapping[str, bytes]:
    """All files below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_snapshot_has_the_objects_read_only_for_everybody(place: Place) -> None:
    """Images do not all run as root."""
    place.bucket.put({**SMALL, "empty": b""})
    folder = place.take()

    assert {**SMALL, "empty": b""} == content(folder)
    assert {0o444} == {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()}
    assert {0o755} == {path.stat().st_mode & 0o777 for path in (folder, folder / "d")}


def test_a_large_object_comes_in_parts(place: Place) -> None:
    """Side by side."""
    place.bucket.put({"large": LARGE})

    assert LARGE == (place.take() / "large").read_bytes()
    assert 5 == len(place.gets())


def test_what_is_there_is_not_downloaded_again(place: Place) -> None:
    """Thirty trials read one copy."""
    place.bucket.put(SMALL)
    first = place.take()
    count = len(place.gets())

    assert {first} == {place.take() for _ in range(3)}
    assert count == len(place.gets())


def test_of_what_has_changed_only_that_is_downloaded_and_the_old_stays_as_it_was(place: Place) -> None:
    """A job that began before keeps what it began with."""
    place.bucket.put(SMALL)
    before = place.take()
    count = len(place.gets())
    place.bucket.put({"d/000": b"new"})
    after = place.take()

    assert {**SMALL, "d/000": b"new"} == content(after)
    assert SMALL == content(before)
    assert count + 1 == len(place.gets())


def test_the_progress_counts_bytes_up_to_all_of_them(place: Place) -> None:
    """Never more, and it says all at once where there is nothing to do."""
    place.bucket.put({**SMALL, "large": LARGE})
    told: list[tuple[int, int]] = []
    place.take(lambda done, total: told.append((done, total)))
    again: list[tuple[int, int]] = []
    place.take(lambda done, total: again.append((done, total)))
    total = len(LARGE) + 2000 * len(SMALL)

    assert (0, total) == told[0]
    assert (total, total) == told[-1]
    assert told == sorted(told)
    assert [(total, total)] == again


def test_connections_that_break_leave_no_trace(place: Place) -> None:
    """Half of all answers are cut off."""
    place.bucket.put({**SMALL, "large": LARGE})
    numbers = iter(range(10**6))
    place.proxy.faults = lambda _asked: Fault(cut_after=1500) if next(numbers) % 2 else None

    assert {**SMALL, "large": LARGE} == content(place.take())


def test_an_object_that_is_deleted_in_the_middle_ends_it_and_nothing_torn_stays(place: Place) -> None:
    """It is named; the next try has what is there by then."""
    place.bucket.put(SMALL)
    place.proxy.first(Fault(before=lambda: place.bucket.delete("d/010")), path="/d/010")
    with pytest.raises(S3Error, match="/d/010: there is no such object"):
        place.take()
    assert [] == list((place.root / "snapshots").iterdir())

    assert {key: value for key, value in SMALL.items() if key != "d/010"} == content(place.take())


def test_bytes_that_were_changed_on_the_way_never_get_their_name(place: Place) -> None:
    """Of one part of a large object too, which has no checksum of its own."""
    place.bucket.put({"large": LARGE})
    place.proxy.first(Fault(changed=lambda chunk: b"?" + chunk[1:]))
    with pytest.raises(S3Error, match="/large: what arrived is not what S3 has"):
        place.take()
    place.proxy.faults = lambda _asked: None

    assert LARGE == (place.take() / "large").read_bytes()


def test_a_download_that_was_killed_goes_on_where_it_was(place: Place) -> None:
    """Whole objects stay, and whole parts of a large one: only the rest is asked for."""
    place.bucket.put({"large": LARGE, **SMALL})
    held = threading.Event()
    place.proxy.faults = lambda asked: Fault(hold=held) if (asked.bytes_range or "").startswith("bytes=3355") else None
    program = (
        "import sys, threading; from pathlib import Path; from tuner.s3.addresses import S3Address, layout;"
        "from tuner.s3.snapshots import SnapshotCache; from tuner.s3.storage import Storage; e = threading.Event();"
        "s = Storage.connect(); found = s.list(S3Address(sys.argv[2], ''), e);"
        "SnapshotCache(Path(sys.argv[1])).snapshot(s, layout((o.key, o) for o in found),"
        " progress=lambda d, t: print(d, flush=True), called_off=e)"
    )
    command = [sys.executable, "-c", program, str(place.root), place.bucket.name]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        notes = place.root / "objects"
        wait_for(lambda: 4 == sum(len(path.read_text().split()) for path in notes.rglob("*.parts")), "four parts")
        process.kill()
    place.proxy.faults = lambda _asked: None
    held.set()
    before = len(place.gets())

    assert LARGE == (place.take() / "large").read_bytes()
    assert ["bytes=33554432-50331647"] == [one.bytes_range for one in place.gets()[before:] if one.path[-1] == "e"]


def test_a_download_ends_soon_after_it_is_called_off(place: Place) -> None:
    """Also where S3 says nothing; what had come by then is not asked for again."""
    place.bucket.put(SMALL)
    held = threading.Event()
    place.proxy.always(Fault(hold=held), path="/d/019")
    threads: list[Exception] = []

    def run() -> None:
        try:
            place.take()
        except CalledOff as error:
            threads.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    wait_for(lambda: len(SMALL) == len(place.gets()), "all requests")
    place.called_off.set()
    thread.join(20)
    held.set()

    assert 1 == len(threads)
    assert [] == list((place.root / "snapshots").iterdir())


def test_several_that_want_the_same_at_once_download_it_once(place: Place) -> None:
    """The others wait for it."""
    place.bucket.put({"large": LARGE, **SMALL})
    folders: list[Path] = []
    threads = [threading.Thread(target=lambda: folders.append(place.take())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 1 == len(set(folders))
    assert 4 == len(folders)
    assert 5 + len(SMALL) == len(place.gets())
    assert {"large": LARGE, **SMALL} == content(folders[0])


def test_data_that_does_not_fit_is_refused_before_anything_is_downloaded(place: Place) -> None:
    """It says what would."""
    too_large = S3Object(bucket=place.bucket.name, key="a", size=10**18, etag="e")

    with pytest.raises(S3Error, match=r"needs 1,000,000,000\.0 GB of space and .*cache has .*use Pipe mode"):
        place.cache.snapshot(Storage.connect(), {"a": too_large}, progress=nobody, called_off=place.called_off)
    assert [] == place.gets()


def test_freeing_leaves_what_is_in_use_and_objects_that_it_shares(place: Place) -> None:
    """And removes the rest, unfinished downloads too."""
    place.bucket.put(SMALL)
    old = place.take()
    place.bucket.put({"d/000": bytes(10_000_000)})
    new = place.take()
    (place.root / "objects" / "00").mkdir(exist_ok=True)
    (place.root / "objects" / "00" / "x.unfinished").write_bytes(b"half")
    freed = place.cache.free([old])

    assert 10_000_000 <= freed < 11_000_000
    assert SMALL == content(old)
    assert not new.exists()
    place.cache.free([])
    assert ["lock"] == [path.name for path in place.root.rglob("*") if path.is_file()]


def test_nothing_is_freed_while_something_is_downloaded(place: Place) -> None:
    """Neither does it wait."""
    place.bucket.put(SMALL)
    held = threading.Event()
    place.proxy.always(Fault(hold=held), path="/d/019")
    thread = threading.Thread(target=place.take)
    thread.start()
    wait_for(lambda: place.proxy.asked_for("/d/019") != [], "the request")
    with pytest.raises(S3Error, match="is being downloaded"):
        place.cache.free([])
    held.set()
    thread.join()

    assert 0 < place.cache.free([])
