"""What a job leaves open and its container may settle: ``GET /execution-parameters``, and the precedence."""

import http.client
import json
from dataclasses import dataclass
from typing import Any

from contracts.serving import (
    EXECUTION_PARAMETERS_PATH,
    INVOCATION_TIMEOUT_SECONDS,
    TRANSFORM_PAYLOADS_LIMIT_MB,
    BatchStrategy,
    ExecutionParameters,
)
from contracts.transform import TransformJobSpec
from tuner.engine.protocol import Address
from tuner.transform.errors import JobFailed

_OK = 200
_MOST_BYTES = 65536
_DEFAULTS = ExecutionParameters()


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """What a container proposes; None where it says nothing."""

    max_concurrent_transforms: int | None = None
    batch_strategy: BatchStrategy | None = None
    max_payload_mb: int | None = None


def ask_for_parameters(address: Address, seconds: float = INVOCATION_TIMEOUT_SECONDS) -> Proposal:
    """Ask ``GET /execution-parameters`` once; anything but 200, and no answer, says nothing.

    Raises JobFailed where the answer is 200 and not what the contract says.
    """
    connection = http.client.HTTPConnection(address.host, address.port, timeout=seconds)
    try:
        connection.request("GET", EXECUTION_PARAMETERS_PATH)
        response = connection.getresponse()
        if response.status != _OK:
            return Proposal()
        body = response.read(_MOST_BYTES)
    except (OSError, http.client.HTTPException):
        return Proposal()
    finally:
        connection.close()
    return parse_proposal(body)


def parse_proposal(body: bytes) -> Proposal:
    """What an answer to ``GET /execution-parameters`` proposes; raises JobFailed."""
    try:
        document: Any = json.loads(body)
    except ValueError as error:
        raise _wrong(f"no JSON: {error}") from error
    if not isinstance(document, dict):
        raise _wrong("no JSON object")
    strategy = document.get("BatchStrategy")
    if strategy is not None and strategy not in list(BatchStrategy):
        raise _wrong(f"BatchStrategy {strategy!r}, which is none of {', '.join(BatchStrategy)}")
    return Proposal(
        max_concurrent_transforms=_count(document, "MaxConcurrentTransforms") or None,
        batch_strategy=None if strategy is None else BatchStrategy(strategy),
        max_payload_mb=_count(document, "MaxPayloadInMB"),
    )


def settle(spec: TransformJobSpec, proposal: Proposal) -> ExecutionParameters:
    """What holds: the request, else the container's proposal, else the defaults.

    Raises JobFailed where the result is more than the service allows.
    """
    at_once = spec.max_concurrent_transforms or proposal.max_concurrent_transforms
    settled = ExecutionParameters(
        max_concurrent_transforms=at_once or _DEFAULTS.max_concurrent_transforms,
        batch_strategy=spec.batch_strategy or proposal.batch_strategy or _DEFAULTS.batch_strategy,
        max_payload_mb=next(
            size
            for size in (spec.max_payload_mb, proposal.max_payload_mb, _DEFAULTS.max_payload_mb)
            if size is not None
        ),
    )
    product = settled.max_concurrent_transforms * settled.max_payload_mb
    if product > TRANSFORM_PAYLOADS_LIMIT_MB:
        raise JobFailed(
            f"MaxConcurrentTransforms * MaxPayloadInMB cannot be greater than {TRANSFORM_PAYLOADS_LIMIT_MB}, and is"
            f" {settled.max_concurrent_transforms} * {settled.max_payload_mb} = {product}: of the request, of"
            f" {EXECUTION_PARAMETERS_PATH} and of the defaults, in this order",
            "ClientError",
        )
    return settled


def _count(document: dict[str, Any], name: str) -> int | None:
    value = document.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise _wrong(f"{name} {value!r}, which is no whole number of 0 or more")
    return value


def _wrong(what: str) -> JobFailed:
    return JobFailed(f"{EXECUTION_PARAMETERS_PATH} answered {what}", "AlgorithmError")
