"""`StrategyConfig` and `TuningJobCompletionCriteriaConfig`, as in the official SDK."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from tuner import (
    ContinuousParameter,
    Estimator,
    HyperbandStrategyConfig,
    HyperparameterTuner,
    Session,
    StrategyConfig,
    TuningJobCompletionCriteriaConfig,
)
from tuner.engine.fake import FakeEngine
from tuner.engine.fake_container import FakeContainer
from tuner.errors import ValidationError

METRICS = [{"Name": "validation:accuracy", "Regex": r"validation: accuracy=([0-9\.]+)"}]
RATE = {"learning_rate": ContinuousParameter(0.001, 0.2, "Logarithmic")}
TWO_EPOCHS = StrategyConfig(HyperbandStrategyConfig(max_resource=2, min_resource=1))


def make_tuner(session: Session, image: str = "team/cifar10:1", **changes: Any) -> HyperparameterTuner:
    """Eight trials of a learning rate, drawn at random, one after the other."""
    estimator = Estimator(image, sagemaker_session=session, hyperparameters={"learning_rate": 0.05})
    settings: dict[str, Any] = {"strategy": "Random", "max_jobs": 8, "random_seed": 1, **changes}
    return HyperparameterTuner(estimator, "validation:accuracy", RATE, METRICS, **settings)


def make_tuner_of_two(session: Session, **changes: Any) -> HyperparameterTuner:
    """The same of two estimators."""
    names = ("deep", "wide")
    return HyperparameterTuner.create(
        {name: Estimator("team/cifar10:1", sagemaker_session=session) for name in names},
        dict.fromkeys(names, "validation:accuracy"),
        dict.fromkeys(names, RATE),
        dict.fromkeys(names, METRICS),
        max_jobs=8,
        random_seed=1,
        **changes,
    )


def config_of(tuner: HyperparameterTuner) -> dict[str, Any]:
    """The HyperParameterTuningJobConfig that the tuner asks for, which botocore's own validator takes."""
    request = tuner.sagemaker_session.prepare("CreateHyperParameterTuningJob", tuner.tuning_request(job_name="asked"))
    model = ServiceModel(Loader().load_service_model("sagemaker", "service-2"))
    shape = model.operation_model("CreateHyperParameterTuningJob").input_shape

    assert not ParamValidator().validate(request, shape).has_errors()
    config: dict[str, Any] = request["HyperParameterTuningJobConfig"]
    return config


@pytest.mark.parametrize(
    ("config", "band"),
    [
        (HyperbandStrategyConfig(10, 2), {"MinResource": 2, "MaxResource": 10}),
        (HyperbandStrategyConfig(min_resource=2), {"MinResource": 2}),
        (HyperbandStrategyConfig(max_resource=10), {"MaxResource": 10}),
        (HyperbandStrategyConfig(), {}),
    ],
)
def test_a_strategy_config_is_what_the_request_has(config: HyperbandStrategyConfig, band: dict[str, int]) -> None:
    """There and back; what is not said is left out, as the service allows."""
    request = StrategyConfig(config).to_input_req()

    assert {"HyperbandStrategyConfig": band} == request
    assert StrategyConfig(config) == StrategyConfig.from_job_desc(request)


@pytest.mark.parametrize(
    ("config", "criteria"),
    [
        (
            TuningJobCompletionCriteriaConfig(5, True, 0.42),
            {
                "BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 5},
                "ConvergenceDetected": {"CompleteOnConvergence": "Enabled"},
                "TargetObjectiveMetricValue": 0.42,
            },
        ),
        (
            TuningJobCompletionCriteriaConfig(complete_on_convergence=False),
            {"ConvergenceDetected": {"CompleteOnConvergence": "Disabled"}},
        ),
        (
            TuningJobCompletionCriteriaConfig(target_objective_metric_value=0.0),
            {"TargetObjectiveMetricValue": 0.0},
        ),
    ],
)
def test_completion_criteria_are_what_the_request_has(
    config: TuningJobCompletionCriteriaConfig, criteria: dict[str, object]
) -> None:
    """There and back: False and 0 are said, None is not."""
    assert criteria == config.to_input_req()
    assert config == TuningJobCompletionCriteriaConfig.from_job_desc(criteria)


def test_a_job_that_says_nothing_of_them_has_none() -> None:
    """Neither a request without the members, nor one whose members are empty."""
    assert StrategyConfig.from_job_desc(None) is None
    assert StrategyConfig.from_job_desc({}) is None
    assert TuningJobCompletionCriteriaConfig.from_job_desc(None) is None
    assert TuningJobCompletionCriteriaConfig.from_job_desc({}) is None
    assert TuningJobCompletionCriteriaConfig() == TuningJobCompletionCriteriaConfig.from_job_desc(
        {"BestObjectiveNotImproving": {}, "ConvergenceDetected": {}}
    )


def test_a_tuner_asks_for_what_it_was_given(session: Session) -> None:
    """One estimator or several; the official SDK's order of arguments; nothing where nothing was given."""
    criteria = TuningJobCompletionCriteriaConfig(3)
    settings: dict[str, Any] = {"strategy": "Hyperband", "strategy_config": TWO_EPOCHS}
    for make in (make_tuner, make_tuner_of_two):
        config = config_of(make(session, completion_criteria_config=criteria, **settings))

        assert TWO_EPOCHS.to_input_req() == config["StrategyConfig"]
        assert criteria.to_input_req() == config["TuningJobCompletionCriteria"]
        assert {"StrategyConfig", "TuningJobCompletionCriteria"}.isdisjoint(config_of(make(session)))


def trains_long(run: FakeContainer) -> Iterator[None]:
    """50 epochs, each a little better; at SIGTERM it ends at once."""
    run.on_signal("SIGTERM", lambda: 0)
    for epoch in range(1, 51):
        run.print(f"[Epoch {epoch}] validation: accuracy={epoch / 100}")
        yield


def test_hyperband_stops_trials_at_the_most_that_they_may_have(session: Session, engine: FakeEngine) -> None:
    """The image would train for 50 epochs; every trial counts with the value that it had reached."""
    engine.images["long"] = trains_long
    tuner = make_tuner(session, "long", strategy="Hyperband", strategy_config=TWO_EPOCHS, max_jobs=3)
    tuner.fit(job_name="search")

    assert ["EarlyStopping"] * 3 == [str(trial.stop_reason) for trial in session.store.trials("search")]
    assert 3 == tuner.describe()["ObjectiveStatusCounters"]["Succeeded"]
    assert TWO_EPOCHS.to_input_req() == tuner.describe()["HyperParameterTuningJobConfig"]["StrategyConfig"]


@pytest.mark.parametrize(
    ("criteria", "words"),
    [
        (TuningJobCompletionCriteriaConfig(target_objective_metric_value=0.67), "a trial has reached the target 0.67"),
        (TuningJobCompletionCriteriaConfig(3), "3 trials in a row have not improved the best value by 1 %"),
    ],
)
def test_a_search_that_is_complete_before_its_limits_says_why(
    session: Session, said: list[str], criteria: TuningJobCompletionCriteriaConfig, words: str
) -> None:
    """Somebody who asked for eight trials and got fewer wants to know."""
    tuner = make_tuner(session, completion_criteria_config=criteria)
    tuner.fit(job_name="search")

    assert "Completed" == tuner.describe()["HyperParameterTuningJobStatus"]
    assert len(session.store.trials("search")) < 8
    assert f"search is complete: {words}" in said


def test_attach_knows_them_and_so_does_a_tuner_that_goes_on(session: Session) -> None:
    """The settings are those of the request, and stay so."""
    criteria = TuningJobCompletionCriteriaConfig(3, False, 0.9)
    tuner = make_tuner(
        session, strategy="Hyperband", strategy_config=TWO_EPOCHS, completion_criteria_config=criteria, max_jobs=1
    )
    tuner.fit(job_name="first")
    again = HyperparameterTuner.attach("first", session)
    more = again.identical_dataset_and_algorithm_tuner()

    for one in (again, more):
        assert (TWO_EPOCHS, criteria) == (one.strategy_config, one.completion_criteria_config)
    assert config_of(tuner) == config_of(again) == config_of(more)


def test_attach_to_a_job_without_them_finds_none(session: Session) -> None:
    """As it was made."""
    make_tuner(session, max_jobs=1).fit(job_name="search")
    again = HyperparameterTuner.attach("search", session)

    assert (None, None) == (again.strategy_config, again.completion_criteria_config)


def test_autotune_does_not_choose_what_was_said(session: Session) -> None:
    """It would enable convergence; a tuner that is attached has what was chosen."""
    off = TuningJobCompletionCriteriaConfig(complete_on_convergence=False)
    kept = make_tuner(session, autotune=True, completion_criteria_config=off)
    make_tuner(session, autotune=True, max_jobs=1).fit(job_name="chosen")
    chosen = HyperparameterTuner.attach("chosen", session).completion_criteria_config

    assert off.to_input_req() == config_of(kept)["TuningJobCompletionCriteria"]
    assert TuningJobCompletionCriteriaConfig(complete_on_convergence=True) == chosen


def test_hyperband_may_take_its_epochs_from_a_hyperparameter(session: Session) -> None:
    """Then nothing has to be said, or the least alone."""
    least = StrategyConfig(HyperbandStrategyConfig(min_resource=2))
    tuner = make_tuner(session, strategy="Hyperband", strategy_config=least)
    tuner.estimator.set_hyperparameters(epochs=9)

    assert {"HyperbandStrategyConfig": {"MinResource": 2}} == config_of(tuner)["StrategyConfig"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"strategy_config": TWO_EPOCHS}, "StrategyConfig is for Strategy Hyperband, not Random"),
        ({"strategy": "Hyperband"}, "Hyperband needs MaxResource, or one of these static hyperparameters: epochs"),
        (
            {"strategy": "Hyperband", "strategy_config": StrategyConfig(HyperbandStrategyConfig(2, 5))},
            "MinResource 5 is greater than MaxResource 2",
        ),
        (
            {"strategy": "Hyperband", "strategy_config": StrategyConfig(HyperbandStrategyConfig(0, 1))},
            "maxResource' failed to satisfy constraint: Member must have value greater than or equal to 1",
        ),
        (
            {"strategy": "Hyperband", "strategy_config": TWO_EPOCHS, "early_stopping_type": "Auto"},
            "with Strategy Hyperband early stopping must be Off",
        ),
        (
            {"completion_criteria_config": TuningJobCompletionCriteriaConfig(2)},
            "JobsNotImproving' failed to satisfy constraint: Member must have value greater than or equal to 3",
        ),
    ],
)
def test_settings_without_sense_are_refused_before_anything_starts(
    session: Session, changes: dict[str, Any], words: str
) -> None:
    """In the words of the service, or those that a job file gets."""
    with pytest.raises(ValidationError) as refused:
        make_tuner(session, **changes).fit()

    assert words in str(refused.value)
    assert [] == session.store.tuning_jobs()
