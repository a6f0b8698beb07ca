"""Training jobs on several hosts: what each is given, and how they end together."""

import json
import tarfile
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from home_of_fakes import HomeOfFakes
from job_requests import channel, training_request

from contracts.jobs import SecondaryStatus, StopReason
from contracts.outcome import LossCause
from tuner.engine.fake_container import FakeContainer
from tuner.engine.protocol import HOST_LABEL
from tuner.jobs.folder import JobFolder

MakeHome = Callable[..., HomeOfFakes]

TWO = {"InstanceType": "ml.m5.large", "InstanceCount": 2}
GROUPS = {
    "InstanceGroups": [
        {"InstanceGroupName": "loaders", "InstanceType": "ml.c5.large", "InstanceCount": 2},
        {"InstanceGroupName": "trainers", "InstanceType": "ml.m5.large", "InstanceCount": 1},
    ]
}


def me(run: FakeContainer) -> str:
    """The host that this container is, as its image learns it."""
    config: Mapping[str, Any] = json.loads(run.path("/opt/ml/input/config/resourceconfig.json").read_text())
    return str(config["current_host"])


def both_train(run: FakeContainer) -> Iterator[None]:
    """Each host prints its name and leaves a model file of its own; the first prints the metric."""
    run.print(f"I am {me(run)}")
    yield
    if me(run) == "algo-1":
        run.print("validation: accuracy=0.5")
    run.write(f"/opt/ml/model/{me(run)}.bin", "weights")


def second_fails(run: FakeContainer) -> Generator[None, None, int]:
    """The second host fails with a reason; the first would go on for ever, but obeys."""
    run.on_signal("SIGTERM", lambda: 143)
    if me(run) == "algo-2":
        yield
        run.write("/opt/ml/output/failure", "no such column: y")
        return 3
    while True:
        yield


def second_fails_first_is_deaf(run: FakeContainer) -> Generator[None, None, int]:
    """As before, but the first host does not obey."""
    if me(run) == "algo-2":
        yield
        return 3
    while True:
        yield


def submit(home: HomeOfFakes, **members: Any) -> None:
    """Record a job on two hosts."""
    home.store.create_training_job(
        training_request(**({"ResourceConfig": TWO} | members)), now=home.clock(), gpu_count=0
    )


def test_all_hosts_train_and_their_outputs_come_together(make_home: MakeHome) -> None:
    """A log each, one archive, the metric of the host that printed it; nothing is left on the engine."""
    home = make_home(both_train)
    home.engine.auto_advance = True
    submit(home)
    job = home.run("job-1")
    folder = JobFolder(home.profile.job_folder("job-1"))

    assert (SecondaryStatus.COMPLETED, 0, 0.5) == (job.status, job.exit_code, job.final_value("validation:accuracy"))
    assert ["I am algo-1", "I am algo-2"] == [
        folder.log(host).read_text().splitlines()[0] for host in ("algo-1", "algo-2")
    ]
    with tarfile.open(folder.model_artifact) as tar:
        assert ["algo-1.bin", "algo-2.bin"] == tar.getnames()
    assert ((), ()) == (home.engine.containers({}), home.engine.networks({}))


@pytest.mark.parametrize(("isolated", "internal"), [(False, False), (True, True)])
def test_hosts_are_on_a_network_of_their_own(make_home: MakeHome, isolated: bool, internal: bool) -> None:
    """Each is found under its name; an isolated job's network leads nowhere else."""
    home = make_home(both_train)
    submit(home, EnableNetworkIsolation=isolated)
    home.controller.step()
    (network,) = home.engine.networks({})
    specs = [home.engine.container(one.container_id).spec for one in home.engine.containers({})]

    assert internal == network.internal
    assert [(network.name, ("algo-1",)), (network.name, ("algo-2",))] == [
        (spec.private_network, spec.aliases) for spec in specs
    ]
    assert [None, None] == [spec.hostname for spec in specs]  # as on the service: the OS does not know the name


def test_a_job_on_one_host_needs_no_network(make_home: MakeHome) -> None:
    """Its own name leads to itself all the same: toolkits wait for all hosts to resolve."""
    home = make_home(both_train)
    submit(home, ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1})
    home.controller.step()
    spec = home.engine.container(home.container_of("job-1")).spec

    assert (None, ("algo-1",), ()) == (spec.private_network, spec.aliases, tuple(home.engine.networks({})))


def test_one_failing_host_ends_all_and_tells_why(make_home: MakeHome) -> None:
    """Its failure file and exit code are the job's; the others get SIGTERM, and their codes count for nothing."""
    home = make_home(second_fails)
    home.engine.auto_advance = True
    submit(home)
    job = home.run("job-1")

    assert (SecondaryStatus.FAILED, 3) == (job.status, job.exit_code)
    assert "AlgorithmError: no such column: y, exit code: 3" == job.failure_reason
    assert {"algo-1": ["SIGTERM"], "algo-2": []} == {
        one.spec.labels[HOST_LABEL]: one.signals for one in home.engine.removed
    }


def test_a_host_that_does_not_obey_is_killed(make_home: MakeHome) -> None:
    """Or a peer that waits for the lost one would keep the job for ever."""
    home = make_home(second_fails_first_is_deaf)
    home.engine.auto_advance = True
    submit(home)
    job = home.run("job-1")

    assert (SecondaryStatus.FAILED, 3) == (job.status, job.exit_code)
    assert ["SIGTERM", "SIGKILL"] == next(
        one.signals for one in home.engine.removed if one.spec.labels[HOST_LABEL] == "algo-1"
    )


def test_a_killed_host_costs_the_job_an_attempt(make_home: MakeHome) -> None:
    """All of them start again; the peers of the killed one were ended by us, which counts for nothing."""
    home = make_home(both_train)
    submit(home)
    home.controller.step()
    second = next(one for one in home.engine.containers({}) if one.labels[HOST_LABEL] == "algo-2")
    home.engine.signal(second.container_id, "SIGKILL")
    home.engine.auto_advance = True
    job = home.run("job-1")

    assert (SecondaryStatus.COMPLETED, 0, 1) == (job.status, job.exit_code, job.losses)
    assert [LossCause.CONTAINER_KILLED] == [loss.cause for loss in home.store.losses("job-1")]


def test_a_stop_reaches_all_hosts(make_home: MakeHome) -> None:
    """And what they leave is kept."""
    home = make_home(second_fails)
    submit(home)
    home.controller.step()
    home.store.request_stop("job-1", StopReason.USER, now=home.clock())

    assert SecondaryStatus.STOPPED is home.run("job-1").status
    assert [["SIGTERM"], ["SIGTERM"]] == [one.signals for one in home.engine.removed]


def test_a_new_process_adopts_all_hosts(make_home: MakeHome) -> None:
    """No line is lost or counted twice."""
    home = make_home(both_train)
    submit(home)
    home.controller.step()
    home.restart()
    home.engine.auto_advance = True
    job = home.run("job-1")
    folder = JobFolder(home.profile.job_folder("job-1"))

    assert (SecondaryStatus.COMPLETED, 1) == (job.status, job.metrics["validation:accuracy"].count)
    assert ["I am algo-1", "validation: accuracy=0.5"] == folder.log("algo-1").read_text().splitlines()


def test_where_a_host_vanished_while_nobody_watched_all_start_again(make_home: MakeHome) -> None:
    """The job cannot be whole any more with the others as they are."""
    home = make_home(both_train)
    submit(home)
    home.controller.step()
    second = next(one for one in home.engine.containers({}) if one.labels[HOST_LABEL] == "algo-2")
    home.restart()
    home.engine.remove(second.container_id)
    home.engine.auto_advance = True
    job = home.run("job-1")

    assert (SecondaryStatus.COMPLETED, 1) == (job.status, job.losses)
    assert 4 == len(home.engine.removed)
    assert ((), ()) == (home.engine.containers({}), home.engine.networks({}))


def test_files_of_one_name_are_told(make_home: MakeHome) -> None:
    """Which of them the service would keep is undefined, so the owner should know."""

    def same_name(run: FakeContainer) -> None:
        run.write("/opt/ml/model/model.bin", me(run))

    home = make_home(same_name)
    submit(home)
    home.run("job-1")
    folder = JobFolder(home.profile.job_folder("job-1"))

    with tarfile.open(folder.model_artifact) as tar:
        assert [b"algo-1"] == [tar.extractfile(member).read() for member in tar]  # type: ignore[union-attr]
    assert [True] == [
        "several hosts wrote model.bin to /opt/ml/model" in text
        for text in home.store.warnings("job-1")
        if "several" in text
    ]


def test_a_channel_is_given_to_the_groups_that_it_names(make_home: MakeHome, tmp_path: Path) -> None:
    """And what is sharded is shared among those."""
    data = tmp_path / "data"
    data.mkdir()
    for name in "abcd":
        (data / name).touch()
    sharded = channel("training", data)
    sharded["DataSource"]["S3DataSource"] |= {
        "S3DataDistributionType": "ShardedByS3Key",
        "InstanceGroupNames": ["loaders"],
    }
    home = make_home(both_train)
    submit(home, ResourceConfig=GROUPS, InputDataConfig=[sharded, channel("test", data)])
    home.controller.step()
    folder = JobFolder(home.profile.job_folder("job-1"))
    given = {
        host: sorted(json.loads(folder.host(host).opt_ml.input_data_config.read_text()))
        for host in ("algo-1", "algo-2", "algo-3")
    }
    shares = {
        host: sorted(path.name for path in folder.host(host).opt_ml.channel("training").iterdir())
        for host in ("algo-1", "algo-2")
    }

    assert {"algo-1": ["test", "training"], "algo-2": ["test", "training"], "algo-3": ["test"]} == given
    assert {"algo-1": ["a", "c"], "algo-2": ["b", "d"]} == shares


def test_gpus_are_given_to_each_host_as_its_type_has(make_home: MakeHome) -> None:
    """One lease for the whole job, in parts."""
    home = make_home(both_train, ("GPU-a", "GPU-b", "GPU-c"))
    home.store.create_training_job(
        training_request(ResourceConfig={"InstanceType": "ml.g5.xlarge", "InstanceCount": 2}),
        now=home.clock(),
        gpu_count=2,
    )
    home.controller.step()

    assert [("GPU-a",), ("GPU-b",)] == [
        home.engine.container(one.container_id).spec.gpu_ids for one in home.engine.containers({})
    ]
