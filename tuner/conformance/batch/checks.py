"""All checks of batch transform: which item, which requests it needs, who judges it."""

from tuner.conformance.batch import judgements as judge
from tuner.conformance.batch.evidence import BatchEvidence
from tuner.conformance.batch.judgements import of
from tuner.conformance.part import Check

_PARAMETERS = ("BATCH-EXECPARAMS",)
_SINGLE = ("BATCH-RETRY-SAFE", "BATCH-SINGLE-NOEOL")
_LINES = (*_SINGLE, "BATCH-MULTI-LINES")

BATCH_CHECKS: tuple[Check[BatchEvidence], ...] = (
    Check(id="BATCH-ENV", judge=judge.environment, needs_good_case=False),
    Check(id="BATCH-EXECPARAMS", judge=judge.parameters),
    Check(id="BATCH-EXECPARAMS-ENUM", judge=judge.strategy, after=_PARAMETERS),
    Check(id="BATCH-EXECPARAMS-LIMIT", judge=judge.limits, after=_PARAMETERS),
    Check(id="BATCH-RETRY-SAFE", judge=of("again", judge.same_again), needs="again"),
    Check(id="BATCH-SINGLE-NOEOL", judge=of("a record", judge.one_answer), needs="a record"),
    Check(
        id="BATCH-MULTI-LINES",
        judge=of("records", judge.as_many_in_order),
        needs="records",
        after=_SINGLE,
    ),
    Check(
        id="BATCH-TRAILING-EOL",
        judge=of("a final newline", judge.same_as_without),
        needs="a final newline",
        after=_LINES,
    ),
    Check(id="BATCH-CRLF", judge=of("CRLF", judge.same_as_without), needs="CRLF", after=_LINES),
    Check(id="BATCH-PAYLOAD-MAX", judge=of("the greatest payload", judge.taken), needs="the greatest payload"),
    Check(
        id="BATCH-BAD-RECORD",
        judge=of("a bad record", judge.survives_a_bad_record),
        needs="a bad record",
        after=_LINES,
    ),
    Check(id="BATCH-CONCURRENT", judge=of("at once", judge.all_answered), needs="at once", after=("BATCH-RETRY-SAFE",)),
)


def batch_ids() -> frozenset[str]:
    """The items that this part judges."""
    return frozenset(check.id for check in BATCH_CHECKS)
