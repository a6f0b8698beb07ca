"""Judgements of what an image did, on hand-made observations."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from conformance_observations import CASE, GOOD, IMAGE, epochs, evidence, run

from tuner.conformance import judgements as judge
from tuner.conformance.case import Claim
from tuner.conformance.evidence import Evidence, Outcome, Verdict
from tuner.conformance.observation import Link, Run, fails_clearly, reason_given
from tuner.conformance.recipes import NOTHING_TO_HIDE

PASS, FAIL, NONE = Outcome.PASS, Outcome.FAIL, Outcome.NOT_APPLICABLE
CLEAR = run("epochs='x' is no number", exit_code=1, failure="epochs='x' is no number")
HANGS = run(*epochs(1), exit_code=None)
Judge = Callable[[Evidence], Verdict]


@pytest.mark.parametrize(
    ("good", "outcome"),
    [
        (GOOD, PASS),
        (Run(exit_code=None, seconds=0.0, refusal="no such file"), FAIL),
        (run("sh: train: not found", exit_code=127), FAIL),
        (run("Usage: train.py --epochs N", exit_code=2), FAIL),
        (run("out of memory", exit_code=1), PASS),
    ],
)
def test_starting_means_to_take_the_argument(good: Run, outcome: Outcome) -> None:
    """What goes wrong later is another matter."""
    assert outcome == judge.start_argument(evidence(good)).outcome


@pytest.mark.parametrize(
    ("words", "exec_form", "no_init"),
    [
        ((), PASS, PASS),
        (("python3", "-m", "x"), PASS, PASS),
        (("/bin/sh", "-c", "train"), FAIL, PASS),
        (("bash", "run.sh"), PASS, PASS),
        (("/usr/bin/tini", "train"), PASS, FAIL),
        (("/usr/bin/tini", "--", "train"), PASS, PASS),
    ],
)
def test_the_form_of_the_entry_point(words: tuple[str, ...], exec_form: Outcome, no_init: Outcome) -> None:
    """A shell with a script is fine; a shell with a command line is not."""
    seen = evidence(image=replace(IMAGE, entry_point=words))

    assert (exec_form, no_init) == (judge.start_exec(seen).outcome, judge.start_no_init(seen).outcome)


@pytest.mark.parametrize(
    ("good", "ends_well", "timely"),
    [
        (GOOD, PASS, PASS),
        (run(exit_code=3), FAIL, PASS),
        (HANGS, FAIL, NONE),
        (run("done", exit_code=None, line_times=[2.0], model_files=["weights"]), NONE, FAIL),
    ],
)
def test_not_ending_is_told_from_not_ending_in_time(good: Run, ends_well: Outcome, timely: Outcome) -> None:
    """A model, and silence for the longer half: the work is done and something keeps the container alive."""
    assert (ends_well, timely) == (
        judge.good_exit(evidence(good)).outcome,
        judge.timely_exit(evidence(good)).outcome,
    )


@pytest.mark.parametrize(
    ("bad", "outcomes"),
    [
        (CLEAR, (PASS, PASS, PASS)),
        (GOOD, (FAIL, NONE, NONE)),
        (HANGS, (FAIL, NONE, NONE)),
        (run("epochs='x' is no number", exit_code=1), (PASS, FAIL, PASS)),
        (run("epochs='x' is no number", exit_code=1, failure="\n"), (PASS, FAIL, PASS)),
        (run("bad", exit_code=1, failure="caf\ufffd", failure_is_utf8=False), (PASS, FAIL, PASS)),
        (run(exit_code=1, failure="epochs='x' is no number"), (PASS, PASS, FAIL)),
        (run(*epochs(0.4), exit_code=1, failure="epochs is wrong"), (PASS, PASS, FAIL)),
    ],
)
def test_a_bad_value_ends_it_with_its_reason_in_two_places(bad: Run, outcomes: tuple[Outcome, ...]) -> None:
    """Exit code, failure file, log; lines that a good run prints too are no reason."""
    seen = evidence(runs={"bad": bad})

    assert outcomes == tuple(each(seen).outcome for each in (judge.bad_exit, judge.failure_file, judge.failure_in_log))


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [("epochs=" + "9" * 3000, PASS), ("-" * 1018 + "epochs", PASS), ("-" * 1019 + "epochs", FAIL), (None, NONE)],
)
def test_the_cause_is_within_the_first_1024_characters(failure: str | None, outcome: Outcome) -> None:
    """What the platform shows of it."""
    seen = evidence(runs={"bad and long": run(exit_code=1, failure=failure)})

    assert outcome == judge.failure_beginning(seen).outcome


@pytest.mark.parametrize(
    ("judged", "name", "seen", "outcome"),
    [
        (judge.without_hyperparameters, "no hyperparameters", GOOD, PASS),
        (judge.without_hyperparameters, "no hyperparameters", HANGS, PASS),
        (judge.without_hyperparameters, "no hyperparameters", run("learning_rate is missing", exit_code=1), PASS),
        (judge.without_hyperparameters, "no hyperparameters", run("KeyError", exit_code=1), FAIL),
        (judge.without_hyperparameters, "no hyperparameters", run(exit_code=1), FAIL),
        (judge.unknown_hyperparameter, "unknown", GOOD, PASS),
        (judge.unknown_hyperparameter, "unknown", CLEAR, PASS),
        (judge.unknown_hyperparameter, "unknown", run("what", exit_code=139), FAIL),
        (judge.missing_channel, "without training", CLEAR, PASS),
        (judge.missing_channel, "without training", GOOD, FAIL),
        (judge.missing_channel, "without training", HANGS, FAIL),
        (judge.missing_channel, "without training", run(exit_code=1), FAIL),
        (judge.optional_channels, "no optional", GOOD, PASS),
        (judge.optional_channels, "no optional", CLEAR, FAIL),
        (judge.empty_channels, "empty", CLEAR, PASS),
        (judge.empty_channels, "empty", HANGS, FAIL),
        (judge.pipe_mode, "pipe", CLEAR, PASS),
        (judge.pipe_mode, "pipe", HANGS, FAIL),
        (judge.pipe_mode, "pipe", GOOD, FAIL),
    ],
)
def test_what_is_missing_or_strange_is_lived_with_or_refused_clearly(
    judged: Judge, name: str, seen: Run, outcome: Outcome
) -> None:
    """Which of the two is allowed depends on the rule; a hang and silence never are."""
    assert outcome == judged(evidence(runs={name: seen})).outcome


def test_a_run_that_was_not_made_says_why() -> None:
    """Not a failure, and not a pass."""
    verdict = judge.pipe_mode(evidence(reasons={"pipe": "no channel"}))

    assert (NONE, "no channel") == (verdict.outcome, verdict.came)


@pytest.mark.parametrize(
    ("link", "outcome"),
    [
        (("a", "b"), PASS),
        (("below/a", "../b"), PASS),
        (("a", "/etc/passwd"), FAIL),
        (("a", "../output"), FAIL),
        (("below/a", "../../output"), FAIL),
    ],
)
def test_links_may_lead_within_the_model_only(link: tuple[str, str], outcome: Outcome) -> None:
    """The archive is unpacked elsewhere."""
    good = replace(GOOD, model_links=[Link(path=link[0], target=link[1])])

    assert outcome == judge.model_self_contained(evidence(good)).outcome


def stopped(exit_code: int | None = 0, **more: Any) -> Run:
    """A run that got SIGTERM after 4 s."""
    return run(*epochs(0.1), exit_code=exit_code, signalled_at=4.0, **more)


@pytest.mark.parametrize(
    ("seen", "ends", "leaves"),
    [
        (stopped(model_files=["weights"]), PASS, PASS),
        (stopped(143, checkpoint_files=["1"]), PASS, PASS),
        (stopped(143), PASS, FAIL),
        (stopped(None), FAIL, FAIL),
        (run(*epochs(0.1)), NONE, NONE),
    ],
)
def test_a_stop_is_heeded_and_leaves_something(seen: Run, ends: Outcome, leaves: Outcome) -> None:
    """Any exit code will do; what was over before the signal tells nothing."""
    found = evidence(runs={"stopped": seen})

    assert (ends, leaves) == (judge.stop_ends_it(found).outcome, judge.stop_leaves_a_model(found).outcome)


ALL_OF_STOPPING: tuple[Judge, ...] = (
    judge.stop_ends_it,
    judge.stop_leaves_a_model,
    judge.second_stop,
    judge.early_stop,
)
TOOLKIT_END = "2026-11-24 09:56:12,345 INFO Reporting training SUCCESS"


def test_a_run_that_may_have_gone_on_to_its_end_tells_nothing() -> None:
    """Without a hyperparameter that counts epochs, training cannot be made longer."""
    case = replace(CASE, hyperparameters={})
    went_on = evidence(runs={"stopped": run(*epochs(0.1, 0.2), signalled_at=4.0)}, case=case)
    ended = evidence(runs={"stopped": stopped()}, case=case)

    assert (NONE, PASS) == (judge.stop_ends_it(went_on).outcome, judge.stop_ends_it(ended).outcome)
    assert NONE == judge.stop_leaves_a_model(went_on).outcome


@pytest.mark.parametrize("judged", ALL_OF_STOPPING)
@pytest.mark.parametrize(
    ("texts", "exit_code", "tells"),
    [
        (["fitting", "2026-11-24 09:57:59,001 INFO Reporting training SUCCESS"], 0, False),
        (["fitting", "stopping: the model so far is kept"], 0, True),
        (["fitting", "Traceback", "in train", "in fit", "in step", "KeyboardInterrupt"], 1, True),
        (["a=1", "b=2", "fitting", "more", "and more"], 0, False),
        ([], 143, True),
    ],
)
def test_the_last_line_of_a_good_run_tells_that_one_went_on_to_its_end(
    judged: Judge, texts: list[str], exit_code: int, tells: bool
) -> None:
    """Toolkits print a line for each hyperparameter, so the number of lines alone says little."""
    case = replace(CASE, hyperparameters={"depth": "3"}, metrics=())
    good = run("depth=3", "note=1", "job=2", "fitting", TOOLKIT_END, model_files=["weights"])
    one = run(*texts, exit_code=exit_code, signalled_at=4.0, model_files=["weights"])
    seen = evidence(good, dict.fromkeys(("stopped", "stopped twice", "stopped early"), one), case=case)

    assert tells == (judged(seen).outcome is not NONE)


def test_as_many_lines_of_progress_as_a_good_run_has_are_its_end() -> None:
    """Fewer of them, though of the same form, are a stop."""
    case = replace(CASE, hyperparameters={"depth": "3"})
    good = run("depth=3", *epochs(0.1, 0.2, 0.3), model_files=["weights"])
    stopped_runs = [run(*epochs(*values), signalled_at=4.0) for values in ((0.1, 0.2), (0.1, 0.2, 0.3))]
    found = [judge.stop_ends_it(evidence(good, {"stopped": one}, case=case)).outcome for one in stopped_runs]

    assert [PASS, NONE] == found


@pytest.mark.parametrize(("twice", "outcome"), [(stopped(), PASS), (stopped(70), FAIL), (stopped(None), FAIL)])
def test_a_second_stop_changes_nothing(twice: Run, outcome: Outcome) -> None:
    """The same exit code as after one."""
    found = evidence(runs={"stopped": stopped(), "stopped twice": twice})

    assert outcome == judge.second_stop(found).outcome


KILLED = run(*epochs(0.5), exit_code=137, signalled_at=4.0, checkpoint_files=["1"])


@pytest.mark.parametrize(
    ("resumed", "outcome"),
    [(run(*epochs(0.6)), PASS), (run(*epochs(0.5, 0.6)), FAIL), (run("cannot", exit_code=1), FAIL)],
)
def test_resuming_means_fewer_values_than_from_the_start(resumed: Run, outcome: Outcome) -> None:
    """A good run prints two."""
    assert outcome == judge.resumption(evidence(runs={"killed": KILLED, "resumed": resumed})).outcome


def test_an_image_without_checkpoints_need_not_resume() -> None:
    """But one that is said to write them does not."""
    runs = {"killed": replace(KILLED, checkpoint_files=())}
    claimed = replace(CASE, claims=frozenset({Claim.CHECKPOINTS}))

    assert NONE == judge.resumption(evidence(runs=runs)).outcome
    assert NONE == judge.checkpoint_place(evidence(runs=runs)).outcome
    assert FAIL == judge.checkpoint_place(evidence(runs=runs, case=claimed)).outcome


def test_an_image_that_does_not_run_as_root_has_to_read_roots_config() -> None:
    """Root has nothing to prove."""
    other = replace(IMAGE, user="1000:1000")

    assert PASS == judge.user(evidence(image=replace(IMAGE, user="0:0"))).outcome
    assert FAIL == judge.user(evidence(image=other, runs={"root's config": CLEAR})).outcome
    assert PASS == judge.user(evidence(image=other, runs={"root's config": GOOD})).outcome


def test_an_image_may_bring_files_under_opt_ml_that_it_does_not_need() -> None:
    """They are hidden, and it is seen whether it misses them."""
    assert PASS == judge.needs_nothing_of_its_own(evidence(reasons={"hidden": NOTHING_TO_HIDE})).outcome
    assert PASS == judge.needs_nothing_of_its_own(evidence(runs={"hidden": GOOD})).outcome
    assert FAIL == judge.needs_nothing_of_its_own(evidence(runs={"hidden": CLEAR})).outcome


def test_an_interpreter_without_its_program_may_end_with_0_and_has_not_trained() -> None:
    """The hidden program is an empty file: nothing is printed, no model is left."""
    good = replace(GOOD, model_files=["weights"])

    assert FAIL == judge.needs_nothing_of_its_own(evidence(good, runs={"hidden": run()})).outcome
    assert PASS == judge.needs_nothing_of_its_own(evidence(good, runs={"hidden": good})).outcome


@pytest.mark.parametrize(
    ("variable", "value", "outcome"),
    [
        ("PATH", "/bin", PASS),
        ("TOKENIZERS_PARALLELISM", "false", PASS),
        ("DB_PASSWORD", "hunter2", FAIL),
        ("DB_PASSWORD", "", PASS),
        ("HF_TOKEN", "abc", FAIL),
        ("AWS_SECRET_ACCESS_KEY", "abc", FAIL),
        ("NOTE", "AKIAIOSFODNN7EXAMPLE", FAIL),
    ],
)
def test_secrets_are_found_by_name_or_by_form(variable: str, value: str, outcome: Outcome) -> None:
    """The value itself is not told again."""
    verdict = judge.secrets(evidence(image=replace(IMAGE, environment={variable: value})))

    assert outcome == verdict.outcome
    assert not value or value not in verdict.came


def test_an_image_for_another_architecture_is_named() -> None:
    """With the one it is for."""
    verdict = judge.platform_of_image(evidence(image=replace(IMAGE, architecture="arm64")))

    assert (FAIL, "it is built for linux/arm64") == (verdict.outcome, verdict.came)


def test_a_reason_is_what_a_good_run_does_not_say() -> None:
    """Progress with other numbers is none; a crash is never clear."""
    progress = run(*epochs(0.9), exit_code=1)

    assert "" == reason_given(progress, GOOD)
    assert not fails_clearly(progress, GOOD)
    assert not fails_clearly(run("Segmentation fault", exit_code=139), GOOD)
    assert fails_clearly(CLEAR, GOOD)


def test_reading_numbers_only_is_told_from_failing() -> None:
    """The good case is sent once more with JSON numbers."""
    assert PASS == judge.reads_strings(evidence()).outcome
    assert FAIL == judge.reads_strings(evidence(CLEAR, {"typed": GOOD})).outcome
    assert NONE == judge.reads_strings(evidence(CLEAR, {"typed": CLEAR})).outcome


@pytest.mark.parametrize(
    ("claims", "files", "outcome"),
    [(frozenset(), [], NONE), ({Claim.ARTIFACTS}, [], FAIL), ({Claim.ARTIFACTS}, ["report.txt"], PASS)],
)
def test_artifacts_are_looked_for_where_they_are_claimed(
    claims: frozenset[Claim], files: list[str], outcome: Outcome
) -> None:
    """Most images leave a model only."""
    observed = evidence(replace(GOOD, output_files=files), case=replace(CASE, claims=frozenset(claims)))

    assert outcome == judge.artifacts(observed).outcome


@pytest.mark.parametrize(
    ("listed", "outcome"), [([], PASS), (["/usr/lib/x86_64-linux-gnu/libcuda.so.535"], FAIL), (["sh: what?"], PASS)]
)
def test_a_driver_is_known_by_its_files(listed: list[str], outcome: Outcome) -> None:
    """What a shell says besides is none."""
    assert outcome == judge.no_driver(evidence(runs={"drivers": run(*listed)})).outcome
    assert NONE == judge.no_driver(evidence(reasons={"drivers": "no shell"})).outcome
