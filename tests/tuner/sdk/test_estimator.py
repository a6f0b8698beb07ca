"""`Estimator`: the names and manners of the official SDK, on this machine."""

from pathlib import Path

import pytest

from tuner import Estimator, Session, TrainingInput, UnexpectedStatusException
from tuner.engine.fake import FakeEngine
from tuner.errors import ImageNotFound, ValidationError

METRICS = [{"Name": "validation:accuracy", "Regex": r"validation: accuracy=([0-9\.]+)"}]


@pytest.fixture
def estimator(session: Session) -> Estimator:
    """An estimator of the image that learns."""
    return Estimator(
        "team/cifar10:1",
        sagemaker_session=session,
        hyperparameters={"learning_rate": 0.1, "epochs": 3},
        metric_definitions=METRICS,
    )


def test_fit_trains_and_leaves_a_model_where_model_data_says(
    estimator: Estimator, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole way: one call, the log on the screen, a model at a file:// address."""
    estimator.fit({"training": f"file://{folder}"})

    assert Path(estimator.model_data.removeprefix("file://")).is_file()
    assert "[Epoch 3] validation: accuracy=0.750000" in capsys.readouterr().out
    assert estimator.latest_training_job is not None
    assert "Completed" == estimator.latest_training_job.describe()["TrainingJobStatus"]


def test_logs_are_left_out_when_asked(estimator: Estimator, capsys: pytest.CaptureFixture[str]) -> None:
    """The official SDK's `logs="None"` and its older `logs=False`."""
    estimator.fit(logs="None", job_name="quiet-1")
    estimator.fit(logs=False, job_name="quiet-2")

    assert "Epoch" not in capsys.readouterr().out


def test_the_request_is_what_the_official_sdk_sends(session: Session, folder: Path) -> None:
    """Every value a string in hyperparameters, the channel called training, instance and limits as given."""
    estimator = Estimator(
        "image",
        "arn:aws:iam::111122223333:role/me",
        1,
        "ml.m5.large",
        sagemaker_session=session,
        hyperparameters={"learning_rate": 1e-05, "layers": [1, 2], "augment": True, "optimizer": "sgd"},
        output_path="file:///out",
        max_run=600,
        environment={"A": "b"},
        tags={"team": "vision"},
    )

    assert {
        "TrainingJobName": "job-1",
        "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
        "HyperParameters": {"learning_rate": "1e-05", "layers": "[1, 2]", "augment": "True", "optimizer": "sgd"},
        "InputDataConfig": [
            {
                "ChannelName": "training",
                "DataSource": {
                    "S3DataSource": {
                        "S3DataType": "S3Prefix",
                        "S3Uri": f"file://{folder}",
                        "S3DataDistributionType": "FullyReplicated",
                    }
                },
            }
        ],
        "OutputDataConfig": {"S3OutputPath": "file:///out"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        "RoleArn": "arn:aws:iam::111122223333:role/me",
        "Environment": {"A": "b"},
        "Tags": [{"Key": "team", "Value": "vision"}],
    } == estimator.training_request(f"file://{folder}", "job-1")


def test_a_path_may_be_given_instead_of_an_address(estimator: Estimator, folder: Path) -> None:
    """A `Path` becomes file://, with what an address cannot hold encoded."""
    request = estimator.training_request(
        {"train": folder / "with space", "test": TrainingInput(folder, content_type="x")}
    )
    train, test = request["InputDataConfig"]

    assert f"file://{folder}/with%20space" == train["DataSource"]["S3DataSource"]["S3Uri"]
    assert ("test", "x") == (test["ChannelName"], test["ContentType"])


def test_a_job_without_a_name_is_named_after_its_image_and_the_time(estimator: Estimator) -> None:
    """As the official SDK does it: no two alike, and within the API's 63 characters."""
    name = estimator.training_request()["TrainingJobName"]

    assert name.startswith("cifar10-20")
    assert len(name) <= 63


def test_set_hyperparameters_adds_and_replaces(estimator: Estimator) -> None:
    """The dictionary that hyperparameters() returns has the values as they were given."""
    estimator.set_hyperparameters(learning_rate=0.2, momentum=0.9)

    assert {"learning_rate": 0.2, "epochs": 3, "momentum": 0.9} == estimator.hyperparameters()


def test_a_failed_job_raises_with_the_containers_own_words(session: Session) -> None:
    """The failure file is what tells people what to do."""
    with pytest.raises(UnexpectedStatusException, match="no images in /opt/ml/input/data/training") as caught:
        Estimator("fails", sagemaker_session=session).fit()

    assert "Failed" == caught.value.actual_status


def test_everything_wrong_is_said_before_anything_starts(session: Session, tmp_path: Path, engine: FakeEngine) -> None:
    """A missing data folder is named; no job is recorded, no container made."""
    with pytest.raises(ValidationError, match="missing is not there"):
        Estimator("team/cifar10:1", sagemaker_session=session).fit(f"file://{tmp_path}/missing")

    assert [] == session.store.training_jobs()
    assert [] == list(engine.containers({}))


def test_an_image_that_does_not_exist_leaves_no_job(session: Session) -> None:
    """Neither here nor in a registry: said before anything is recorded."""
    with pytest.raises(ImageNotFound):
        Estimator("nowhere", sagemaker_session=session).fit()

    assert [] == session.store.training_jobs()


def test_without_waiting_the_container_has_begun_and_wait_takes_in_its_end(estimator: Estimator) -> None:
    """fit(wait=False) returns at once; the job goes on when somebody waits for it."""
    estimator.fit(wait=False, job_name="later")
    job = estimator.latest_training_job
    assert job is not None
    begun = job.describe()["TrainingJobStatus"]
    job.wait(logs="None")

    assert ("InProgress", "Completed") == (begun, job.describe()["TrainingJobStatus"])


def test_a_job_is_found_again_by_its_name(estimator: Estimator, session: Session) -> None:
    """attach rebuilds the estimator from the store: another process could do it."""
    estimator.fit(job_name="first", logs="None")
    again = Estimator.attach("first", session)

    assert estimator.model_data == again.model_data
    assert {"learning_rate": "0.1", "epochs": "3"} == again.hyperparameters()
    assert METRICS == again.metric_definitions


def test_a_stopped_job_is_no_error_but_is_said(session: Session, said: list[str]) -> None:
    """As in the official SDK: what was stopped on purpose has not failed."""
    estimator = Estimator("waits", sagemaker_session=session)
    estimator.fit(wait=False, job_name="endless")
    job = estimator.latest_training_job
    assert job is not None
    job.stop()
    job.wait(logs="None")

    assert "Stopped" == job.describe()["TrainingJobStatus"]
    assert "endless was stopped before it was complete; what it has left may be partial." in said


def test_what_needs_a_job_says_so_before_fit(estimator: Estimator) -> None:
    """The error names the method to call."""
    with pytest.raises(ValueError, match=r"call fit\(\) first"):
        _ = estimator.model_data


def test_the_metrics_of_a_job_are_a_data_frame(estimator: Estimator) -> None:
    """One row a printed value, with the official columns."""
    estimator.fit(logs="None")
    frame = estimator.training_job_analytics.dataframe()

    assert ["timestamp", "metric_name", "value"] == list(frame.columns)
    assert [0.25, 0.5, 0.75] == list(frame["value"])
