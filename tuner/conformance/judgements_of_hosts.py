"""Judgements of how an image trains on two hosts. Pure."""

from collections.abc import Mapping

from tuner.conformance.evidence import Evidence, Verdict, either, failed, matches, not_applicable, passed
from tuner.conformance.judgements import missing
from tuner.conformance.observation import Run, fails_clearly, shortened
from tuner.conformance.recipes_of_hosts import HOSTS, LEADER, WORKER, is_good, of

_PLAIN = "two hosts, as plain as can be"
_NO_CHECKPOINT = "no host wrote a checkpoint"


def _words(runs: Mapping[str, Run]) -> str:
    return "; ".join(f"{host}: {run.words}" for host, run in runs.items())


def _judged(evidence: Evidence, recipe: str, *names: str) -> Verdict:
    """Whether all hosts ended well in the first of the runs `names` that was made."""
    for name in names or (recipe,):
        if runs := of(name, evidence.runs):
            return either(is_good(runs), _words(runs))
    return missing(evidence, recipe)


def hosts_join(evidence: Evidence) -> Verdict:
    """TRAIN-DIST-HOSTS."""
    return _judged(evidence, "two hosts", _PLAIN, "two hosts")


def goes_by_current_host(evidence: Evidence) -> Verdict:
    """TRAIN-DIST-HOSTNAME."""
    return _judged(evidence, "two hosts", "other hostnames", "two hosts")


def agrees_on_a_leader(evidence: Evidence) -> Verdict:
    """TRAIN-DIST-ORDER."""
    return _judged(evidence, "two hosts", "other host first", "two hosts")


def waits_for_names(evidence: Evidence) -> Verdict:
    """TRAIN-DIST-DNS-LATE."""
    made = [runs for host in HOSTS if (runs := of(f"{host} late", evidence.runs))]
    if not made:
        return missing(evidence, "late names")
    bad = [runs for runs in made if not is_good(runs)]
    sent = f"a host's name is not known to the other for {evidence.patience.unknown:g} s"
    return either(not bad, " / ".join(_words(runs) for runs in bad or made), sent)


def goes_by_the_interface(evidence: Evidence) -> Verdict:
    """TRAIN-DIST-IFACE."""
    return _judged(evidence, "other interface")


def notices_a_lost_host(evidence: Evidence) -> Verdict:
    """TRAIN-DIST-PEER-LOSS."""
    runs = of("lost host", evidence.runs)
    if not runs:
        return missing(evidence, "lost host")
    other, lost = runs[LEADER], runs[WORKER]
    if lost.signalled_at is None:
        return not_applicable("training was over before a host could be lost: give a good case that takes longer")
    came = f"{WORKER} was killed; {LEADER}: {other.words}"
    return either(bool(other.exit_code), came)


def takes_groups(evidence: Evidence) -> Verdict:
    """TRAIN-DIST-GROUPS."""
    runs = of("two groups", evidence.runs)
    if not runs:
        return missing(evidence, "two groups")
    clear = any(fails_clearly(run, evidence.good) for run in runs.values())
    return either(is_good(runs) or clear, _words(runs))


def one_host_reports(evidence: Evidence) -> Verdict:
    """TRAIN-METRIC-ONE-HOST."""
    metric, runs = evidence.case.judged_metric, _good_pair(evidence)
    if not runs:
        return missing(evidence, "two hosts")
    if metric is None:
        return not_applicable("no metric definition is given")
    found = {host: len(matches(metric, run.texts)) for host, run in runs.items()}
    came = ", ".join(f"{host} printed {count} values of {metric.name}" for host, count in found.items())
    return either(sum(bool(count) for count in found.values()) == 1, came)


def checkpoints_of_different_names(evidence: Evidence) -> Verdict:
    """TRAIN-CKPT-HOSTS."""
    runs = _good_pair(evidence)
    if not runs:
        return missing(evidence, "two hosts")
    written = [set(run.checkpoint_files) for run in runs.values()]
    if not any(written):
        return not_applicable(_NO_CHECKPOINT)
    both = sorted(set.intersection(*written))
    if both:
        return failed(f"both hosts wrote {shortened(', '.join(both))}")
    return passed("; ".join(f"{host}: {len(run.checkpoint_files)} files" for host, run in runs.items()))


def _good_pair(evidence: Evidence) -> Mapping[str, Run]:
    """Two hosts that ended well, with as much as possible of what the platform brings."""
    pairs = (of(name, evidence.runs) for name in ("two hosts", _PLAIN))
    return next((runs for runs in pairs if is_good(runs)), {})
