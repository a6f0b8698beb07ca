"""The six invariants, looked for in what a home and an engine hold after a fault; design, section 4.

One function for all faults that hit a tuning job, `losses`: whatever has happened, the same has to be true. The others
are for jobs of every kind.
"""

import itertools
import sqlite3
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from algorithm import FAILING_CODE, FAILING_TRIAL, FAILURE, METRIC, RunOfAlgorithm, runs_in

from contracts.errors import IllegalTransition
from contracts.jobs import JobKind, JobStatus, SecondaryStatus, check_training_job_transition
from tuner.engine.protocol import HOME_LABEL, Engine
from tuner.profile import HostProfile
from tuner.store.records import TrainingJobRecord, in_places
from tuner.store.sqlite_store import Store


class Invariant(IntEnum):
    """What must hold, by its number; and that people are told what happened, without a traceback."""

    TRIALS = 1
    METRICS = 2
    LEASES = 3
    LEFTOVERS = 4
    SUGGESTIONS = 5
    STATUSES = 6
    MESSAGES = 7


#: What the matrix says of each.
IN_WORDS = {
    Invariant.TRIALS: "each job once, with its true outcome and what it has made: models, outputs",
    Invariant.METRICS: "each printed line once, and each metric with its value",
    Invariant.LEASES: "a GPU has one job; no lease outlives it",
    Invariant.LEFTOVERS: "nothing is left after `algodock down`",
    Invariant.SUGGESTIONS: "the same suggestions as without the fault",
    Invariant.STATUSES: "statuses follow the table",
    Invariant.MESSAGES: "a plain message and the right exit code; nobody waits for ever",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Loss:
    """One thing that was lost, or that should not be."""

    invariant: Invariant
    what: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Expectation:
    """What a tuning job called `job` comes to, whatever happens to it.

    `tuned` are its suggestions in order; `gpus` those that may be leased. With `may_be_cut`, a fault takes a container
    away from its trial: that trial fails, and says why with one of `reasons`, or is run again. The trials with the
    indexes in `lost` fail so for good, and others take their places. A trial whose log the engine may have dropped says
    one of `log_warnings`.
    """

    job: str
    tuned: Sequence[dict[str, str]]
    gpus: Sequence[str]
    may_be_cut: bool = False
    reasons: Sequence[str] = ()
    lost: Sequence[int] = ()
    log_warnings: Sequence[str] = ()
    clock_is_true: bool = True


def losses(home: Path, expected: Expectation) -> list[Loss]:
    """All that is lost in `home`, once the job has ended."""
    profile = HostProfile(home=home)
    with Store(profile.database) as store:
        trials = store.trials(expected.job)
        runs = {trial.name: _runs(profile, trial) for trial in trials}
        found = [
            *check(Invariant.TRIALS, _trials(store, profile, trials, runs, expected)),
            *check(Invariant.METRICS, _metrics(store, trials, runs)),
            *gpu_losses(runs, expected.gpus),
            *check(Invariant.SUGGESTIONS, _suggestions(trials, expected)),
            *check(Invariant.STATUSES, _statuses(store, trials, expected)),
        ]
    return found + home_losses(home)


def leftovers(home: Path, engine: Engine) -> list[Loss]:
    """What is left on the engine after `algodock down`, and of what only a running job needs in the home."""
    labels = {HOME_LABEL: str(home)}
    left = [f"container {one.name}" for one in engine.containers(labels)]
    left += [f"network {one.name}" for one in engine.networks(labels)]
    left += [f"FIFO {path}" for path in home.rglob("*") if path.is_fifo()]
    left += [f"unfinished {path}" for path in home.rglob("*.part")]
    return list(check(Invariant.LEFTOVERS, left))


def home_losses(home: Path) -> list[Loss]:
    """What is wrong with a home in which all jobs have ended: leases that are left, a damaged database."""
    with sqlite3.connect(HostProfile(home=home).database) as db:
        leases = db.execute("SELECT count(*) FROM gpu_lease").fetchone()[0]
        (health,) = db.execute("PRAGMA integrity_check").fetchone()
    db.close()
    found = check(Invariant.LEASES, [f"{leases} leases outlive their jobs"] if leases else [])
    return found + check(Invariant.TRIALS, [f"the database: {health}"] if health != "ok" else [])


def gpu_losses(runs: Mapping[str, Sequence[RunOfAlgorithm]], gpus: Sequence[str]) -> list[Loss]:
    """What is wrong with the GPUs that the `runs` of jobs, by name, were given of these `gpus`."""
    return check(Invariant.LEASES, _gpus(runs, gpus))


def check(invariant: Invariant, texts: Iterator[str] | Sequence[str]) -> list[Loss]:
    """These are losses of an invariant."""
    return [Loss(invariant=invariant, what=text) for text in texts]


def _runs(profile: HostProfile, trial: TrainingJobRecord) -> list[RunOfAlgorithm]:
    log = profile.job_folder(trial.name) / "logs" / "algo-1.log"
    text = log.read_text(encoding="utf-8") if log.exists() else ""
    return runs_in(text, float(trial.tuned["learning_rate"]))


def _trials(
    store: Store,
    profile: HostProfile,
    trials: Sequence[TrainingJobRecord],
    runs: dict[str, list[RunOfAlgorithm]],
    expected: Expectation,
) -> Iterator[str]:
    status = store.tuning_job(expected.job).status
    if status is not JobStatus.COMPLETED:
        yield f"the tuning job is {status}"
    indexes = [trial.trial_index for trial in trials]
    if indexes != list(range(1, len(expected.tuned) + len(expected.lost) + 1)):
        yield f"the trials are {indexes}"
    if (lost := [trial.trial_index for trial in trials if trial.is_lost]) != list(expected.lost):
        yield f"the lost trials are {lost}"
    folders = {path.name for path in (profile.home / "jobs").iterdir()}
    if strangers := folders - {trial.name for trial in trials}:
        yield f"folders that no trial has: {', '.join(sorted(strangers))}"
    for trial in trials:
        last = runs[trial.name][-1] if runs[trial.name] else None
        told = store.warnings(trial.name)
        if (last is None or last.exit_code is None) and any(
            text in warning for text in expected.log_warnings for warning in told
        ):
            continue  # what it printed at last nobody has, and that is said
        yield from (f"trial {trial.trial_index}: {text}" for text in _outcome(profile, trial, last, expected))


def _outcome(
    profile: HostProfile, trial: TrainingJobRecord, last: RunOfAlgorithm | None, expected: Expectation
) -> Iterator[str]:
    """What is wrong with how a trial was judged, given what its last container printed."""
    if last is None or last.exit_code is None:
        if not expected.may_be_cut:
            yield f"is {trial.status} ({trial.failure_reason}), and its log is cut short"
        elif trial.status is not SecondaryStatus.FAILED or not any(
            reason in trial.failure_reason for reason in expected.reasons
        ):
            yield f"was cut short, is {trial.status}, and says {trial.failure_reason!r}"
        return
    status = SecondaryStatus.COMPLETED if last.exit_code == 0 else SecondaryStatus.FAILED
    if (trial.status, trial.exit_code) != (status, last.exit_code):
        yield f"exited {last.exit_code}, and is {trial.status} with {trial.exit_code}: {trial.failure_reason}"
    if last.exit_code == FAILING_CODE and FAILURE not in trial.failure_reason:
        yield f"has lost why it failed: {trial.failure_reason!r}"
    if trial.trial_index != FAILING_TRIAL and last.exit_code == FAILING_CODE:
        yield "failed in another's place"
    if last.exit_code == 0:
        yield from _model(profile.job_folder(trial.name) / "output" / "model.tar.gz", trial.tuned["learning_rate"])


def _model(path: Path, rate: str) -> Iterator[str]:
    try:
        with tarfile.open(path) as archive:
            weights = archive.extractfile("weights")
            text = weights.read().decode() if weights else ""
    except (OSError, tarfile.TarError, KeyError, EOFError) as error:
        yield f"its model cannot be read: {error}"
        return
    if text != f"learning_rate {rate}\n":
        yield f"its model is not its own: {text!r}"


def _metrics(store: Store, trials: Sequence[TrainingJobRecord], runs: dict[str, list[RunOfAlgorithm]]) -> Iterator[str]:
    for trial in trials:
        printed = [pair for run in runs[trial.name] for pair in run.accuracies]
        recorded = [(one.line, one.value) for one in store.observations(trial.name)]
        if printed != recorded:
            yield f"trial {trial.trial_index}: printed {printed}, recorded {recorded}"
        for run in runs[trial.name]:
            if run.surprise is not None:
                yield f"trial {trial.trial_index}: its log goes on with {run.surprise!r}"
        entries = store.ledger(JobKind.TRAINING, trial.name)
        if (captured := sum(entry.captures for entry in entries)) != len(recorded):
            yield f"trial {trial.trial_index}: {len(recorded)} recorded, {captured} in the ledger"
        if any(entry.gaps for entry in entries):
            yield f"trial {trial.trial_index}: the ledger has gaps: {entries}"
        summary = trial.metrics.get(METRIC)
        if (0 if summary is None else summary.count) != len(recorded):
            yield f"trial {trial.trial_index}: {len(recorded)} observations, summed up as {summary}"
        if summary is not None and recorded and summary.last != recorded[-1][1]:
            yield f"trial {trial.trial_index}: the last of {recorded} is not {summary.last}"


def _gpus(runs: Mapping[str, Sequence[RunOfAlgorithm]], gpus: Sequence[str]) -> Iterator[str]:
    every = [(name, run) for name, several in runs.items() for run in several]
    for name, run in every:
        if run.gpu not in gpus and run.surprise is None:
            yield f"{name} was given {run.gpu!r}"
    for (one, first), (other, second) in itertools.combinations(every, 2):
        if (
            first.gpu == second.gpu
            and first.end
            and second.end
            and first.begin < second.end
            and second.begin < first.end
        ):
            yield f"{one} and {other} had {first.gpu} at the same time"


def _suggestions(trials: Sequence[TrainingJobRecord], expected: Expectation) -> Iterator[str]:
    tuned = [dict(trial.tuned) for trial in in_places(trials)]
    if tuned != [dict(one) for one in expected.tuned]:
        yield f"{tuned} instead of {list(expected.tuned)}"


def _statuses(store: Store, trials: Sequence[TrainingJobRecord], expected: Expectation) -> Iterator[str]:
    for trial in trials:
        went = store.transitions(trial.name)
        for old, new in itertools.pairwise(went):
            try:
                check_training_job_transition(old.status, new.status)
            except IllegalTransition as error:
                yield f"trial {trial.trial_index}: {error}"
            if old.end_time != new.start_time:
                yield f"trial {trial.trial_index}: {old.status} ends when {new.status} has not begun"
            if expected.clock_is_true and new.start_time < old.start_time:
                yield f"trial {trial.trial_index}: {new.status} before {old.status}"
        if not went or went[0].status is not SecondaryStatus.PENDING or went[-1].status is not trial.status:
            yield f"trial {trial.trial_index} is {trial.status}, and went {[one.status.value for one in went]}"
