"""Errors of serving.

TunerError
├── ModelArchiveError   a model archive that cannot be unpacked, or that wants out of its folder
├── EndpointFailed      a container that does not come into service, or that ends though nobody asked it to
├── ValidationError
│   └── InvalidInvocation   an invocation that InvokeEndpoint would refuse; code ValidationError
├── EngineRejected
│   └── PortInUse           the port that was asked for belongs to another program
├── ModelError          an invocation that the container did not answer with 2xx; code ModelError
├── ModelStreamError    an answer that broke off after it had begun; code ModelStreamError
└── ModelNotReady       a target model that is still being loaded; code ModelNotReadyException
"""

from contracts.serving import StreamErrorCode
from tuner.errors import EngineRejected, TunerError, ValidationError
from tuner.jobs.outcomes import Loss


class ModelArchiveError(TunerError):
    """A model archive that cannot be unpacked, or that wants out of its folder; the text names it and the member."""


class EndpointFailed(TunerError):
    """A container that does not come into service, or that ends though nobody asked it to.

    `last_lines` are the end of its log; `loss` says that it ended through no doing of its own.
    """

    def __init__(self, text: str, last_lines: tuple[str, ...] = (), loss: Loss | None = None) -> None:
        super().__init__(text)
        self.last_lines = last_lines
        self.loss = loss


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


class InvalidInvocation(ValidationError):
    """An invocation that InvokeEndpoint would refuse. The runtime API's code lacks the ending of the other API's."""

    code = "ValidationError"


class PortInUse(EngineRejected):
    """The port that was asked for belongs to another program of this machine."""


class ModelStreamError(TunerError):
    """An answer that broke off after it had begun, in InvokeEndpointWithResponseStream's own words."""

    code = "ModelStreamError"

    def __init__(self, error_code: StreamErrorCode, text: str) -> None:
        super().__init__(text)
        self.error_code = error_code


class ModelNotReady(TunerError):
    """A target model that is still being loaded; asked again later, it answers."""

    code = "ModelNotReadyException"
