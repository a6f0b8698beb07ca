"""Judgements of how an image does in batch transform. Pure."""

from collections.abc import Callable

from contracts.serving import TRANSFORM_PAYLOADS_LIMIT_MB, BatchStrategy
from tuner.conformance.batch.evidence import Asked, BatchEvidence, in_a_line
from tuner.conformance.batch.records import alike, answers_in
from tuner.conformance.evidence import Verdict, either, failed, not_applicable
from tuner.conformance.serving.judgements_of_answers import may_be_the_content

Judgement = Callable[[BatchEvidence], Verdict]
_DOCUMENTS = (
    "it answers with one JSON document and not with a line for each record, which is for jobs with SplitType None;"
    " if it is to answer by lines, say --accept text/csv or --accept application/jsonlines"
)
_NOT_IMPLEMENTED = "it has no /execution-parameters: see BATCH-EXECPARAMS"


def parameters(evidence: BatchEvidence) -> Verdict:
    """BATCH-EXECPARAMS."""
    if evidence.parameters is None:
        return evidence.why_not("parameters")
    problem, words = evidence.said.problem, evidence.parameters.words
    return either(not problem, f"{words}; {problem}" if problem and problem not in words else words)


def strategy(evidence: BatchEvidence) -> Verdict:
    """BATCH-EXECPARAMS-ENUM."""
    if not evidence.said.is_implemented:
        return not_applicable(_NOT_IMPLEMENTED)
    found = evidence.said.strategy
    if found is None:
        return not_applicable("it says no BatchStrategy, so MULTI_RECORD stands")
    return either(found in tuple(BatchStrategy), f"BatchStrategy is {found!r}")


def limits(evidence: BatchEvidence) -> Verdict:
    """BATCH-EXECPARAMS-LIMIT."""
    if not evidence.said.is_implemented:
        return not_applicable(_NOT_IMPLEMENTED)
    one = evidence.said.effective
    product = one.max_concurrent_transforms * one.max_payload_mb
    came = f"{one.max_concurrent_transforms} requests at once of {one.max_payload_mb} MB"
    return either(max(product, one.max_payload_mb) <= TRANSFORM_PAYLOADS_LIMIT_MB, came)


def environment(evidence: BatchEvidence) -> Verdict:
    """BATCH-ENV."""
    asked = "".join(f"; {one.words}" for one in evidence.single[:1])
    without = "" if evidence.is_good else f"; without SAGEMAKER_BATCH it was well: {evidence.without.words}"
    return either(evidence.is_good, evidence.start.words + asked + without)


def of(name: str, judge: Callable[[Asked, BatchEvidence], Verdict]) -> Judgement:
    """The judgement of the requests `name`; why they were not made, else."""

    def judged(evidence: BatchEvidence) -> Verdict:
        asked = evidence.asked.get(name)
        return evidence.why_not(name) if asked is None else judge(asked, evidence)

    return judged


def as_many_in_order(asked: Asked, evidence: BatchEvidence) -> Verdict:
    """BATCH-MULTI-LINES."""
    assert evidence.records is not None
    if evidence.is_of_documents:
        return not_applicable(_DOCUMENTS)
    expected = evidence.single_answers
    count = len(evidence.records.several().lines)
    came = f"{count} records gave {len(asked.answers)} lines; {asked.words}"
    if not asked.last.is_good or len(asked.answers) != count:
        return failed(came)
    return either(alike(expected, asked.answers), came + ("" if alike(expected, asked.answers) else "; in other order"))


def one_answer(asked: Asked, evidence: BatchEvidence) -> Verdict:
    """BATCH-SINGLE-NOEOL."""
    if len(asked.answers) > 1 and evidence.is_of_documents:
        return not_applicable(_DOCUMENTS)
    return either(
        asked.last.is_good and len(asked.answers) == 1, f"1 record gave {len(asked.answers)} lines; {asked.words}"
    )


def same_as_without(asked: Asked, evidence: BatchEvidence) -> Verdict:
    """BATCH-TRAILING-EOL, BATCH-CRLF: the records with other line ends give the same answers."""
    plain = evidence.asked["records"]
    came = f"{len(plain.answers)} lines without, {len(asked.answers)} with; {asked.words}"
    return either(asked.last.is_good and alike(plain.answers, asked.answers), came)


def taken(asked: Asked, evidence: BatchEvidence) -> Verdict:
    """BATCH-PAYLOAD-MAX."""
    return either(asked.last.is_good, asked.words + may_be_the_content(asked.exchanges[-1], evidence.large))


def survives_a_bad_record(asked: Asked, evidence: BatchEvidence) -> Verdict:
    """BATCH-BAD-RECORD."""
    assert evidence.records is not None
    count = len(evidence.records.with_a_bad_one(None).lines)
    if asked.last.is_good and evidence.is_of_documents:
        return not_applicable(_DOCUMENTS)
    if asked.last.is_good:
        came = f"{count} records, one of them bad, gave {len(asked.answers)} lines; {asked.words}"
        return either(asked.is_alive and len(asked.answers) == count, came)
    return either(asked.is_alive and asked.last.is_refusal, asked.words)


def same_again(asked: Asked, _: BatchEvidence) -> Verdict:
    """BATCH-RETRY-SAFE."""
    first, second = (one.reply for one in asked.exchanges)
    same = first.status == second.status and alike(answers_in(first.body), answers_in(second.body))
    return either(same, f"at first {first.words}; then {second.words}" + ("" if same else "; another answer"))


def all_answered(asked: Asked, evidence: BatchEvidence) -> Verdict:
    """BATCH-CONCURRENT."""
    bad = [one for one in asked.exchanges if not one.reply.is_good]
    came = f"{len(asked.exchanges) - len(bad)} of {len(asked.exchanges)} at once were answered"
    if bad:
        return failed(f"{came}; {bad[0].words}")
    expected = evidence.single_answers
    own = [expected[number % len(expected)] for number in range(len(asked.exchanges))]
    got = [in_a_line(one.reply) for one in asked.exchanges]
    mixed = sum(not alike([mine], [theirs]) for mine, theirs in zip(own, got, strict=True))
    return either(not mixed, came + (f"; {mixed} got another one's answer" if mixed else ""))
