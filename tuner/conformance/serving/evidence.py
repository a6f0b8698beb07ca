"""All that was seen of an image that serves, as values for judgements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tuner.conformance.evidence import Verdict, not_applicable
from tuner.conformance.serving.case import ServedCase, ServingClaim
from tuner.conformance.serving.container import ServingPatience, Start, Stop
from tuner.conformance.serving.http_calls import Exchange
from tuner.engine.protocol import ImageFacts


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """Some calls to a container that others are made to as well.

    `pings` were made meanwhile. `after` is the good request once more, a ping where no payload is known: whether the
    container still works. `new_lines` is what it printed during the step.
    """

    exchanges: Sequence[Exchange] = ()
    pings: Sequence[Exchange] = ()
    after: Exchange | None = None
    new_lines: Sequence[str] = ()

    @property
    def is_alive(self) -> bool:
        """Whether the container still works."""
        return self.after is not None and self.after.reply.is_good

    @property
    def after_words(self) -> str:
        """How it was afterwards, where it does not work any more."""
        return "" if self.after is None or self.is_alive else f"; afterwards {self.after.words}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Visit:
    """A container of its own, from its start to its end."""

    start: Start
    exchanges: Sequence[Exchange] = ()
    stop: Stop | None = None

    @property
    def is_good(self) -> bool:
        """Whether it came up and answered all that it was asked with 2xx."""
        return self.start.ready_after is not None and all(one.reply.is_good for one in self.exchanges)

    @property
    def words(self) -> str:
        """What came back, in a line for people."""
        asked = "".join(f"; {one.words}" for one in self.exchanges if self.start.ready_after is not None)
        return self.start.words + asked + ("" if self.stop is None else f"; {self.stop.words}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ServingEvidence:
    """All that was seen of an image.

    `start` is how the container of the good case came up; `first` are the good requests that were made at once, until
    one was answered well. `steps` and `visits` are by name, as are the `reasons` why one was not made. `lines` is all
    that the containers of the good case printed.
    """

    case: ServedCase
    image: ImageFacts
    start: Start
    first: Sequence[Exchange] = ()
    patience: ServingPatience = field(default_factory=ServingPatience)
    steps: Mapping[str, Step] = field(default_factory=dict)
    visits: Mapping[str, Visit] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    lines: Sequence[str] = ()

    @property
    def is_good(self) -> bool:
        """Whether the good case came up, and where a payload is known, answered it."""
        if self.start.ready_after is None:
            return False
        return not self.case.payloads or (bool(self.first) and self.first[-1].reply.is_good)

    def claims(self, claim: ServingClaim) -> bool:
        """Whether the image or the case claims it."""
        return claim in self.case.claimed(self.image)

    def why_not(self, name: str) -> Verdict:
        """There is no such step or visit."""
        return not_applicable(self.reasons.get(name, "what it needs was not run"))
