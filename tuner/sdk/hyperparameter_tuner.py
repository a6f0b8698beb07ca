"""`HyperparameterTuner`: tune an estimator's hyperparameters, in the words of the official SDK."""

from collections.abc import Mapping, Sequence
from typing import Any

from tuner.dashboard.report import ReportFiles, write_report
from tuner.errors import ResourceNotFound
from tuner.requests import CREATE_TUNING_JOB
from tuner.sdk.analytics import HyperparameterTuningJobAnalytics
from tuner.sdk.descriptions import describe_tuning_job
from tuner.sdk.estimator import Estimator, Tags, tag_list
from tuner.sdk.inputs import Inputs
from tuner.sdk.names import name_of_image, tuning_job_name
from tuner.sdk.parameters import CategoricalParameter, ContinuousParameter, IntegerParameter, ParameterRange
from tuner.sdk.session import Session, default_session
from tuner.sdk.waiting import check_ending, wait_for
from tuner.store.records import best_training_job
from tuner.submission import find_tuning_job

_RANGES: tuple[type[ContinuousParameter | IntegerParameter | CategoricalParameter], ...] = (
    ContinuousParameter,
    IntegerParameter,
    CategoricalParameter,
)


class TuningJob:
    """A tuning job that was submitted: a handle, good in any later process too."""

    def __init__(self, name: str, session: Session) -> None:
        self.name = name
        self._session = session

    @property
    def job_name(self) -> str:
        """The same as `name`, which older code asks for."""
        return self.name

    def describe(self) -> dict[str, Any]:
        """The job as it stands, in the form of DescribeHyperParameterTuningJob."""
        store = self._session.store
        return describe_tuning_job(store.tuning_job(self.name), store.trials(self.name))

    def wait(self) -> None:
        """Wait until the job has ended, saying how each trial ended; then write its report.

        Raises UnexpectedStatusException where it failed.
        """
        session = self._session
        progress = _Progress(self.name, session)
        wait_for(session, self.name, progress.say_news, f"HyperparameterTuner.attach({self.name!r}).wait()")
        progress.say_news()
        if session.store.trials(self.name):
            session.say(f"Report: {self.write_report().html}")
        job = session.store.tuning_job(self.name)
        check_ending(session, "HyperParameterTuning job", self.name, job.status, job.failure_reason)

    def stop(self) -> None:
        """Ask the job and its trials to stop; whoever works the home does it."""
        self._session.stop(self.name)

    def write_report(self) -> ReportFiles:
        """Write the job's table (CSV) and picture (HTML) as it stands; return where they are."""
        session = self._session
        return write_report(session.store, self.name, session.profile.tuning_folder(self.name), session.clock)

    def __repr__(self) -> str:
        return f"TuningJob({self.name!r})"


class HyperparameterTuner:
    """A search for the hyperparameters with which an estimator's objective metric is best.

    The arguments are those of the official SDK's class of this name. `metric_definitions` of None are those of the
    estimator. `strategy` is ``Bayesian``, ``Random`` or ``Grid``; with Grid, leave `max_jobs` out: the ranges say how
    many there are.
    The same `random_seed` gives the same trials.
    """

    def __init__(  # noqa: PLR0917 - the official SDK's order
        self,
        estimator: Estimator,
        objective_metric_name: str,
        hyperparameter_ranges: Mapping[str, ParameterRange],
        metric_definitions: Sequence[Mapping[str, str]] | None = None,
        strategy: str = "Bayesian",
        objective_type: str = "Maximize",
        max_jobs: int | None = None,
        max_parallel_jobs: int = 1,
        max_runtime_in_seconds: int | None = None,
        tags: Tags | None = None,
        base_tuning_job_name: str | None = None,
        *,
        early_stopping_type: str = "Off",
        random_seed: int | None = None,
    ) -> None:
        self.estimator = estimator
        self.objective_metric_name = objective_metric_name
        self.metric_definitions = metric_definitions
        self.strategy = strategy
        self.objective_type = objective_type
        self.max_jobs = max_jobs
        self.max_parallel_jobs = max_parallel_jobs
        self.max_runtime_in_seconds = max_runtime_in_seconds
        self.tags = tags
        self.base_tuning_job_name = base_tuning_job_name
        self.early_stopping_type = early_stopping_type
        self.random_seed = random_seed
        self.latest_tuning_job: TuningJob | None = None
        self._ranges = dict(hyperparameter_ranges)

    @classmethod
    def attach(cls, tuning_job_name: str, sagemaker_session: Session | None = None) -> "HyperparameterTuner":
        """A tuner with the settings of an earlier tuning job, and that job as its latest; raises ResourceNotFound."""
        session = default_session() if sagemaker_session is None else sagemaker_session
        job = session.store.tuning_job(tuning_job_name)
        config, definition = job.request["HyperParameterTuningJobConfig"], job.request["TrainingJobDefinition"]
        tuner = cls(
            Estimator.from_members(
                definition, hyperparameters=definition.get("StaticHyperParameters", {}), sagemaker_session=session
            ),
            job.spec.objective.metric_name,
            _ranges_of(config.get("ParameterRanges", {})),
            strategy=job.spec.strategy,
            objective_type=str(job.spec.objective.type),
            max_jobs=job.spec.max_training_jobs,
            max_parallel_jobs=job.spec.max_parallel_training_jobs,
            max_runtime_in_seconds=job.spec.max_runtime_seconds,
            tags=job.request.get("Tags"),
            early_stopping_type=config.get("TrainingJobEarlyStoppingType", "Off"),
            random_seed=config.get("RandomSeed"),
        )
        tuner.latest_tuning_job = TuningJob(job.name, session)
        return tuner

    @property
    def sagemaker_session(self) -> Session:
        """The session that jobs go to: the estimator's."""
        return self.estimator.sagemaker_session

    def fit(self, inputs: Inputs = None, job_name: str | None = None, *, wait: bool = True) -> None:
        """Search on `inputs`, which are those of `Estimator.fit`.

        With `wait` the call returns when the job has ended; without, when its first trials have begun. Nothing works
        the home between two calls, so further trials begin when `wait` is called, or any waiting command of `algodock`.

        Raises ValidationError and NotSupported with all that is wrong with the request; ImageNotFound and
        GpuUnavailable before anything starts; UnexpectedStatusException where the job failed.
        """
        session = self.sagemaker_session
        request = session.prepare(CREATE_TUNING_JOB, self.tuning_request(inputs, job_name))
        job = session.submit_tuning_job(request)
        self.latest_tuning_job = TuningJob(job.name, session)
        if wait:
            self.latest_tuning_job.wait()
        else:
            session.run_one_round()

    def tuning_request(self, inputs: Inputs = None, job_name: str | None = None) -> dict[str, Any]:
        """The CreateHyperParameterTuningJob request that `fit` makes: written to a file, a job file."""
        limits: dict[str, Any] = {"MaxParallelTrainingJobs": self.max_parallel_jobs}
        if self.max_jobs is not None or self.strategy != "Grid":
            limits["MaxNumberOfTrainingJobs"] = 1 if self.max_jobs is None else self.max_jobs
        if self.max_runtime_in_seconds is not None:
            limits["MaxRuntimeInSeconds"] = self.max_runtime_in_seconds
        config: dict[str, Any] = {
            "Strategy": self.strategy,
            "HyperParameterTuningJobObjective": {
                "Type": self.objective_type,
                "MetricName": self.objective_metric_name,
            },
            "ResourceLimits": limits,
            "ParameterRanges": self.hyperparameter_ranges(),
            "TrainingJobEarlyStoppingType": self.early_stopping_type,
        }
        if self.random_seed is not None:
            config["RandomSeed"] = self.random_seed
        definition = self.estimator.shared_members(inputs, self.metric_definitions)
        static = {
            name: text for name, text in self.estimator.encoded_hyperparameters().items() if name not in self._ranges
        }
        request: dict[str, Any] = {
            "HyperParameterTuningJobName": job_name or self._free_name(),
            "HyperParameterTuningJobConfig": config,
            "TrainingJobDefinition": {"StaticHyperParameters": static, **definition},
        }
        if self.tags:
            request["Tags"] = tag_list(self.tags)
        return request

    def hyperparameter_ranges(self) -> dict[str, list[dict[str, Any]]]:
        """The ranges as a request's ParameterRanges."""
        lists: dict[str, list[dict[str, Any]]] = {kind.list_member: [] for kind in _RANGES}
        for name, parameter in self._ranges.items():
            lists[parameter.list_member].append(parameter.as_tuning_range(name))
        return lists

    def wait(self) -> None:
        """Wait until the latest tuning job has ended; raises ValueError before `fit`."""
        self._latest().wait()

    def stop_tuning_job(self) -> None:
        """Ask the latest tuning job to stop; raises ValueError before `fit`."""
        self._latest().stop()

    def describe(self) -> dict[str, Any]:
        """The latest tuning job as it stands, in the form of DescribeHyperParameterTuningJob."""
        return self._latest().describe()

    def best_training_job(self) -> str:
        """The name of the best training job of the latest tuning job; raises ResourceNotFound while there is none."""
        name = self._latest().name
        store = self.sagemaker_session.store
        best = best_training_job(store.tuning_job(name), store.trials(name))
        if best is None:
            raise ResourceNotFound(f"Best training job not available for tuning job: {name}")
        return best.name

    def best_estimator(self) -> Estimator:
        """An estimator with the settings of the best training job, and that job as its latest."""
        return Estimator.attach(self.best_training_job(), self.sagemaker_session)

    def analytics(self) -> HyperparameterTuningJobAnalytics:
        """The trials of the latest tuning job, for data frames; raises ValueError before `fit`."""
        return HyperparameterTuningJobAnalytics(self._latest().name, self.sagemaker_session)

    def _free_name(self) -> str:
        """A name with the time in it. The official SDK's names have minutes only, so that two in one would collide."""
        session = self.sagemaker_session
        base = self.base_tuning_job_name or name_of_image(self.estimator.image_uri)
        name = tuning_job_name(base, session.clock())
        number = 1
        while find_tuning_job(session.store, name) is not None:
            number += 1
            name = tuning_job_name(f"{base[:12].rstrip('-')}-{number}", session.clock())
        return name

    def _latest(self) -> TuningJob:
        if self.latest_tuning_job is None:
            raise ValueError("No tuning job available: call fit() first")
        return self.latest_tuning_job


class _Progress:
    """Says how each trial ended, once."""

    def __init__(self, name: str, session: Session) -> None:
        self._name = name
        self._session = session
        self._said: set[str] = set()

    def say_news(self) -> None:
        store = self._session.store
        job, trials = store.tuning_job(self._name), store.trials(self._name)
        metric = job.spec.objective.metric_name
        for trial in trials:
            if not trial.is_finished or trial.name in self._said:
                continue
            self._said.add(trial.name)
            value = trial.final_value(metric)
            result = trial.failure_reason or (f"no {metric}" if value is None else f"{metric}={value:.6g}")
            self._session.say(f"{trial.name} {trial.primary_status}: {result}")


def _ranges_of(ranges: Mapping[str, Any]) -> dict[str, ParameterRange]:
    numeric: dict[str, type[ContinuousParameter | IntegerParameter]] = {
        ContinuousParameter.list_member: ContinuousParameter,
        IntegerParameter.list_member: IntegerParameter,
    }
    found: dict[str, ParameterRange] = {}
    for member, kind in numeric.items():
        read = int if kind is IntegerParameter else float
        for entry in ranges.get(member, ()):
            found[entry["Name"]] = kind(
                read(entry["MinValue"]), read(entry["MaxValue"]), entry.get("ScalingType", "Auto")
            )
    for entry in ranges.get(CategoricalParameter.list_member, ()):
        found[entry["Name"]] = CategoricalParameter(entry["Values"])
    return found
