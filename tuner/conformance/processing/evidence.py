"""What was seen of an image that does a processing job, as values for judgements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tuner.conformance.evidence import Verdict, not_applicable
from tuner.conformance.observation import Link, Run, shortened
from tuner.conformance.processing.case import ProcessingCase


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessingRun:
    """One run, and what it left: the message's text (None without one), files and links of all outputs."""

    run: Run
    message: str | None = None
    message_is_utf8: bool = True
    files: Sequence[str] = ()
    links: Sequence[Link] = ()

    @property
    def is_good(self) -> bool:
        """Whether it ended by itself with exit code 0."""
        return self.run.is_good

    @property
    def words(self) -> str:
        """What came back, in a line for people."""
        said = "" if self.message is None else f"; message: {shortened(self.message)!r}"
        return f"{self.run.words}{said}; outputs: {shortened(', '.join(self.files)) or 'no file'}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessingEvidence:
    """All that was seen. `good` is the good case, `runs` are the others by name."""

    case: ProcessingCase
    good: ProcessingRun
    runs: Mapping[str, ProcessingRun] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)

    def why_not(self, name: str) -> Verdict:
        """There is no such run."""
        return not_applicable(self.reasons.get(name, "the run it needs was not made"))
