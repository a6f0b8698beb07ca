"""Judgements of how an image starts, answers pings and stops when it serves. Pure."""

import posixpath
import re
from collections.abc import Callable, Sequence

from contracts.serving import PORT_LABEL
from tuner.conformance.evidence import Outcome, Verdict, either, failed, not_applicable, passed
from tuner.conformance.observation import shortened
from tuner.conformance.serving.case import (
    BIDIRECTIONAL_LABEL,
    LABELS,
    MARKER,
    ServingClaim,
    has_label,
)
from tuner.conformance.serving.evidence import ServingEvidence, Visit
from tuner.conformance.serving.http_calls import Exchange
from tuner.conformance.serving.steps import NO_PAYLOAD

#: What judges an item.
Judgement = Callable[[ServingEvidence], Verdict]

_SHELLS = {"sh", "ash", "bash", "dash"}
_USAGE = re.compile(r"\busage\b", re.IGNORECASE)
_NOT_FOUND = {126, 127}
_OK = 200
_SMALL_BYTES = 1024
#: Seconds within which a connection has to be accepted. The kernel of a container whose queue is full drops the first
#: packet, and it is sent again after a second; what is quicker than that was accepted.
_CONNECT_SECONDS = 0.25
_SENT_AGAIN_SECONDS = 1.0
_BURST = 16
_SIGTERM_CODES = {0, 128 + 15}
#: Shorter lines of a payload may be in a log by chance.
_LEAST_LEAKED = 12
_SHOWN = 3


def start_argument(evidence: ServingEvidence) -> Verdict:
    """SERVE-START-ARG."""
    start = evidence.start
    if start.ready_after is not None:
        return passed(start.words)
    complains = start.exit_code is not None and any(_USAGE.search(text) for text in start.lines)
    return either(not start.refusal and start.exit_code not in _NOT_FOUND and not complains, start.words)


def start_exec(evidence: ServingEvidence) -> Verdict:
    """SERVE-START-EXEC."""
    words = evidence.image.entry_point
    shell = len(words) > 1 and posixpath.basename(words[0]) in _SHELLS and words[1] == "-c"
    came = f"the entry point is {list(words)}" if words else "there is no entry point: `serve` is looked for on PATH"
    return either(not shell, came)


def listens(evidence: ServingEvidence) -> Verdict:
    """SERVE-PORT-8080: something that runs and is never heard listens elsewhere."""
    start = evidence.start
    if start.exit_code is not None:
        return not_applicable("the container ended by itself: see SERVE-PING-200")
    return either(start.has_answered, start.words)


def healthy(evidence: ServingEvidence) -> Verdict:
    """SERVE-PING-200."""
    return either(evidence.start.ready_after is not None, evidence.start.words)


def start_time(evidence: ServingEvidence) -> Verdict:
    """SERVE-START-TIME."""
    ready, limit = evidence.start.ready_after, evidence.patience.startup
    if ready is None:
        return not_applicable("it never was ready: see SERVE-PING-200")
    return either(ready <= limit, f"{evidence.start.words}; the limit is {limit:g} s")


def ready_when_it_says_so(evidence: ServingEvidence) -> Verdict:
    """SERVE-PING-NOT-READY."""
    if not evidence.first:
        return not_applicable(NO_PAYLOAD)
    came = f"{evidence.start.words}; at once afterwards: {evidence.first[0].words}"
    if evidence.first[0].reply.is_good:
        return passed(came)
    return failed(f"{came}; the {len(evidence.first)}th time: {evidence.first[-1].reply.words}")


def pings_in_time(evidence: ServingEvidence) -> Verdict:
    """SERVE-PING-2S."""
    step = evidence.steps.get("a hundred calls on one connection")
    if step is None:
        return evidence.why_not("a hundred calls on one connection")
    return _all_well([one for one in step.exchanges if one.call.method == "GET"])


def small_ping(evidence: ServingEvidence) -> Verdict:
    """SERVE-PING-BODY."""
    reply = evidence.start.last_ping
    assert reply is not None
    return either(reply.status == _OK and len(reply.body) <= _SMALL_BYTES, reply.words)


def pings_under_load(evidence: ServingEvidence) -> Verdict:
    """SERVE-PING-LOAD."""
    step = evidence.steps.get("load")
    if step is None:
        return evidence.why_not("load")
    if not step.pings:
        return not_applicable("the requests were answered before a ping could be sent")
    return _all_well(step.pings, f"{len(step.exchanges)} requests by {_BURST} callers, and {len(step.pings)} pings")


def _all_well(pings: Sequence[Exchange], sent: str = "") -> Verdict:
    bad = [one for one in pings if one.reply.status != _OK]
    if bad:
        return failed(f"{len(bad)} of {len(pings)} went wrong, the first: {bad[0].reply.words}", sent)
    return passed(f"{len(pings)} answers, the slowest after {max(one.reply.seconds for one in pings):.2f} s", sent)


def accepts_connections(evidence: ServingEvidence) -> Verdict:
    """SERVE-CONNECT-250MS: by the best of some bursts, for the machine may be busy with something else."""
    step = evidence.steps.get("new connections at once")
    if step is None:
        return evidence.why_not("new connections at once")
    found = list(step.exchanges)
    bursts = [found[start : start + _BURST] for start in range(0, len(found), _BURST)]
    slowest = min(max(one.reply.seconds for one in burst) for burst in bursts)
    calm = evidence.start.last_ping.seconds if evidence.start.last_ping else 0.0
    limit = max(_SENT_AGAIN_SECONDS - _CONNECT_SECONDS, _CONNECT_SECONDS + calm)
    sent = f"{len(bursts)} times {_BURST} connections at once, each with GET /ping, through a port of this host"
    came = f"in the best of {len(bursts)} tries the slowest connection was answered after {slowest:.2f} s"
    silent = [one for one in found if one.reply.status is None and not one.reply.is_late]
    if silent:
        return failed(f"{len(silent)} of {len(found)} connections were not taken: {silent[0].reply.words}", sent)
    return either(slowest <= limit, came, sent)


def broken_model(evidence: ServingEvidence) -> Verdict:
    """SERVE-PING-BROKEN-MODEL."""
    visit = evidence.visits.get("a broken model")
    if visit is None:
        return evidence.why_not("a broken model")
    if visit.start.exit_code == 0:
        return failed(visit.words)
    return either(visit.start.ready_after is None, visit.words)


def empty_model(evidence: ServingEvidence) -> Verdict:
    """SERVE-MODEL-EMPTY: it works, or it is not healthy and says why."""
    visit = evidence.visits.get("an empty model")
    if visit is None:
        return evidence.why_not("an empty model")
    if visit.start.ready_after is not None:
        return either(visit.is_good, visit.words)
    news = set(visit.start.lines) - set(evidence.lines)
    return either(visit.start.exit_code != 0 and bool(news), visit.words)


def another_port(evidence: ServingEvidence) -> Verdict:
    """SERVE-PORT-BIND."""
    visit = evidence.visits.get("another port")
    return evidence.why_not("another port") if visit is None else either(visit.is_good, visit.words)


def label_of_port(evidence: ServingEvidence) -> Verdict:
    """SERVE-PORT-LABEL."""
    return _labelled(evidence, ServingClaim.PIPELINE, PORT_LABEL)


def label_of_both_ways(evidence: ServingEvidence) -> Verdict:
    """SERVE-BIDI-LABEL."""
    return _labelled(evidence, ServingClaim.BIDIRECTIONAL, BIDIRECTIONAL_LABEL)


def label_of_many_models(evidence: ServingEvidence) -> Verdict:
    """SERVE-MME-LABEL."""
    return _labelled(evidence, ServingClaim.MULTI_MODEL, LABELS[ServingClaim.MULTI_MODEL])


def _labelled(evidence: ServingEvidence, claim: ServingClaim, label: str) -> Verdict:
    if not evidence.claims(claim):
        return not_applicable(f"it is not claimed (--claim {claim}, or the label {label}=true)")
    came = f"{label} is {evidence.image.labels.get(label, 'not there')!r}"
    return either(has_label(evidence.image, label), came)


def stops(evidence: ServingEvidence) -> Verdict:
    """SERVE-TERM-30S."""
    visit = _stopped(evidence, "stopped")
    if isinstance(visit, Verdict):
        return visit
    assert visit.stop is not None
    return either(visit.stop.exit_code is not None, visit.stop.words)


def stop_code(evidence: ServingEvidence) -> Verdict:
    """SERVE-TERM-CODE."""
    visit = _stopped(evidence, "stopped")
    if isinstance(visit, Verdict):
        return visit
    assert visit.stop is not None
    return either(visit.stop.exit_code in _SIGTERM_CODES, visit.stop.words)


def finishes_a_request(evidence: ServingEvidence) -> Verdict:
    """SERVE-TERM-INFLIGHT."""
    visit = _stopped(evidence, "stopped in a request")
    if isinstance(visit, Verdict):
        return visit
    sent = "SIGTERM when one half of a request had come, then the other half"
    return either(visit.exchanges[-1].reply.is_good, f"{visit.exchanges[-1].reply.words}; {_stop_words(visit)}", sent)


def _stopped(evidence: ServingEvidence, name: str) -> Visit | Verdict:
    visit = evidence.visits.get(name)
    if visit is None:
        return evidence.why_not(name)
    if visit.stop is None:
        return not_applicable(f"this time it did not come up: {visit.start.words}")
    return visit


def _stop_words(visit: Visit) -> str:
    return "" if visit.stop is None else visit.stop.words


def condition(name: str) -> Judgement:
    """Whether the image did as well under a condition as without it."""

    def judge(evidence: ServingEvidence) -> Verdict:
        visit = evidence.visits.get(name)
        return evidence.why_not(name) if visit is None else either(visit.is_good, visit.words)

    return judge


def needs_no_aws(evidence: ServingEvidence) -> Verdict:
    """SERVE-ENV-ONLY: without credentials it does as well as with them, without a network it does not end."""
    without_credentials = condition("SERVE-ENV-ONLY")(evidence)
    if without_credentials.outcome is not Outcome.PASS:
        return without_credentials
    visit = evidence.visits.get("no network")
    if visit is None:
        return without_credentials
    start = visit.start
    if start.exit_code is None and not start.refusal:
        return passed(f"without credentials {without_credentials.came}; without a network it stays up")
    return failed(f"without a network {start.words}", "no AWS credentials; then no network at all")


def keeps_payloads_out_of_the_log(evidence: ServingEvidence) -> Verdict:
    """SERVE-LOG."""
    step = evidence.steps.get("a malformed body")
    if step is None:
        return evidence.why_not("a malformed body")
    leaked = next((line for line in evidence.lines if _leaks(line, evidence)), None)
    if leaked is not None:
        return failed(f"a line of the log holds what was sent: {shortened(leaked)!r}", "good and malformed requests")
    said = f"after a malformed body it printed {shortened(' | '.join(step.new_lines[:_SHOWN]))!r}"
    is_error = any(not one.reply.is_good for one in step.exchanges)
    if is_error and not step.new_lines:
        return failed("after a malformed body, which was refused, it printed nothing", "a malformed body")
    return passed(said if step.new_lines else "nothing was refused, and nothing printed")


def _leaks(line: str, evidence: ServingEvidence) -> bool:
    if MARKER in line:
        return True
    pieces = (piece for payload in evidence.case.payloads for piece in payload.body.decode(errors="ignore").split("\n"))
    return any(len(piece.strip()) >= _LEAST_LEAKED and piece.strip() in line for piece in pieces)


def user(evidence: ServingEvidence) -> Verdict:
    """SERVE-USER-ROOT."""
    return either(
        evidence.image.user.partition(":")[0] in {"", "0", "root"},
        f"the image's user is {evidence.image.user or 'root'}",
    )
