"""What running a command of `algodock` inside the test's own process gives."""

import json
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """Standard output as JSON Lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def document(self) -> Any:
        """Standard output as one JSON document."""
        return json.loads(self.out)


class Run(Protocol):
    """Runs `algodock` with the arguments given; `changes` replace collaborators (`tuner.cli.machine.Parts`)."""

    def __call__(self, *arguments: object, **changes: Any) -> Outcome:
        """Run it to its end."""
        ...
