"""Of several resources that a trial may get, the first that this machine has."""

from dataclasses import replace
from pathlib import Path

from tuner.engine.protocol import EngineFacts
from tuner.jobs.sizing import first_provided
from tuner.profile import HostProfile

PROFILE = HostProfile(home=Path("/nowhere"))
MACHINE = EngineFacts(
    name="engine",
    version="20",
    api_version="1.41",
    storage_driver="overlay2",
    root="/var",
    cpus=4,
    memory_bytes=16 * 2**30,
    system_time=0.0,
)
GPU = {"InstanceType": "ml.p3.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1}
LARGE = {"InstanceType": "ml.m5.24xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1}
SMALL = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}


def test_the_first_that_the_machine_has_whole_is_taken() -> None:
    """Not the first that it could run somehow: the list is of what is there."""
    assert first_provided([LARGE, SMALL], PROFILE, MACHINE, gpus=0) is SMALL
    assert first_provided([SMALL, LARGE], PROFILE, MACHINE, gpus=0) is SMALL


def test_where_none_is_there_whole_the_first_is_taken_whose_gpus_are() -> None:
    """With fewer processors than its type has a job runs all the same."""
    assert first_provided([GPU, LARGE], PROFILE, MACHINE, gpus=0) is LARGE
    assert first_provided([GPU, LARGE], PROFILE, MACHINE, gpus=1) is GPU


def test_what_the_profile_gives_each_container_counts() -> None:
    """Who says how much a container gets has no shortfall; who says no GPUs needs none."""
    own = replace(PROFILE, cpus=2.0, memory_bytes=2**30, gpus_per_training_job=0)

    assert first_provided([GPU, SMALL], own, MACHINE, gpus=0) is GPU


def test_hosts_share_the_gpus_of_the_machine() -> None:
    """Two hosts with one each need two; none will do where that is too many."""
    both = {**GPU, "InstanceCount": 2}

    assert first_provided([both, GPU], PROFILE, MACHINE, gpus=1) is GPU
    assert first_provided([both], PROFILE, MACHINE, gpus=1) is None
    assert first_provided([], PROFILE, MACHINE, gpus=1) is None
