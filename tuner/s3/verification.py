"""Whether a copy of an object is what S3 has, beyond its length and its version.

The ETag of an object that was put in one request is the MD5 of its content, unless a KMS key or a customer's key
encrypts it. Of an object that was put in parts S3 may keep a checksum of the whole, and says so. A checksum of the
checksums of its parts says nothing without the lengths of those, and is left alone.
Source: user guide of Amazon S3, "Checking object integrity".
"""

import base64
import hashlib
import re
import zlib
from collections.abc import Callable, Mapping
from io import BufferedReader

from tuner.s3.addresses import S3Object
from tuner.s3.errors import Damaged
from tuner.s3.refusals import as_s3_errors
from tuner.s3.storage import Storage

_MD5 = re.compile("[0-9a-f]{32}")
_CHUNK_BYTES = 1 << 20


def verify(storage: Storage, wanted: S3Object, file: BufferedReader, *, came_in_parts: bool) -> None:
    """Raise Damaged where the bytes of `file` are not those of `wanted`, as far as S3 says enough to tell.

    Where it came in one answer, boto3 has compared the checksum of the whole. S3Error where S3 does not answer.
    """
    file.seek(0)
    if _MD5.fullmatch(wanted.etag):
        if hashlib.file_digest(file, "md5").hexdigest() != wanted.etag and not _is_encrypted(storage, wanted):
            raise _damaged(wanted)
        return
    facts = _facts(storage, wanted) if came_in_parts else {}
    if facts.get("ChecksumType") != "FULL_OBJECT":  # one of checksums, or none
        return
    for member, checksum in _CHECKSUMS.items():
        if member in facts and checksum(file) != facts[member]:
            raise _damaged(wanted)


def _damaged(wanted: S3Object) -> Damaged:
    return Damaged(f"{wanted}: what arrived is not what S3 has: the checksums differ; run the job again")


def _is_encrypted(storage: Storage, wanted: S3Object) -> bool:
    """Whether the ETag says nothing about the content because of how it is encrypted."""
    facts = _facts(storage, wanted)
    return "SSECustomerAlgorithm" in facts or facts.get("ServerSideEncryption", "AES256") != "AES256"


def _facts(storage: Storage, wanted: S3Object) -> Mapping[str, str]:
    with as_s3_errors(wanted, storage.endpoint):
        answer: Mapping[str, str] = storage.client.head_object(
            Bucket=wanted.bucket, Key=wanted.key, IfMatch=f'"{wanted.etag}"', ChecksumMode="ENABLED"
        )
    return answer


def _crc32(file: BufferedReader) -> str:
    checksum = 0
    while chunk := file.read(_CHUNK_BYTES):
        checksum = zlib.crc32(chunk, checksum)
    return base64.b64encode(checksum.to_bytes(4, "big")).decode()


def _digest(name: str) -> Callable[[BufferedReader], str]:
    return lambda file: base64.b64encode(hashlib.file_digest(file, name).digest()).decode()


#: What Python can compute, by the member of S3's answer.
_CHECKSUMS: Mapping[str, Callable[[BufferedReader], str]] = {
    "ChecksumCRC32": _crc32,
    "ChecksumSHA1": _digest("sha1"),
    "ChecksumSHA256": _digest("sha256"),
}
