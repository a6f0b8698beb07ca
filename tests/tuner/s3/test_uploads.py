"""Files as objects of S3, each whole under its key or not there at all."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from faulty_proxy import Fault, FaultyProxy, assert_set
from fifo_readers import wait_for
from s3_server import Bucket

from tuner.s3.errors import CalledOff, S3Error
from tuner.s3.uploads import upload_files

#: More than is sent in one request.
LARGE = os.urandom((64 << 20) + 7)

Up = Callable[..., None]


@pytest.fixture
def up(bucket: Bucket, called_off: threading.Event) -> Up:
    """Uploads below ``out`` of the bucket."""

    def run(files: dict[str, Path], progress: Callable[[int, int], None] = lambda _done, _total: None) -> None:
        upload_files(files, bucket.uri("out"), progress=progress, called_off=called_off)

    return run


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A file."""
    (tmp_path / "small").write_bytes(b"content")
    return tmp_path / "small"


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file that goes in parts."""
    (tmp_path / "large").write_bytes(LARGE)
    return tmp_path / "large"


def test_files_go_where_they_are_told_and_the_progress_counts_them(
    bucket: Bucket, up: Up, small: Path, large: Path, tmp_path: Path
) -> None:
    """Small ones, large ones in parts, and empty ones."""
    (tmp_path / "empty").touch()
    told: list[tuple[int, int]] = []
    up({"model/a": small, "large": large, "e": tmp_path / "empty"}, lambda done, total: told.append((done, total)))

    assert {"out/model/a": b"content", "out/large": LARGE, "out/e": b""} == bucket.content()
    assert (len(LARGE) + 7, len(LARGE) + 7) == told[-1]


def test_an_upload_that_breaks_is_tried_again(bucket: Bucket, up: Up, small: Path, proxy: FaultyProxy) -> None:
    """More often than boto3 does."""
    proxy.first(Fault(status=500), times=4, method="PUT")
    told: list[tuple[int, int]] = []
    up({"a": small}, lambda done, total: told.append((done, total)))

    assert {"out/a": b"content"} == bucket.content()
    assert (7, 7) == told[-1]


def test_a_refusal_names_the_key_and_what_was_not_refused_is_whole(
    bucket: Bucket, up: Up, small: Path, large: Path, proxy: FaultyProxy
) -> None:
    """Parts that were sent are not left behind."""
    proxy.always(Fault(status=403), method="PUT", path="partNumber=3")
    with pytest.raises(S3Error, match=f"{bucket.uri('out/large')}: access is denied"):
        up({"large": large})

    assert {} == bucket.content()
    assert [] == bucket.client.list_multipart_uploads(Bucket=bucket.name).get("Uploads", [])


def test_a_link_is_not_followed(up: Up, small: Path, tmp_path: Path) -> None:
    """A container may have put it there."""
    (tmp_path / "link").symlink_to(small)

    with pytest.raises(OSError, match="link"):
        up({"a": tmp_path / "link"})


def test_what_is_no_file_is_refused(up: Up, tmp_path: Path) -> None:
    """Nobody waits for a FIFO."""
    os.mkfifo(tmp_path / "fifo")

    with pytest.raises(S3Error, match="fifo is no file"):
        up({"a": tmp_path / "fifo"})


def test_a_name_that_is_no_text_is_refused(up: Up, small: Path) -> None:
    """A container may choose any bytes; a key of S3 is UTF-8."""
    with pytest.raises(S3Error, match="is not UTF-8"):
        up({os.fsdecode(b"model\xff"): small})


@pytest.mark.parametrize("name", ["small", "large"])
def test_an_upload_ends_soon_after_it_is_called_off(
    bucket: Bucket, up: Up, called_off: threading.Event, *, proxy: FaultyProxy, tmp_path: Path, name: str
) -> None:
    """Also where S3 says nothing; an object that was not whole is not there."""
    (tmp_path / name).write_bytes(LARGE if name == "large" else b"x")
    held = threading.Event()
    proxy.always(Fault(before=lambda: assert_set(held), status=500), method="PUT")
    ended: list[Exception] = []

    def run() -> None:
        try:
            up({"a": tmp_path / name})
        except CalledOff as error:
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    wait_for(lambda: any(one.method == "PUT" for one in proxy.requests), "a request")
    called_off.set()
    thread.join(20)
    held.set()

    assert 1 == len(ended)
    assert {} == bucket.content()
