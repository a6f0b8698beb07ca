"""RecordIO, read without MXNet; tests/integration reads files that MXNet itself wrote."""

import struct
from pathlib import Path

import pytest
from cifar10_files import image_payload, record, write_records
from hypothesis import given
from hypothesis import strategies as st

from container.cifar10.recordio import MAGIC, read_images, read_records
from container.errors import InvalidTrainingInput


@given(payloads=st.lists(st.binary(max_size=50), max_size=5))
def test_what_was_written_is_read(tmp_path_factory: pytest.TempPathFactory, payloads: list[bytes]) -> None:
    """Payloads of any length, padded to a multiple of four, come back as they were."""
    path = tmp_path_factory.mktemp("records") / "x.rec"
    write_records(path, payloads)

    assert payloads == list(read_records(path))


def test_a_payload_that_holds_the_magic_is_put_together_again(tmp_path: Path) -> None:
    """Writers split a record where its payload looks like the beginning of another."""
    path = tmp_path / "x.rec"
    path.write_bytes(record(b"one ", b"two ", b"three") + record(b"next"))

    assert [b"one " + MAGIC + b"two " + MAGIC + b"three", b"next"] == list(read_records(path))


def test_an_image_has_a_label(tmp_path: Path) -> None:
    """A flag above 0 counts labels that follow the header; the first one is the class."""
    path = tmp_path / "x.rec"
    several = struct.pack("<IfQQ", 2, 0.0, 0, 0) + struct.pack("<ff", 4.0, 1.0) + b"PNG2"
    write_records(path, [image_payload(7, b"PNG1"), several])

    assert [(7, b"PNG1"), (4, b"PNG2")] == list(read_images(path))


@pytest.mark.parametrize("missing", [2, 6, 14, 18])
def test_a_file_that_is_cut_off_is_named(tmp_path: Path, missing: int) -> None:
    """Wherever the copy stopped: in the payload, in the length, in the magic."""
    path = tmp_path / "train.rec"
    path.write_bytes(record(b"whole") + record(b"12345678901")[: 20 - missing])

    with pytest.raises(
        InvalidTrainingInput, match=r"train\.rec: (the record at byte 16 is cut off|no RecordIO record)"
    ):
        list(read_records(path))


def test_a_file_whose_last_record_lacks_its_end_is_named(tmp_path: Path) -> None:
    """A split record that never ends."""
    path = tmp_path / "train.rec"
    path.write_bytes(record(b"one ", b"two ")[:12])

    with pytest.raises(InvalidTrainingInput, match="the last record is cut off"):
        list(read_records(path))


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    """The text says at which byte reading failed."""
    path = tmp_path / "train.rec"
    path.write_bytes(b"label,pixel\n1,2\n")

    with pytest.raises(InvalidTrainingInput, match="no RecordIO record at byte 0"):
        list(read_records(path))


def test_a_record_too_short_for_an_image_is_refused(tmp_path: Path) -> None:
    """RecordIO holds other things than images."""
    path = tmp_path / "train.rec"
    write_records(path, [b"text"])

    with pytest.raises(InvalidTrainingInput, match="record 0 has 4 bytes"):
        list(read_images(path))
