"""All checks of serving: which item, which step or visit it needs, who judges it."""

from tuner.conformance.part import Check
from tuner.conformance.serving import judgements as judge
from tuner.conformance.serving import judgements_of_answers as answer
from tuner.conformance.serving import judgements_of_many_models as models
from tuner.conformance.serving.evidence import ServingEvidence
from tuner.conformance.serving.judgements_of_answers import of_step

#: Judged by how the container of the good case comes up under it; see `part`.
CONDITIONS = ("SERVE-MODEL-RO", "SERVE-MODEL-EXTRA", "SERVE-ENV-ONLY")
#: The item of training that says what is served.
MODEL_SERVEABLE = "TRAIN-MODEL-SERVEABLE"

_HUNDRED = "a hundred calls on one connection"
_PARAMETER = "content types with a parameter"
#: An image of which only the trained model cannot be served is told so, and not that it is not healthy.
_HEARD = (MODEL_SERVEABLE, "SERVE-START-ARG", "SERVE-PORT-8080")
_UP = (*_HEARD, "SERVE-PING-200")


def _step(name: str, needs: str, verdict: judge.Judgement) -> Check[ServingEvidence]:
    return Check(id=name, needs=needs, judge=verdict)


def _models(name: str, verdict: judge.Judgement) -> Check[ServingEvidence]:
    return Check(id=name, needs="many models", judge=verdict)


SERVING_CHECKS: tuple[Check[ServingEvidence], ...] = (
    Check(id="SERVE-START-ARG", judge=judge.start_argument, needs_good_case=False),
    Check(id="SERVE-START-EXEC", judge=judge.start_exec, needs_good_case=False),
    Check(id="SERVE-PORT-8080", judge=judge.listens, after=("SERVE-START-ARG",), needs_good_case=False),
    Check(id="SERVE-PING-200", judge=judge.healthy, after=_HEARD, needs_good_case=False),
    Check(id="SERVE-START-TIME", judge=judge.start_time, after=_UP, needs_good_case=False),
    Check(id="SERVE-INVOKE-60S", judge=answer.in_time, needs="every payload", after=_UP, needs_good_case=False),
    Check(id="SERVE-INVOKE-200", judge=answer.answers, after=(*_UP, "SERVE-INVOKE-60S"), needs_good_case=False),
    Check(id="SERVE-PING-NOT-READY", judge=judge.ready_when_it_says_so),
    Check(id="SERVE-PING-BODY", judge=judge.small_ping),
    Check(id="SERVE-PING-2S", needs=_HUNDRED, judge=judge.pings_in_time),
    Check(id="SERVE-PING-LOAD", needs="load", judge=judge.pings_under_load),
    Check(id="SERVE-PING-BROKEN-MODEL", needs="a broken model", judge=judge.broken_model),
    Check(id="SERVE-CONNECT-250MS", needs="new connections at once", judge=judge.accepts_connections),
    Check(id="SERVE-PORT-BIND", needs="another port", judge=judge.another_port),
    Check(id="SERVE-PORT-LABEL", judge=judge.label_of_port, needs_good_case=False),
    _step(
        "SERVE-INVOKE-CT-IN", "content types with a parameter", of_step("content types with a parameter", answer.good)
    ),
    _step("SERVE-INVOKE-CT-OUT", "every payload", of_step("every payload", answer.typed)),
    _step("SERVE-INVOKE-ACCEPT", "Accept", of_step("Accept", answer.accept_honoured)),
    _step("SERVE-INVOKE-BAD-CT", "an unknown content type", of_step("an unknown content type", answer.refused)),
    _step("SERVE-INVOKE-BAD-ACCEPT", "an unknown Accept", of_step("an unknown Accept", answer.unknown_accept)),
    _step("SERVE-INVOKE-BAD-BODY", "a malformed body", of_step("a malformed body", answer.malformed_refused)),
    _step("SERVE-INVOKE-EMPTY", "an empty body", of_step("an empty body", answer.empty_handled)),
    _step("SERVE-INVOKE-5XX-ALIVE", "a failing model", answer.survives_failure),
    _step("SERVE-INVOKE-6MB", "6 MiB", answer.six_mebibytes),
    _step("SERVE-INVOKE-HEADERS", "unknown headers", of_step("unknown headers", answer.good)),
    _step("SERVE-INVOKE-CUSTOM-ATTR", "custom attributes", of_step("custom attributes", answer.attributes_tolerated)),
    _step("SERVE-INVOKE-KEEPALIVE", _HUNDRED, of_step(_HUNDRED, answer.keeps_connections)),
    _step("SERVE-INVOKE-CHUNKED", "a chunked body", of_step("a chunked body", answer.good)),
    _step("SERVE-INVOKE-CONCURRENT", "load", answer.own_answers),
    _step("SERVE-INVOKE-GET", "GET /invocations", of_step("GET /invocations", answer.only_post)),
    _step("SERVE-INVOKE-DETERMINISTIC", "the same request twice", answer.same_answers),
    _step("SERVE-404", "an unknown path", of_step("an unknown path", answer.not_found)),
    Check(id="SERVE-MODEL-RO", judge=judge.condition("SERVE-MODEL-RO")),
    Check(id="SERVE-MODEL-EMPTY", needs="an empty model", judge=judge.empty_model),
    Check(id="SERVE-MODEL-EXTRA", judge=judge.condition("SERVE-MODEL-EXTRA")),
    Check(id="SERVE-TERM-30S", needs="stopped", judge=judge.stops),
    Check(id="SERVE-TERM-INFLIGHT", needs="stopped in a request", judge=judge.finishes_a_request),
    Check(id="SERVE-TERM-CODE", needs="stopped", judge=judge.stop_code, after=("SERVE-TERM-30S",)),
    Check(id="SERVE-LOG", needs="a malformed body", judge=judge.keeps_payloads_out_of_the_log),
    Check(id="SERVE-ENV-ONLY", needs="no network", judge=judge.needs_no_aws),
    Check(id="SERVE-USER-ROOT", judge=judge.user, needs_good_case=False),
    _step("SERVE-STREAM-CHUNKED", "a stream", of_step("a stream", answer.streams)),
    _step("SERVE-STREAM-ABORT", "a caller that leaves", of_step("a caller that leaves", answer.survives_leaving)),
    _step("SERVE-STREAM-ERROR", "a failing model", answer.breaks_off),
    Check(id="SERVE-BIDI-LABEL", judge=judge.label_of_both_ways, needs_good_case=False),
    Check(id="SERVE-MME-LABEL", judge=judge.label_of_many_models, needs_good_case=False),
    _models("SERVE-MME-PING-EMPTY", models.healthy_without_models),
    _models("SERVE-MME-LOAD", models.of_models("a model loaded", models.loaded_and_listed)),
    _models("SERVE-MME-LOAD-409", models.of_models("a model loaded twice", models.already_loaded)),
    Check(id="SERVE-MME-LOAD-507", needs="little memory", judge=models.out_of_memory),
    _models("SERVE-MME-LIST", models.of_models("models listed", models.listed_in_form)),
    _models("SERVE-MME-LIST-PAGE", models.of_models("pages", models.pages_honoured)),
    _models("SERVE-MME-GET-404", models.of_models("an unknown model", models.not_loaded)),
    _models("SERVE-MME-INVOKE", models.right_model),
    _models("SERVE-MME-INVOKE-404", models.of_models("an unknown model invoked", models.not_loaded)),
    _models("SERVE-MME-UNLOAD", models.of_models("a model unloaded", models.unloaded)),
    _models("SERVE-MME-UNLOAD-404", models.of_models("an unknown model unloaded", models.not_loaded)),
    _models("SERVE-MME-RACE", models.safe_race),
)


def serving_ids() -> frozenset[str]:
    """The items that this part judges."""
    return frozenset(check.id for check in SERVING_CHECKS) | {MODEL_SERVEABLE}
