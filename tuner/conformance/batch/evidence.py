"""What was seen of an image that is asked as a transform job asks, as values for judgements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tuner.conformance.batch.parameters import Said, said
from tuner.conformance.batch.records import Records, answers_in
from tuner.conformance.evidence import Verdict, not_applicable
from tuner.conformance.serving.container import Start
from tuner.conformance.serving.http_calls import Exchange, Reply


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """Requests that belong together. `is_alive`: a good one was answered well afterwards."""

    exchanges: Sequence[Exchange]
    is_alive: bool = True

    @property
    def last(self) -> Reply:
        """The last reply."""
        return self.exchanges[-1].reply

    @property
    def answers(self) -> list[str]:
        """The lines of the last reply."""
        return answers_in(self.last.body)

    @property
    def words(self) -> str:
        """The last exchange, for people."""
        return self.exchanges[-1].words + ("" if self.is_alive else "; after that a good request was not answered")


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchEvidence:
    """All that was seen. `start` is how the container came up with SAGEMAKER_BATCH, `without` how it did without it.

    `parameters` is the request for the execution parameters; `single` are the records by themselves, of an image that
    is not known to take lines its usual request. `accept` is the header with which the answers come in lines. `asked`
    are the further requests by name, `reasons` say why some were not made.
    """

    start: Start
    without: Start
    parameters: Exchange | None = None
    records: Records | None = None
    accept: str | None = None
    single: Sequence[Exchange] = ()
    asked: Mapping[str, Asked] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        """Whether it came up, and where a request is known, answered it."""
        return self.start.ready_after is not None and all(one.reply.is_good for one in self.single[:1])

    @property
    def said(self) -> Said:
        """What it says of itself."""
        return Said(is_implemented=False) if self.parameters is None else said(self.parameters.reply)

    @property
    def single_answers(self) -> list[str]:
        """The first line of each single record's answer."""
        return [next(iter(answers_in(one.reply.body)), "") for one in self.single]

    def why_not(self, name: str) -> Verdict:
        """These requests were not made."""
        return not_applicable(self.reasons.get(name, "the requests that it needs were not made"))
