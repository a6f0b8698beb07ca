"""Judgements of what an image answers to invocations and streams. Pure."""

from collections.abc import Callable
from dataclasses import replace

from contracts.serving import CUSTOM_ATTRIBUTES_HEADER, parse_media_type
from tuner.conformance.evidence import Outcome, Verdict, either, failed, not_applicable, passed
from tuner.conformance.serving.case import ServingClaim
from tuner.conformance.serving.evidence import ServingEvidence, Step
from tuner.conformance.serving.http_calls import Exchange, Reply
from tuner.conformance.serving.judgements import Judgement
from tuner.conformance.serving.steps import NO_PAYLOAD, UNKNOWN_TYPE

_METHOD_UNKNOWN = {404, 405}
_NOT_FOUND = 404
#: A longer refusal is a page or a traceback, not a message.
_SHORT_BYTES = 4096
#: What of its time a streamed answer has to take after its first byte, to count as one that began before its end.
_STREAMED_SHARE = 0.1


def of_step(name: str, judge: Callable[[Step], Verdict]) -> Judgement:
    """A judgement of one step; where it was not made, its reason."""

    def judged(evidence: ServingEvidence) -> Verdict:
        step = evidence.steps.get(name)
        return evidence.why_not(name) if step is None else judge(step)

    return judged


def _all(step: Step, holds: Callable[[Reply], bool]) -> Verdict:
    bad = [one for one in step.exchanges if not holds(one.reply)]
    if bad:
        return failed(bad[0].reply.words, bad[0].call.words)
    last = step.exchanges[-1]
    return passed(last.reply.words, last.call.words)


def _and_alive(step: Step, holds: Callable[[Reply], bool]) -> Verdict:
    verdict = _all(step, holds)
    if verdict.outcome is Outcome.FAIL or step.is_alive:
        return verdict
    return failed(verdict.came + step.after_words, verdict.sent)


def answers(evidence: ServingEvidence) -> Verdict:
    """SERVE-INVOKE-200."""
    if not evidence.first:
        return not_applicable(NO_PAYLOAD)
    last = evidence.first[-1]
    if last.reply.is_late:
        return not_applicable(f"{last.words}: see SERVE-INVOKE-60S")
    return either(last.reply.is_good and bool(last.reply.body), last.reply.words, last.call.words)


def in_time(evidence: ServingEvidence) -> Verdict:
    """SERVE-INVOKE-60S."""
    if not evidence.first:
        return not_applicable(NO_PAYLOAD)
    more = [step for name in ("every payload", "6 MiB") if (step := evidence.steps.get(name)) is not None]
    made = [*evidence.first, *(one for step in more for one in step.exchanges)]
    slowest = max(made, key=lambda one: (one.reply.is_late, one.reply.seconds))
    return either(not slowest.reply.is_late, slowest.reply.words, slowest.call.words)


def good(step: Step) -> Verdict:
    """All are answered with 2xx: content types with parameters, headers, custom attributes, chunked bodies."""
    return _all(step, lambda reply: reply.is_good)


def attributes_tolerated(step: Step) -> Verdict:
    """SERVE-INVOKE-CUSTOM-ATTR: whether what comes back was set by the code, or is an echo, cannot be told."""
    verdict = good(step)
    returned = step.exchanges[-1].reply.headers.get(CUSTOM_ATTRIBUTES_HEADER.lower())
    told = "no custom attributes came back" if returned is None else f"it returned {returned[:60]!r}"
    return either(verdict.outcome is Outcome.PASS, f"{verdict.came}; {told}", "custom attributes of 1024 characters")


def typed(step: Step) -> Verdict:
    """SERVE-INVOKE-CT-OUT."""
    answered = [one for one in step.exchanges if one.reply.is_good]
    if not answered:
        return not_applicable("it answered nothing this time")
    bad = [one for one in answered if not one.reply.content_type]
    return either(not bad, (bad or answered)[0].reply.words)


def accept_honoured(step: Step) -> Verdict:
    """SERVE-INVOKE-ACCEPT."""
    for one in step.exchanges:
        wanted = one.call.headers.get("Accept", "*/*")
        given = parse_media_type(one.reply.content_type).name
        fits = wanted == "*/*" or given == parse_media_type(wanted).name
        if not one.reply.is_good or not fits:
            return failed(one.reply.words, one.call.words)
    return passed(f"{len(step.exchanges)} answers, the last {step.exchanges[-1].reply.words}")


def refused(step: Step) -> Verdict:
    """SERVE-INVOKE-BAD-CT."""
    return _all(step, lambda reply: reply.is_refusal)


def unknown_accept(step: Step) -> Verdict:
    """SERVE-INVOKE-BAD-ACCEPT: refused, or answered with something else than what there is not."""
    return _all(
        step, lambda reply: reply.is_refusal or (reply.is_good and not reply.content_type.startswith(UNKNOWN_TYPE))
    )


def malformed_refused(step: Step) -> Verdict:
    """SERVE-INVOKE-BAD-BODY."""
    return _and_alive(step, lambda reply: reply.is_refusal and len(reply.body) <= _SHORT_BYTES)


def empty_handled(step: Step) -> Verdict:
    """SERVE-INVOKE-EMPTY."""
    return _and_alive(step, lambda reply: reply.is_refusal or reply.is_good)


def survives_failure(evidence: ServingEvidence) -> Verdict:
    """SERVE-INVOKE-5XX-ALIVE: a stream that has begun can only break off."""
    step = evidence.steps.get("a failing model")
    if step is None:
        return evidence.why_not("a failing model")
    streams = evidence.claims(ServingClaim.STREAMING)
    return _and_alive(step, lambda reply: reply.is_failure or (streams and reply.status is None and not reply.is_late))


def six_mebibytes(evidence: ServingEvidence) -> Verdict:
    """SERVE-INVOKE-6MB."""
    step = evidence.steps.get("6 MiB")
    if step is None:
        return evidence.why_not("6 MiB")
    verdict = _and_alive(step, lambda reply: reply.is_good)
    return replace(verdict, came=verdict.came + may_be_the_content(step.exchanges[-1], evidence.case.large))


def may_be_the_content(exchange: Exchange, given: bytes | None) -> str:
    """What to do where a large request fails and is not said to be too large, unless it is the one that was `given`."""
    if exchange.call.body == given or not exchange.reply.is_failure:
        return ""
    return "; its size need not be why: it is made of the payload, give another one with --large FILE"


def keeps_connections(step: Step) -> Verdict:
    """SERVE-INVOKE-KEEPALIVE."""
    calls = step.exchanges
    closed = sum(one.reply.ends_connection for one in calls[:-1])
    lost = [one for one in calls if one.reply.status is None]
    if lost:
        return failed(f"{len(lost)} of {len(calls)} calls got no answer, the first: {lost[0].words}")
    return either(not closed, f"{len(calls)} calls took {closed + 1} connections")


def own_answers(evidence: ServingEvidence) -> Verdict:
    """SERVE-INVOKE-CONCURRENT: each answer is the one that the same request gets alone."""
    step = evidence.steps.get("load")
    if step is None:
        return evidence.why_not("load")
    bad = [one for one in step.exchanges if not one.reply.is_good and _answers_alone(evidence, one) is not None]
    sent = f"{len(step.exchanges)} requests by 16 callers at once"
    if bad:
        return failed(f"{len(bad)} of {len(step.exchanges)} went wrong, the first: {bad[0].words}", sent)
    mixed = [one for one in step.exchanges if _is_mixed_up(evidence, one)]
    if mixed:
        return failed(f"{len(mixed)} answers are not what the same request gets alone: {mixed[0].words}", sent)
    return passed(f"{len(step.exchanges)} answers, each its own", sent)


def _answers_alone(evidence: ServingEvidence, exchange: Exchange) -> Reply | None:
    step = evidence.steps.get("every payload")
    alone = [] if step is None else [one for one in step.exchanges if one.call.body == exchange.call.body]
    return next((one.reply for one in alone if one.reply.is_good), None)


def _is_mixed_up(evidence: ServingEvidence, exchange: Exchange) -> bool:
    alone = _answers_alone(evidence, exchange)
    if alone is None or same_answers(evidence).outcome is Outcome.FAIL:
        return False
    return exchange.reply.body != alone.body


def same_answers(evidence: ServingEvidence) -> Verdict:
    """SERVE-INVOKE-DETERMINISTIC."""
    step = evidence.steps.get("the same request twice")
    if step is None:
        return evidence.why_not("the same request twice")
    first, second = (one.reply for one in step.exchanges)
    if not (first.is_good and second.is_good):
        return not_applicable(f"it did not answer this time: {first.words}; {second.words}")
    return either(
        first.body == second.body, "both answers are the same" if first.body == second.body else "they differ"
    )


def only_post(step: Step) -> Verdict:
    """SERVE-INVOKE-GET."""
    return _all(step, lambda reply: reply.status in _METHOD_UNKNOWN)


def not_found(step: Step) -> Verdict:
    """SERVE-404."""
    return _all(step, lambda reply: reply.status == _NOT_FOUND)


def streams(step: Step) -> Verdict:
    """SERVE-STREAM-CHUNKED."""

    def is_streamed(reply: Reply) -> bool:
        chunked = reply.headers.get("transfer-encoding", "").lower() == "chunked"
        after = reply.seconds - (reply.first_seconds or reply.seconds)
        return reply.is_good and chunked and reply.pieces > 1 and after >= _STREAMED_SHARE * reply.seconds

    one = next((one for one in step.exchanges if is_streamed(one.reply)), step.exchanges[-1])
    first = "no byte" if one.reply.first_seconds is None else f"the first byte after {one.reply.first_seconds:.2f} s"
    way = one.reply.headers.get("transfer-encoding", "in one piece")
    return either(is_streamed(one.reply), f"{one.reply.words}; {way}, {one.reply.pieces} pieces, {first}")


def survives_leaving(step: Step) -> Verdict:
    """SERVE-STREAM-ABORT."""
    return either(step.is_alive, f"afterwards {step.after.reply.words if step.after else 'nothing'}")


def breaks_off(evidence: ServingEvidence) -> Verdict:
    """SERVE-STREAM-ERROR: the caller must not take a part for the whole."""
    if not evidence.claims(ServingClaim.STREAMING):
        return not_applicable("streaming is not claimed (--claim streaming)")
    step = evidence.steps.get("a failing model")
    if step is None:
        return evidence.why_not("a failing model")
    return _and_alive(step, lambda reply: reply.is_failure or (reply.status is None and not reply.is_late))
