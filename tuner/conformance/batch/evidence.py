"""What was seen of an image that is asked as a transform job asks, as values for judgements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tuner.conformance.batch.parameters import Said, said
from tuner.conformance.batch.records import Records, answers_in, is_document, says_lines
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


def in_a_line(reply: Reply) -> str:
    """The body of a reply, its lines put behind each other."""
    return " ".join(answers_in(reply.body))


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchEvidence:
    """All that was seen. `start` is how the container came up with SAGEMAKER_BATCH, `without` how it did without it.

    `parameters` is the request for the execution parameters; `single` are the records by themselves, of an image that
    is not known to take records its usual request. `accept` is the header with which the answers come in lines;
    `claims_lines`: its author said that they do. `asked` are the further requests by name, `reasons` say why some were
    not made. `large` is the author's own large request.
    """

    start: Start
    without: Start
    parameters: Exchange | None = None
    records: Records | None = None
    accept: str | None = None
    claims_lines: bool = False
    large: bytes | None = None
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
        """Each single record's answer, as one line."""
        return [in_a_line(one.reply) for one in self.single]

    @property
    def is_of_documents(self) -> bool:
        """Whether its answers are JSON documents that have no line for each record, and nobody said that they have."""
        first = self.single[0].reply
        if self.claims_lines or says_lines(first.content_type) or not is_document(first.body):
            return False
        several = self.asked.get("records")
        if len(answers_in(first.body)) > 1 or several is None or self.records is None:
            return len(answers_in(first.body)) > 1
        is_one_each = len(several.answers) == len(self.records.several().lines)
        return several.last.is_good and not is_one_each and is_document(several.last.body)

    def why_not(self, name: str) -> Verdict:
        """These requests were not made."""
        return not_applicable(self.reasons.get(name, "the requests that it needs were not made"))
