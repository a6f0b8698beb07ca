"""Who gets which GPU, who has to wait and why."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from home_of_fakes import HomeOfFakes

from contracts.jobs import SecondaryStatus
from tuner.engine.gpus import GpuMemory, GpuProcess
from tuner.engine.protocol import ENDPOINT_LABEL, GPU_LABEL, HOME_LABEL, ContainerSpec
from tuner.jobs.gpu_leases import GpuLeases
from tuner.store.lock import ControllerLock, hold
from tuner.store.records import CHECK, ENDPOINT

GIB = 2**30
FULL = GpuMemory(total_bytes=8 * GIB, free_bytes=GIB, processes=(GpuProcess(pid=7, name="python", used_bytes=7 * GIB),))
EMPTY = GpuMemory(total_bytes=8 * GIB, free_bytes=8 * GIB)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[HomeOfFakes]:
    """A home with two GPUs and an image that needs no data."""
    made = HomeOfFakes(tmp_path / "home", {"image": lambda _: 0}, gpus=("GPU-a", "GPU-b"))
    yield made
    made.close()


def leases(home: HomeOfFakes, *, jobs_per_gpu: int = 1) -> GpuLeases:
    """What leases the GPUs of `home`, as another process would."""
    profile = replace(home.profile, jobs_per_gpu=jobs_per_gpu)
    return GpuLeases(home.store, home.engine, profile, home.clock, gpus=home.gpus, read_memory=home.gpu_memory.get)


def other_home(home: HomeOfFakes, gpu: str) -> str:
    """A container of another home that has `gpu`; its id."""
    return home.engine.create(
        ContainerSpec(name="theirs", image="image", environment={}, labels={HOME_LABEL: "/other"}, gpu_ids=(gpu,))
    )


def submit(home: HomeOfFakes, name: str, gpus: int = 1) -> None:
    """Record a training job that needs GPUs."""
    request = {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": "image"},
        "ResourceConfig": {"InstanceType": "ml.g5.xlarge"},
    }
    home.store.create_training_job(request, now=home.clock(), gpu_count=gpus)


def message(home: HomeOfFakes, name: str) -> str:
    """What the job says of what it does."""
    return home.store.transitions(name)[-1].message


def test_jobs_are_spread_over_gpus_before_they_share_one(home: HomeOfFakes) -> None:
    """With two jobs a GPU the third shares, and the fifth waits."""
    several = leases(home, jobs_per_gpu=2)
    waits = [several.obtain(name, 1) for name in "vwxyz"]

    assert [None, None, None, None] == waits[:4]
    assert ["GPU-a", "GPU-b", "GPU-a", "GPU-b"] == [gpu for name in "vwxy" for gpu in home.store.leased_gpus(name)]
    assert "Waiting for 1 GPU: 0 of 2 are free" == getattr(waits[4], "message", None)


def test_a_job_with_several_gpus_gets_different_ones(home: HomeOfFakes) -> None:
    """Two slots of one GPU are no two GPUs."""
    several = leases(home, jobs_per_gpu=4)

    assert several.obtain("one", 2) is None
    assert several.obtain("two", 2) is None
    assert ("GPU-a", "GPU-b") == home.store.leased_gpus("two")


def test_a_job_that_needs_more_than_this_process_may_lease_says_so(home: HomeOfFakes) -> None:
    """Somebody else may have submitted it with more."""
    submit(home, "large", gpus=3)
    home.controller.step()

    assert SecondaryStatus.PENDING is home.store.training_job("large").status
    assert "Waiting for 3 GPUs: this process may lease 2 (GPU-a, GPU-b), see --gpus" == message(home, "large")


def test_a_gpu_that_another_home_uses_is_left_alone(home: HomeOfFakes) -> None:
    """Its container's label tells; the other GPU is taken first, and then there is none."""
    theirs = other_home(home, "GPU-a")
    for name in ("one", "two"):
        submit(home, name)
    home.controller.step()

    assert ("GPU-b",) == home.store.leased_gpus("one")
    assert message(home, "two").endswith("GPU-a is used by the container theirs of the home /other")
    home.engine.remove(theirs)
    assert 0 == home.run("two").exit_code


def test_two_homes_that_lease_one_gpu_at_once_do_not_both_start(home: HomeOfFakes) -> None:
    """Who has created its container and then sees another's removes its own, and tries again."""
    submit(home, "one")
    create = home.engine.create

    def create_after_them(spec: ContainerSpec) -> str:
        home.engine.create = create  # type: ignore[method-assign]  # the engine is as it was, from now on
        other_home(home, "GPU-a")
        return create(spec)

    home.engine.create = create_after_them  # type: ignore[method-assign]  # in the last moment
    home.controller.step()

    assert message(home, "one").startswith("Waiting: GPU-a is used by the container theirs")
    assert ["theirs"] == [container.name for container in home.engine.containers({GPU_LABEL: None})]
    assert 0 == home.run("one").exit_code
    assert "GPU-b" == home.engine.removed[-1].spec.all_labels[GPU_LABEL]


def test_a_gpu_whose_memory_somebody_uses_is_waited_for(home: HomeOfFakes) -> None:
    """The message names the process; what it was stays as a warning."""
    home.gpu_memory |= {"GPU-a": FULL, "GPU-b": FULL}
    submit(home, "one")
    home.controller.step()

    full = "7.0 of 8.0 GiB of the memory of GPU-{} are in use by python (process 7)"
    expected = f"Waiting for 1 GPU: 0 of 2 are free; {full.format('a')}; {full.format('b')}"
    assert expected == message(home, "one")
    home.gpu_memory["GPU-b"] = EMPTY
    assert 0 == home.run("one").exit_code
    assert "waited for memory of GPU-a, which python (process 7) had" in home.store.warnings("one")


def test_a_gpu_that_is_free_is_taken_before_one_whose_memory_is_used(home: HomeOfFakes) -> None:
    """However they are ordered."""
    home.gpu_memory["GPU-a"] = FULL

    assert home.leases.obtain("one", 1) is None
    assert ("GPU-b",) == home.store.leased_gpus("one")


def test_a_lease_is_exchanged_when_somebody_has_come_to_use_the_gpu(home: HomeOfFakes) -> None:
    """Between the lease and the start a download may take an hour."""
    assert home.leases.obtain("one", 1) is None
    home.gpu_memory["GPU-a"] = FULL
    home.clock.now += 60

    assert home.leases.obtain("one", 1) is None
    assert ("GPU-b",) == home.store.leased_gpus("one")


def test_jobs_that_share_a_gpu_need_their_share_of_its_memory(home: HomeOfFakes) -> None:
    """Of two, each three quarters of a half: the other one's memory is no obstacle."""
    half = replace(FULL, free_bytes=3 * GIB)
    home.gpu_memory |= {"GPU-a": half, "GPU-b": half}

    assert leases(home).obtain("one", 1) is not None
    assert leases(home, jobs_per_gpu=2).obtain("one", 1) is None


def test_the_lease_of_an_endpoint_ends_with_its_process_and_its_container(home: HomeOfFakes) -> None:
    """While either lives it stays; who wants GPUs finds out."""
    lock = ControllerLock(home.profile.endpoint_lock("model"))
    lock.acquire()
    assert home.leases.obtain("model", 2, ENDPOINT) is None
    labels = {HOME_LABEL: str(home.profile.home), ENDPOINT_LABEL: "model"}

    assert home.leases.obtain("one", 1) is not None  # the process is about to create its container
    container = home.engine.create(ContainerSpec(name="model", image="image", environment={}, labels=labels))
    lock.release()
    assert home.leases.obtain("one", 1) is not None  # it was killed, and its container goes on
    assert ["The GPU GPU-a is in use by the endpoint model", "The GPU GPU-b is in use by the endpoint model"] == (
        home.leases.holders()
    )
    home.engine.remove(container)
    assert home.leases.obtain("one", 1) is None


def test_the_lease_of_a_check_ends_with_its_process_and_its_containers(home: HomeOfFakes) -> None:
    """As that of an endpoint; its containers are told by the GPUs that they were given."""
    folder = home.profile.check_folder("one")
    folder.mkdir(parents=True)
    labels = {HOME_LABEL: str(home.profile.home)}
    spec = ContainerSpec(name="run", image="image", environment={}, labels=labels, gpu_ids=("GPU-a",))
    with hold(folder):
        assert home.leases.obtain("one", 2, CHECK) is None
        assert home.leases.obtain("job", 1) is not None  # between two of its runs
        container = home.engine.create(spec)
    assert home.leases.obtain("job", 1) is not None  # it was killed, and its container goes on
    assert ["The GPU GPU-a is in use by a check of an image", "The GPU GPU-b is in use by a check of an image"] == (
        home.leases.holders()
    )
    home.engine.remove(container)
    assert home.leases.obtain("job", 1) is None
