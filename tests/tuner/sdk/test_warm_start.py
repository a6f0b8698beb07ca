"""`WarmStartConfig`, and tuners made from tuners, as in the official SDK."""

from pathlib import Path

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from tuner import (
    ContinuousParameter,
    Estimator,
    HyperparameterTuner,
    HyperparameterTuningJobAnalytics,
    Session,
    WarmStartConfig,
    WarmStartTypes,
)
from tuner.errors import ResourceNotFound, ValidationError

METRICS = [{"Name": "validation:accuracy", "Regex": r"validation: accuracy=([0-9\.]+)"}]


def make_tuner(session: Session, **changes: object) -> HyperparameterTuner:
    """Two trials of a learning rate, drawn at random."""
    return HyperparameterTuner(
        Estimator("team/cifar10:1", sagemaker_session=session, hyperparameters={"epochs": 3}),
        "validation:accuracy",
        {"learning_rate": ContinuousParameter(0.001, 0.2, "Logarithmic")},
        METRICS,
        **{"strategy": "Random", "max_jobs": 2, "random_seed": 1, **changes},  # type: ignore[arg-type] # by tests
    )


def test_a_config_is_what_the_request_has() -> None:
    """There and back; parents are a set, and written in one order."""
    config = WarmStartConfig(WarmStartTypes.TRANSFER_LEARNING, {"b", "a"})
    request = config.to_input_req()
    again = WarmStartConfig.from_job_desc(request)

    assert {
        "WarmStartType": "TransferLearning",
        "ParentHyperParameterTuningJobs": [
            {"HyperParameterTuningJobName": "a"},
            {"HyperParameterTuningJobName": "b"},
        ],
    } == request
    assert again is not None
    assert (config.type, config.parents) == (again.type, again.parents)
    assert WarmStartConfig.from_job_desc(None) is None


def test_one_name_may_be_given_as_it_is() -> None:
    """Not as the set of its letters."""
    assert {"first"} == WarmStartConfig("TransferLearning", "first").parents


@pytest.mark.parametrize(("kind", "parents"), [("Other", {"a"}), (WarmStartTypes.TRANSFER_LEARNING, ())])
def test_a_config_without_sense_is_a_value_error(kind: str, parents: set[str]) -> None:
    """As in the official SDK."""
    with pytest.raises(ValueError, match=r"WarmStartTypes|at least one tuning job"):
        WarmStartConfig(kind, parents)


def test_an_identical_tuner_goes_on_and_tells_the_best_of_all(session: Session, said: list[str]) -> None:
    """With the settings of the first; what that has tried is not tried again."""
    first = make_tuner(session)
    first.fit(job_name="first")
    second = first.identical_dataset_and_algorithm_tuner()
    second.fit(job_name="second")
    described = second.describe()
    tried = [set(tuner.analytics().dataframe()["learning_rate"]) for tuner in (first, second)]
    values = [tuner.analytics().dataframe()["FinalObjectiveValue"].max() for tuner in (first, second)]

    assert tried[0].isdisjoint(tried[1])
    overall = described["OverallBestTrainingJob"]
    assert max(values) == overall["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
    assert ("first" if values[0] >= values[1] else "second") == overall["TuningJobName"]
    assert described["BestTrainingJob"]["TrainingJobName"] == second.best_training_job()
    assert described == HyperparameterTuningJobAnalytics("second", session).description()
    assert 1 == sum(line.startswith("Random learns nothing from its parents (first)") for line in said)


def test_a_transfer_learning_tuner_takes_other_data_and_further_parents(session: Session, folder: Path) -> None:
    """There is no best of all: the values cannot be compared."""
    for name in ("first", "other"):
        make_tuner(session).fit(job_name=name)
    estimator = Estimator("team/cifar10:1", sagemaker_session=session, hyperparameters={"epochs": 2})
    tuner = HyperparameterTuner.attach("first", session).transfer_learning_tuner({"other"}, estimator)
    tuner.fit({"training": f"file://{folder}"}, job_name="next")
    described = tuner.describe()

    assert tuner.warm_start_config is not None
    assert {"first", "other"} == tuner.warm_start_config.parents
    assert "2" == described["TrainingJobDefinition"]["StaticHyperParameters"]["epochs"]
    assert "OverallBestTrainingJob" not in described
    assert tuner.warm_start_config.to_input_req() == described["WarmStartConfig"]


def test_what_is_described_has_the_services_form(session: Session) -> None:
    """botocore's own model of the answer has each member of the summary."""
    first = make_tuner(session)
    first.fit(job_name="first")
    second = first.identical_dataset_and_algorithm_tuner()
    second.fit(job_name="second")
    shape = ServiceModel(Loader().load_service_model("sagemaker", "service-2")).shape_for(
        "HyperParameterTrainingJobSummary"
    )

    assert not ParamValidator().validate(second.describe()["OverallBestTrainingJob"], shape).has_errors()


def test_a_tuner_without_a_job_has_nothing_to_go_on_from(session: Session) -> None:
    """Call fit() first."""
    with pytest.raises(ValueError, match="call fit"):
        make_tuner(session).identical_dataset_and_algorithm_tuner()


def test_attach_knows_what_a_job_started_from(session: Session) -> None:
    """The settings are those of the request."""
    make_tuner(session).fit(job_name="first")
    config = WarmStartConfig(WarmStartTypes.IDENTICAL_DATA_AND_ALGORITHM, ["first"])
    make_tuner(session, warm_start_config=config).fit(job_name="second")
    again = HyperparameterTuner.attach("second", session).warm_start_config

    assert again is not None
    assert (config.type, config.parents) == (again.type, again.parents)


def test_parents_that_cannot_be_are_refused_before_anything_starts(session: Session, folder: Path) -> None:
    """Unknown, or with other data than they should have."""
    first = make_tuner(session)
    first.fit(job_name="first")
    with pytest.raises(ResourceNotFound, match="can't find a tuning job called gone"):
        first.identical_dataset_and_algorithm_tuner({"gone"}).fit(job_name="second")
    with pytest.raises(ValidationError, match="wants the input data of first"):
        first.identical_dataset_and_algorithm_tuner().fit({"training": f"file://{folder}"}, job_name="second")

    assert ["first"] == [job.name for job in session.store.tuning_jobs()]
