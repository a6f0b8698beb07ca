"""Planning on the fake engine: how many runs an image costs, and that a failure names one rule."""

import itertools
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from pathlib import Path

import pytest
from conformance_observations import CASE, IMAGE

from tuner.conformance.case import GoodCase
from tuner.conformance.checklist import checklist
from tuner.conformance.evidence import Outcome, Result
from tuner.conformance.examination import Examination
from tuner.conformance.part import NotExamined, Task
from tuner.conformance.probe import CheckAbandoned, Patience, Probe
from tuner.conformance.training import TrainingPart, training_ids
from tuner.engine.fake import FakeEngine
from tuner.engine.fake_container import FakeContainer
from tuner.errors import EngineUnreachable

Broken = Callable[[FakeContainer], str | None]


def algorithm(
    breaks: Broken = lambda _: None, *, heeds_stop: bool = True
) -> Callable[[FakeContainer], Generator[None, None, int]]:
    """A program that keeps the contract, and fails with what `breaks` says."""

    def train(container: FakeContainer) -> Generator[None, None, int]:
        def stop() -> int:
            container.write_model()
            return 0

        if heeds_stop:
            container.on_signal("SIGTERM", stop)
        if (why := breaks(container)) is not None:
            container.print(why)
            return container.fail(why)
        given = container.hyperparameters
        for name in ("epochs", "learning_rate", "seed"):
            try:
                float(given.get(name, "1"))
            except ValueError:
                container.print(f"{name}={given[name]!r} is no number")
                return container.fail(f"{name}={given[name]!r} is no number")
        for epoch in range(1, int(float(given.get("epochs", "2"))) + 1):
            container.print(f"epoch {epoch}: accuracy=0.{epoch}")
            yield
        container.write_model()
        return 0

    return train


class Told(list[str]):
    """What was told of progress."""

    def __call__(self, made: int, planned: int, what: str) -> None:
        assert made <= planned
        self.append(what)


@pytest.fixture
def told() -> Told:
    """The runs in the order in which they ended."""
    return Told()


@pytest.fixture
def examine(tmp_path: Path, told: Told) -> Callable[..., Mapping[str, Result]]:
    """Examines an image of which `breaks` says what is wrong, and gives the results by id."""

    def run(
        breaks: Broken = lambda _: None,
        wanted: Collection[str] = training_ids(),
        case: GoodCase = CASE,
        engine: FakeEngine | None = None,
        is_given_up: Callable[[], bool] = lambda: False,
    ) -> Mapping[str, Result]:
        seconds = itertools.count(0.0, 0.01)
        probe = Probe(
            engine=engine or FakeEngine({"image": algorithm(breaks)}, auto_advance=True),
            case=case,
            home=tmp_path,
            folder=tmp_path / "runs",
            patience=Patience(limit=50.0, grace=5.0, spare=5.0, telling=1.0, between=0.0, poll=0.0),
            clock=lambda: next(seconds),
            sleep=lambda _: None,
        )
        part = TrainingPart(probe=probe, case=case, image=IMAGE, wanted=wanted, folder=tmp_path)
        results = Examination([part], wanted=wanted, workers=2, progress=told, is_given_up=is_given_up).results()
        return {result.item.id: result for result in results}

    return run


Examine = Callable[..., Mapping[str, Result]]


def failures(results: Mapping[str, Result]) -> list[str]:
    """The items that failed."""
    return [name for name, result in results.items() if result.outcome is Outcome.FAIL]


def test_a_good_image_fails_nothing_and_meets_conditions_together(examine: Examine, told: Told) -> None:
    """No condition needs a run of its own but those that do not apply."""
    results = examine()

    assert [] == failures(results)
    assert set(training_ids()) == set(results)
    assert Outcome.PASS == results["TRAIN-HP-TUNING-KEY"].outcome
    assert "all that is unusual" in told
    assert "TRAIN-RC-MINIMAL" not in told


def test_a_broken_condition_is_found_by_sending_each_alone(examine: Examine, told: Told) -> None:
    """Only that one fails."""
    results = examine(lambda one: "what?" if "_tuning_objective_metric" in one.hyperparameters else None)

    assert ["TRAIN-HP-TUNING-KEY"] == failures(results)
    assert "the good case, as plain as can be" in told
    assert "TRAIN-RC-EXTRA" in told


def test_a_rule_whose_ground_is_gone_refers_to_the_other(examine: Examine) -> None:
    """A long value travels under a name of the SDK."""
    results = examine(
        lambda one: "what?" if any(name.startswith("sagemaker_") for name in one.hyperparameters) else None
    )

    assert ["TRAIN-HP-SAGEMAKER-KEYS"] == failures(results)
    assert "TRAIN-HP-SAGEMAKER-KEYS" in results["TRAIN-HP-LONG"].came


def test_without_a_good_case_nothing_else_is_run(examine: Examine, told: Told) -> None:
    """Twenty failures would hide the one that matters."""
    results = examine(lambda _: "out of luck")

    assert ["TRAIN-EXIT-0"] == failures(results)
    assert 3 == len(told)
    assert Outcome.NOT_APPLICABLE == results["TRAIN-TERM-EXIT"].outcome


def test_an_image_that_reads_no_strings_is_told_so(examine: Examine) -> None:
    """And not that its good case fails."""
    results = examine(lambda one: "epochs is a string" if isinstance(one.hyperparameters["epochs"], str) else None)

    assert ["TRAIN-HP-STRINGS"] == failures(results)


def test_only_what_is_wanted_is_run(examine: Examine, told: Told) -> None:
    """The good case, and the runs of that item."""
    results = examine(wanted=["TRAIN-TERM-TWICE"])

    assert ["TRAIN-TERM-TWICE"] == list(results)
    assert ["stopped"] == told[1:]


def test_an_image_that_does_not_heed_a_stop_is_asked_once(examine: Examine) -> None:
    """Each time would cost 120 s; the rules that rest on it do not apply."""
    engine = FakeEngine({"image": algorithm(heeds_stop=False)}, auto_advance=True)
    results = examine(engine=engine)

    assert ["TRAIN-TERM-EXIT"] == failures(results)
    assert Outcome.NOT_APPLICABLE == results["TRAIN-TERM-TWICE"].outcome
    assert 1 == sum("SIGTERM" in container.signals for container in engine.removed)


def test_what_this_version_does_not_run_says_why(examine: Examine) -> None:
    """With the checklist's words."""
    results = examine(wanted=["TRAIN-START-CWD"])

    assert checklist()["TRAIN-START-CWD"].not_run == results["TRAIN-START-CWD"].came


def test_an_engine_that_goes_away_ends_the_check(examine: Examine) -> None:
    """It says nothing of the image."""
    engine = FakeEngine({"image": algorithm()}, auto_advance=True)

    def vanish(_: FakeContainer) -> None:
        engine.reachable = False

    engine.images["image"] = algorithm(vanish)

    with pytest.raises(EngineUnreachable):
        examine(engine=engine)


def test_a_check_that_is_given_up_leaves_nothing_behind(examine: Examine, told: Told) -> None:
    """Containers that are under way are removed, and what was planned is not begun."""
    engine = FakeEngine({"image": algorithm(heeds_stop=False)}, auto_advance=True)

    with pytest.raises(CheckAbandoned):
        examine(engine=engine, is_given_up=lambda: len(told) > 1)

    assert () == tuple(engine.containers({}))
    assert "given up: removing the containers" == told[-1]
    assert len(engine.removed) < len(training_ids())


class AllAtOnce(NotExamined):
    """A part whose tasks are over before anybody looks."""

    def rounds(self) -> Iterator[Mapping[str, Task]]:
        """Many tasks, which do nothing."""
        yield {str(number): lambda: None for number in range(50)}


def test_tasks_that_are_over_at_the_same_time_are_told_in_their_order(told: Told) -> None:
    """One worker makes them one after the other, and so they are told."""
    part = AllAtOnce(training_ids(), "nothing was looked at")
    Examination([part], wanted=["TRAIN-EXIT-0"], workers=1, progress=told).results()

    assert [str(number) for number in range(50)] == told
