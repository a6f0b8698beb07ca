"""S3 through boto3: listing, reading from the middle on, and what is needed to tell whether a copy is right.

Credentials, region, endpoint (``AWS_ENDPOINT_URL_S3``, ``AWS_ENDPOINT_URL``) and retries are what boto3's own chain of
environment, ``~/.aws`` and instance roles says.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any, Self

from tuner.s3.addresses import S3Address, S3Object
from tuner.s3.errors import CalledOff, S3Error
from tuner.s3.patience import PAUSE_SECONDS, Patience
from tuner.s3.refusals import as_s3_errors

#: How many requests are under way at once, for one transfer.
THREADS = 16

_CHUNK_BYTES = 1 << 20
_CONNECT_SECONDS = 10
#: How long nothing may arrive before a connection counts as broken.
_READ_SECONDS = 20


class Storage:
    """One account's S3, as `client` of boto3 reaches it. May be used by many threads at once.

    `pause_seconds` is half of the first pause after something broke. All calls raise S3Error.
    """

    def __init__(self, client: Any, *, pause_seconds: float = PAUSE_SECONDS) -> None:
        self.client = client
        self.pause_seconds = pause_seconds
        self.endpoint = str(client.meta.endpoint_url)

    @classmethod
    def connect(cls) -> Self:
        """As the environment and ``~/.aws`` say. Nothing is sent yet."""
        import boto3  # noqa: PLC0415 - takes half a second to import, and most commands never need it
        from botocore.config import Config  # noqa: PLC0415 - as above

        with as_s3_errors("S3"):
            session = boto3.Session()
            chosen = session._session.get_config_variable("retry_mode")  # noqa: SLF001 - boto3 has no other way to ask
            config = Config(
                retries={"mode": "standard" if chosen == "legacy" else chosen},  # legacy is boto3's own default
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=_READ_SECONDS,
                max_pool_connections=2 * THREADS,
                tcp_keepalive=True,
            )
            return cls(session.client("s3", config=config))

    def list(self, prefix: S3Address, called_off: threading.Event) -> list[S3Object]:
        """All objects whose keys begin with `prefix`, by the bytes of their keys; raises CalledOff between pages."""
        objects: list[S3Object] = []
        with as_s3_errors(prefix, self.endpoint):
            pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=prefix.bucket, Prefix=prefix.key)
            for page in pages:
                if called_off.is_set():
                    raise CalledOff
                objects += [_object(prefix.bucket, entry["Key"], entry) for entry in page.get("Contents", ())]
        return sorted(objects, key=lambda found: found.key.encode())  # some servers list in another order

    def look_up(self, address: S3Address) -> S3Object:
        """The object at `address`, as it is now."""
        with as_s3_errors(address, self.endpoint):
            answer = self.client.head_object(Bucket=address.bucket, Key=address.key)
        return _object(address.bucket, address.key, answer)

    def read(
        self, wanted: S3Object, start: int = 0, stop: int | None = None, *, called_off: threading.Event
    ) -> Iterator[bytes]:
        """The bytes of `wanted` from `start` up to `stop`, in chunks.

        Where the connection breaks, it goes on from there. What arrives is of this version and no other: raises S3Error
        where the object was changed or deleted meanwhile, where the connection does not come back, and where S3 has a
        checksum of the whole and it differs. Raises CalledOff between two chunks.
        """
        end = wanted.size if stop is None else stop
        patience = Patience(called_off, self.pause_seconds)
        with as_s3_errors(wanted, self.endpoint):
            while start < end:
                try:
                    for chunk in self._stream(wanted, start, end, called_off):
                        start += len(chunk)
                        patience.renew()
                        yield chunk
                except Exception as error:  # noqa: BLE001 - raised again where it does not pass
                    patience.wait_after(error)

    def _stream(self, wanted: S3Object, start: int, end: int, called_off: threading.Event) -> Iterator[bytes]:
        """One answer of S3; without a Range where everything is wanted, for then boto3 looks after the checksum."""
        members = {} if (start, end) == (0, wanted.size) else {"Range": f"bytes={start}-{end - 1}"}
        answer = self.client.get_object(Bucket=wanted.bucket, Key=wanted.key, IfMatch=f'"{wanted.etag}"', **members)
        with closing(answer["Body"]) as body:
            if members and not answer.get("ContentRange", "").startswith(f"bytes {start}-"):
                raise S3Error(f"{wanted}: {self.endpoint} does not answer requests for a part of an object")
            while chunk := body.read(_CHUNK_BYTES):
                if called_off.is_set():
                    raise CalledOff
                start += len(chunk)
                yield chunk
        if start < end:
            raise ConnectionError("it ended before the object did")


def _object(bucket: str, key: str, answer: Mapping[str, Any]) -> S3Object:
    size = answer["Size"] if "Size" in answer else answer["ContentLength"]
    return S3Object(bucket=bucket, key=key, size=size, etag=str(answer["ETag"]).strip('"'))
