"""Judgements of what one image did: starting, ending, hyperparameters, channels, signals, checkpoints. Pure."""

import posixpath
import re

from contracts.outcome import MAX_FAILURE_LENGTH
from tuner.conformance.case import Claim
from tuner.conformance.evidence import Evidence, Verdict, either, failed, matches, not_applicable, passed
from tuner.conformance.observation import Run, fails_clearly, has_come_to_its_end, reason_given, shortened
from tuner.conformance.recipes import NOTHING_TO_HIDE, UNKNOWN_NAME, invalid_values, is_root

_SHELLS = {"sh", "ash", "bash", "dash"}
_INITS = {"tini", "tini-static", "dumb-init"}
_USAGE = re.compile(r"\busage\b", re.IGNORECASE)
_NOT_FOUND = {126, 127}
_SECRET_NAME = re.compile(
    r"SECRET|PASSWORD|PASSWD|PRIVATE_KEY|(?:^|_)(?:API_?KEY|ACCESS_KEY|TOKEN)(?:_|$)", re.IGNORECASE
)
_SECRET_VALUE = re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----")
_MAY_HAVE_GONE_ON = (
    "it may have gone on to its end: training cannot be made longer without a hyperparameter called epochs"
)
_OVER_TOO_SOON = "training was over before it could be interrupted: give a good case that takes longer"


def missing(evidence: Evidence, name: str) -> Verdict:
    """There is no such run."""
    return not_applicable(evidence.reasons.get(name, "the run it needs was not made"))


def start_argument(evidence: Evidence) -> Verdict:
    """TRAIN-START-ARG."""
    good = evidence.good
    complains = not good.is_good and any(_USAGE.search(text) for text in good.texts)
    return either(not good.refusal and good.exit_code not in _NOT_FOUND and not complains, good.words)


def start_exec(evidence: Evidence) -> Verdict:
    """TRAIN-START-EXEC."""
    words = evidence.image.entry_point
    shell = len(words) > 1 and posixpath.basename(words[0]) in _SHELLS and words[1] == "-c"
    return either(not shell, _entry_point_words(evidence))


def start_no_init(evidence: Evidence) -> Verdict:
    """TRAIN-START-NO-TINI."""
    words = evidence.image.entry_point
    swallows = bool(words) and posixpath.basename(words[0]) in _INITS and "--" not in words
    return either(not swallows, _entry_point_words(evidence))


def _entry_point_words(evidence: Evidence) -> str:
    words = evidence.image.entry_point
    return (
        f"the entry point is {list(words)}" if words else "there is no entry point: `train` is looked for on the PATH"
    )


def reads_strings(evidence: Evidence) -> Verdict:
    """TRAIN-HP-STRINGS."""
    if evidence.good.is_good:
        return passed("a run with strings ended with exit code 0")
    typed = evidence.runs.get("typed")
    if typed is None or not typed.is_good:
        return not_applicable("the good case does not end well: see TRAIN-EXIT-0")
    return failed(f"with strings: {evidence.good.words}; with JSON numbers it ended with exit code 0")


def good_exit(evidence: Evidence) -> Verdict:
    """TRAIN-EXIT-0."""
    if _work_is_done(evidence.good):
        return not_applicable("the work was done and the container did not end: see TRAIN-EXIT-TIMELY")
    return either(evidence.good.is_good, evidence.good.words)


def timely_exit(evidence: Evidence) -> Verdict:
    """TRAIN-EXIT-TIMELY."""
    good = evidence.good
    if good.exit_code is None and not _work_is_done(good):
        return not_applicable("the good case did not end, and is not seen to have done its work: see TRAIN-EXIT-0")
    return either(good.exit_code is not None, good.words)


def _work_is_done(good: Run) -> bool:
    """Whether a run that did not end left a model and was silent for the longer part of its time."""
    silent_since = max(good.line_times, default=0.0)
    return good.exit_code is None and bool(good.model_files) and silent_since < good.seconds / 2


def bad_exit(evidence: Evidence) -> Verdict:
    """TRAIN-EXIT-NONZERO."""
    run = evidence.runs.get("bad")
    if run is None:
        return missing(evidence, "bad")
    return either(bool(run.exit_code), run.words, _sent_bad(evidence))


def _sent_bad(evidence: Evidence) -> str:
    return ", ".join(f"{name}={text}" for name, text in invalid_values(evidence.case).items())


def _failed_run(evidence: Evidence, name: str) -> Run | Verdict:
    run = evidence.runs.get(name)
    if run is None:
        return missing(evidence, name)
    return run if run.exit_code else not_applicable("the invalid value did not make it fail: see TRAIN-EXIT-NONZERO")


def failure_file(evidence: Evidence) -> Verdict:
    """TRAIN-FAIL-FILE."""
    run = _failed_run(evidence, "bad")
    if isinstance(run, Verdict):
        return run
    if run.failure is None:
        return failed(f"no failure file; {run.words}", _sent_bad(evidence))
    return either(run.failure_is_utf8 and bool(run.failure.strip()), run.words, _sent_bad(evidence))


def failure_beginning(evidence: Evidence) -> Verdict:
    """TRAIN-FAIL-1024."""
    run = _failed_run(evidence, "bad and long")
    if isinstance(run, Verdict):
        return run
    if not run.failure or not run.failure.strip():
        return not_applicable("there is no failure file: see TRAIN-FAIL-FILE")
    beginning = run.failure[:MAX_FAILURE_LENGTH]
    named = any(name in beginning for name in invalid_values(evidence.case))
    came = f"the failure file has {len(run.failure)} characters and begins {shortened(run.failure)!r}"
    return either(named, came, "an invalid value of 2400 characters for " + ", ".join(invalid_values(evidence.case)))


def no_failure_file(evidence: Evidence) -> Verdict:
    """TRAIN-FAIL-NONE-ON-OK."""
    return either(evidence.good.failure is None, evidence.good.words)


def failure_in_log(evidence: Evidence) -> Verdict:
    """TRAIN-FAIL-STDERR."""
    run = _failed_run(evidence, "bad")
    if isinstance(run, Verdict):
        return run
    log = "\n".join(run.texts)
    wrong = invalid_values(evidence.case)
    first = next(iter((run.failure or "").strip().splitlines()), "")
    named = any(name in log and text in log for name, text in wrong.items()) or (bool(first) and first in log)
    new = Run(exit_code=run.exit_code, seconds=run.seconds, lines=run.lines)  # what the log alone says
    return either(named or bool(reason_given(new, evidence.good)), run.words, _sent_bad(evidence))


def without_hyperparameters(evidence: Evidence) -> Verdict:
    """TRAIN-HP-EMPTY."""
    run = evidence.runs.get("no hyperparameters")
    if run is None:
        return missing(evidence, "no hyperparameters")
    if run.is_good or (run.exit_code is None and not run.refusal):
        return passed(f"it ran with its defaults: {run.words}")
    reason = reason_given(run, evidence.good)
    named = any(name in reason for name in evidence.case.hyperparameters)
    return either(fails_clearly(run, evidence.good) and named, run.words)


def unknown_hyperparameter(evidence: Evidence) -> Verdict:
    """TRAIN-HP-UNKNOWN."""
    return taken_or_refused(evidence, "unknown", f"{UNKNOWN_NAME}=1")


def taken_or_refused(evidence: Evidence, name: str, sent: str = "") -> Verdict:
    """Passed where a run ended well, or failed with a clear text."""
    run = evidence.runs.get(name)
    if run is None:
        return missing(evidence, name)
    return either(run.is_good or fails_clearly(run, evidence.good), run.words, sent)


def missing_channel(evidence: Evidence) -> Verdict:
    """TRAIN-CH-MISSING-REQUIRED."""
    runs = {name: run for name, run in evidence.runs.items() if name.startswith("without ")}
    if not runs:
        return missing(evidence, "without required")
    kept = all(fails_clearly(run, evidence.good) for run in runs.values())
    return either(kept, "; ".join(f"{name}: {run.words}" for name, run in runs.items()), ", ".join(runs))


def optional_channels(evidence: Evidence) -> Verdict:
    """TRAIN-CH-OPTIONAL."""
    run = evidence.runs.get("no optional")
    sent = "without " + ", ".join(sorted(evidence.case.optional_channels))
    return missing(evidence, "no optional") if run is None else either(run.is_good, run.words, sent)


def empty_channels(evidence: Evidence) -> Verdict:
    """TRAIN-CH-EMPTY."""
    return taken_or_refused(evidence, "empty")


def pipe_mode(evidence: Evidence) -> Verdict:
    """TRAIN-CH-MODE-HONOURED."""
    run = evidence.runs.get("pipe")
    if run is None:
        return missing(evidence, "pipe")
    return either(fails_clearly(run, evidence.good), run.words, "TrainingInputMode Pipe for every channel")


def model_written(evidence: Evidence) -> Verdict:
    """TRAIN-MODEL-WRITTEN."""
    found = evidence.good.model_files
    return either(bool(found), f"/opt/ml/model holds {shortened(', '.join(found)) or 'no file'}")


def model_self_contained(evidence: Evidence) -> Verdict:
    """TRAIN-MODEL-SELFCONTAINED."""
    good = evidence.good
    out = [f"{link.path} -> {link.target}" for link in good.model_links if _leads_out(link.path, link.target)]
    return either(not out, f"links out of the model: {', '.join(out)}" if out else "no link leads out of the model")


def _leads_out(path: str, target: str) -> bool:
    end = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    return target.startswith("/") or end == ".." or end.startswith("../")


def artifacts(evidence: Evidence) -> Verdict:
    """TRAIN-OUT-DATA."""
    if Claim.ARTIFACTS not in evidence.case.claims:
        return not_applicable("further artifacts are not claimed (--claim artifacts)")
    found = evidence.good.output_files
    return either(bool(found), f"/opt/ml/output/data holds {shortened(', '.join(found)) or 'no file'}")


def _interrupted(evidence: Evidence, name: str) -> Run | Verdict:
    run = evidence.runs.get(name)
    if run is None:
        return missing(evidence, name)
    if run.signalled_at is None:
        return not_applicable(_OVER_TOO_SOON)
    went_on = evidence.case.epochs is None and has_come_to_its_end(run, evidence.good)
    return not_applicable(_MAY_HAVE_GONE_ON) if went_on else run


def _after_signal(run: Run) -> str:
    assert run.signalled_at is not None
    waited = max(0.0, run.seconds - run.signalled_at)
    end = "it had to be killed" if run.exit_code is None else f"it ended with exit code {run.exit_code}"
    return f"{end} {waited:.1f} s after the signal"


def stop_ends_it(evidence: Evidence) -> Verdict:
    """TRAIN-TERM-EXIT."""
    run = _interrupted(evidence, "stopped")
    if isinstance(run, Verdict):
        return run
    return either(run.exit_code is not None, _after_signal(run))


def stop_leaves_a_model(evidence: Evidence) -> Verdict:
    """TRAIN-TERM-MODEL."""
    run = _interrupted(evidence, "stopped")
    if isinstance(run, Verdict):
        return run
    left = [*run.model_files, *run.checkpoint_files]
    return either(bool(left), f"{_after_signal(run)}; it left {shortened(', '.join(left)) or 'nothing'}")


def second_stop(evidence: Evidence) -> Verdict:
    """TRAIN-TERM-TWICE."""
    once, twice = _interrupted(evidence, "stopped"), _interrupted(evidence, "stopped twice")
    if isinstance(once, Verdict):
        return once
    if isinstance(twice, Verdict):
        return twice
    return either(
        twice.exit_code is not None and twice.exit_code == once.exit_code,
        f"{_after_signal(twice)}; after one signal the exit code was {once.exit_code}",
    )


def early_stop(evidence: Evidence) -> Verdict:
    """TRAIN-TERM-EARLY."""
    run = _interrupted(evidence, "stopped early")
    if isinstance(run, Verdict):
        return run
    return either(run.exit_code is not None, _after_signal(run), "SIGTERM at the first line of output")


def _emissions(evidence: Evidence, run: Run) -> int:
    metric = evidence.case.judged_metric
    return 0 if metric is None else len(matches(metric, run.texts))


def _checkpointed(evidence: Evidence) -> Run | Verdict:
    """The run that was killed after a checkpoint; why there is none, else."""
    run = evidence.runs.get("killed")
    if run is None:
        return missing(evidence, "killed")
    if not run.checkpoint_files:
        return not_applicable("it wrote nothing to /opt/ml/checkpoints")
    return not_applicable(_OVER_TOO_SOON) if run.signalled_at is None else run


def resumption(evidence: Evidence) -> Verdict:
    """TRAIN-KILL-RESUME."""
    run = _checkpointed(evidence)
    if isinstance(run, Verdict):
        return run
    resumed, all_of_them = evidence.runs["resumed"], _emissions(evidence, evidence.good)
    if all_of_them < 2:  # noqa: PLR2004 - of one value, none can be skipped
        return not_applicable("a good run prints fewer than two values of a metric: whether it resumed cannot be seen")
    again = _emissions(evidence, resumed)
    metric = evidence.case.judged_metric
    assert metric is not None
    came = f"restarted, it printed {again} of {all_of_them} values of {metric.name}; {resumed.words}"
    return either(resumed.is_good and again < all_of_them, came, "SIGKILL after a checkpoint, then a restart")


def checkpoint_place(evidence: Evidence) -> Verdict:
    """TRAIN-CKPT-PATH."""
    if Claim.CHECKPOINTS not in evidence.case.claims:
        return not_applicable("checkpoints are not claimed (--claim checkpoints, or CheckpointConfig in the job)")
    run = evidence.runs.get("killed")
    if run is None:
        return missing(evidence, "killed")
    found = shortened(", ".join(run.checkpoint_files))
    return either(bool(found), f"/opt/ml/checkpoints holds {found or 'no file'}")


def torn_checkpoint(evidence: Evidence) -> Verdict:
    """TRAIN-CKPT-CORRUPT."""
    run = _checkpointed(evidence)
    return run if isinstance(run, Verdict) else taken_or_refused(evidence, "torn", "the newest checkpoint cut in half")


def user(evidence: Evidence) -> Verdict:
    """TRAIN-USER-ROOT."""
    if is_root(evidence.image):
        return passed("it runs as root")
    run = evidence.runs.get("root's config")
    if run is None:
        return missing(evidence, "root's config")
    return either(run.is_good, f"it runs as {evidence.image.user}; {run.words}", "a config folder of mode drw-r--r--")


def needs_nothing_of_its_own(evidence: Evidence) -> Verdict:
    """TRAIN-OPTML-EMPTY."""
    run = evidence.runs.get("hidden")
    if run is None:
        reason = evidence.reasons.get("hidden", "")
        return passed(reason) if reason == NOTHING_TO_HIDE else missing(evidence, "hidden")
    # An interpreter whose program is hidden may well end with 0.
    did_its_work = run.is_good and (bool(run.model_files) or not evidence.good.model_files)
    return either(did_its_work, run.words, "the image's own files under /opt/ml hidden, /opt/ml/code excepted")


def no_driver(evidence: Evidence) -> Verdict:
    """TRAIN-GPU-NO-DRIVER."""
    listing = evidence.runs.get("drivers")
    if listing is None:
        return missing(evidence, "drivers")
    found = shortened(", ".join(text for text in listing.texts if text.startswith("/usr/")))
    return either(not found, f"it has {found}" if found else "no file of a driver is where programs look for it")


def platform_of_image(evidence: Evidence) -> Verdict:
    """TRAIN-IMG-ARCH."""
    image = evidence.image
    found = f"{image.operating_system}/{image.architecture}"
    return either(found == "linux/amd64", f"it is built for {found}")


def secrets(evidence: Evidence) -> Verdict:
    """TRAIN-IMG-SECRETS."""
    suspects = sorted(
        name
        for name, value in evidence.image.environment.items()
        if value and (_SECRET_NAME.search(name) or _SECRET_VALUE.search(value))
    )
    return either(not suspects, f"its environment has {', '.join(suspects)}" if suspects else "none was found")
