"""`HyperparameterTuner`: the names and manners of the official SDK, on this machine."""

import json
import sys
from pathlib import Path

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from tuner import (
    CategoricalParameter,
    ContinuousParameter,
    Estimator,
    HyperparameterTuner,
    IntegerParameter,
    Session,
    UnexpectedStatusException,
)
from tuner.errors import ResourceNotFound, ValidationError
from tuner.sdk.analytics import PandasMissing

METRICS = [{"Name": "validation:accuracy", "Regex": r"validation: accuracy=([0-9\.]+)"}]


def make_tuner(session: Session, image: str = "team/cifar10:1", **changes: object) -> HyperparameterTuner:
    """Three trials, two at a time, of a learning rate and an optimizer."""
    settings: dict[str, object] = {
        "metric_definitions": METRICS,
        "max_jobs": 3,
        "max_parallel_jobs": 2,
        "random_seed": 1,
        **changes,
    }
    return HyperparameterTuner(
        Estimator(image, sagemaker_session=session, hyperparameters={"epochs": 3, "learning_rate": 9}),
        "validation:accuracy",
        {
            "learning_rate": ContinuousParameter(0.001, 0.2, "Logarithmic"),
            "optimizer": CategoricalParameter(["sgd", "adam"]),
        },
        **settings,  # type: ignore[arg-type] # changed one by one by tests
    )


def test_fit_finds_the_best_trial_and_its_model(session: Session, folder: Path) -> None:
    """The whole way: three trials in containers, the best by the objective, its model on disk."""
    tuner = make_tuner(session)
    tuner.fit({"training": f"file://{folder}"}, job_name="search")
    frame = tuner.analytics().dataframe()
    best = frame.sort_values("FinalObjectiveValue").iloc[-1]

    assert best["TrainingJobName"] == tuner.best_training_job()
    assert Path(tuner.best_estimator().model_data.removeprefix("file://")).is_file()
    assert best["TrainingJobName"] == tuner.describe()["BestTrainingJob"]["TrainingJobName"]


def test_the_data_frame_has_the_official_columns(session: Session) -> None:
    """Code that reads the cloud's frames reads these: tuned values as numbers where they are numbers."""
    tuner = make_tuner(session)
    tuner.fit()
    frame = tuner.analytics().dataframe()

    assert [
        "learning_rate",
        "optimizer",
        "TrainingJobName",
        "TrainingJobStatus",
        "FinalObjectiveValue",
        "TrainingStartTime",
        "TrainingEndTime",
        "TrainingElapsedTimeSeconds",
    ] == list(frame.columns)
    assert ["Completed"] * 3 == list(frame["TrainingJobStatus"])
    assert frame["learning_rate"].between(0.001, 0.2).all()
    assert set(frame["optimizer"]) <= {"sgd", "adam"}


def test_a_data_frame_is_kept_until_a_fresh_one_is_asked_for(session: Session) -> None:
    """force_refresh, as in the official SDK."""
    tuner = make_tuner(session)
    tuner.fit(wait=False)
    analytics = tuner.analytics()
    before = len(analytics.dataframe())
    tuner.wait()

    assert (2, 2, 3) == (before, len(analytics.dataframe()), len(analytics.dataframe(force_refresh=True)))


def test_without_pandas_the_error_says_what_to_install(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything else works without it."""
    tuner = make_tuner(session)
    tuner.fit(wait=False)
    monkeypatch.setitem(sys.modules, "pandas", None)

    with pytest.raises(PandasMissing, match=r"pip install 'algodock\[pandas\]'"):
        tuner.analytics().dataframe()


def test_the_request_is_valid_for_the_official_service(session: Session, folder: Path) -> None:
    """botocore's own validator takes what fit() would send, once completed."""
    request = session.prepare("CreateHyperParameterTuningJob", make_tuner(session).tuning_request(f"file://{folder}"))
    model = ServiceModel(Loader().load_service_model("sagemaker", "service-2"))
    shape = model.operation_model("CreateHyperParameterTuningJob").input_shape

    assert not ParamValidator().validate(request, shape).has_errors()


def test_ranges_and_static_values_are_written_as_the_official_sdk_does(session: Session) -> None:
    """A tuned hyperparameter is no static one; bounds are strings; all three lists are there."""
    request = make_tuner(session).tuning_request(job_name="search")

    assert {
        "ContinuousParameterRanges": [
            {"Name": "learning_rate", "MinValue": "0.001", "MaxValue": "0.2", "ScalingType": "Logarithmic"}
        ],
        "IntegerParameterRanges": [],
        "CategoricalParameterRanges": [{"Name": "optimizer", "Values": ["sgd", "adam"]}],
    } == request["HyperParameterTuningJobConfig"]["ParameterRanges"]
    assert {"epochs": "3"} == request["TrainingJobDefinition"]["StaticHyperParameters"]


@pytest.mark.parametrize(
    ("parameter", "entry"),
    [
        (IntegerParameter(1, 8), {"Name": "n", "MinValue": "1", "MaxValue": "8", "ScalingType": "Auto"}),
        (ContinuousParameter(1e-5, 1), {"Name": "n", "MinValue": "1e-05", "MaxValue": "1", "ScalingType": "Auto"}),
        (CategoricalParameter([16, True, "x"]), {"Name": "n", "Values": ["16", "True", "x"]}),
        (CategoricalParameter("sgd"), {"Name": "n", "Values": ["sgd"]}),
    ],
)
def test_a_range_is_an_entry_of_the_request(
    parameter: IntegerParameter | ContinuousParameter | CategoricalParameter, entry: dict[str, object]
) -> None:
    """Every value by str(), as in the official SDK."""
    assert entry == parameter.as_tuning_range("n")


def test_the_estimators_metrics_are_taken_where_the_tuner_has_none(session: Session) -> None:
    """The official SDK drops them and then misses them: a known complaint."""
    estimator = Estimator("team/cifar10:1", sagemaker_session=session, metric_definitions=METRICS)
    tuner = HyperparameterTuner(estimator, "validation:accuracy", {"learning_rate": ContinuousParameter(0, 1)})
    definition = tuner.tuning_request()["TrainingJobDefinition"]

    assert METRICS == definition["AlgorithmSpecification"]["MetricDefinitions"]


def test_a_grid_search_needs_no_number_of_jobs(session: Session) -> None:
    """The ranges say how many there are."""
    estimator = Estimator("team/cifar10:1", sagemaker_session=session, metric_definitions=METRICS)
    ranges = {"learning_rate": CategoricalParameter([0.1, 0.05, 0.2]), "depth": CategoricalParameter([1])}
    tuner = HyperparameterTuner(estimator, "validation:accuracy", ranges, strategy="Grid", max_parallel_jobs=3)
    tuner.fit()

    assert 3 == len(tuner.analytics().dataframe())


def test_the_same_seed_tries_the_same_values(session: Session) -> None:
    """A search can be repeated."""
    first, second = make_tuner(session), make_tuner(session)
    first.fit(job_name="first")
    second.fit(job_name="second")

    assert list(first.analytics().dataframe()["learning_rate"]) == list(second.analytics().dataframe()["learning_rate"])


def test_two_searches_in_one_minute_get_two_names(session: Session) -> None:
    """Names have minutes only, in the official SDK too; here the second is numbered."""
    first, second = make_tuner(session), make_tuner(session)
    first.fit(wait=False)
    second.fit(wait=False)

    assert first.latest_tuning_job is not None
    assert second.latest_tuning_job is not None
    assert first.latest_tuning_job.name != second.latest_tuning_job.name


def test_attach_finds_a_job_again_by_its_name(session: Session) -> None:
    """What another process needs to go on: the settings, the ranges, the best trial."""
    tuner = make_tuner(session)
    tuner.fit(job_name="search")
    again = HyperparameterTuner.attach("search", session)

    assert tuner.best_training_job() == again.best_training_job()
    assert tuner.hyperparameter_ranges() == again.hyperparameter_ranges()
    assert (3, 2, 1) == (again.max_jobs, again.max_parallel_jobs, again.random_seed)


def test_a_search_whose_trials_all_fail_raises_the_services_words(session: Session) -> None:
    """The trials' own reasons have been said on the way."""
    with pytest.raises(UnexpectedStatusException, match="No training job succeeded"):
        make_tuner(session, "fails").fit()


def test_a_failed_trial_has_no_final_objective(session: Session) -> None:
    """Whatever it printed before it failed: who sorts by the column must not find it on top."""
    tuner = make_tuner(session, "fails")
    tuner.fit(wait=False)

    assert tuner.analytics().dataframe()["FinalObjectiveValue"].isna().all()


def test_each_trial_is_said_when_it_ends_and_the_report_is_written(session: Session, said: list[str]) -> None:
    """Somebody who waits in a notebook sees how it goes."""
    tuner = make_tuner(session)
    tuner.fit(job_name="search")

    assert 3 == sum("Completed: validation:accuracy=" in line for line in said)
    assert (session.profile.tuning_folder("search") / "report.html").is_file()


def test_a_search_that_has_ended_can_be_extended(session: Session) -> None:
    """By so many trials, whether somebody waits for them or not."""
    tuner = make_tuner(session)
    tuner.fit()
    before = len(tuner.analytics().training_job_summaries())
    tuner.extend(2)
    tuner.extend(1, wait=False)
    begun = tuner.describe()["HyperParameterTuningJobStatus"]
    tuner.wait()

    assert "InProgress" == begun
    assert before + 3 == len(tuner.analytics().training_job_summaries())
    with pytest.raises(ValueError, match="fit"):
        make_tuner(session).extend(1)


def test_a_stopped_search_stops_its_trials(session: Session) -> None:
    """stop_tuning_job asks; whoever waits does it."""
    tuner = make_tuner(session, "waits")
    tuner.fit(wait=False)
    tuner.stop_tuning_job()
    tuner.wait()

    assert "Stopped" == tuner.describe()["HyperParameterTuningJobStatus"]
    assert {"Completed": 0, "InProgress": 0, "RetryableError": 0, "NonRetryableError": 0, "Stopped": 2} == (
        tuner.describe()["TrainingJobStatusCounters"]
    )


def test_there_is_no_best_trial_before_one_has_ended(session: Session) -> None:
    """The official SDK's words."""
    tuner = make_tuner(session)
    tuner.fit(wait=False, job_name="search")

    with pytest.raises(ResourceNotFound, match="Best training job not available for tuning job: search"):
        tuner.best_training_job()


def test_a_range_upside_down_is_refused_before_anything_starts(session: Session) -> None:
    """What is wrong with the request is said by the same rules as for a job file."""
    tuner = make_tuner(session)
    tuner._ranges["learning_rate"] = ContinuousParameter(0.5, 0.1)

    with pytest.raises(ValidationError, match="learning_rate"):
        tuner.fit()
    assert [] == session.store.tuning_jobs()


def test_methods_that_need_a_job_say_so_before_fit(session: Session) -> None:
    """The error names the method to call."""
    with pytest.raises(ValueError, match=r"No tuning job available: call fit\(\) first"):
        make_tuner(session).wait()


def test_a_search_may_be_given_beside_the_arguments_of_the_official_class(session: Session, tmp_path: Path) -> None:
    """As a mapping or as a file; a tuner that is attached has it again."""
    search = {"FirstConfigurations": [{"learning_rate": "0.01", "optimizer": "adam"}]}
    path = tmp_path / "search.json"
    path.write_text(json.dumps(search))
    for name, given in (("mapping", search), ("file", path)):
        tuner = make_tuner(session, search=given, strategy="Random")
        tuner.fit(job_name=name)
        first = session.store.trials(name)[0]

        assert {"learning_rate": "0.01", "optimizer": "adam"} == dict(first.tuned)
        assert search == HyperparameterTuner.attach(name, session).search


def test_a_search_that_is_wrong_is_refused_before_anything_starts(session: Session) -> None:
    """Its names are those of the ranges, and something has to keep its constraints."""
    for constraint in ("rate < 1", "learning_rate > 1"):
        with pytest.raises(ValidationError):
            make_tuner(session, search={"Constraints": [constraint]}).fit(job_name="never")

    assert [] == session.store.tuning_jobs()
