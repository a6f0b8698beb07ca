"""Results as data frames, with the columns of the official SDK. pandas is needed for the frames only."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib import import_module
from os import PathLike
from typing import TYPE_CHECKING, Any

from tuner.errors import TunerError
from tuner.sdk.descriptions import describe_trial, describe_tuning_job
from tuner.sdk.session import Session, default_session
from tuner.store.parents import overall_best

if TYPE_CHECKING:
    from pandas import DataFrame


class PandasMissing(TunerError, ImportError):
    """A data frame was asked for where pandas is not installed."""


class _Analytics(ABC):
    """A data frame that is made when it is first asked for, and kept."""

    def __init__(self, name: str, sagemaker_session: Session | None) -> None:
        #: The name of the job.
        self.name = name
        self._session = default_session() if sagemaker_session is None else sagemaker_session
        self._frame: DataFrame | None = None

    def dataframe(self, force_refresh: bool = False) -> "DataFrame":
        """The results; with `force_refresh` as they stand now, else as they stood at the first call.

        Raises PandasMissing.
        """
        if force_refresh:
            self.clear_cache()
        if self._frame is None:
            self._frame = _make_frame(self._rows(), self._columns())
        return self._frame

    def export_csv(self, filename: "str | PathLike[str]") -> None:
        """Write the data frame to a file."""
        self.dataframe().to_csv(filename)

    def clear_cache(self) -> None:
        """Forget the data frame, so that the next one is made anew."""
        self._frame = None

    @abstractmethod
    def _rows(self) -> list[dict[str, Any]]: ...

    @abstractmethod
    def _columns(self) -> list[str]: ...

    def __repr__(self) -> str:
        return f"<{type(self).__name__} for {self.name}>"


class HyperparameterTuningJobAnalytics(_Analytics):
    """The trials of a tuning job.

    The columns of the data frame: the tuned hyperparameters (numbers where they are numbers),
    TrainingJobDefinitionName where there are several definitions, TrainingJobName, TrainingJobStatus,
    FinalObjectiveValue, TrainingStartTime, TrainingEndTime, TrainingElapsedTimeSeconds.
    """

    def __init__(self, hyperparameter_tuning_job_name: str, sagemaker_session: Session | None = None) -> None:
        super().__init__(hyperparameter_tuning_job_name, sagemaker_session)

    def description(self) -> dict[str, Any]:
        """The tuning job as it stands, in the form of DescribeHyperParameterTuningJob."""
        store = self._session.store
        job, trials = store.tuning_job(self.name), store.trials(self.name)
        return describe_tuning_job(job, trials, overall_best(store, job))

    def training_job_summaries(self) -> list[dict[str, Any]]:
        """The trials as they stand, by index, in the form of ListTrainingJobsForHyperParameterTuningJob."""
        store = self._session.store
        job = store.tuning_job(self.name)
        return [describe_trial(job, trial) for trial in store.trials(self.name)]

    @property
    def tuning_ranges(self) -> dict[str, dict[str, Any]]:
        """The ranges of the tuned hyperparameters by name, as the request has them.

        Where the tuning job has several definitions: by definition, and within each by name.
        """
        request = self._session.store.tuning_job(self.name).request
        if "TrainingJobDefinition" in request:
            return _entries_of(request["HyperParameterTuningJobConfig"].get("ParameterRanges", {}))
        return {
            definition["DefinitionName"]: _entries_of(definition.get("HyperParameterRanges", {}))
            for definition in request["TrainingJobDefinitions"]
        }

    def _columns(self) -> list[str]:
        spec = self._session.store.tuning_job(self.name).spec
        tuned = dict.fromkeys(parameter.name for definition in spec.definitions for parameter in definition.ranges)
        return [
            *tuned,
            *(["TrainingJobDefinitionName"] if len(spec.definitions) > 1 else ()),
            "TrainingJobName",
            "TrainingJobStatus",
            "FinalObjectiveValue",
            "TrainingStartTime",
            "TrainingEndTime",
            "TrainingElapsedTimeSeconds",
        ]

    def _rows(self) -> list[dict[str, Any]]:
        return [_trial_row(summary) for summary in self.training_job_summaries()]


class TrainingJobAnalytics(_Analytics):
    """The metrics of a training job over time.

    The columns of the data frame: timestamp (seconds since the first value), metric_name, value. The cloud gives the
    mean of each minute; here is every value.
    """

    def __init__(
        self,
        training_job_name: str,
        metric_names: Sequence[str] | None = None,
        sagemaker_session: Session | None = None,
    ) -> None:
        super().__init__(training_job_name, sagemaker_session)
        self._metric_names = metric_names

    def _columns(self) -> list[str]:
        return ["timestamp", "metric_name", "value"]

    def _rows(self) -> list[dict[str, Any]]:
        self._session.store.training_job(self.name)  # says so where there is none
        observations = [
            observation
            for observation in self._session.store.observations(self.name)
            if self._metric_names is None or observation.metric in self._metric_names
        ]
        first = min((observation.time for observation in observations), default=0.0)
        return [{"timestamp": one.time - first, "metric_name": one.metric, "value": one.value} for one in observations]


def _entries_of(ranges: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {entry["Name"]: entry for entries in ranges.values() for entry in entries}


def _trial_row(summary: dict[str, Any]) -> dict[str, Any]:
    start, end = summary.get("TrainingStartTime"), summary.get("TrainingEndTime")
    return {
        **{name: _number_if_one(text) for name, text in summary["TunedHyperParameters"].items()},
        "TrainingJobDefinitionName": summary.get("TrainingJobDefinitionName"),
        "TrainingJobName": summary["TrainingJobName"],
        "TrainingJobStatus": summary["TrainingJobStatus"],
        "FinalObjectiveValue": summary.get("FinalHyperParameterTuningJobObjectiveMetric", {}).get("Value"),
        "TrainingStartTime": start,
        "TrainingEndTime": end,
        "TrainingElapsedTimeSeconds": None if start is None or end is None else (end - start).total_seconds(),
    }


def _number_if_one(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _make_frame(rows: list[dict[str, Any]], columns: list[str]) -> "DataFrame":
    try:
        pandas = import_module("pandas")
    except ImportError as error:
        raise PandasMissing(
            "a data frame needs pandas, which is not installed: pip install 'algodock[pandas]'"
        ) from error
    frame: DataFrame = pandas.DataFrame(rows, columns=columns)
    return frame
