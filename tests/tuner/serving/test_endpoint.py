"""An endpoint's life on a fake engine: pings, log, failure, stop. Time is in the test's hand."""

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path

import pytest
from home_of_fakes import Clock

from tuner.engine.fake import FakeEngine
from tuner.engine.fake_container import FakeContainer
from tuner.engine.protocol import Address
from tuner.errors import EngineRejected, GpuUnavailable, ImageNotFound
from tuner.profile import HostProfile
from tuner.serving.calls import Ping
from tuner.serving.container import ServedModel, serving_container
from tuner.serving.endpoint import Endpoint, EndpointEvent, EventKind, serve
from tuner.serving.errors import EndpointFailed

READY = Ping()
NOT_YET = Ping(trouble="nothing answers", connected=False)
BROKEN = Ping(trouble="/ping answered 500 instead of 200")


def obeys(run: FakeContainer) -> Iterator[None]:
    """A server that ends well at SIGTERM."""
    run.on_signal("SIGTERM", lambda: 0)
    run.print("listening")
    while True:
        yield


def deaf(run: FakeContainer) -> Iterator[None]:
    """A server that does not heed SIGTERM."""
    while True:
        yield


def breaks(run: FakeContainer) -> Generator[None, None, int]:
    """A server that cannot load its model, and says why over several lines."""
    run.print("loading")
    yield
    for number in range(15):
        run.print(f"trouble {number}")
    yield
    run.write_output(b"no model")
    return 3


class Stage:
    """An endpoint on an engine, with its pings' outcomes and everything that it told."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.engine = FakeEngine({"obeys": obeys, "deaf": deaf, "breaks": breaks}, clock=self.clock)
        self.profile = HostProfile(home=folder / "home")
        self.answers: Iterator[Ping] = iter(())
        self.pinged_at: list[float] = []
        self.events: list[EndpointEvent] = []
        self._folder = folder

    def endpoint(self, image: str, **settings: float) -> Endpoint:
        """An endpoint of one of the images."""
        model = ServedModel(endpoint_name="digits", image=image, model_folder=self._folder)
        return Endpoint(
            engine=self.engine,
            spec=serving_container(model, self.profile),
            listener=self.events.append,
            ping=self._ping,
            clock=self.clock,
            **settings,
        )

    def _ping(self, address: Address) -> Ping:
        assert "127.0.0.1" == address.host
        self.pinged_at.append(self.clock.now - 1_700_000_000)
        return next(self.answers)

    def step(self, endpoint: Endpoint, times: int, seconds: float = 0.5) -> None:
        """So many steps, with time going on between them."""
        for _ in range(times):
            assert endpoint.step()
            self.clock.now += seconds

    def told(self, kind: EventKind) -> list[str]:
        """The texts of all events of a kind."""
        return [event.text for event in self.events if event.kind is kind]

    @property
    def left(self) -> int:
        """How many containers are on the engine."""
        return len(self.engine.containers({}))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A stage of its own for each test."""
    return Stage(tmp_path)


def eventually(condition: Callable[[], bool]) -> None:
    """Wait by condition: a log is followed by a thread."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def test_a_container_is_pinged_each_second_until_the_first_200(stage: Stage) -> None:
    """Then it is in service, and every five seconds."""
    stage.answers = iter([NOT_YET, BROKEN, READY, READY, READY])
    with stage.endpoint("obeys") as endpoint:
        address = endpoint.address
        stage.step(endpoint, 26)

    assert [0, 1, 2, 7, 12] == stage.pinged_at
    assert [f"http://{address}"] == stage.told(EventKind.IN_SERVICE)
    assert [] == stage.told(EventKind.UNHEALTHY)
    assert 0 == stage.left


def test_health_that_changes_in_service_is_told_at_each_change(stage: Stage) -> None:
    """Not at each ping; the reason is in the text."""
    stage.answers = iter([READY, BROKEN, BROKEN, READY, READY])
    with stage.endpoint("obeys") as endpoint:
        stage.step(endpoint, 5, seconds=5)

    assert [EventKind.IN_SERVICE, EventKind.UNHEALTHY, EventKind.HEALTHY] == [
        event.kind for event in stage.events if event.kind is not EventKind.LOG
    ]
    assert "/ping answered 500 instead of 200" in stage.told(EventKind.UNHEALTHY)[0]


def test_the_log_is_told_as_it_comes(stage: Stage) -> None:
    """While the container runs."""
    stage.answers = iter([NOT_YET] * 10_000)
    with stage.endpoint("obeys") as endpoint:
        eventually(lambda: endpoint.step() and stage.told(EventKind.LOG) == ["listening"])


def test_a_lost_connection_to_the_log_loses_no_line(stage: Stage) -> None:
    """It is followed again, from where it was."""
    stage.answers = iter([NOT_YET] * 10_000)
    with stage.endpoint("obeys") as endpoint:
        eventually(lambda: endpoint.step() and bool(stage.told(EventKind.LOG)))
        stage.engine.drop_followers()
        (running,) = stage.engine.containers({})
        stage.engine.container(running.container_id).print("again")
        eventually(lambda: endpoint.step() and stage.told(EventKind.LOG) == ["listening", "again"])


def test_one_that_never_gets_healthy_fails_when_its_time_is_over(stage: Stage) -> None:
    """With what the last ping said, and the end of the log."""
    stage.answers = iter([BROKEN] * 100)
    with stage.endpoint("obeys", startup_seconds=10) as endpoint:
        eventually(lambda: endpoint.step() and bool(stage.told(EventKind.LOG)))
        with pytest.raises(EndpointFailed) as caught:
            stage.step(endpoint, 100)

    assert "It did not pass the ping health check within 10 s: /ping answered 500 instead of 200." == str(caught.value)
    assert ("listening",) == caught.value.last_lines
    assert 0 == stage.left


def test_one_that_nothing_answers_for_is_asked_where_it_listens(stage: Stage) -> None:
    """A server on the container's own loopback is the usual reason."""
    stage.answers = iter([NOT_YET] * 100)
    with (
        pytest.raises(EndpointFailed, match=r"Does it listen on 0\.0\.0\.0:8080\?"),
        stage.endpoint("obeys", startup_seconds=3) as endpoint,
    ):
        stage.step(endpoint, 100)


def test_one_that_exits_before_it_is_in_service_fails_with_its_last_words(stage: Stage) -> None:
    """The last ten lines, an unfinished one among them; all lines were told before."""
    stage.answers = iter([NOT_YET] * 100)
    with stage.endpoint("breaks") as endpoint:
        stage.engine.auto_advance = True
        with pytest.raises(EndpointFailed) as caught:
            stage.step(endpoint, 100)

    assert "Its container exited with code 3 before /ping answered 200." == str(caught.value)
    assert (*(f"trouble {number}" for number in range(6, 15)), "no model") == caught.value.last_lines
    assert 17 == len(stage.told(EventKind.LOG))
    assert 0 == stage.left


def test_one_that_dies_in_service_fails(stage: Stage) -> None:
    """The service would start another; here somebody wants to know."""
    stage.answers = iter([READY])
    with stage.endpoint("obeys") as endpoint:
        stage.step(endpoint, 1)
        (running,) = stage.engine.containers({})
        stage.engine.finish(running.container_id, 137, oom_killed=True)
        with pytest.raises(EndpointFailed) as caught:
            endpoint.step()

    assert "Its container exited with code 137, for it used more memory than its limit." == str(caught.value)


def test_one_that_is_removed_from_outside_fails(stage: Stage) -> None:
    """By `algodock down`, for instance."""
    with stage.endpoint("obeys") as endpoint:
        (running,) = stage.engine.containers({})
        stage.engine.remove(running.container_id)
        with pytest.raises(EndpointFailed, match="removed from outside"):
            endpoint.step()


@pytest.mark.parametrize(
    ("refusal", "raised"),
    [
        (EngineRejected("no serve on its PATH"), EndpointFailed),
        (GpuUnavailable("no such GPU"), GpuUnavailable),
    ],
)
def test_a_container_that_cannot_be_started_is_not_left_behind(
    stage: Stage, refusal: EngineRejected, raised: type[Exception]
) -> None:
    """What is the image's fault is a failed endpoint; what is the machine's is not."""
    stage.engine.refuse_next("start", refusal)

    with pytest.raises(raised, match=str(refusal)), stage.endpoint("obeys"):
        pass
    assert 0 == stage.left


def test_an_image_that_is_not_there_is_said(stage: Stage) -> None:
    """By the engine's own error."""
    with pytest.raises(ImageNotFound), stage.endpoint("nothing"):
        pass


def asked(at: Mapping[int, int]) -> tuple[Callable[[], int], Callable[[], int]]:
    """How often a stop was asked for, by the number of rounds so far; and that number."""
    rounds = 0

    def times() -> int:
        nonlocal rounds
        rounds += 1
        return max((count for number, count in at.items() if number <= rounds), default=0)

    return times, lambda: rounds


def tick(stage: Stage) -> None:
    """Time goes on between two rounds."""
    stage.clock.now += 1


def test_a_stop_is_sigterm_and_the_containers_own_end(stage: Stage) -> None:
    """Nothing is killed, and no ping is sent to what is ending."""
    stage.answers = iter([READY])
    times, _ = asked({2: 1})
    with stage.endpoint("obeys") as endpoint:
        (running,) = stage.engine.containers({})
        container = stage.engine.container(running.container_id)
        serve(endpoint, times, lambda: tick(stage))

    assert ["SIGTERM"] == container.signals
    assert ["Stopping: the container gets SIGTERM and up to 30 s. Ctrl-C again kills it."] == stage.told(
        EventKind.STOPPING
    )
    assert [] == stage.told(EventKind.KILLED)
    assert 0 == stage.left


def test_a_deaf_container_is_killed_when_its_grace_is_over(stage: Stage) -> None:
    """30 seconds after SIGTERM; the user is told what that means."""
    stage.answers = iter([READY] * 100)
    times, rounds = asked({2: 1})
    with stage.endpoint("deaf") as endpoint:
        (running,) = stage.engine.containers({})
        container = stage.engine.container(running.container_id)
        serve(endpoint, times, lambda: tick(stage))

    assert ["SIGTERM", "SIGKILL"] == container.signals
    assert rounds() in {32, 33}
    assert "did not end within 30 s of SIGTERM and is killed" in stage.told(EventKind.KILLED)[0]


def test_asked_again_it_is_killed_at_once(stage: Stage) -> None:
    """The second Ctrl-C."""
    stage.answers = iter([READY] * 100)
    times, rounds = asked({2: 1, 4: 2})
    with stage.endpoint("deaf") as endpoint:
        (running,) = stage.engine.containers({})
        container = stage.engine.container(running.container_id)
        serve(endpoint, times, lambda: tick(stage))

    assert (["SIGTERM", "SIGKILL"], 4) == (container.signals, rounds())


def test_whatever_goes_wrong_the_container_is_removed(stage: Stage) -> None:
    """A terminal that closes breaks the pipe in the middle of a line."""

    def broken_pipe() -> None:
        raise BrokenPipeError

    stage.answers = iter([READY])
    with pytest.raises(BrokenPipeError), stage.endpoint("deaf") as endpoint:
        serve(endpoint, lambda: 0, broken_pipe)

    assert 0 == stage.left
