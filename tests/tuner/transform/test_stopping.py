"""Transform jobs that are stopped, let go, killed, and gone on with."""

import threading
from collections.abc import Callable, Iterator

import pytest
from http_servers import Request, Response
from transform_home import IMAGE, TransformHome

from contracts.jobs import JobKind, JobStatus
from contracts.outcome import LossCause
from tuner.engine.protocol import ContainerSpec
from tuner.errors import ContainerNotFound, EngineUnreachable


class Gate:
    """Answers everything at once but ``wait``, which it answers when it is opened."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.is_asked = threading.Event()

    def __call__(self, request: Request) -> Response:
        """An answer to an invocation: what it was sent."""
        if request.body.startswith(b"wait"):
            self.is_asked.set()
            self.opened.wait(60)
        return Response(body=request.body)


@pytest.fixture
def gate(home: TransformHome) -> Iterator[Gate]:
    """Two objects, the second of which is not answered before the gate opens; the first is delivered."""
    made = Gate()
    home.server.reply = made
    home.write(a="1\n", b="wait\n")
    home.create()
    home.step_until(lambda: made.is_asked.is_set() and len(home.store.transformed("job")) == 1)
    yield made
    made.opened.set()


def lose_whenever_asked(home: TransformHome, lose: Callable[[str], None]) -> None:
    """Run a job to its end whose container is never in service, and is lost as soon as it has been asked."""
    is_asked = threading.Event()

    def answer(_: Request) -> Response:
        is_asked.set()
        return Response(status=500)

    def is_over() -> bool:
        if is_asked.is_set():
            (container,) = home.engine.containers({})
            lose(container.container_id)
            is_asked.clear()
        home.ahead_seconds += 1
        return home.job().is_finished

    home.server.answer = answer
    home.write(a="1\n")
    home.create()
    home.step_until(is_over)


def test_stopping_discards_the_output(home: TransformHome, gate: Gate) -> None:
    """All of it, as StopTransformJob does; the container gets SIGTERM, and nothing of it is left."""
    home.output.joinpath("mine.txt").write_text("not of this job")
    home.stop()

    job = home.run()

    assert (JobStatus.STOPPED, "") == (job.status, job.failure_reason)
    assert {"mine.txt": "not of this job"} == home.outputs
    assert [["SIGTERM"]] == [container.signals for container in home.engine.removed]
    assert ([], False) == (list(home.engine.containers({})), home.folder().scratch.exists())


def test_a_job_that_was_let_go_goes_on_where_it_was(home: TransformHome, gate: Gate) -> None:
    """What was delivered is not sent again; a container that was left behind is replaced."""
    labels = next(iter(home.engine.containers({}))).labels
    home.restart()
    spec = ContainerSpec(name="left", image=IMAGE, environment={}, labels=labels)
    home.engine.create(spec)
    gate.opened.set()

    job = home.run()

    assert (JobStatus.COMPLETED, {"a.csv.out": "1\n\n", "b.csv.out": "wait\n\n"}) == (job.status, home.outputs)
    assert [b"1\n", b"wait\n", b"wait\n"] == home.bodies
    assert [] == list(home.engine.containers({}))


def test_a_stop_is_heeded_though_the_process_that_was_told_has_gone(home: TransformHome, gate: Gate) -> None:
    """The next one discards what the last one delivered."""
    home.stop()
    home.restart()

    job = home.run()

    assert (JobStatus.STOPPED, {}) == (job.status, home.outputs)


def test_letting_go_removes_the_container_and_keeps_what_was_delivered(home: TransformHome, gate: Gate) -> None:
    """The job stays in progress for a later process."""
    home.runner.close()

    assert JobStatus.IN_PROGRESS == home.job().status
    assert ({"a.csv.out": "1\n\n"}, []) == (home.outputs, list(home.engine.containers({})))

    gate.opened.set()
    assert JobStatus.COMPLETED == home.run().status


def test_an_engine_that_goes_away_loses_nothing(home: TransformHome, gate: Gate) -> None:
    """The step says so, and a later one begins anew with what is not delivered."""
    home.engine.reachable = False
    with pytest.raises(EngineUnreachable):
        home.step_until(lambda: False)
    assert JobStatus.IN_PROGRESS == home.job().status

    home.engine.reachable = True
    gate.opened.set()

    assert JobStatus.COMPLETED == home.run().status
    assert 1 == home.bodies.count(b"1\n")


@pytest.mark.parametrize("lose", ["remove", "stop"])
def test_a_job_that_loses_its_container_starts_again(home: TransformHome, gate: Gate, lose: str) -> None:
    """After a while, and what was delivered is not sent again."""
    (container,) = home.engine.containers({})
    if lose == "remove":
        home.engine.remove(container.container_id)
    else:
        home.engine.signal(container.container_id, "SIGTERM")
    home.step_until(lambda: home.job().message.startswith("Starts again in 10 s: "))
    assert home.job().start_time is None
    gate.opened.set()
    home.ahead_seconds = 11.0
    job = home.run()

    assert (JobStatus.COMPLETED, "") == (job.status, job.failure_reason)
    assert {"a.csv.out": "1\n", "b.csv.out": "wait\n"} == {
        name: text.replace("\n\n", "\n") for name, text in home.outputs.items()
    }
    assert 1 == home.bodies.count(b"1\n")
    assert [] == list(home.engine.containers({}))


def test_a_job_that_is_lost_again_and_again_fails_at_last(home: TransformHome) -> None:
    """After three fresh starts, and its reason says that it is the machine's doing."""
    lose_whenever_asked(home, home.engine.remove)

    assert home.job().failure_reason == (
        "InternalServerError: lost for the 4th time: the container was removed from outside"
    )


def test_a_container_that_is_gone_before_it_starts_is_lost_too(home: TransformHome) -> None:
    """Somebody was quick."""
    home.write(a="1\n")
    home.engine.refuse_next("start", ContainerNotFound("no such container"))
    home.create()
    home.step_until(lambda: home.job().message.startswith("Starts again in 10 s: "))
    home.ahead_seconds = 11.0

    assert JobStatus.COMPLETED is home.run().status


def test_a_second_kill_by_nobody_knows_whom_is_the_container_s_own_doing(home: TransformHome) -> None:
    """The first may have been the machine's."""
    lose_whenever_asked(home, lambda container_id: home.engine.finish(container_id, 137))

    assert [LossCause.UNEXPLAINED_KILL] == [loss.cause for loss in home.store.job_losses(JobKind.TRANSFORM, "job")]
    assert home.job().failure_reason.startswith("AlgorithmError: Its container exited with code 137")


def test_failed_objects_are_tried_again_by_the_next_process(home: TransformHome) -> None:
    """They were not delivered, whatever the reason was then."""
    statuses = iter([500, 200, 200])
    gate = Gate()

    def answer(request: Request) -> Response:
        return gate(request) if request.body == b"wait\n" else Response(status=next(statuses), body=request.body)

    home.server.reply = answer
    home.write(a="1\n", b="wait\n")
    home.create()
    home.step_until(gate.is_asked.is_set)
    home.restart()
    gate.opened.set()

    assert JobStatus.COMPLETED == home.run().status
