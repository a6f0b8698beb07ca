"""Reading from S3 over a connection that does not hold."""

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from faulty_proxy import Fault, FaultyProxy
from s3_server import Bucket, use_s3

from tuner.s3.addresses import S3Address, S3Object
from tuner.s3.errors import CalledOff, S3Error
from tuner.s3.storage import Storage

CONTENT = os.urandom(3_000_000)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One object that is read through the proxy."""

    bucket: Bucket
    proxy: FaultyProxy
    storage: Storage
    wanted: S3Object
    called_off: threading.Event

    def chunks(self) -> Iterator[bytes]:
        """Its content."""
        return self.storage.read(self.wanted, called_off=self.called_off)

    def ranges(self) -> list[str | None]:
        """Which parts were asked for."""
        return [one.bytes_range for one in self.proxy.asked_for("/one")]


@pytest.fixture
def reading(bucket: Bucket, proxy: FaultyProxy, called_off: threading.Event) -> Reading:
    """The object ``one``, with CONTENT."""
    bucket.put({"one": CONTENT})
    storage = Storage.connect()
    wanted = storage.look_up(S3Address(bucket.name, "one"))
    return Reading(bucket=bucket, proxy=proxy, storage=storage, wanted=wanted, called_off=called_off)


def test_a_listing_has_every_object_in_the_order_of_the_bytes_of_its_key(bucket: Bucket, proxy: FaultyProxy) -> None:
    """Odd characters come back as they are; it is more than one page."""
    keys = ["é", "a b", "Z", "a+b", "a%20b", "&<", *(f"n/{number}" for number in range(10))]
    bucket.put(dict.fromkeys(keys, b""))
    proxy.faults = lambda _asked: Fault(query="&max-keys=3")
    found = Storage.connect().list(S3Address(bucket.name, ""), threading.Event())

    assert sorted(keys, key=str.encode) == [one.key for one in found]
    assert 6 == len(proxy.requests)


@pytest.mark.parametrize("cut", [1, 900_000])
def test_a_connection_that_breaks_is_taken_up_where_it_broke(reading: Reading, cut: int) -> None:
    """Several times; nothing is read twice and nothing is missed."""
    reading.proxy.first(Fault(cut_after=cut), times=3)

    assert CONTENT == b"".join(reading.chunks())
    assert [None, *(f"bytes={breaks * cut}-2999999" for breaks in (1, 2, 3))] == reading.ranges()


def test_a_connection_that_breaks_before_its_first_byte_is_tried_again(reading: Reading) -> None:
    """From the beginning."""
    reading.proxy.first(Fault(cut_after=0), times=2)

    assert CONTENT == b"".join(reading.chunks())
    assert [None, None, None] == reading.ranges()


def test_an_end_in_the_middle_is_no_end(reading: Reading) -> None:
    """A body that is always too short ends in an error that names the object, after a while."""
    reading.proxy.always(Fault(cut_after=0))
    hasty = Storage(reading.storage.client, pause_seconds=0.001)

    with pytest.raises(S3Error, match=r"/one: the connection to http://127\.0\.0\.1:\d+ does not hold"):
        list(hasty.read(reading.wanted, called_off=reading.called_off))


def test_trouble_of_the_server_is_waited_out(reading: Reading) -> None:
    """More of it than boto3 itself puts up with."""
    reading.proxy.first(Fault(status=503), times=4)

    assert CONTENT == b"".join(reading.chunks())


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"other", "was changed in S3 while it was being read"), (None, "there is no such object")],
)
def test_an_object_that_is_changed_or_deleted_in_the_middle_is_told(
    reading: Reading, content: bytes | None, words: str
) -> None:
    """Never a mixture of two versions."""
    reading.proxy.first(Fault(cut_after=1000))
    chunks = reading.chunks()
    assert CONTENT[:1000] == next(chunks)
    if content is None:
        reading.bucket.delete("one")
    else:
        reading.bucket.put({"one": content})

    with pytest.raises(S3Error, match=f"{reading.bucket.uri('one')}: {words}"):
        list(chunks)


def test_bytes_that_were_changed_on_the_way_are_told(reading: Reading) -> None:
    """S3 keeps a checksum of what boto3 uploads."""
    reading.proxy.always(Fault(changed=lambda chunk: chunk[:-1] + bytes([chunk[-1] ^ 1])))

    with pytest.raises(S3Error, match="do not have the checksum"):
        list(reading.chunks())


def test_reading_is_called_off_between_two_chunks(reading: Reading) -> None:
    """What had arrived by then is of no use any more."""
    chunks = reading.chunks()
    next(chunks)
    reading.called_off.set()

    with pytest.raises(CalledOff):
        list(chunks)


def test_reading_is_called_off_between_two_tries(reading: Reading) -> None:
    """Nobody waits for the connection to come back."""
    reading.proxy.always(Fault(before=reading.called_off.set, cut_after=0))

    with pytest.raises(CalledOff):
        list(reading.chunks())


@pytest.mark.parametrize(
    ("status", "words"), [(403, "access is denied"), (404, "there is no such object"), (412, "was changed in S3")]
)
def test_refusals_say_what_to_do(reading: Reading, status: int, words: str) -> None:
    """They name the object; nothing is tried again."""
    reading.proxy.always(Fault(status=status))

    with pytest.raises(S3Error, match=f"/one: {words}"):
        list(reading.chunks())
    assert 1 == len(reading.ranges())


def test_a_server_that_knows_no_parts_is_told(reading: Reading) -> None:
    """It would give the beginning again in the place of the rest."""
    reading.proxy.faults = lambda asked: Fault(without_range=True) if asked.bytes_range else None

    with pytest.raises(S3Error, match="does not answer requests for a part of an object"):
        list(reading.storage.read(reading.wanted, 10, called_off=reading.called_off))


@pytest.mark.usefixtures("bucket")
def test_a_bucket_that_is_not_there_is_told(called_off: threading.Event) -> None:
    """By its address."""
    with pytest.raises(S3Error, match="s3://no-such-bucket/x: there is no such bucket"):
        Storage.connect().list(S3Address("no-such-bucket", "x"), called_off)


def test_without_credentials_it_says_how_to_get_some(
    monkeypatch: pytest.MonkeyPatch, s3_endpoint: str, called_off: threading.Event
) -> None:
    """Before anything is sent."""
    use_s3(monkeypatch, s3_endpoint)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    with pytest.raises(S3Error, match=r"s3://bucket/x: there are no AWS credentials: run `aws configure`"):
        Storage.connect().list(S3Address("bucket", "x"), called_off)


def test_a_profile_that_does_not_exist_is_told(monkeypatch: pytest.MonkeyPatch, s3_endpoint: str) -> None:
    """In boto3's words."""
    use_s3(monkeypatch, s3_endpoint)
    monkeypatch.setenv("AWS_PROFILE", "nobody")

    with pytest.raises(S3Error, match="nobody"):
        Storage.connect()


def test_where_nobody_answers_the_address_is_told(monkeypatch: pytest.MonkeyPatch, called_off: threading.Event) -> None:
    """And which setting it comes from."""
    use_s3(monkeypatch, "http://127.0.0.1:1")

    with pytest.raises(S3Error, match=r"http://127\.0\.0\.1:1 does not hold.*AWS_ENDPOINT_URL_S3"):
        Storage.connect().list(S3Address("bucket", "x"), called_off)
