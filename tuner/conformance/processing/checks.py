"""All checks of processing: which item, which runs it needs, who judges it. Pure."""

import re
from collections.abc import Callable

from tuner.conformance.evidence import Verdict, either, failed, not_applicable, passed
from tuner.conformance.part import Check
from tuner.conformance.processing.evidence import ProcessingEvidence, ProcessingRun

CONDITIONS = ("PROC-PATHS", "PROC-CONFIG", "PROC-OUT-DIR")
WITHOUT_INPUTS = "without inputs"
STOPPED = "stopped"
#: What of a message becomes the job's ExitMessage, in bytes.
_MESSAGE_BYTES = 1024
#: After so many seconds an end is not prompt any more; the guide has no number, for an endpoint it is 30 s.
PROMPT_SECONDS = 30.0
_NOT_FOUND = {126, 127}
_USAGE = re.compile(r"\busage\b", re.IGNORECASE)


def starts(evidence: ProcessingEvidence) -> Verdict:
    """PROC-START."""
    run = evidence.good.run
    complains = not run.is_good and any(_USAGE.search(text) for text in run.texts)
    own = evidence.case.entry_point is None and evidence.case.arguments is None
    sent = "the image's own command, no argument" if own else "the job's own command"
    return either(not run.refusal and run.exit_code not in _NOT_FOUND and not complains, run.words, sent)


def under(name: str) -> Callable[[ProcessingEvidence], Verdict]:
    """The judgement of a condition: whether the image did well under it."""

    def judged(evidence: ProcessingEvidence) -> Verdict:
        run = evidence.runs.get(name)
        return evidence.why_not(name) if run is None else either(run.is_good, run.words)

    return judged


def exit_codes(evidence: ProcessingEvidence) -> Verdict:
    """PROC-EXIT."""
    good, bad = evidence.good, evidence.runs.get(WITHOUT_INPUTS)
    if not good.is_good:
        return failed(good.words)
    if bad is None or (bad.is_good and bad.files):
        return passed(f"{good.words}; it does without its inputs, so no failure was seen")
    came = f"{good.words}; without its inputs: {bad.words}"
    return either(bool(bad.run.exit_code), came, "the job, then the same without its inputs")


def message(evidence: ProcessingEvidence) -> Verdict:
    """PROC-MESSAGE."""
    bad = evidence.runs.get(WITHOUT_INPUTS)
    if bad is None:
        return evidence.why_not(WITHOUT_INPUTS)
    if not bad.run.exit_code:
        return not_applicable("it did not fail without its inputs, so there was nothing to say")
    beginning = (bad.message or "").encode()[:_MESSAGE_BYTES]
    return either(bad.message_is_utf8 and bool(beginning.strip()), bad.words, "the job without its inputs")


def real_files(evidence: ProcessingEvidence) -> Verdict:
    """PROC-NO-SYMLINK."""
    links = ", ".join(f"{link.path} -> {link.target}" for link in evidence.good.links)
    return either(not links, f"links: {links}" if links else f"{len(evidence.good.files)} files, no link")


def ends_promptly(evidence: ProcessingEvidence) -> Verdict:
    """PROC-TERM."""
    stopped = evidence.runs.get(STOPPED)
    if stopped is None:
        return evidence.why_not(STOPPED)
    run = stopped.run
    if run.signalled_at is None:
        return not_applicable("the job was over before it could be stopped: give one that takes longer")
    waited = max(0.0, run.seconds - run.signalled_at)
    if _went_on(evidence.good, stopped):
        return not_applicable("it may have gone on to its end: give a job that takes longer")
    ended = "it had to be killed" if run.exit_code is None else f"it ended with exit code {run.exit_code}"
    return either(run.exit_code is not None and waited <= PROMPT_SECONDS, f"{ended} {waited:.1f} s after the signal")


def _went_on(good: ProcessingRun, stopped: ProcessingRun) -> bool:
    """Whether a stopped run looks like one that did all of its work."""
    return stopped.is_good and list(stopped.files) == list(good.files) and stopped.run.seconds >= good.run.seconds


PROCESSING_CHECKS: tuple[Check[ProcessingEvidence], ...] = (
    Check(id="PROC-START", judge=starts, needs_good_case=False),
    *(
        Check(id=name, judge=under(name), needs=name, after=("PROC-START",), needs_good_case=False)
        for name in CONDITIONS
    ),
    Check(
        id="PROC-EXIT",
        judge=exit_codes,
        needs=WITHOUT_INPUTS,
        after=("PROC-START", *CONDITIONS),
        needs_good_case=False,
    ),
    Check(id="PROC-MESSAGE", judge=message, needs=WITHOUT_INPUTS, after=("PROC-EXIT",)),
    Check(id="PROC-NO-SYMLINK", judge=real_files),
    Check(id="PROC-TERM", judge=ends_promptly, needs=STOPPED),
)


def processing_ids() -> frozenset[str]:
    """The items that this part judges."""
    return frozenset(check.id for check in PROCESSING_CHECKS)
