"""A home whose transform jobs run on a fake engine: real store and runner, a real HTTP server behind containers."""

import threading
import time
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from http_servers import Request, Response
from serving_programs import Server, serving

from contracts.jobs import JobKind, JobStatus
from tuner.engine.fake import FakeEngine
from tuner.jobs.gpu_leases import GpuLeases
from tuner.profile import HostProfile
from tuner.store.records import JobRecord
from tuner.store.sqlite_store import Store
from tuner.transform.folder import TransformFolder, transform_folder
from tuner.transform.runner import TransformRunner

IMAGE = "model:1"
#: Far longer than anything here takes, also on a machine that is busy with other things.
_DEADLINE_SECONDS = 60.0


class BatchServer(Server):
    """A server that gives back what it is sent, unless `reply` says otherwise, and has no execution parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.answer = self._route
        self.reply: Callable[[Request], Response] = self.echo
        self.parameters = Response(status=404)

    def _route(self, request: Request) -> Response:
        if request.path == "/execution-parameters":
            return self.parameters
        return self.reply(request) if request.path == "/invocations" else Response()


def in_turn(*, last: bytes, after: AbstractSet[bytes]) -> Callable[[Request], Response]:
    """Gives back what it is sent; the body `last` when all others that are in `after` have been answered."""
    waiting = threading.Condition()
    answered: set[bytes] = set()

    def answer(request: Request) -> Response:
        with waiting:
            if request.body == last:
                waiting.wait_for(lambda: len(answered) >= len(after), _DEADLINE_SECONDS)
            elif request.body in after:
                answered.add(request.body)
                waiting.notify_all()
        return Response(body=request.body)

    return answer


def transform_request(name: str, source: Path, output: Path, **members: Any) -> dict[str, Any]:
    """A CreateTransformJob request over the files in `source`, line by line; `members` replace whole members.

    What `TransformInput` and `TransformOutput` say is added to where data comes from and goes to.
    """
    given = {"SplitType": "Line", "ContentType": "text/csv", **members.pop("TransformInput", {})}
    taken = {"AssembleWith": "Line", **members.pop("TransformOutput", {})}
    return {
        "TransformJobName": name,
        "ModelName": "model",
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"file://{source}"}},
            **given,
        },
        "TransformOutput": {"S3OutputPath": f"file://{output}", **taken},
        "TransformResources": {"InstanceType": "local", "InstanceCount": 1},
        "ModelClientConfig": {"InvocationsMaxRetries": 0},
        **members,
    }


class TransformHome:
    """One home, one server for all its containers. Its clock is `ahead_seconds` ahead of the others."""

    def __init__(self, root: Path, server: BatchServer, gpus: tuple[str, ...] = ()) -> None:
        self.source, self.output = root / "in", root / "out"
        self.source.mkdir(parents=True)
        self.profile = HostProfile(home=root / "home")
        self.engine = FakeEngine({IMAGE: serving(server)}, auto_advance=True, gpus=gpus)
        self.store = Store(self.profile.database)
        self.server = server
        self.activity = threading.Event()
        self.ahead_seconds = 0.0
        self._gpus = gpus
        self.runner = self._runner()

    def _runner(self) -> TransformRunner:
        leases = GpuLeases(self.store, self.engine, self.profile, self._clock, gpus=self._gpus)
        return TransformRunner(self.store, self.engine, self.profile, self._clock, self.activity, leases=leases)

    def _clock(self) -> float:
        return time.time() + self.ahead_seconds

    def restart(self) -> None:
        """Let go of all jobs, and put another runner in the place of this one."""
        self.runner.close()
        self.runner = self._runner()

    def write(self, **contents: str) -> None:
        """Files of the input, by stem: CSV."""
        for stem, content in contents.items():
            (self.source / f"{stem}.csv").write_text(content, encoding="utf-8")

    def create(
        self,
        name: str = "job",
        *,
        environment: Mapping[str, str] | None = None,
        model_uri: str | None = None,
        gpu_count: int = 0,
        **members: Any,
    ) -> None:
        """Record a job over the input; `members` are those of its request."""
        container: dict[str, Any] = {"Image": IMAGE, "Environment": dict(environment or {})}
        if model_uri is not None:
            container["ModelDataUrl"] = model_uri
        self.store.create_job(
            JobKind.TRANSFORM,
            transform_request(name, self.source, self.output, **members),
            now=time.time(),
            model={"PrimaryContainer": container},
            gpu_count=gpu_count,
        )

    def job(self, name: str = "job") -> JobRecord:
        """The job as it stands."""
        return self.store.job(JobKind.TRANSFORM, name)

    def folder(self, name: str = "job") -> TransformFolder:
        """The job's folder."""
        return transform_folder(self.profile, name)

    def step(self) -> None:
        """One round over what has not ended."""
        for job in self.store.unfinished_jobs():
            self.runner.step(job)

    def step_until(self, reached: Callable[[], bool]) -> None:
        """Step until `reached`."""
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while not reached():
            assert time.monotonic() < deadline, "not reached in time"
            self.step()
            self.activity.wait(0.01)
            self.activity.clear()

    def run(self, name: str = "job") -> JobRecord:
        """Step until the job has ended."""
        self.step_until(lambda: self.job(name).is_finished)
        return self.job(name)

    def transform(self, name: str = "job", **members: Any) -> JobRecord:
        """Create a job and run it to its end."""
        self.create(name, **members)
        return self.run(name)

    def stop(self, name: str = "job") -> None:
        """Ask the job to stop."""
        self.store.change_job_status(JobKind.TRANSFORM, name, JobStatus.STOPPING, now=time.time())

    @property
    def outputs(self) -> dict[str, str]:
        """What was delivered, by path below the output."""
        found = sorted(path for path in self.output.rglob("*") if path.is_file())
        return {str(path.relative_to(self.output)): path.read_text(encoding="utf-8") for path in found}

    @property
    def bodies(self) -> list[bytes]:
        """The bodies of all invocations."""
        return [request.body for request in self.server.asked]

    def close(self) -> None:
        """End everything."""
        self.runner.close()
        for container in self.engine.containers({}):
            self.engine.remove(container.container_id)
        for server in self.server.servers:
            server.close()
        self.store.close()
