"""Tuning jobs with several definitions, over a fake engine: who gets trials, what is compared, what is remembered."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from home_of_fakes import HomeOfFakes
from several_definitions import definition, several_request, texts

from contracts.jobs import JobStatus, SecondaryStatus, StopReason
from tuner.engine.fake_container import FakeContainer
from tuner.errors import GpuUnavailable, ImageNotFound
from tuner.sdk.descriptions import describe_trial, describe_tuning_job
from tuner.store.records import TrainingJobRecord, best_training_job
from tuner.submission import submit_tuning_job

Open = Callable[..., HomeOfFakes]
F1 = {"Name": "f1", "Regex": r"f1=([0-9.]+)"}


def prints(pattern: str, quality: Callable[[FakeContainer], float]) -> Callable[[FakeContainer], Iterator[None]]:
    """A program that prints its metric in two epochs."""

    def program(run: FakeContainer) -> Iterator[None]:
        for epoch in (1, 2):
            run.print(pattern.format(quality(run) * epoch / 2))
            yield
        run.write_model()

    return program


def near(rate: float) -> Callable[[FakeContainer], float]:
    """The better the nearer the learning rate is."""
    return lambda run: 1 - abs(float(run.hyperparameters["learning_rate"]) - rate)


ACCURATE = prints("validation: accuracy={:.6f}", near(0.2))
WEAK = prints("validation: accuracy={:.6f}", lambda run: 0.3 * near(0.2)(run))


def fails(run: FakeContainer) -> int:
    """Prints nothing."""
    return run.fail("no data")


@pytest.fixture
def open_home(tmp_path: Path) -> Iterator[Open]:
    """Opens a home with one tuning job of those definitions."""
    opened: list[HomeOfFakes] = []

    def make(programs: dict[str, Any], *definitions: Any, **request: Any) -> HomeOfFakes:
        home = HomeOfFakes(tmp_path / f"home{len(opened)}", programs)
        home.engine.auto_advance = True
        home.store.create_tuning_job(several_request(*definitions, **request), random_seed=7, now=home.clock())
        opened.append(home)
        return home

    yield make
    for one in opened:
        one.close()


def run(home: HomeOfFakes) -> list[TrainingJobRecord]:
    """Step until the tuning job has ended; its trials."""
    home.step_until(lambda: home.store.tuning_job("tune").status.is_terminal)
    return home.store.trials("tune")


def counts(trials: list[TrainingJobRecord]) -> dict[str | None, int]:
    """How many trials each definition got."""
    return dict(Counter(trial.definition_name for trial in trials))


@pytest.mark.parametrize(("strategy", "jobs", "first"), [("Random", 20, 4), ("Bayesian", 8, 2), ("Hyperband", 20, 4)])
def test_most_trials_go_to_the_definition_whose_values_are_best(
    open_home: Open, strategy: str, jobs: int, first: int
) -> None:
    """Whatever draws the configurations; each trial runs its own definition's image with its own values."""
    band = {"StrategyConfig": {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 2}}}
    home = open_home(
        {"good": ACCURATE, "weak": WEAK},
        definition("a", image="weak"),
        definition("b", image="good", StaticHyperParameters={"layers": "3"}),
        jobs=jobs,
        strategy=strategy,
        **(band if strategy == "Hyperband" else {}),
    )
    trials = run(home)
    best = best_training_job(home.store.tuning_job("tune"), trials)

    assert {"a": first, "b": jobs - first} == counts(trials)
    assert best is not None
    assert ("b", "good") == (best.definition_name, best.spec.image)
    assert all(("layers" in trial.spec.hyperparameters) == (trial.definition_name == "b") for trial in trials)


def test_grid_tries_every_combination_of_every_definition_once(open_home: Open) -> None:
    """A definition that is exhausted leaves the rest to the others."""
    program = prints("validation: accuracy={:.2f}", lambda run: 0.5 + 0.1 * len(run.hyperparameters["x"]))
    home = open_home(
        {"image": program},
        definition("a", ranges=texts(x=["a", "bb"])),
        definition("b", ranges=texts(x=["a", "bb", "ccc"], y=["1", "2"])),
        jobs=None,
        strategy="Grid",
    )
    trials = run(home)

    assert {"a": 2, "b": 6} == counts(trials)
    assert 8 == len({(trial.definition_name, *sorted(trial.tuned.items())) for trial in trials})


def test_two_definitions_with_the_same_ranges_do_not_try_the_same_values(open_home: Open) -> None:
    """Trial i is drawn from the job's seed and i, whichever definition it is of."""
    home = open_home({"image": ACCURATE}, definition("a"), definition("b"), jobs=8)
    trials = run(home)

    assert 8 == len({trial.tuned["learning_rate"] for trial in trials})


def test_a_restart_after_every_trial_changes_nothing(open_home: Open) -> None:
    """Which definition is next follows from what is stored."""

    def chosen(*, restarting: bool) -> list[tuple[str | None, dict[str, str]]]:
        home = open_home(
            {"good": ACCURATE, "weak": WEAK},
            definition("a", image="weak"),
            definition("b", image="good"),
            parallel=1,
        )
        ended = 0
        while not home.store.tuning_job("tune").status.is_terminal:
            home.controller.step()
            home.controller.wait(0.01)
            home.clock.now += 3
            now = sum(trial.is_finished for trial in home.store.trials("tune"))
            if restarting and now > ended:
                ended = now
                home.restart()
        return [(trial.definition_name, dict(trial.tuned)) for trial in home.store.trials("tune")]

    assert chosen(restarting=False) == chosen(restarting=True)


def test_metrics_of_different_names_are_compared_by_value(open_home: Open) -> None:
    """Each trial is judged by its own definition's metric, and says which."""
    home = open_home(
        {"image": WEAK, "other": prints("f1={:.6f}", near(0.2))},
        definition("a"),
        definition(
            "b",
            TuningObjective={"Type": "Maximize", "MetricName": "f1"},
            AlgorithmSpecification={"TrainingImage": "other", "TrainingInputMode": "File", "MetricDefinitions": [F1]},
        ),
        jobs=6,
    )
    trials, job = run(home), home.store.tuning_job("tune")
    described = describe_tuning_job(job, trials, None)

    assert ("b", "f1") == (
        described["BestTrainingJob"]["TrainingJobDefinitionName"],
        described["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]["MetricName"],
    )
    assert {"Succeeded": 6, "Pending": 0, "Failed": 0} == described["ObjectiveStatusCounters"]
    assert {"a", "b"} == {describe_trial(job, trial)["TrainingJobDefinitionName"] for trial in trials}
    assert ["validation:accuracy", "f1"] == [
        one["StaticHyperParameters"]["_tuning_objective_metric"] for one in described["TrainingJobDefinitions"]
    ]


def test_a_definition_that_fails_leaves_the_job_to_the_others(open_home: Open) -> None:
    """Its failures count, so it is not tried for ever."""
    home = open_home(
        {"good": ACCURATE, "fails": fails}, definition("a", image="good"), definition("b", image="fails"), jobs=20
    )
    trials = run(home)

    assert JobStatus.COMPLETED is home.store.tuning_job("tune").status
    assert 4 == counts(trials)["b"]


def test_hyperband_compares_within_a_definition_only(open_home: Open) -> None:
    """Every trial of the weak one is worse than all of the good one, and yet some go on."""
    band = {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 4}}

    def learns(scale: float) -> Callable[[FakeContainer], Iterator[None]]:
        def program(run: FakeContainer) -> Iterator[None]:
            run.on_signal("SIGTERM", lambda: 0)
            for epoch in range(1, 5):
                run.print(f"validation: accuracy={scale * near(0.2)(run) * epoch / 4:.6f}")
                yield

        return program

    home = open_home(
        {"good": learns(1.0), "weak": learns(0.01)},
        definition("a", image="good"),
        definition("b", image="weak"),
        strategy="Hyperband",
        StrategyConfig=band,
        jobs=8,
    )
    trials = [trial for trial in run(home) if trial.definition_name == "b"]
    longest = max(trial.metrics["validation:accuracy"].count for trial in trials)

    assert 4 == longest
    assert all(trial.stop_reason in {None, StopReason.EARLY_STOPPING} for trial in trials)


ALTERNATIVES: dict[str, Any] = {
    "InstanceConfigs": [
        {"InstanceType": "ml.p3.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 10},
        {"InstanceType": "local", "InstanceCount": 2, "VolumeSizeInGB": 20},
    ],
    "AllocationStrategy": "Prioritized",
}


def test_a_trial_gets_the_first_alternative_that_the_machine_can_provide(open_home: Open) -> None:
    """Its own request has it as a plain ResourceConfig; here, without a GPU, that is the second."""
    home = open_home(
        {"image": ACCURATE}, definition("a", HyperParameterTuningResourceConfig=ALTERNATIVES), jobs=1, parallel=1
    )
    (trial,) = run(home)

    assert SecondaryStatus.COMPLETED is trial.status
    assert ALTERNATIVES["InstanceConfigs"][1] == trial.request["ResourceConfig"]
    assert 2 == len(trial.spec.hosts)
    assert 0 == trial.gpu_count


def submit(home: HomeOfFakes, *definitions: Any, name: str = "another") -> None:
    """Submit another job with those definitions."""
    request = {**several_request(*definitions), "HyperParameterTuningJobName": name}
    submit_tuning_job(
        request,
        store=home.store,
        engine=home.engine,
        profile=home.profile,
        gpus=home.gpus,
        now=home.clock(),
        say=lambda _: None,
    )


def test_an_image_that_is_missing_of_any_definition_is_said_before_anything_is_recorded(open_home: Open) -> None:
    """Also of the last."""
    home = open_home({"image": ACCURATE}, definition("a"))

    with pytest.raises(ImageNotFound, match="nowhere"):
        submit(home, definition("a"), definition("b", image="nowhere"))
    assert ["tune"] == [job.name for job in home.store.tuning_jobs()]


def test_gpus_are_asked_for_only_where_no_alternative_does_without(open_home: Open) -> None:
    """The preferred one is named where none will do."""
    home = open_home({"image": ACCURATE}, definition("a"))
    submit(home, definition("a", HyperParameterTuningResourceConfig=ALTERNATIVES))
    only = {"InstanceConfigs": ALTERNATIVES["InstanceConfigs"][:1] * 2}

    with pytest.raises(GpuUnavailable, match=r"ml\.p3\.2xlarge has 1"):
        submit(home, definition("a"), definition("c", HyperParameterTuningResourceConfig=only), name="third")
