"""Whether a copy is right, as far as S3 says enough to tell."""

import base64
import hashlib
import zlib
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import pytest
from faulty_proxy import Fault, FaultyProxy
from s3_server import Bucket

from tuner.s3.addresses import S3Address, S3Object
from tuner.s3.errors import Damaged
from tuner.s3.storage import Storage
from tuner.s3.verification import verify

CONTENT = b"content" * 1000
#: As long, and another.
WRONG = b"contend" * 1000


@pytest.fixture
def in_parts(bucket: Bucket) -> S3Object:
    """An object whose ETag is no MD5, because it was put in parts."""
    upload = bucket.client.create_multipart_upload(Bucket=bucket.name, Key="a")["UploadId"]
    place = {"Bucket": bucket.name, "Key": "a", "UploadId": upload}
    part = bucket.client.upload_part(**place, PartNumber=1, Body=BytesIO(CONTENT))
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    bucket.client.complete_multipart_upload(**place, MultipartUpload=parts)
    return Storage.connect().look_up(S3Address(bucket.name, "a"))


@pytest.fixture
def in_one(bucket: Bucket) -> S3Object:
    """An object whose ETag is the MD5 of its content."""
    bucket.put({"a": CONTENT})
    return Storage.connect().look_up(S3Address(bucket.name, "a"))


def is_right(wanted: S3Object, content: bytes, folder: Path) -> bool:
    """Whether `content` passes for it."""
    (folder / "copy").write_bytes(content)
    with (folder / "copy").open("rb") as file:
        try:
            verify(Storage.connect(), wanted, file, came_in_parts=True)
        except Damaged:
            return False
    return True


def text(digest: bytes) -> str:
    """A checksum as S3 writes it."""
    return base64.b64encode(digest).decode()


def checksum(name: str) -> Mapping[str, str]:
    """What S3 says of CONTENT where it keeps that kind of checksum."""
    values = {
        "crc32": zlib.crc32(CONTENT).to_bytes(4, "big"),
        "sha1": hashlib.sha1(CONTENT).digest(),
        "sha256": hashlib.sha256(CONTENT).digest(),
    }
    return {f"x-amz-checksum-{name}": text(values[name])}


def test_an_object_that_was_put_in_one_request_is_compared_with_its_md5(in_one: S3Object, tmp_path: Path) -> None:
    """Which its ETag is."""
    assert [True, False] == [is_right(in_one, content, tmp_path) for content in (CONTENT, WRONG)]


def test_an_etag_says_nothing_of_what_a_key_of_the_account_encrypts(
    in_one: S3Object, proxy: FaultyProxy, tmp_path: Path
) -> None:
    """S3 says that it does."""
    proxy.always(Fault(headers={"x-amz-server-side-encryption": "aws:kms"}), method="HEAD")

    assert is_right(in_one, WRONG, tmp_path)


@pytest.mark.parametrize("kind", ["crc32", "sha1", "sha256"])
def test_an_object_that_was_put_in_parts_is_compared_with_the_checksum_of_the_whole(
    in_parts: S3Object, proxy: FaultyProxy, tmp_path: Path, kind: str
) -> None:
    """Where S3 keeps one."""
    headers = {"x-amz-checksum-type": "FULL_OBJECT", **checksum(kind)}
    proxy.always(Fault(headers=headers), method="HEAD")

    assert [True, False] == [is_right(in_parts, content, tmp_path) for content in (CONTENT, WRONG)]


def test_a_checksum_of_checksums_is_left_alone(in_parts: S3Object, proxy: FaultyProxy, tmp_path: Path) -> None:
    """Without the lengths of the parts it says nothing."""
    headers = {"x-amz-checksum-type": "COMPOSITE", **checksum("crc32")}
    proxy.always(Fault(headers=headers), method="HEAD")

    assert is_right(in_parts, WRONG, tmp_path)
