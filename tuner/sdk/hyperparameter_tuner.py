"""`HyperparameterTuner`: tune an estimator's hyperparameters, in the words of the official SDK."""

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from typing import Any, cast

from tuner.errors import ResourceNotFound
from tuner.hindsight import Hindsight
from tuner.requests import CREATE_TUNING_JOB
from tuner.sdk.analytics import HyperparameterTuningJobAnalytics
from tuner.sdk.estimator import Estimator, Tags, tag_list
from tuner.sdk.inputs import Inputs
from tuner.sdk.names import name_of_image, tuning_job_name
from tuner.sdk.parameters import ParameterRange
from tuner.sdk.session import Search, Session, default_session
from tuner.sdk.tuned_estimator import TunedEstimator, tuned_by_name
from tuner.sdk.tuning_config import StrategyConfig, TuningJobCompletionCriteriaConfig
from tuner.sdk.tuning_job import TuningJob
from tuner.sdk.warm_start import WarmStartConfig, WarmStartTypes
from tuner.search.explanation import Explanation, Foresight, foresight
from tuner.store.records import best_training_job
from tuner.submission import find_tuning_job, warm_start_in_words


class HyperparameterTuner:
    """A search for the hyperparameters with which an estimator's objective metric is best.

    The arguments are those of the official SDK's class of this name. `metric_definitions` of None are those of the
    estimator. `strategy` is ``Bayesian``, ``Random``, ``Grid`` or ``Hyperband``: see docs/search.md. `max_jobs` of None
    is 1; with Grid, leave it out: the ranges say how many there are. Hyperband takes the epochs of a trial from
    `strategy_config`, or from a static hyperparameter called ``epochs``. `completion_criteria_config` says when the
    search is complete before its limits, `early_stopping_type` whether trials that fall behind are stopped (``Auto``)
    or not (``Off``, which is what None is). `warm_start_config` names earlier tuning jobs to learn from. The same
    `random_seed` gives the same trials.

    With `autotune` the estimator's hyperparameters that have no range are tuned too, around their values, except
    `hyperparameters_to_keep_static`, and what else is not given is chosen. `search` is what a search file says (or
    where one is), which the official SDK has no word for: see docs/beyond-sagemaker.md.
    """

    def __init__(  # noqa: PLR0917 - the official SDK's order
        self,
        estimator: Estimator,
        objective_metric_name: str,
        hyperparameter_ranges: Mapping[str, ParameterRange] | None,
        metric_definitions: Sequence[Mapping[str, str]] | None = None,
        strategy: str = "Bayesian",
        objective_type: str = "Maximize",
        max_jobs: int | None = None,
        max_parallel_jobs: int = 1,
        max_runtime_in_seconds: int | None = None,
        tags: Tags | None = None,
        base_tuning_job_name: str | None = None,
        warm_start_config: WarmStartConfig | None = None,
        strategy_config: StrategyConfig | None = None,
        completion_criteria_config: TuningJobCompletionCriteriaConfig | None = None,
        *,
        early_stopping_type: str | None = None,
        random_seed: int | None = None,
        autotune: bool = False,
        hyperparameters_to_keep_static: Sequence[str] | None = None,
        search: Search | None = None,
    ) -> None:
        if hyperparameters_to_keep_static is not None and not autotune:
            raise ValueError("hyperparameters_to_keep_static is for autotune=True: without it, only ranges are tuned")
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
        self.warm_start_config = warm_start_config
        self.strategy_config = strategy_config
        self.completion_criteria_config = completion_criteria_config
        self.early_stopping_type = early_stopping_type
        self.random_seed = random_seed
        self.autotune = autotune
        self.hyperparameters_to_keep_static = hyperparameters_to_keep_static
        self.search = search
        self.latest_tuning_job: TuningJob | None = None
        self._ranges = dict(hyperparameter_ranges or {})
        self._several: dict[str, TunedEstimator] = {}

    @classmethod
    def create(  # noqa: PLR0917 - the official SDK's order
        cls,
        estimator_dict: Mapping[str, Estimator],
        objective_metric_name_dict: Mapping[str, str],
        hyperparameter_ranges_dict: Mapping[str, Mapping[str, ParameterRange]] | None = None,
        metric_definitions_dict: Mapping[str, Sequence[Mapping[str, str]]] | None = None,
        base_tuning_job_name: str | None = None,
        strategy: str = "Bayesian",
        strategy_config: StrategyConfig | None = None,
        completion_criteria_config: TuningJobCompletionCriteriaConfig | None = None,
        objective_type: str = "Maximize",
        max_jobs: int | None = None,
        max_parallel_jobs: int = 1,
        max_runtime_in_seconds: int | None = None,
        tags: Tags | None = None,
        *,
        random_seed: int | None = None,
        autotune: bool = False,
        hyperparameters_to_keep_static_dict: Mapping[str, Sequence[str]] | None = None,
    ) -> "HyperparameterTuner":
        """A tuner of several estimators, by name: each an algorithm of its own, and the best of all is looked for.

        The other arguments are those of the constructor, by estimator name where each has its own. `fit` takes inputs
        by estimator name too. Warm start and early stopping are for one estimator only. Raises ValueError for names
        that do not fit together.
        """
        several = tuned_by_name(
            estimator_dict,
            objective_metric_name_dict,
            hyperparameter_ranges_dict,
            metric_definitions_dict,
            hyperparameters_to_keep_static_dict,
            autotune=autotune,
        )
        first = next(iter(several.values()))
        tuner = cls(
            first.estimator,
            first.objective_metric_name,
            first.ranges,
            strategy=strategy,
            strategy_config=strategy_config,
            completion_criteria_config=completion_criteria_config,
            objective_type=objective_type,
            max_jobs=max_jobs,
            max_parallel_jobs=max_parallel_jobs,
            max_runtime_in_seconds=max_runtime_in_seconds,
            tags=tags,
            base_tuning_job_name=base_tuning_job_name,
            random_seed=random_seed,
            autotune=autotune,
        )
        tuner._several = several
        return tuner

    @classmethod
    def attach(cls, tuning_job_name: str, sagemaker_session: Session | None = None) -> "HyperparameterTuner":
        """A tuner with the settings of an earlier tuning job, and that job as its latest; raises ResourceNotFound."""
        session = default_session() if sagemaker_session is None else sagemaker_session
        job = session.store.tuning_job(tuning_job_name)
        config = job.request["HyperParameterTuningJobConfig"]
        several = [TunedEstimator.of_definition(definition, session) for definition in job.spec.definitions]
        tuner = cls(
            several[0].estimator,
            several[0].objective_metric_name,
            several[0].ranges,
            strategy=job.spec.strategy,
            objective_type=str(job.spec.objective_type),
            max_jobs=job.spec.max_training_jobs,
            max_parallel_jobs=job.spec.max_parallel_training_jobs,
            max_runtime_in_seconds=job.spec.max_runtime_seconds,
            tags=job.request.get("Tags"),
            warm_start_config=WarmStartConfig.from_job_desc(job.request.get("WarmStartConfig")),
            strategy_config=StrategyConfig.from_job_desc(config.get("StrategyConfig")),
            completion_criteria_config=TuningJobCompletionCriteriaConfig.from_job_desc(
                config.get("TuningJobCompletionCriteria")
            ),
            early_stopping_type=config.get("TrainingJobEarlyStoppingType", "Off"),
            random_seed=config.get("RandomSeed"),
            search=job.extension,
        )
        if "TrainingJobDefinitions" in job.request:
            names = [str(definition.name) for definition in job.spec.definitions]
            tuner._several = dict(zip(names, several, strict=True))
        tuner.latest_tuning_job = TuningJob(job.name, session)
        return tuner

    @property
    def estimator_dict(self) -> dict[str, Estimator] | None:
        """The estimators by name, where there are several; `estimator` is the first of them."""
        return {name: one.estimator for name, one in self._several.items()} or None

    @property
    def sagemaker_session(self) -> Session:
        """The session that jobs go to: the estimator's."""
        return self.estimator.sagemaker_session

    def fit(
        self, inputs: Inputs | Mapping[str, Inputs] = None, job_name: str | None = None, *, wait: bool = True
    ) -> None:
        """Search on `inputs`, which are those of `Estimator.fit`; of several estimators, those of each by its name.

        With `wait` the call returns when the job has ended; without, when its first trials have begun. Nothing works
        the home between two calls, so further trials begin when `wait` is called, or any waiting command of `algodock`.

        Raises ValidationError and NotSupported with all that is wrong with the request; ResourceNotFound for a tuning
        job to start from that is not in the home; ImageNotFound and GpuUnavailable before anything starts;
        UnexpectedStatusException where the job failed.
        """
        session = self.sagemaker_session
        request = session.prepare(CREATE_TUNING_JOB, self.tuning_request(inputs, job_name))
        job = session.submit_tuning_job(request, self.search)
        self.latest_tuning_job = TuningJob(job.name, session)
        if (start := warm_start_in_words(session.store, job)) is not None:
            session.say(start)
        if wait:
            self.latest_tuning_job.wait()
        else:
            session.run_one_round()

    def tuning_request(
        self, inputs: Inputs | Mapping[str, Inputs] = None, job_name: str | None = None
    ) -> dict[str, Any]:
        """The CreateHyperParameterTuningJob request that `fit` makes: written to a file, a job file.

        Raises ValueError for inputs of several estimators that are not by name.
        """
        config = self._config()
        request: dict[str, Any] = {
            "HyperParameterTuningJobName": job_name or self._free_name(),
            "HyperParameterTuningJobConfig": config,
        }
        if self._several:
            request["TrainingJobDefinitions"] = self._definitions(inputs)
        else:
            config["HyperParameterTuningJobObjective"] = self._objective(self.objective_metric_name)
            config["ParameterRanges"] = self.hyperparameter_ranges()
            own = cast("Inputs", inputs)  # a mapping is by channel here, by estimator only where there are several
            request["TrainingJobDefinition"] = self._tuned().definition(own, autotune=self.autotune)
        if self.autotune:
            request["Autotune"] = {"Mode": "Enabled"}
        if self.warm_start_config is not None:
            request["WarmStartConfig"] = self.warm_start_config.to_input_req()
        if self.tags:
            request["Tags"] = tag_list(self.tags)
        return request

    def hyperparameter_ranges(self) -> dict[str, list[dict[str, Any]]]:
        """The ranges as a request's ParameterRanges, where there is one estimator."""
        return self._tuned().parameter_ranges(autotune=self.autotune)

    def hyperparameter_ranges_dict(self) -> dict[str, dict[str, list[dict[str, Any]]]]:
        """The ranges as a request's ParameterRanges, by name where there are several estimators."""
        return {name: one.parameter_ranges(autotune=self.autotune) for name, one in self._several.items()}

    def identical_dataset_and_algorithm_tuner(
        self, additional_parents: Iterable[str] | None = None
    ) -> "HyperparameterTuner":
        """A tuner with the settings of this one, which goes on where its latest tuning job ended.

        Call its `fit` with the same data. `additional_parents` are further tuning jobs with that data and algorithm.
        Raises ValueError before `fit`.
        """
        return self._warm_started(WarmStartTypes.IDENTICAL_DATA_AND_ALGORITHM, additional_parents, self.estimator)

    def transfer_learning_tuner(
        self, additional_parents: Iterable[str] | None = None, estimator: Estimator | None = None
    ) -> "HyperparameterTuner":
        """A tuner with the settings of this one, which learns from its latest tuning job what also holds elsewhere.

        Its data may be others, or its algorithm, which is that of `estimator`. `additional_parents` are further tuning
        jobs to learn from. Raises ValueError before `fit`.
        """
        return self._warm_started(WarmStartTypes.TRANSFER_LEARNING, additional_parents, estimator or self.estimator)

    def wait(self) -> None:
        """Wait until the latest tuning job has ended; raises ValueError before `fit`."""
        self._latest().wait()

    def stop_tuning_job(self) -> None:
        """Ask the latest tuning job to stop; raises ValueError before `fit`."""
        self._latest().stop()

    def extend(self, max_jobs: int, wait: bool = True) -> None:
        """Give the latest tuning job, which has ended, `max_jobs` more trials, and with `wait` wait for them.

        Not in the official SDK: the service cannot do it. Raises ValueError before `fit`, TunerError where more trials
        make no sense, and with `wait` what `wait` does.
        """
        session, job = self.sagemaker_session, self._latest()
        session.extend(job.name, max_jobs)
        if wait:
            job.wait()
        else:
            session.run_one_round()

    def describe(self) -> dict[str, Any]:
        """The latest tuning job as it stands, in the form of DescribeHyperParameterTuningJob."""
        return self._latest().describe()

    def why(self, training_job_name: str | None = None) -> list[Explanation]:
        """Why the trials of the latest tuning job were suggested, or the one called `training_job_name`: docs/why.md.

        Worked out anew, which takes about as long as the suggestions did. Raises ResourceNotFound.
        """
        store, name = self.sagemaker_session.store, self._latest().name
        hindsight = Hindsight.of(store, store.tuning_job(name))
        if training_job_name is None:
            return list(hindsight.explanations())
        trials = [trial for trial in hindsight.trials if trial.name == training_job_name]
        if not trials:
            raise ResourceNotFound(f"{name} has no training job called {training_job_name}")
        return [hindsight.explanation(trial) for trial in trials]

    def foresight(self) -> Foresight | None:
        """How good the predictions of the latest tuning job were, made before the values were known.

        None while no trial that was predicted has ended with a value.
        """
        return foresight(self.why())

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

    def _tuned(self) -> TunedEstimator:
        return TunedEstimator(
            estimator=self.estimator,
            objective_metric_name=self.objective_metric_name,
            ranges=self._ranges,
            metric_definitions=self.metric_definitions,
            keep_static=self.hyperparameters_to_keep_static or (),
        )

    def _config(self) -> dict[str, Any]:
        """What all estimators share. With autotune, what was not given is left to be chosen."""
        limits: dict[str, Any] = {"MaxParallelTrainingJobs": self.max_parallel_jobs}
        if self.max_jobs is not None:
            limits["MaxNumberOfTrainingJobs"] = self.max_jobs
        elif self.strategy != "Grid" and not self.autotune:
            limits["MaxNumberOfTrainingJobs"] = 1
        if self.max_runtime_in_seconds is not None:
            limits["MaxRuntimeInSeconds"] = self.max_runtime_in_seconds
        config: dict[str, Any] = {"Strategy": self.strategy, "ResourceLimits": limits}
        if self.strategy_config is not None:
            config["StrategyConfig"] = self.strategy_config.to_input_req()
        if self.completion_criteria_config is not None:
            config["TuningJobCompletionCriteria"] = self.completion_criteria_config.to_input_req()
        if self.early_stopping_type is not None or not self.autotune:
            config["TrainingJobEarlyStoppingType"] = self.early_stopping_type or "Off"
        if self.random_seed is not None:
            config["RandomSeed"] = self.random_seed
        return config

    def _definitions(self, inputs: Inputs | Mapping[str, Inputs]) -> list[dict[str, Any]]:
        if inputs is not None and not (isinstance(inputs, Mapping) and set(inputs) <= set(self._several)):
            raise ValueError(f"inputs of several estimators are a mapping by name: {', '.join(self._several)}")
        by_name: Mapping[str, Any] = inputs if isinstance(inputs, Mapping) else {}
        return [
            {
                "DefinitionName": name,
                "TuningObjective": self._objective(one.objective_metric_name),
                "HyperParameterRanges": one.parameter_ranges(autotune=self.autotune),
                **one.definition(by_name.get(name), autotune=self.autotune),
            }
            for name, one in self._several.items()
        ]

    def _objective(self, metric_name: str) -> dict[str, str]:
        return {"Type": self.objective_type, "MetricName": metric_name}

    def _warm_started(
        self, kind: WarmStartTypes, additional_parents: Iterable[str] | None, estimator: Estimator
    ) -> "HyperparameterTuner":
        if self._several:
            raise ValueError("Warm start is not supported for tuners with several estimators")
        tuner = copy(self)
        tuner.estimator = estimator
        if not self.metric_definitions and not estimator.metric_definitions:  # the objective has to be the same anyway
            tuner.metric_definitions = self.estimator.metric_definitions
        tuner.warm_start_config = WarmStartConfig(kind, {self._latest().name, *(additional_parents or ())})
        tuner.latest_tuning_job = None
        return tuner

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
