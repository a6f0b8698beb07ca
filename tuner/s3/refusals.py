"""What went wrong at S3, in words that say what to do. The only place where errors of boto3 are read.

Source: API reference of Amazon S3, "Error responses"; ``botocore.exceptions``.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tuner.s3.errors import S3Error

_HOW_TO_LOG_IN = (
    "run `aws configure`, set AWS_PROFILE, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; Algodock uses what boto3"
    " and the AWS CLI use"
)
_DENIED = "access is denied to these credentials: reading needs s3:ListBucket and s3:GetObject, writing s3:PutObject"
_GONE = "there is no such object (any more)"
_CHANGED = "was changed in S3 while it was being read: run the job again"
_WRONG_KEYS = f"S3 does not accept the credentials: {_HOW_TO_LOG_IN}"
_NO_KEYS = f"there are no AWS credentials: {_HOW_TO_LOG_IN}"
_DAMAGED = "the bytes that arrived do not have the checksum that S3 keeps of them: run the job again"
_EXPIRED = "the credentials have expired: log in again"

#: By the code that S3 answers with; an answer to HEAD has no body, so its status stands for the code.
_BY_CODE: Mapping[str, str] = {
    "NoSuchBucket": "there is no such bucket",
    "NoSuchKey": _GONE,
    "404": _GONE,
    "AccessDenied": _DENIED,
    "403": _DENIED,
    "PreconditionFailed": _CHANGED,
    "412": _CHANGED,
    "InvalidAccessKeyId": _WRONG_KEYS,
    "SignatureDoesNotMatch": _WRONG_KEYS,
    "ExpiredToken": _EXPIRED,
    "InvalidObjectState": "is archived, in a storage class that has to be restored before it can be read",
}
_SERVER_ERROR = 500
#: Trouble that is no error of whoever asked, though its status says so.
_PASSING = {"RequestTimeout", "SlowDown"}


@contextmanager
def as_s3_errors(where: object, endpoint: str = "S3") -> Iterator[None]:
    """Errors of boto3 in the block leave it as S3Error, about the address `where`; what is none of theirs passes."""
    try:
        yield
    except Exception as error:
        if (text := _in_words(error, endpoint)) is None:
            raise
        raise S3Error(f"{where}: {text}") from error


def is_passing(error: Exception) -> bool:
    """Whether the same request may well succeed a little later: the connection broke, or S3 has trouble of its own."""
    from botocore import exceptions  # noqa: PLC0415 - boto3 takes half a second to import

    if isinstance(error, exceptions.ClientError):
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        return status >= _SERVER_ERROR or error.response.get("Error", {}).get("Code") in _PASSING
    broken = (
        exceptions.HTTPClientError,
        exceptions.ConnectionError,
        exceptions.IncompleteReadError,
        ConnectionError,
        TimeoutError,
    )
    return isinstance(error, broken) and not isinstance(error, exceptions.SSLError)


def _in_words(error: Exception, endpoint: str) -> str | None:
    from botocore import exceptions  # noqa: PLC0415 - as above

    broken = f"the connection to {endpoint} does not hold: {error}. Look after the network and AWS_ENDPOINT_URL_S3"
    table: tuple[tuple[tuple[type[Exception], ...], str], ...] = (  # specific first
        ((exceptions.NoCredentialsError, exceptions.PartialCredentialsError), _NO_KEYS),
        ((exceptions.FlexibleChecksumError,), _DAMAGED),
        ((exceptions.HTTPClientError, exceptions.ConnectionError, exceptions.IncompleteReadError), broken),
        ((ConnectionError, TimeoutError), broken),
        ((exceptions.BotoCoreError,), str(error)),
    )
    if isinstance(error, exceptions.ClientError):
        answer = error.response.get("Error", {})
        code = str(answer.get("Code", ""))
        return _BY_CODE.get(code, f"S3 answers {code}: {answer.get('Message', '')}".rstrip(": "))
    return next((text for kinds, text in table if isinstance(error, kinds)), None)
