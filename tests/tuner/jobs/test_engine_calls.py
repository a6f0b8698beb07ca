"""Calls of the engine in the background: what a process does, and leaves, while one of them is under way."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from home_of_fakes import AtOnce, HomeOfFakes, Later
from job_requests import training_request

from contracts.jobs import Interruption, SecondaryStatus, StopReason
from tuner.engine.fake_container import FakeContainer
from tuner.engine.protocol import ContainerStatus
from tuner.errors import EngineRejected, EngineUnreachable, NameTaken

MakeHome = Callable[..., HomeOfFakes]


def train(run: FakeContainer) -> Iterator[None]:
    """One value."""
    run.on_signal("SIGTERM", lambda: 0)
    run.print("validation: accuracy=0.5")
    yield


#: A job on two hosts, and one on spot instances.
TWO_HOSTS: dict[str, Any] = {"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2}}
SPOT: dict[str, Any] = {
    "EnableManagedSpotTraining": True,
    "StoppingCondition": {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 7200},
}


def submit(home: HomeOfFakes, *, gpu_count: int = 0, **members: Any) -> None:
    """Record a training job."""
    home.store.create_training_job(training_request(**members), now=home.clock(), gpu_count=gpu_count)


def with_later(home: HomeOfFakes) -> Later:
    """Let the home go on in a new process, whose background the test has in its hand."""
    home.executor = later = Later()
    home.restart()
    return later


def test_a_stop_waits_for_the_creation_that_is_under_way(make_home: MakeHome) -> None:
    """A container that appeared after the job's end would be left behind."""
    home = make_home(train)
    later = with_later(home)
    submit(home)
    home.controller.step()
    home.store.request_stop("job-1", StopReason.USER, now=home.clock())
    home.controller.step()
    before = home.store.training_job("job-1").status
    later.run()
    home.controller.step()
    later.run()

    assert (SecondaryStatus.STARTING, SecondaryStatus.STOPPED) == (before, home.store.training_job("job-1").status)
    assert not home.engine.containers({})


def test_a_stop_during_the_start_reaches_the_container(make_home: MakeHome) -> None:
    """It is followed first; then it gets its SIGTERM."""
    home = make_home(train)
    later = with_later(home)
    submit(home)
    home.controller.step()
    later.run()
    home.controller.step()
    home.store.request_stop("job-1", StopReason.USER, now=home.clock())
    home.controller.step()
    home.executor = AtOnce()
    later.run()
    home.restart()
    job = home.run("job-1")

    assert SecondaryStatus.STOPPED == job.status
    assert ["SIGTERM"] == home.engine.removed[-1].signals[:1]


def started_by_half(make_home: MakeHome, **members: Any) -> tuple[HomeOfFakes, Later]:
    """A home whose job's containers are created, and whose start is under way; the test lets it go on."""
    home = make_home(train)
    later = with_later(home)
    submit(home, **members)
    home.controller.step()
    later.run()
    home.controller.step()
    return home, later


def go_on(home: HomeOfFakes, later: Later) -> None:
    """Let what is under way come to its end, and all else from now on be done at once, in a new process."""
    home.executor = AtOnce()
    later.run()
    home.restart()


@pytest.mark.parametrize("how", Interruption)
def test_an_interruption_during_the_start_interrupts_all_hosts_once_they_run(
    make_home: MakeHome, how: Interruption
) -> None:
    """Then the job starts afresh, and no container of the first start is left."""
    home, later = started_by_half(make_home, **SPOT, **TWO_HOSTS)
    home.store.request_interruption("job-1", how)
    home.controller.step()
    signals = [one.status for one in home.engine.containers({})]
    go_on(home, later)
    home.step_until(lambda: len(home.engine.removed) == 2)
    home.engine.auto_advance = True
    job = home.run("job-1")

    assert [ContainerStatus.CREATED] * 2 == signals
    assert [["SIGTERM" if how is Interruption.WITH_NOTICE else "SIGKILL"]] * 2 + [[]] * 2 == [
        one.signals for one in home.engine.removed
    ]
    assert (SecondaryStatus.COMPLETED, None, 0) == (job.status, job.interruption, job.losses)


@pytest.mark.parametrize("started", [0, 1])
def test_a_process_that_detaches_between_the_starts_of_two_hosts_leaves_the_rest_to_the_next(
    make_home: MakeHome, started: int
) -> None:
    """The next starts those that have not been, and touches nothing of those that run."""
    home, _ = started_by_half(make_home, **TWO_HOSTS)
    ids = sorted(one.container_id for one in home.engine.containers({}))
    for container_id in ids[:started]:
        home.engine.start(container_id)
    home.executor = AtOnce()
    home.restart()  # what was under way is never done
    home.engine.auto_advance = True
    job = home.run("job-1")

    assert (SecondaryStatus.COMPLETED, 0) == (job.status, job.losses)
    assert ids == sorted(one.container_id for one in home.engine.removed)


def test_a_host_that_cannot_be_started_ends_the_others(make_home: MakeHome) -> None:
    """One start is refused while the other host runs already: neither is left."""
    home, later = started_by_half(make_home, **TWO_HOSTS)
    first, _ = sorted(one.container_id for one in home.engine.containers({}))
    home.engine.start(first)
    home.engine.refuse_next("start", EngineRejected("the entry point cannot be run"))
    later.run()
    home.executor = AtOnce()
    home.restart()
    home.engine.auto_advance = True
    home.run("job-1")
    home.controller.step()

    assert not home.engine.containers({})


@pytest.mark.parametrize("rounds", range(6))
@pytest.mark.parametrize("members", [{}, TWO_HOSTS, SPOT], ids=["plain", "two hosts", "spot"])
def test_a_process_killed_with_calls_under_way_loses_nothing(
    make_home: MakeHome, rounds: int, members: dict[str, Any]
) -> None:
    """Whatever it had asked for is done after its death, or never."""
    home = make_home(train)
    home.engine.auto_advance = True
    later = with_later(home)
    submit(home, **members)
    for _ in range(rounds):
        home.controller.step()
        later.run()
    home.controller.step()
    home.executor = AtOnce()
    home.restart()
    job = home.run("job-1")
    home.controller.step()

    hosts = len(job.spec.hosts)
    assert (SecondaryStatus.COMPLETED, hosts) == (job.status, job.metrics["validation:accuracy"].count)
    assert not home.engine.containers({})


def test_what_a_killed_process_still_gets_created_is_no_obstacle(make_home: MakeHome) -> None:
    """Its request has the name, and its container appears a little later: it is removed, and made anew."""
    home = make_home(train)
    home.engine.auto_advance = True
    home.engine.refuse_next("create", NameTaken("the name is already in use"))
    submit(home)

    assert SecondaryStatus.COMPLETED == home.run("job-1").status


def test_containers_left_by_a_process_killed_after_the_outcome_are_removed(make_home: MakeHome) -> None:
    """The outcome is recorded before the removal, so the next process has to look."""
    home = make_home(train)
    home.engine.auto_advance = True
    submit(home)
    home.engine.refuse_next("remove", EngineRejected("device or resource busy"))
    home.run("job-1")
    left = len(home.engine.containers({}))
    home.controller.step()
    home.restart()
    home.controller.step()

    assert (1, 0) == (left, len(home.engine.containers({})))
    assert "could not be removed" in " ".join(home.store.warnings("job-1"))


def test_a_job_with_gpus_ends_after_its_container_is_gone(make_home: MakeHome) -> None:
    """A lease ends with its container."""
    home = make_home(train, gpus=("GPU-1",))
    home.engine.auto_advance = True
    submit(home, gpu_count=1)
    home.engine.refuse_next("remove", EngineUnreachable("away"))
    home.step_until(lambda: home.store.training_job("job-1").status is SecondaryStatus.UPLOADING)
    with pytest.raises(EngineUnreachable):
        home.run("job-1")
    held = home.store.leased_gpus("job-1")
    home.run("job-1")

    assert (("GPU-1",), ()) == (held, home.store.leased_gpus("job-1"))
    assert not home.engine.containers({})
