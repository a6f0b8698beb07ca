"""Jobs that are no trials: a processing job, and a transform job. Every other one is made to fail."""

import tarfile
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from algorithm import EPOCHS, FAILING_CODE, RunOfAlgorithm, runs_in, script
from command_line import write_job
from greeting_server import GREETS
from invariants import Invariant, Loss, check, gpu_losses, home_losses
from scene import GPUS, Scene

from contracts.jobs import JobKind, JobStatus
from tuner.cli.exit_codes import ExitCode
from tuner.profile import HostProfile
from tuner.store.records import JobRecord
from tuner.store.sqlite_store import Store

_RESOURCES = {"InstanceType": "ml.g4dn.xlarge", "InstanceCount": 1}


class SingleScene(Scene):
    """A job of a kind of its own, with outputs in a folder."""

    kind: JobKind

    @property
    def code(self) -> ExitCode:
        """What the command ends with that has brought the job to its end."""
        return ExitCode.JOB_FAILED if self.fails else ExitCode.DONE

    def has_ended(self) -> bool:
        """Whether the store says so."""
        return (job := self.recorded()) is not None and job.is_finished

    def recorded(self) -> JobRecord | None:
        """The job as the store has it; None where it has not come so far."""
        if not self.database.exists():
            return None
        with Store(self.database) as store:
            return next(iter(store.jobs(self.kind)), None)

    def losses(self, **changes: Any) -> list[Loss]:
        """Its outcome, its outputs, and what its kind has besides; `changes` are of trials, which there are none of."""
        job = self.recorded()
        assert job is not None
        wanted = JobStatus.FAILED if self.fails else JobStatus.COMPLETED
        outcome = [] if job.status is wanted else [f"is {job.status}: {job.failure_reason}"]
        if self.fails and self.reason not in job.failure_reason:
            outcome.append(f"does not say {self.reason!r}: {job.failure_reason!r}")
        times = [job.creation_time, job.start_time or 0.0, job.end_time or 0.0]
        return [
            *check(Invariant.TRIALS, outcome),
            *check(Invariant.TRIALS, self._output_losses()),
            *self._more_losses(job),
            *check(Invariant.STATUSES, [] if times == sorted(times) else [f"its times are {times}"]),
            *home_losses(self.home),
        ]

    @property
    @abstractmethod
    def reason(self) -> str:
        """What the failure reason has in it where the job fails."""

    @property
    @abstractmethod
    def outputs(self) -> Mapping[str, str]:
        """What is to be delivered."""

    def _output_losses(self) -> Iterator[str]:
        folder = self.folder / "out"
        found = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
        wanted = self.outputs
        if found.keys() != wanted.keys():
            yield f"its outputs are {sorted(found)} instead of {sorted(wanted)}"
        yield from (
            f"output {name} is {found[name].read_text()!r}"
            for name, text in wanted.items()
            if name in found and found[name].read_text() != text
        )

    def _more_losses(self, _job: JobRecord) -> list[Loss]:
        return []


class ProcessingScene(SingleScene):
    """Copies its inputs, one an epoch."""

    script = script(
        pause=0.2,
        each="cat /opt/ml/processing/in/$epoch >/opt/ml/processing/out/$epoch || code=1",
        last=f'[ -z "$FAILS" ] || code={FAILING_CODE}',
    )
    job = "clean"
    kind = JobKind.PROCESSING
    reason = f"exit code: {FAILING_CODE}"

    def prepare(self) -> Sequence[str]:
        """Write the job file, and the inputs."""
        data = self.folder / "in"
        data.mkdir()
        for epoch in range(1, EPOCHS + 1):
            (data / f"{epoch}").write_text(self._content(epoch))
        place = "/opt/ml/processing"
        document = {
            "ProcessingJobName": self.job,
            "AppSpecification": {"ImageUri": self.image},
            "Environment": {"FAILS": "yes"} if self.fails else {},
            "ProcessingInputs": [
                {"InputName": "in", "S3Input": {"S3Uri": f"file://{data}", "LocalPath": f"{place}/in"}}
            ],
            "ProcessingOutputConfig": {
                "Outputs": [
                    {
                        "OutputName": "out",
                        "S3Output": {
                            "S3Uri": f"file://{self.folder}/out",
                            "LocalPath": f"{place}/out",
                            "S3UploadMode": "EndOfJob",
                        },
                    }
                ]
            },
            "ProcessingResources": {"ClusterConfig": {**_RESOURCES, "VolumeSizeInGB": 1}},
        }
        return "process", write_job(self.folder / "job.yaml", document)

    @property
    def outputs(self) -> Mapping[str, str]:
        """Nothing of a job that fails."""
        return {} if self.fails else {f"{epoch}": self._content(epoch) for epoch in range(1, EPOCHS + 1)}

    @staticmethod
    def _content(epoch: int) -> str:
        return f"{epoch} " * 20_000

    def _more_losses(self, job: JobRecord) -> list[Loss]:
        """What its log and the ledger of it tell."""
        path = HostProfile(home=self.home).processing_folder(self.job) / "logs" / "algo-1.log"
        log = path.read_text() if path.exists() else ""
        runs = runs_in(log, rate=0.0)
        return [
            *check(Invariant.TRIALS, self._outcome(job, runs[-1] if runs else None)),
            *check(Invariant.METRICS, self._lines(log, runs)),
            *gpu_losses({self.job: runs}, GPUS),
        ]

    @staticmethod
    def _outcome(job: JobRecord, last: RunOfAlgorithm | None) -> Iterator[str]:
        if last is None or last.exit_code is None:
            yield f"is {job.status} ({job.failure_reason}), and its log is cut short"
        elif last.exit_code != job.exit_code:
            yield f"exited {last.exit_code}, and is {job.status} with {job.exit_code}"

    def _lines(self, log: str, runs: Sequence[RunOfAlgorithm]) -> Iterator[str]:
        with Store(self.database) as store:
            entries = store.ledger(self.kind, self.job)
        yield from (f"its log goes on with {run.surprise!r}" for run in runs if run.surprise is not None)
        if (lines := sum(entry.lines for entry in entries)) != len(log.splitlines()):
            yield f"{len(log.splitlines())} lines in the log, {lines} in the ledger"
        if any(entry.gaps for entry in entries):
            yield f"the ledger has gaps: {entries}"
        if not entries or not entries[-1].is_read_back:
            yield f"the log of the last container was not read back: {entries}"


class TransformScene(SingleScene):
    """Four objects of three rows; in a job that fails the container refuses a row of the second."""

    script = GREETS
    job = "batch"
    kind = JobKind.TRANSFORM
    reason = "1 of 4 objects failed"

    def prepare(self) -> Sequence[str]:
        """Write the job file, the model, and the objects."""
        data = self.folder / "in"
        data.mkdir()
        for name, rows in self._objects.items():
            (data / name).write_text("".join(f"{row}\n" for row in rows))
        document = {
            "TransformJobName": self.job,
            "ModelName": "model",
            "BatchStrategy": "SingleRecord",
            "TransformInput": {
                "DataSource": {"S3DataSource": {"S3Uri": f"file://{data}"}},
                "SplitType": "Line",
            },
            "TransformOutput": {"S3OutputPath": f"file://{self.folder}/out", "AssembleWith": "Line"},
            "TransformResources": _RESOURCES,
        }
        job = write_job(self.folder / "job.yaml", document)
        return "transform", job, "--model", str(self._model()), "--image", self.image

    @property
    def outputs(self) -> Mapping[str, str]:
        """Those of all objects but the one that fails."""
        return {
            f"{name}.out": "".join(f"hello {row}\n" for row in rows)
            for name, rows in self._objects.items()
            if "oops" not in rows
        }

    @property
    def _objects(self) -> Mapping[str, Sequence[str]]:
        objects = {f"{number}.csv": [f"{number}-{row}" for row in range(3)] for number in range(4)}
        return {**objects, "1.csv": ["1-0", "oops", "1-2"]} if self.fails else objects

    def _model(self) -> Path:
        path = self.folder / "model.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            member = tarfile.TarInfo("weights")
            member.size = len(b"trained")
            archive.addfile(member, BytesIO(b"trained"))
        return path
