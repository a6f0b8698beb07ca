"""`HyperparameterTuner.create` and autotune: several estimators in one search, and ranges that nobody gave."""

from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from tuner import ContinuousParameter, Estimator, HyperparameterTuner, IntegerParameter, Session
from tuner.errors import ValidationError

METRICS = [{"Name": "validation:accuracy", "Regex": r"validation: accuracy=([0-9\.]+)"}]
RATE = {"learning_rate": ContinuousParameter(0.001, 0.2, "Logarithmic")}


def make_tuner(session: Session, **changes: Any) -> HyperparameterTuner:
    """Two estimators of one image, each with its own static hyperparameters."""
    estimators = {
        name: Estimator("team/cifar10:1", sagemaker_session=session, hyperparameters={"kind": name, "learning_rate": 9})
        for name in ("wide", "deep")
    }
    settings: dict[str, Any] = {
        "estimator_dict": estimators,
        "objective_metric_name_dict": dict.fromkeys(estimators, "validation:accuracy"),
        "hyperparameter_ranges_dict": dict.fromkeys(estimators, RATE),
        "metric_definitions_dict": dict.fromkeys(estimators, METRICS),
        "max_jobs": 4,
        "max_parallel_jobs": 2,
        "random_seed": 1,
        **changes,
    }
    return HyperparameterTuner.create(**settings)


def is_official(request: dict[str, Any]) -> bool:
    """Whether botocore's own validator takes it."""
    model = ServiceModel(Loader().load_service_model("sagemaker", "service-2"))
    shape = model.operation_model("CreateHyperParameterTuningJob").input_shape
    return not ParamValidator().validate(request, shape).has_errors()


def test_several_estimators_are_tuned_in_one_job(session: Session, folder: Path) -> None:
    """Each on its own data; the best of all is found, and its estimator has its settings."""
    tuner = make_tuner(session)
    tuner.fit({"deep": f"file://{folder}", "wide": {"images": f"file://{folder}"}}, job_name="search")
    description = tuner.describe()
    best = description["BestTrainingJob"]
    frame = tuner.analytics().dataframe()

    assert ["deep", "wide"] == [one["DefinitionName"] for one in description["TrainingJobDefinitions"]]
    assert {"deep": 2, "wide": 2} == frame["TrainingJobDefinitionName"].value_counts().to_dict()
    assert best["TrainingJobDefinitionName"] == tuner.best_estimator().hyperparameters()["kind"]
    assert best["TrainingJobName"] == tuner.best_training_job()
    assert {"deep", "wide"} == set(tuner.analytics().tuning_ranges)


def test_the_request_of_several_is_valid_for_the_official_service(session: Session, folder: Path) -> None:
    """The definitions in the order of their names, as the official SDK sorts them."""
    asked = make_tuner(session).tuning_request({"deep": f"file://{folder}"}, job_name="search")
    request = session.prepare("CreateHyperParameterTuningJob", asked)
    deep, wide = request["TrainingJobDefinitions"]

    assert is_official(request)
    assert ("deep", "wide") == (deep["DefinitionName"], wide["DefinitionName"])
    assert ({"kind": "deep"}, "InputDataConfig" in deep, "InputDataConfig" in wide) == (
        deep["StaticHyperParameters"],
        True,
        False,
    )
    assert {"Strategy", "ResourceLimits", "TrainingJobEarlyStoppingType", "RandomSeed"} == set(
        request["HyperParameterTuningJobConfig"]
    )


def test_attach_finds_the_estimators_again(session: Session) -> None:
    """By their names, with what was tuned of each."""
    make_tuner(session).fit(job_name="search")
    again = HyperparameterTuner.attach("search", session)
    request = again.tuning_request(job_name="search-2")

    assert again.estimator_dict is not None
    assert {"deep", "wide"} == set(again.estimator_dict)
    ranges = request["TrainingJobDefinitions"][0]["HyperParameterRanges"]["ContinuousParameterRanges"]
    assert [{"Name": "learning_rate", "MinValue": "0.001", "MaxValue": "0.2", "ScalingType": "Logarithmic"}] == ranges
    with pytest.raises(ValueError, match="several estimators"):
        again.identical_dataset_and_algorithm_tuner()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"estimator_dict": {}}, "At least one estimator"),
        ({"objective_metric_name_dict": {"wide": "x"}}, "objective_metric_name_dict' must be the same as"),
        ({"hyperparameter_ranges_dict": {"wide": RATE}}, "hyperparameter_ranges_dict' must be the same as"),
        ({"metric_definitions_dict": {"other": METRICS}}, "metric_definitions_dict' must be a subset of"),
        ({"hyperparameters_to_keep_static_dict": {"other": []}}, "must be a subset of"),
    ],
)
def test_names_that_do_not_fit_together_are_refused(session: Session, changes: dict[str, Any], words: str) -> None:
    """In the official SDK's words."""
    with pytest.raises(ValueError, match=words):
        make_tuner(session, **changes)


def test_inputs_of_several_are_by_name(session: Session, folder: Path) -> None:
    """One folder for all would be ambiguous: the official SDK refuses it too."""
    for inputs in (f"file://{folder}", {"training": f"file://{folder}"}):
        with pytest.raises(ValueError, match="a mapping by name: deep, wide"):
            make_tuner(session).tuning_request(inputs)


def automatic(session: Session, **changes: Any) -> HyperparameterTuner:
    """One estimator, all of whose hyperparameters may be tuned."""
    estimator = Estimator(
        "team/cifar10:1",
        sagemaker_session=session,
        hyperparameters={"learning_rate": 0.05, "layers": 3, "kind": "wide"},
    )
    settings: dict[str, Any] = {"autotune": True, "metric_definitions": METRICS, "max_jobs": 2, **changes}
    return HyperparameterTuner(estimator, "validation:accuracy", None, **settings)


def test_autotune_sends_what_is_not_kept_static_as_examples(session: Session) -> None:
    """As the official SDK does; what was not given is left out, to be chosen."""
    request = automatic(session, hyperparameters_to_keep_static=["layers"], max_jobs=None).tuning_request()
    config = request["HyperParameterTuningJobConfig"]

    assert {"Mode": "Enabled"} == request["Autotune"]
    assert [{"Name": "learning_rate", "ValueHint": "0.05"}, {"Name": "kind", "ValueHint": "wide"}] == config[
        "ParameterRanges"
    ]["AutoParameters"]
    assert {"layers": "3"} == request["TrainingJobDefinition"]["StaticHyperParameters"]
    assert {"MaxParallelTrainingJobs": 1} == config["ResourceLimits"]
    assert "TrainingJobEarlyStoppingType" not in config


def test_autotune_runs_and_says_what_it_chose(session: Session, said: list[str]) -> None:
    """The container gets what is tuned and what is not."""
    tuner = automatic(session)
    tuner.fit(job_name="search")
    trial = session.store.trials("search")[0]

    assert "Autotune: range: learning_rate from 0.005 to 0.5, Logarithmic" in said
    assert "Autotune: kind stays wide" in said
    assert {"learning_rate", "layers"} == set(trial.tuned)
    assert "wide" == trial.spec.hyperparameters["kind"]


def test_autotune_with_everything_kept_static_has_nothing_to_search(session: Session) -> None:
    """The official SDK sends an empty list; it is refused before anything starts."""
    tuner = automatic(session, hyperparameters_to_keep_static=["learning_rate", "layers", "kind"])

    assert [] == tuner.hyperparameter_ranges()["AutoParameters"]
    with pytest.raises(ValidationError, match="there is no range"):
        tuner.fit()


def test_a_range_that_is_given_is_kept_beside_automatic_ones(session: Session) -> None:
    """Its hyperparameter is no example."""
    estimator = Estimator("team/cifar10:1", sagemaker_session=session, hyperparameters={"learning_rate": 0.05, "n": 1})
    tuner = HyperparameterTuner(
        estimator, "validation:accuracy", {"n": IntegerParameter(1, 9)}, metric_definitions=METRICS, autotune=True
    )
    request = session.prepare("CreateHyperParameterTuningJob", tuner.tuning_request(job_name="search"))
    ranges = request["HyperParameterTuningJobConfig"]["ParameterRanges"]

    assert (["9"], ["0.5"]) == (
        [one["MaxValue"] for one in ranges["IntegerParameterRanges"]],
        [one["MaxValue"] for one in ranges["ContinuousParameterRanges"]],
    )
    assert is_official(request)


def test_keeping_static_is_for_autotune(session: Session) -> None:
    """Without it, only ranges are tuned anyway."""
    with pytest.raises(ValueError, match="autotune=True"):
        automatic(session, autotune=False, hyperparameters_to_keep_static=["kind"])
