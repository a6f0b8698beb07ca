"""Tuning jobs that have been, for tests of what is said about them: written into a store without any container."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from contracts.jobs import JobStatus, SecondaryStatus
from tuner.store.records import Observation
from tuner.store.sqlite_store import Store

START = 1_790_000_000.0
OBJECTIVE = "validation:accuracy"

_RANGES: Mapping[str, Any] = {
    "ContinuousParameterRanges": [
        {"Name": "learning_rate", "MinValue": "0.0001", "MaxValue": "0.1", "ScalingType": "Logarithmic"}
    ],
    "IntegerParameterRanges": [{"Name": "depth", "MinValue": "1", "MaxValue": "9", "ScalingType": "Linear"}],
    "CategoricalParameterRanges": [{"Name": "optimizer", "Values": ["sgd", "adam"]}],
}


class TuningHistory:
    """A tuning job in a store; trials are added one by one, and take twenty seconds each."""

    def __init__(
        self,
        store: Store,
        name: str = "search",
        *,
        ranges: Mapping[str, Any] = _RANGES,
        objective_type: str = "Maximize",
        jobs: int = 8,
        image: str = "algodock-cifar10:cpu",
        outputs: Path = Path("/nowhere"),
    ) -> None:
        self.store = store
        self.name = name
        self.outputs = outputs
        self._count = 0
        definitions = [
            {"Name": OBJECTIVE, "Regex": "accuracy=([0-9.]+)"},
            {"Name": "train:loss", "Regex": "loss=([0-9.]+)"},
        ]
        request = {
            "HyperParameterTuningJobName": name,
            "HyperParameterTuningJobConfig": {
                "Strategy": "Random",
                "HyperParameterTuningJobObjective": {"Type": objective_type, "MetricName": OBJECTIVE},
                "ResourceLimits": {"MaxNumberOfTrainingJobs": jobs, "MaxParallelTrainingJobs": 2},
                "ParameterRanges": ranges,
            },
            "TrainingJobDefinition": {
                "AlgorithmSpecification": {
                    "TrainingImage": image,
                    "TrainingInputMode": "File",
                    "MetricDefinitions": definitions,
                },
                "OutputDataConfig": {"S3OutputPath": f"file://{outputs}"},
                "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
            },
        }
        store.create_tuning_job(request, random_seed=42, now=START)

    @property
    def now(self) -> float:
        """A time after all that has been."""
        return START + 30 * self._count + 60

    def add(
        self,
        curve: Sequence[float] = (),
        *,
        status: SecondaryStatus | None = SecondaryStatus.COMPLETED,
        reason: str = "",
        has_model: bool = True,
        loss: float | None = 0.5,
        tuned: Mapping[str, str] | None = None,
    ) -> str:
        """Add a trial that printed `curve`; a `status` of None leaves it running. Returns its name."""
        self._count += 1
        start = START + 30 * self._count
        values = {"learning_rate": "0.01", "depth": "3", "optimizer": "sgd", **(tuned or {})}
        spec = self.store.tuning_job(self.name).spec
        definition = spec.definitions[0]
        values = {parameter.name: values[parameter.name] for parameter in definition.ranges}
        name = spec.training_job_name(self._count, f"{self._count:08x}")
        self.store.create_training_job(
            definition.training_job_request(name, values, []),
            now=start - 2,
            tuning_job=self.name,
            trial_index=self._count,
            tuned=values,
        )
        self.store.change_status(name, SecondaryStatus.STARTING, now=start - 1)
        self.store.change_status(name, SecondaryStatus.TRAINING, now=start)
        self.store.record_observations(name, _observations(curve, loss, start))
        if status is not None:
            self._end(name, status, reason, start + 20, has_model=has_model)
        return name

    def end(self, status: JobStatus = JobStatus.COMPLETED, reason: str = "") -> None:
        """End the tuning job."""
        self.store.change_tuning_job_status(self.name, status, now=self.now, failure_reason=reason)

    def _end(self, name: str, status: SecondaryStatus, reason: str, end: float, *, has_model: bool) -> None:
        self.store.record_exit(name, 1 if status is SecondaryStatus.FAILED else 0, now=end)
        if status is SecondaryStatus.STOPPED:
            self.store.change_status(name, SecondaryStatus.STOPPING, now=end)
        else:
            self.store.change_status(name, SecondaryStatus.UPLOADING, now=end)
        self.store.change_status(name, status, now=end + 1, failure_reason=reason)
        if has_model and self.outputs.is_dir():
            model = self.outputs / name / "output" / "model.tar.gz"
            model.parent.mkdir(parents=True)
            model.write_bytes(b"model")


def _observations(curve: Sequence[float], loss: float | None, start: float) -> list[Observation]:
    lines = [
        Observation(host="algo-1", line=line, match=0, metric=OBJECTIVE, value=value, time=start + line)
        for line, value in enumerate(curve, start=1)
    ]
    if curve and loss is not None:
        lines.append(
            Observation(host="algo-1", line=1, match=0, metric="train:loss", value=loss, time=start + len(curve))
        )
    return lines
