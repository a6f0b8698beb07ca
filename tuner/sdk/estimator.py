"""`Estimator`: train an image once, in the words of the official SDK."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from contracts.hyperparameters import TUNING_OBJECTIVE_METRIC, encode_hyperparameters
from tuner.jobs.folder import JobFolder
from tuner.requests import CREATE_TRAINING_JOB
from tuner.sdk.analytics import TrainingJobAnalytics
from tuner.sdk.descriptions import describe_training_job, model_uri
from tuner.sdk.inputs import Inputs, input_data_config
from tuner.sdk.names import name_of_image, training_job_name
from tuner.sdk.session import Session, default_session
from tuner.sdk.waiting import check_ending, wait_for
from tuner.work.log_tail import HostLogs

#: What `fit` takes as `logs` to print nothing of the container's.
_NO_LOGS = (None, False, "None")

#: Tags as the API has them, or as a plain mapping.
Tags = Sequence[Mapping[str, str]] | Mapping[str, str]


class TrainingJob:
    """A training job that was submitted: a handle, good in any later process too."""

    def __init__(self, name: str, session: Session) -> None:
        self.name = name
        self._session = session

    @property
    def job_name(self) -> str:
        """The same as `name`, which older code asks for."""
        return self.name

    def describe(self) -> dict[str, Any]:
        """The job as it stands, in the form of DescribeTrainingJob."""
        store = self._session.store
        return describe_training_job(store.training_job(self.name), store.transitions(self.name))

    def wait(self, logs: str | bool | None = "All") -> None:
        """Wait until the job has ended, printing what its container prints unless `logs` is ``"None"``.

        Raises UnexpectedStatusException where it failed.
        """
        session = self._session
        job = session.store.training_job(self.name)
        tail = HostLogs(JobFolder(session.profile.job_folder(self.name)).logs(job.spec.hosts))

        def print_new_lines() -> None:
            if logs not in _NO_LOGS:
                sys.stdout.write(tail.read().decode(errors="replace"))
                sys.stdout.flush()

        wait_for(session, self.name, print_new_lines, f"Estimator.attach({self.name!r}).latest_training_job.wait()")
        print_new_lines()
        job = session.store.training_job(self.name)
        for warning in session.store.warnings(self.name):
            session.say(f"Warning: {warning}")
        check_ending(session, "Training job", self.name, job.primary_status, job.failure_reason)

    def stop(self) -> None:
        """Ask the job to stop: its container gets SIGTERM, and SIGKILL 120 s later, from whoever works the home."""
        self._session.stop(self.name)

    def __repr__(self) -> str:
        return f"TrainingJob({self.name!r})"


class Estimator:
    """An image and all that a training job of it needs, except the data.

    The arguments are those of the official SDK's class of this name. `role` and the instance are for the cloud and may
    be left out here; ``file://`` stands wherever the cloud has ``s3://``. `sagemaker_session` is a `Session`; None is
    that of the working folder's profile. Hyperparameters reach the container as ``str()`` writes them.
    """

    def __init__(
        self,
        image_uri: str,
        role: str | None = None,
        instance_count: int = 1,
        instance_type: str = "local",
        *,
        volume_size: int = 30,
        max_run: int = 86_400,
        input_mode: str = "File",
        output_path: str | None = None,
        base_job_name: str | None = None,
        sagemaker_session: Session | None = None,
        hyperparameters: Mapping[str, object] | None = None,
        tags: Tags | None = None,
        metric_definitions: Sequence[Mapping[str, str]] | None = None,
        checkpoint_s3_uri: str | None = None,
        checkpoint_local_path: str | None = None,
        enable_network_isolation: bool = False,
        environment: Mapping[str, str] | None = None,
        container_entry_point: Sequence[str] | None = None,
        container_arguments: Sequence[str] | None = None,
    ) -> None:
        self.image_uri = image_uri
        self.role = role
        self.instance_count = instance_count
        self.instance_type = instance_type
        self.volume_size = volume_size
        self.max_run = max_run
        self.input_mode = input_mode
        self.output_path = output_path
        self.base_job_name = base_job_name
        self.tags = tags
        self.metric_definitions = metric_definitions
        self.checkpoint_s3_uri = checkpoint_s3_uri
        self.checkpoint_local_path = checkpoint_local_path
        self.enable_network_isolation = enable_network_isolation
        self.environment = environment
        self.container_entry_point = container_entry_point
        self.container_arguments = container_arguments
        self.latest_training_job: TrainingJob | None = None
        self._hyperparameters: dict[str, object] = dict(hyperparameters or {})
        self._session = sagemaker_session

    @classmethod
    def attach(cls, training_job_name: str, sagemaker_session: Session | None = None) -> "Estimator":
        """An estimator with the settings of an earlier training job, and that job as its latest.

        Raises ResourceNotFound.
        """
        session = default_session() if sagemaker_session is None else sagemaker_session
        request = session.store.training_job(training_job_name).request
        hyperparameters = {
            name: text for name, text in request.get("HyperParameters", {}).items() if name != TUNING_OBJECTIVE_METRIC
        }
        estimator = cls.from_members(
            request, hyperparameters=hyperparameters, tags=request.get("Tags"), sagemaker_session=session
        )
        estimator.latest_training_job = TrainingJob(training_job_name, session)
        return estimator

    @classmethod
    def from_members(
        cls,
        members: Mapping[str, Any],
        *,
        hyperparameters: Mapping[str, object],
        sagemaker_session: Session,
        tags: Tags | None = None,
    ) -> "Estimator":
        """An estimator with the settings of `members`: a completed training job's request, or its definition."""
        algorithm, resources = members["AlgorithmSpecification"], members["ResourceConfig"]
        checkpoints = members.get("CheckpointConfig", {})
        return cls(
            algorithm["TrainingImage"],
            members["RoleArn"],
            resources["InstanceCount"],
            resources["InstanceType"],
            volume_size=resources["VolumeSizeInGB"],
            max_run=members["StoppingCondition"]["MaxRuntimeInSeconds"],
            input_mode=algorithm["TrainingInputMode"],
            output_path=members["OutputDataConfig"]["S3OutputPath"],
            sagemaker_session=sagemaker_session,
            hyperparameters=hyperparameters,
            tags=tags,
            metric_definitions=algorithm.get("MetricDefinitions"),
            checkpoint_s3_uri=checkpoints.get("S3Uri"),
            checkpoint_local_path=checkpoints.get("LocalPath"),
            enable_network_isolation=members.get("EnableNetworkIsolation", False),
            environment=members.get("Environment"),
            container_entry_point=algorithm.get("ContainerEntrypoint"),
            container_arguments=algorithm.get("ContainerArguments"),
        )

    @property
    def sagemaker_session(self) -> Session:
        """The session that jobs go to."""
        return default_session() if self._session is None else self._session

    def training_image_uri(self) -> str:
        """The image."""
        return self.image_uri

    def set_hyperparameters(self, **kwargs: object) -> None:
        """Add hyperparameters, or change some."""
        self._hyperparameters.update(kwargs)

    def hyperparameters(self) -> dict[str, object]:
        """The hyperparameters as they were given; `fit` sends them as strings."""
        return self._hyperparameters

    def fit(
        self,
        inputs: Inputs = None,
        wait: bool = True,
        logs: str | bool | None = "All",
        job_name: str | None = None,
    ) -> None:
        """Train once on `inputs`: a ``file://`` address, a `TrainingInput`, or several of them by channel name.

        With `wait` the call returns when the job has ended; without, when it has begun. Nothing works the home between
        two calls, so what follows the end of the container (its model, its outcome) is done by the next call that
        waits, or by any waiting command of `algodock`.

        Raises ValidationError and NotSupported with all that is wrong with the request; ImageNotFound and
        GpuUnavailable before anything starts; UnexpectedStatusException where the job failed.
        """
        session = self.sagemaker_session
        request = session.prepare(CREATE_TRAINING_JOB, self.training_request(inputs, job_name))
        job = session.submit_training_job(request)
        self.latest_training_job = TrainingJob(job.name, session)
        if wait:
            self.latest_training_job.wait(logs)
        else:
            session.run_one_round()

    def training_request(self, inputs: Inputs = None, job_name: str | None = None) -> dict[str, Any]:
        """The CreateTrainingJob request that `fit` makes: written to a file, a job file."""
        base = self.base_job_name or name_of_image(self.image_uri)
        request = {
            "TrainingJobName": job_name or training_job_name(base, self.sagemaker_session.clock()),
            "HyperParameters": self.encoded_hyperparameters(),
            **self.shared_members(inputs),
        }
        if self.tags:
            request["Tags"] = tag_list(self.tags)
        return request

    def encoded_hyperparameters(self) -> dict[str, str]:
        """The hyperparameters as the strings that a request has."""
        return encode_hyperparameters({str(name): value for name, value in self._hyperparameters.items()})

    def shared_members(
        self, inputs: Inputs, metric_definitions: Sequence[Mapping[str, str]] | None = None
    ) -> dict[str, Any]:
        """What a training job's request and a tuning job's definition of one have in common.

        Where `metric_definitions` are given, they replace the estimator's own.
        """
        algorithm: dict[str, Any] = {"TrainingImage": self.image_uri, "TrainingInputMode": self.input_mode}
        optional = {
            "MetricDefinitions": [dict(one) for one in metric_definitions or self.metric_definitions or ()],
            "ContainerEntrypoint": list(self.container_entry_point or ()),
            "ContainerArguments": list(self.container_arguments or ()),
        }
        algorithm.update({member: value for member, value in optional.items() if value})
        members: dict[str, Any] = {
            "AlgorithmSpecification": algorithm,
            "ResourceConfig": {
                "InstanceCount": self.instance_count,
                "InstanceType": self.instance_type,
                "VolumeSizeInGB": self.volume_size,
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": self.max_run},
        }
        if self.role is not None:
            members["RoleArn"] = self.role
        if channels := input_data_config(inputs):
            members["InputDataConfig"] = channels
        if self.output_path is not None:
            members["OutputDataConfig"] = {"S3OutputPath": self.output_path}
        if self.checkpoint_s3_uri is not None:
            local = {} if self.checkpoint_local_path is None else {"LocalPath": self.checkpoint_local_path}
            members["CheckpointConfig"] = {"S3Uri": self.checkpoint_s3_uri, **local}
        if self.enable_network_isolation:
            members["EnableNetworkIsolation"] = True
        if self.environment:
            members["Environment"] = dict(self.environment)
        return members

    @property
    def model_data(self) -> str:
        """Where the model of the latest training job is; raises ValueError before `fit`."""
        return model_uri(self.sagemaker_session.store.training_job(self._latest().name))

    @property
    def training_job_analytics(self) -> TrainingJobAnalytics:
        """The metrics of the latest training job over time; raises ValueError before `fit`."""
        return TrainingJobAnalytics(self._latest().name, sagemaker_session=self.sagemaker_session)

    def _latest(self) -> TrainingJob:
        if self.latest_training_job is None:
            raise ValueError("Estimator is not associated with a training job: call fit() first")
        return self.latest_training_job


def tag_list(tags: Tags) -> list[dict[str, str]]:
    """Tags as the API has them."""
    if isinstance(tags, Mapping):
        return [{"Key": key, "Value": value} for key, value in tags.items()]
    return [dict(tag) for tag in tags]
