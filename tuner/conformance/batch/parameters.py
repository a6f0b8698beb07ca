"""What an image says at ``/execution-parameters``, as far as it can be made out. Pure."""

import json
from dataclasses import dataclass
from typing import Any

from contracts.serving import BatchStrategy, ExecutionParameters
from tuner.conformance.serving.http_calls import Reply

_OK = 200
_CONCURRENT, _STRATEGY, _PAYLOAD = "MaxConcurrentTransforms", "BatchStrategy", "MaxPayloadInMB"
_NUMBERS = (_CONCURRENT, _PAYLOAD)


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What came back; each member is None where it was not said. `problem` is what is wrong with the answer's form."""

    is_implemented: bool
    problem: str = ""
    strategy: Any = None
    concurrent: int | None = None
    payload_mb: int | None = None

    @property
    def effective(self) -> ExecutionParameters:
        """What a job that leaves all open goes by."""
        usual = ExecutionParameters()
        known = self.strategy in tuple(BatchStrategy)
        return ExecutionParameters(
            max_concurrent_transforms=self.concurrent or usual.max_concurrent_transforms,
            batch_strategy=BatchStrategy(self.strategy) if known else usual.batch_strategy,
            max_payload_mb=usual.max_payload_mb if self.payload_mb is None else self.payload_mb,
        )


def said(reply: Reply) -> Said:
    """What a reply to ``GET /execution-parameters`` says; any status but 200 stands for no such route."""
    if reply.status != _OK:
        trouble = reply.words if reply.status is None or reply.is_failure else ""
        return Said(is_implemented=False, problem=trouble)
    try:
        document = json.loads(reply.body)
    except ValueError as error:
        return Said(is_implemented=True, problem=f"it is no JSON: {error}")
    if not isinstance(document, dict):
        return Said(is_implemented=True, problem="it is no JSON object")
    wrong = [name for name in _NUMBERS if document.get(name) is not None and not _is_count(document[name])]
    if wrong:
        return Said(is_implemented=True, problem=f"{wrong[0]} is {document[wrong[0]]!r}, no whole number")
    return Said(
        is_implemented=True,
        strategy=document.get(_STRATEGY),
        concurrent=document.get(_CONCURRENT),
        payload_mb=document.get(_PAYLOAD),
    )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
