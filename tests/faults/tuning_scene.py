"""A tuning job of three trials, two at a time, the second of which always fails; and the same with a Pipe channel."""

import hashlib
from collections.abc import Sequence
from typing import Any

from algorithm import METRIC, REGEX, script
from command_line import write_job
from invariants import Expectation, Loss, losses
from job_requests import channel, tuning_request
from scene import GPUS, Scene

from tuner.dashboard.report import HTML_NAME
from tuner.store.records import TrainingJobRecord
from tuner.store.sqlite_store import Store

_TRIALS = 3
#: What goes through the Pipe channel in an epoch: more than a pipe holds, so that an epoch can be torn.
_OBJECTS = [bytes([number]) * 1_500_000 for number in range(2)]


class TuningScene(Scene):
    """A tuning job."""

    script = script()
    job = "tune"

    def prepare(self) -> Sequence[str]:
        """Write the job file."""
        wanted = {
            "jobs": _TRIALS,
            "AlgorithmSpecification": {
                "TrainingImage": self.image,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": METRIC, "Regex": REGEX}],
            },
            "ResourceConfig": {"InstanceType": "ml.g4dn.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1},
            **self.members(),
            **self.request,
        }
        document = tuning_request(self.job, image=self.image, **wanted)
        document["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]["MetricName"] = METRIC
        return "tune", write_job(self.folder / "job.yaml", document)

    def members(self) -> dict[str, Any]:
        """What else is in the definition of its trials."""
        return {}

    def has_ended(self) -> bool:
        """Whether its report has been written, which is the last thing that a command does."""
        return (self.home / "tuning" / self.job / HTML_NAME).exists()

    def losses(self, **changes: Any) -> list[Loss]:
        """`changes` are of the Expectation."""
        tuned = self.stage.undisturbed(self.text, self.request).tuned
        return losses(self.home, Expectation(job=self.job, tuned=tuned, gpus=GPUS, **changes))

    def tuned(self) -> list[dict[str, str]]:
        """What was suggested, trial by trial."""
        return [dict(trial.tuned) for trial in self.trials()]

    def trials(self) -> list[TrainingJobRecord]:
        """The trials so far."""
        with Store(self.database) as store:
            return store.trials(self.job)


class PipeScene(TuningScene):
    """A tuning job whose trials read an epoch of a Pipe channel before each value, and see whether it is whole.

    A run that has read a torn one says so, goes no further, and has to be ended.
    """

    script = script(digest=hashlib.md5(b"".join(_OBJECTS)).hexdigest())  # what busybox can compute
    job = "pipes"

    def members(self) -> dict[str, Any]:
        """The channel, whose data is written."""
        data = self.folder / "data"
        data.mkdir()
        for number, content in enumerate(_OBJECTS):
            (data / f"{number}").write_bytes(content)
        return {"InputDataConfig": [channel("training", data, InputMode="Pipe")]}
