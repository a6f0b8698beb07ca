"""Judgements of a container that hosts many models. Pure."""

from collections.abc import Callable, Sequence

from contracts.errors import InvalidMessage
from contracts.multi_model import ALREADY_LOADED, NOT_LOADED
from tuner.conformance.evidence import Outcome, Verdict, either, failed, not_applicable, passed
from tuner.conformance.serving.evidence import ServingEvidence, Visit
from tuner.conformance.serving.http_calls import Exchange
from tuner.conformance.serving.judgements import Judgement
from tuner.conformance.serving.judgements_of_answers import same_answers
from tuner.conformance.serving.multi_model import (
    ALONE,
    FIRST,
    SECOND,
    UNKNOWN,
    entry_in,
    names_listed,
    next_token,
    says_out_of_resources,
)
from tuner.conformance.serving.steps import NO_PAYLOAD


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
    """SERVE-MME-INVOKE: the first answers as it does alone, and with another model given, the second differently.

    Two models that answer alike when each is served alone tell nothing.
    """
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
        words = "the model answers as it does alone" if same else "the model does not answer as it does alone"
        if evidence.case.other_model is None or not same or not steady:
            return either(not steady or same, words)
        if second.reply.body != first.reply.body:
            return passed(f"{words}, the other one differently")
        return _both_alike(evidence.visits.get(ALONE), first.reply.body, words)

    return of_models("models invoked", judge)(evidence)


def _both_alike(alone: Visit | None, body: bytes, words: str) -> Verdict:
    """Two models gave the answer `body`: what of it is the image's doing shows when the other one is served alone."""
    if alone is None or not (alone.is_good and alone.exchanges):
        how = "" if alone is None else f": {alone.words}"
        return not_applicable(f"the two models answer alike, and what the other one answers alone is not known{how}")
    if alone.exchanges[-1].reply.body == body:
        return not_applicable(
            "the two models answer the payload alike, each alone too: give another --model that answers differently"
        )
    return failed(f"{words}, and the other one the same, which alone answers differently")


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
