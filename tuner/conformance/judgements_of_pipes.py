"""Judgements of how an image reads Pipe mode. Pure."""

import math

from tuner.conformance.evidence import Evidence, Verdict, either, failed, not_applicable, passed, values
from tuner.conformance.judgements import missing
from tuner.conformance.judgements_of_output import TOLERANCE
from tuner.conformance.observation import Run


def epoch_by_epoch(evidence: Evidence) -> Verdict:
    """TRAIN-PIPE-EPOCH."""
    run = evidence.runs.get("piped")
    if run is None:
        return missing(evidence, "piped")
    if not any(any(read) for read in run.epochs_read.values()):
        return failed(f"no FIFO was read to its end; {run.words}")
    return either(run.is_good, f"{_epochs(run)}; {run.words}")


def waits_for_late_fifos(evidence: Evidence) -> Verdict:
    """TRAIN-PIPE-LATE."""
    run = evidence.runs.get("piped late")
    if run is None:
        return missing(evidence, "piped late")
    sent = f"each FIFO but the first {evidence.patience.late:g} s late"
    if run.is_good and all(len(read) < 2 for read in run.epochs_read.values()):  # noqa: PLR2004 - none came late
        return not_applicable("it reads one epoch only, and the first FIFO is never late")
    return either(run.is_good, f"{_epochs(run)}; {run.words}", sent)


def takes_pieces(evidence: Evidence) -> Verdict:
    """TRAIN-PIPE-CHUNK."""
    run = evidence.runs.get("piped in pieces")
    if run is None:
        return missing(evidence, "piped in pieces")
    if not run.is_good:
        return failed(run.words)
    return _same_result(evidence, run) or passed(run.words)


def _same_result(evidence: Evidence, run: Run) -> Verdict | None:
    """Whether `run` came to what an undisturbed run comes to, where two of those come to the same."""
    metric = evidence.case.judged_metric
    twice = [evidence.runs.get(name) for name in ("piped", "piped again")]
    if metric is None or not all(twice):
        return None
    results = [values(metric, one.texts)[-1:] for one in (*twice, run) if one is not None]
    if not all(results):
        return None
    first, second, this = (result[0] for result in results)
    if not _alike(first, second):
        return None
    return either(_alike(first, this), f"the last {metric.name} was {this:g}, and {first:g} with the data in one piece")


def _alike(first: float, second: float) -> bool:
    return math.isclose(first, second, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def unwraps_records(evidence: Evidence) -> Verdict:
    """TRAIN-PIPE-RECORDIO."""
    run = evidence.runs.get("records")
    return missing(evidence, "records") if run is None else either(run.is_good, run.words)


def pairs_attributes(evidence: Evidence) -> Verdict:
    """TRAIN-PIPE-AUGMENTED."""
    run = evidence.runs.get("augmented")
    sent = "the lines of the manifest in another order, the attributes of a line side by side"
    return missing(evidence, "augmented") if run is None else either(run.is_good, run.words, sent)


def _epochs(run: Run) -> str:
    return ", ".join(f"{name}: {len(read)} epochs were opened" for name, read in sorted(run.epochs_read.items()))
