"""Errors of serving.

TunerError
├── ModelArchiveError   a model archive that cannot be unpacked, or that wants out of its folder
├── EndpointFailed      a container that does not come into service, or that ends though nobody asked it to
└── ModelError          an invocation that the container did not answer with 2xx; code ModelError
"""

from tuner.errors import TunerError


class ModelArchiveError(TunerError):
    """A model archive that cannot be unpacked, or that wants out of its folder; the text names it and the member."""


class EndpointFailed(TunerError):
    """A container that does not come into service, or that ends though nobody asked it to.

    `last_lines` are the end of its log.
    """

    def __init__(self, text: str, last_lines: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.last_lines = last_lines


class ModelError(TunerError):
    """An invocation that the container did not answer with 2xx, in InvokeEndpoint's own words.

    `original_status_code` is the container's, 0 where it gave none; `original_message` what it said.
    Source: API reference, InvokeEndpoint; the text is the one that the service's callers see.
    """

    code = "ModelError"

    def __init__(self, original_status_code: int, original_message: str) -> None:
        side = "client" if 400 <= original_status_code < 500 else "server"  # noqa: PLR2004 - HTTP's classes
        super().__init__(
            f'Received {side} error ({original_status_code}) from primary container with message "{original_message}".'
        )
        self.original_status_code = original_status_code
        self.original_message = original_message
