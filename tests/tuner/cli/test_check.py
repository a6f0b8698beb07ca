"""`algodock check`: what it is told, what it prints, and its exit codes."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from commands_in_process import Run

from tuner.conformance.checklist import checklist
from tuner.engine.fake import FakeEngine
from tuner.engine.fake_container import FakeContainer
from tuner.store.sqlite_store import Store

#: What the image of the other commands' tests lacks: a channel, more epochs than two, an answer to SIGTERM.
QUICK = ("--only", "TRAIN-EXIT-0", "--only", "TRAIN-METRIC-MATCH", "--only", "TRAIN-HP-EMPTY")


def test_a_job_file_is_a_good_case(run: Run, training_file: Path) -> None:
    """Its image, hyperparameters and metric definitions; results are a table, progress is on stderr."""
    outcome = run("check", "--job", training_file, "--only", "TRAIN-EXIT-0", "--only", "TRAIN-METRIC-MATCH")

    assert 0 == outcome.code, outcome.err
    assert "pass" in outcome.out
    assert "algorithm:1 keeps the container contract: 2 passed" in outcome.out
    assert "the good case" in outcome.err


def test_a_broken_must_is_exit_code_1_and_says_how_to_mend_it(run: Run, training_file: Path) -> None:
    """The image reads a hyperparameter that is not there, and crashes with a traceback that names it."""
    outcome = run("check", "--job", training_file, "--metric", "loss=loss=([0-9]+)", "--only", "TRAIN-METRIC-MATCH")

    assert 1 == outcome.code
    assert "FAIL: TRAIN-METRIC-MATCH" in outcome.out
    assert checklist()["TRAIN-METRIC-MATCH"].mend in outcome.out


def test_a_broken_should_is_a_warning(run: Run, training_file: Path) -> None:
    """The exit code stays 0."""
    outcome = run("check", "--job", training_file, "--metric", "a=((a)c)curacy", "--only", "TRAIN-METRIC-ONEGROUP")

    assert 0 == outcome.code
    assert "warn: TRAIN-METRIC-ONEGROUP" in outcome.out


def test_options_win_over_the_job_file(run: Run, training_file: Path, engine: FakeEngine, tmp_path: Path) -> None:
    """Values as NAME=VALUE or from a file, where numbers become text."""
    values = tmp_path / "values.json"
    values.write_text(json.dumps({"learning_rate": 0.25, "amsgrad": True}))
    run(
        "check",
        *("--job", training_file, "--hyperparameters", values, "--hyperparameters", "note=a=b"),
        *("--channel", f"training={tmp_path}", "--only", "TRAIN-EXIT-0"),
    )
    environment = engine.removed[0].spec.environment

    # The first run has no SM_ variables; what it was given was removed with it. Its mounts tell of the channel.
    assert "SM_HPS" not in environment
    assert "/opt/ml/input/data/training" in {mount.target for mount in engine.removed[0].spec.mounts}


def test_results_for_programs_ci_and_people(run: Run, training_file: Path, tmp_path: Path) -> None:
    """Three forms of the same."""
    xml, page = tmp_path / "check.xml", tmp_path / "check.md"
    outcome = run(
        "check", "--job", training_file, "--only", "TRAIN-EXIT-0", "--json", "--junit", xml, "--certificate", page
    )

    assert [("TRAIN-EXIT-0", "pass")] == [(one["id"], one["outcome"]) for one in outcome.document["results"]]
    assert outcome.document["digest"] in page.read_text()
    assert 'name="TRAIN-EXIT-0"' in xml.read_text()


def test_nothing_is_left_in_the_home(run: Run, training_file: Path, home: Path, engine: FakeEngine) -> None:
    """No container, no folder of a run."""
    run("check", "--job", training_file, *QUICK)

    assert [] == list((home / "checks").iterdir())
    assert () == tuple(engine.containers({}))


def test_the_list_names_every_item_and_needs_no_engine(run: Run, engine: FakeEngine) -> None:
    """What is not run says why."""
    engine.reachable = False
    listed = run("check", "--list", "--json").document

    assert list(checklist()) == [item["id"] for item in listed]
    assert 0 == run("check", "--list").code
    assert len(listed) > len(run("check", "--list", "--train", "--json").document)


def test_one_item_is_told_in_full(run: Run) -> None:
    """With how to mend what breaks it, or with why it is not run."""
    assert checklist()["TRAIN-TERM-EXIT"].mend in run("check", "--explain", "TRAIN-TERM-EXIT").out
    assert checklist()["SERVE-GPU-NONE"].not_run in run("check", "--explain", "SERVE-GPU-NONE").out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "Name an IMAGE"),
        (("image", "--only", "TRAIN-TERM-EXITS"), "did you mean"),
        (("image", "--explain", "NONE"), "no item of the checklist"),
        (("image", "--hyperparameters", "nowhere.json"), "neither NAME=VALUE nor a JSON file"),
        (("image", "--channel", "training"), "write NAME=VALUE"),
        (("image", "--channel", "training=/no/such/folder"), "there is no /no/such/folder"),
        (("image", "--metric", "a=("), "--metric a=("),
        (("image", "--optional", "labels"), "has no channel of that name"),
        (("image", "--objective", "loss"), "no metric definition has that name"),
    ],
)
def test_what_makes_no_sense_is_exit_code_2(run: Run, arguments: tuple[Any, ...], text: str) -> None:
    """With a text that says which option."""
    outcome = run("check", *arguments)

    assert 2 == outcome.code
    assert text.lower() in outcome.err.lower()


def test_a_job_whose_data_is_in_the_cloud_says_what_to_do(run: Run, write_job: Any) -> None:
    """A check reads channels of this machine."""
    source = {"S3DataSource": {"S3Uri": "s3://bucket/data"}}
    path = write_job(
        {
            "TrainingJobName": "one",
            "AlgorithmSpecification": {"TrainingImage": "algorithm:1"},
            "InputDataConfig": [{"ChannelName": "training", "DataSource": source}],
        }
    )
    outcome = run("check", "--job", path)

    assert 2 == outcome.code


def test_a_machine_without_the_image_is_exit_code_3(run: Run) -> None:
    """After it was looked for in the registry."""
    assert 3 == run("check", "nobody/has:this").code


@contextmanager
def not_ignored(number: signal.Signals) -> Iterator[None]:
    """Let the signal do what it does by default, whatever these tests were started by."""
    previous = signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(number, previous)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_check_and_its_containers(
    run: Run, training_file: Path, home: Path, engine: FakeEngine, number: signal.Signals
) -> None:
    """Ctrl-C, a CI job that is cancelled, and a terminal that closes are alike; a second signal changes nothing."""

    def trains_for_ever(_: FakeContainer) -> Iterator[None]:
        for _twice in range(2):
            os.kill(os.getpid(), number)
        while True:
            yield

    engine.images["algorithm:1"] = trains_for_ever
    with not_ignored(number):
        outcome = run("check", "--job", training_file, "--limit", 1e6)

    assert 130 == outcome.code
    assert "The check was given up. Nothing of it is left running." in outcome.err
    assert () == tuple(engine.containers({}))
    assert [] == list((home / "checks").iterdir())


def test_a_tuning_job_is_a_good_case(run: Run, engine: FakeEngine, write_job: Any) -> None:
    """A trial in the middle of each range, with the first category; trials are judged by the job's objective."""
    sent: list[dict[str, Any]] = []

    def train(container: FakeContainer) -> int:
        sent.append(dict(container.hyperparameters))
        container.print("loss=1")
        container.print("accuracy=0.5")
        return 0

    engine.images["algorithm:1"] = train
    outcome = run("check", "--job", write_job(tuning_job()), "--only", "TRAIN-METRIC-MATCH")
    own = {name: sent[0][name] for name in ("seed", "depth", "kind")}

    assert 0 == outcome.code, outcome.err
    assert {"seed": "7", "depth": "5", "kind": "first"} == own
    assert pytest.approx(0.01) == float(sent[0]["wd"])
    assert "accuracy" == sent[0]["_tuning_objective_metric"]


def test_options_win_over_a_tuning_job_too(run: Run, engine: FakeEngine, write_job: Any) -> None:
    """Ranges may be wide: their middle need not be quick."""
    sent: list[dict[str, Any]] = []
    engine.images["algorithm:1"] = lambda container: sent.append(dict(container.hyperparameters))
    arguments = ("--job", write_job(tuning_job()), "--only", "TRAIN-EXIT-0")
    run("check", *arguments, "--hyperparameters", "depth=1", "--objective", "loss")

    assert ("1", "loss") == (sent[0]["depth"], sent[0]["_tuning_objective_metric"])
    assert 2 == run("check", *arguments, "--objective", "nothing").code


def tuning_job() -> dict[str, Any]:
    """A tuning job with a range of each kind."""
    return {
        "HyperParameterTuningJobName": "digits",
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "accuracy"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 3, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": {
                "IntegerParameterRanges": [{"Name": "depth", "MinValue": "1", "MaxValue": "9"}],
                "ContinuousParameterRanges": [
                    {"Name": "wd", "MinValue": "0.0001", "MaxValue": "1", "ScalingType": "Logarithmic"}
                ],
                "CategoricalParameterRanges": [{"Name": "kind", "Values": ["first", "second"]}],
            },
        },
        "TrainingJobDefinition": {
            "AlgorithmSpecification": {
                "TrainingImage": "algorithm:1",
                "MetricDefinitions": [
                    {"Name": "loss", "Regex": "loss=([0-9.]+)"},
                    {"Name": "accuracy", "Regex": "accuracy=([0-9.]+)"},
                ],
            },
            "StaticHyperParameters": {"seed": "7"},
        },
    }


def test_every_run_gets_the_gpus_that_are_leased_for_the_check(
    run: Run, training_file: Path, engine: FakeEngine, home: Path
) -> None:
    """Training and serving; while it goes on nobody else in the home may have them, and afterwards anybody."""
    engine.gpus = ("GPU-a", "GPU-b")
    held: list[str] = []
    check, remove = ("check", "--job", training_file, *QUICK), engine.remove

    def note_and_remove(container_id: str) -> None:
        with Store(home / "algodock.db") as store:
            held.extend(lease.holder for lease in store.gpu_leases())
        remove(container_id)

    engine.remove = note_and_remove  # type: ignore[method-assign]  # each run ends with it
    outcome = run(*check, "--gpus", "GPU-a,GPU-b")
    with Store(home / "algodock.db") as store:
        left = store.gpu_leases()

    assert {("GPU-a", "GPU-b")} == {tuple(one.spec.gpu_ids) for one in engine.removed}
    assert {"a check of an image"} == set(held), outcome.err
    assert not left


def test_without_gpus_no_run_gets_one(run: Run, training_file: Path, engine: FakeEngine) -> None:
    """Also where there are some."""
    engine.gpus = ("GPU-a",)
    run("check", "--job", training_file, *QUICK)

    assert {()} == {tuple(one.spec.gpu_ids) for one in engine.removed}


def test_a_check_does_not_take_a_gpu_from_a_job(run: Run, training_file: Path, engine: FakeEngine, home: Path) -> None:
    """It says who has it, and nothing is run."""
    engine.gpus = ("GPU-a",)
    home.mkdir(exist_ok=True)
    with Store(home / "algodock.db") as store:
        store.lease_gpus("somebody", ("GPU-a",), 1)
    outcome = run("check", "--job", training_file, *QUICK, "--gpus", "GPU-a")

    assert 3 == outcome.code
    assert "The GPU GPU-a is in use by the training job somebody. Name other GPUs with --gpus" in outcome.err
    assert not engine.removed
