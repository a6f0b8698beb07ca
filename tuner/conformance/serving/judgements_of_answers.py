"""Judgements of what an image answers to invocations, streams, and calls of many models. Pure."""

from collections.abc import Callable, Sequence

from contracts.errors import InvalidMessage
from contracts.multi_model import ALREADY_LOADED, NOT_LOADED
from contracts.serving import CUSTOM_ATTRIBUTES_HEADER, parse_media_type
from tuner.conformance.evidence import Outcome, Verdict, either, failed, not_applicable, passed
from tuner.conformance.serving.case import ServingClaim
from tuner.conformance.serving.evidence import ServingEvidence, Step, Visit
from tuner.conformance.serving.http_calls import Exchange, Reply
from tuner.conformance.serving.judgements import Judgement
from tuner.conformance.serving.multi_model import (
    FIRST,
    SECOND,
    UNKNOWN,
    entry_in,
    names_listed,
    next_token,
    says_out_of_resources,
)
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


def six_mebibytes(step: Step) -> Verdict:
    """SERVE-INVOKE-6MB."""
    return _and_alive(step, lambda reply: reply.is_good)


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


# Many models.


def of_models(name: str, judge: Callable[[Sequence[Exchange]], Verdict]) -> Judgement:
    """A judgement of one part of the conversation with a container of many models."""

    def judged(evidence: ServingEvidence) -> Verdict:
        visit = evidence.visits.get(name)
        if visit is not None:
            return judge(visit.exchanges)
        if "no model" in evidence.visits:
            return not_applicable("it did not come up without a model: see SERVE-MME-PING-EMPTY")
        return evidence.why_not("many models")

    return judged


def healthy_without_models(evidence: ServingEvidence) -> Verdict:
    """SERVE-MME-PING-EMPTY."""
    visit = evidence.visits.get("no model")
    return (
        evidence.why_not("many models") if visit is None else either(visit.start.ready_after is not None, visit.words)
    )


def status_is(status: int) -> Callable[[Sequence[Exchange]], Verdict]:
    """The first exchange has this status."""
    return lambda exchanges: either(exchanges[0].reply.status == status, exchanges[0].reply.words)


already_loaded = status_is(ALREADY_LOADED)
not_loaded = status_is(NOT_LOADED)


def loaded_and_listed(exchanges: Sequence[Exchange]) -> Verdict:
    """SERVE-MME-LOAD."""
    load, *pages = exchanges
    if not load.reply.is_good:
        return failed(load.reply.words, load.call.words)
    try:
        listed = [name for page in pages for name in names_listed(page)]
    except InvalidMessage:
        return passed(f"{load.reply.words}; what is listed cannot be read: see SERVE-MME-LIST", load.call.words)
    return either(FIRST in listed, f"{load.reply.words}; then {len(listed)} listed", load.call.words)


def listed_in_form(exchanges: Sequence[Exchange]) -> Verdict:
    """SERVE-MME-LIST."""
    page, one = exchanges
    try:
        names_listed(page)
    except InvalidMessage as error:
        return failed(f"{page.reply.words}: it {error}: {page.reply.body[:200].decode(errors='replace')!r}")
    entry = entry_in(one)
    told = one.reply.is_good and {"modelName", "modelUrl"} <= set(entry)
    return either(page.reply.is_good and told, f"the list {page.reply.words}; GET of one {one.reply.words}")


def pages_honoured(exchanges: Sequence[Exchange]) -> Verdict:
    """SERVE-MME-LIST-PAGE."""
    pages = [one for one in exchanges if one.call.method == "GET"]
    try:
        listed = [name for page in pages for name in names_listed(page)]
    except InvalidMessage:
        return not_applicable("what is listed cannot be read: see SERVE-MME-LIST")
    loaded = 2 + sum(one.reply.is_good for one in exchanges if one.call.method == "POST")
    came = (
        f"{loaded} models are loaded; {len(pages)} pages with {len(listed)} models, {len(set(listed))} different ones"
    )
    ends = next_token(pages[-1]) is None
    return either(ends and len(listed) == len(set(listed)) == loaded, came)


def right_model(evidence: ServingEvidence) -> Verdict:
    """SERVE-MME-INVOKE: the first answers as it does alone, and with another model given, the second differently."""
    if not evidence.case.payloads:
        return not_applicable(NO_PAYLOAD)

    def judge(exchanges: Sequence[Exchange]) -> Verdict:
        first, _, second, first_again = exchanges
        invoked = (first, second, first_again)
        bad = next((one for one in invoked if not one.reply.is_good), None)
        if bad is not None:
            return failed(bad.reply.words, bad.call.words)
        steady = same_answers(evidence).outcome is not Outcome.FAIL
        alone = evidence.first[-1].reply.body
        same = first.reply.body == first_again.reply.body == alone
        differ = evidence.case.other_model is None or second.reply.body != first.reply.body
        words = "the model answers as it does alone" if same else "the model does not answer as it does alone"
        if evidence.case.other_model is not None:
            words += ", the other one differently" if differ else ", and the other one the same"
        return either(not steady or (same and differ), words)

    return of_models("models invoked", judge)(evidence)


def unloaded(exchanges: Sequence[Exchange]) -> Verdict:
    """SERVE-MME-UNLOAD: whether its memory is free again shows only in that it can be loaded once more."""
    unload, invoke, get, load = exchanges
    gone = unload.reply.is_good and invoke.reply.status == NOT_LOADED == get.reply.status
    words = "; ".join(f"{one.call.method} {_short(one.call.path)}: {one.reply.status}" for one in exchanges)
    return either(gone and load.reply.is_good, words)


def _short(path: str) -> str:
    names = {FIRST: "first", SECOND: "second", UNKNOWN: "unknown"}
    for name, word in names.items():
        path = path.replace(name, word)
    return path


def safe_race(evidence: ServingEvidence) -> Verdict:
    """SERVE-MME-RACE."""

    def judge(exchanges: Sequence[Exchange]) -> Verdict:
        bad = next((one for one in exchanges if not one.reply.is_good), None)
        if bad is not None:
            return failed(bad.reply.words, f"{bad.call.method} {_short(bad.call.path)} while models come and go")
        bodies = {one.reply.body for one in exchanges if one.call.path.endswith("/invoke")}
        steady = same_answers(evidence).outcome is not Outcome.FAIL
        changes = sum(not one.call.path.endswith("/invoke") for one in exchanges)
        words = f"{len(exchanges) - changes} answers of one model during {changes} loads and unloads of another"
        return either(not steady or len(bodies) <= 1, f"{words}: {len(bodies)} different ones")

    if not evidence.case.payloads:
        return not_applicable(NO_PAYLOAD)
    return of_models("loaded and invoked at once", judge)(evidence)


def out_of_memory(evidence: ServingEvidence) -> Verdict:
    """SERVE-MME-LOAD-507."""
    visit = evidence.visits.get("little memory")
    if visit is None:
        return evidence.why_not("little memory")
    if visit.start.ready_after is None:
        return not_applicable(f"with little memory it does not come up: {visit.start.words}")
    return _memory_verdict(visit, has_payload=bool(evidence.case.payloads))


def _memory_verdict(visit: Visit, *, has_payload: bool) -> Verdict:
    loads = [one for one in visit.exchanges if one.call.path.endswith("/models")]
    refused = next((one for one in loads if not one.reply.is_good), None)
    if refused is None:
        return not_applicable(f"{len(loads)} models did not use up the memory that the check gives")
    count = loads.index(refused) + 1
    if not says_out_of_resources(refused):
        return failed(f"the {count}th model: {refused.reply.words}", "one model after the other, with little memory")
    if count == 1:
        return not_applicable("the first model already needs more memory than the check gives")
    after = visit.exchanges[-1].reply
    served = after.is_good if has_payload else after.status is not None and after.status != NOT_LOADED
    return either(served, f"507 at the {count}th model; the first one was then answered {after.words}")
