"""What a hostile image gets at from inside its container, and how the host and other jobs are afterwards.

The attacker is a shell script, so that what it tries can be read here. It prints what it got; limits are small, so that
an attack that would succeed hurts no machine. docs/isolation.md has the items, and what is not protected from.
"""

import json
import os
import socket
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import docker
import pytest
from command_line import CommandLine, write_job
from engine_conformance import eventually, lines, run, unique_name
from job_requests import training_request
from shell_image import ShellAlgorithm

from tuner.engine.docker_engine import DockerEngine
from tuner.engine.protocol import ContainerSpec, ContainerStatus, Mount
from tuner.profile import IsolationItem

pytestmark = [pytest.mark.docker, pytest.mark.every_engine]

Create = Callable[..., str]


@pytest.fixture
def create(engine: DockerEngine, run_labels: Mapping[str, str]) -> Create:
    """Creates a container of an image, as jobs are created, and returns its id."""

    def create(image: str, **settings: object) -> str:
        defaults = {"name": unique_name(), "arguments": ("train",), "environment": {}, "labels": run_labels}
        return engine.create(ContainerSpec(image=image, **(defaults | settings)))  # type: ignore[arg-type]

    return create


@pytest.fixture
def bystander(engine: DockerEngine, create: Create, shell_algorithm: ShellAlgorithm) -> str:
    """A job of somebody else that listens on a port and waits; it has to be there afterwards."""
    container_id = create(shell_algorithm("exec nc -ll -p 7777 -e echo secret"))
    engine.start(container_id)
    return container_id


def loot(engine: DockerEngine, container_id: str) -> list[str]:
    """The lines that an attacker printed until its end, however it ended."""
    run(engine, container_id)
    return "".join(text for _, text in lines(engine.frames(container_id, follow=False))).splitlines()


def is_well(engine: DockerEngine, container_id: str) -> bool:
    """Whether a container still runs and answers."""
    return engine.state(container_id).status is ContainerStatus.RUNNING


def address_of(engine: DockerEngine, container_id: str) -> tuple[str, str]:
    """The address of a container and of its gateway, which is this host, as nobody tells an attacker."""
    with closing(docker.APIClient(base_url=engine.host)) as api:
        networks = api.inspect_container(container_id)["NetworkSettings"]["Networks"]
    for network in networks.values():
        return network["IPAddress"], network["Gateway"]
    return "169.254.0.100", "169.254.0.2"  # Podman: each has these, in a network stack of its own


#: Each line is one attempt; what works says so, and what it got.
LOOKS_AROUND = """
exec 2>/dev/null
cat /opt/ml/input/word
echo changed > /opt/ml/input/word && echo "changed the input"
mount -o remount,rw /opt/ml/input && echo "mounted the input anew"
mount -t tmpfs none /mnt && echo "mounted something"
mknod /tmp/disk b 254 0 && echo "made a disk"
mknod /tmp/memory c 1 1 && echo "made a device"
[ -e /var/run/docker.sock ] && echo "there is the engine's socket"
[ -e "$SECRET" ] && echo "there is the host's $SECRET"
cat "/opt/ml/model/../../../$SECRET" && echo "climbed out"
cat "/proc/1/root/$SECRET" && echo "went through /proc"
echo 1 > /proc/sys/kernel/panic && echo "changed the kernel"
echo b > /proc/sysrq-trigger && echo "rebooted the host"
hostname stolen && echo "changed the host's name"
[ -n "$(head -c 1 /proc/kcore)" ] && echo "read the kernel's memory"
chroot / true || echo "no chroot"
echo "end"
"""


def test_an_attacker_sees_no_files_of_the_host(
    engine: DockerEngine, create: Create, shell_algorithm: ShellAlgorithm, bystander: str, tmp_path: Path
) -> None:
    """It reads what it was given, and changes nothing of it; root in there is not root out here."""
    given, secret = tmp_path / "input", tmp_path / "secret"
    given.mkdir()
    (given / "word").write_text("given\n")
    secret.write_text("secret\n")
    mounts = (
        Mount(source=given, target="/opt/ml/input", read_only=True),
        Mount(source=tmp_path / "input", target="/opt/ml/model", read_only=True),
    )
    found = loot(engine, create(shell_algorithm(LOOKS_AROUND), mounts=mounts, environment={"SECRET": str(secret)}))

    assert ["given", "end"] == found
    assert "given\n" == (given / "word").read_text()
    assert is_well(engine, bystander)


#: Asks everybody whose address it can think of; what is there at the metadata's address is the attacker itself.
CALLS_AROUND = """
exec 2>/dev/null
nc -ll -p 80 -e echo "talked to itself" &
echo "bystander: $(nc -w 2 $BYSTANDER 7777 </dev/null)"
for port in $LOOPBACK 2375 2376 $PUBLISHED; do echo "host: $(nc -w 1 $HOST $port </dev/null)"; done
echo "metadata: $(nc -w 2 169.254.169.254 80 </dev/null)"
echo "credentials: $(nc -w 1 169.254.170.2 80 </dev/null)"
ip link add dummy0 type dummy && echo "made an interface"
ping -c 1 -W 1 $BYSTANDER >/dev/null && echo "sent raw packets"
kill $!
"""


def test_an_attacker_reaches_neither_other_jobs_nor_what_listens_on_the_hosts_loopback(
    engine: DockerEngine, create: Create, shell_algorithm: ShellAlgorithm, bystander: str
) -> None:
    """Neither the service of this home, nor a model that is served, nor the engine, nor the cloud's credentials."""
    served = create(shell_algorithm("exec nc -ll -p 8080 -e echo served"), published_ports={8080: 0})
    engine.start(served)
    with socket.create_server(("127.0.0.1", 0)) as service:
        address, host = address_of(engine, bystander)
        environment = {
            "BYSTANDER": address,
            "HOST": host,
            "LOOPBACK": str(service.getsockname()[1]),
            "PUBLISHED": str(engine.address(served, 8080).port),
        }
        found = loot(engine, create(shell_algorithm(CALLS_AROUND), environment=environment))

    # Docker gives the container the address itself; on Podman nobody has it.
    metadata = "" if engine.facts().is_podman else "talked to itself"
    assert ["bystander: ", *["host: "] * 4, f"metadata: {metadata}", "credentials: "] == found
    assert is_well(engine, bystander)
    assert is_well(engine, served)


def test_a_fork_bomb_ends_where_it_was_lit(
    engine: DockerEngine, create: Create, shell_algorithm: ShellAlgorithm, bystander: str
) -> None:
    """The others, and this process, start programs as before."""
    if not engine.facts().limits_processes:  # nothing would hold it; the doctor warns, and this machine is not tried
        assert engine.facts().is_rootless
        return
    bomb = create(shell_algorithm("bomb() { bomb | bomb & }; bomb; sleep 1; exit 3"), pids_limit=64)
    engine.start(bomb)
    eventually(lambda: engine.state(bomb).status is ContainerStatus.EXITED)

    assert os.system("true") == 0
    assert is_well(engine, bystander)


def test_who_takes_all_memory_is_ended_alone(
    engine: DockerEngine, create: Create, shell_algorithm: ShellAlgorithm, bystander: str
) -> None:
    """By its limit; without one of its own a container has a share of the machine, and ends before others do."""
    greedy = create(shell_algorithm("exec tail /dev/zero"), memory_bytes=16 * 2**20)
    unlimited = create(shell_algorithm("cat /proc/self/oom_score_adj"))
    with closing(docker.APIClient(base_url=engine.host)) as api:
        limits = api.inspect_container(unlimited)["HostConfig"]
    if engine.facts().limits_memory:
        engine.start(greedy)
        eventually(lambda: engine.state(greedy).status is ContainerStatus.EXITED)

        assert engine.state(greedy).oom_killed
        assert 0 < limits["Memory"] == limits["MemorySwap"] < engine.facts().memory_bytes
    else:  # rootless, and systemd has delegated nothing: no limit is pretended, and this machine is not tried
        assert engine.state(greedy).memory_limit_bytes is None
    assert ["500"] == loot(engine, unlimited)
    assert is_well(engine, bystander)


#: Plants links to the host's file at each place that is read after its end; DIRECTORY is one of the host's folders.
PLANTS = r"""
cd /opt/ml/model
ln -s "$SECRET" leak; ln -s "$(dirname $SECRET)" folder; ln -s /opt/ml/model/weights inside
mkfifo pipe; echo mine > weights; ln weights again; chmod 6755 weights
touch "$(printf 'two\nlines')" "$(printf 'no\377text')" '..x' ' '
rm -rf /opt/ml/output/data; ln -s "$(dirname $SECRET)" /opt/ml/output/data
ln -s "$SECRET" /opt/ml/output/failure
printf '\033[2J\033]0;stolen\007validation: accuracy=0.5\n'
exit 1
"""


def test_planted_links_and_pipes_lead_nowhere(
    shell_algorithm: ShellAlgorithm, engine: DockerEngine, bystander: str, home: Path, tmp_path: Path
) -> None:
    """The model is packed without the host's file, the failure is not read from it, and nobody waits for a pipe."""
    secret = tmp_path / "host" / "secret"
    secret.parent.mkdir()
    secret.write_text("secret of the host")
    request = training_request(image=shell_algorithm(PLANTS), Environment={"SECRET": str(secret)})
    algodock = CommandLine(home, {"ALGODOCK_GPUS": ""})
    ran = algodock.run("train", write_job(tmp_path / "job.yaml", request))
    shown = json.dumps(algodock.summary("job-1"))
    output = home / "jobs" / "job-1" / "output"
    with tarfile.open(output / "model.tar.gz") as tar:
        packed = {os.fsencode(member.name): member for member in tar}

    assert {
        *(b"leak", b"folder", b"inside", b"weights", b"again", b"..x", b" "),
        *(b"two\nlines", b"no\xfftext"),
    } == set(packed)
    assert packed[b"leak"].issym()
    assert 0o755 == next(member.mode for member in packed.values() if member.isreg() and member.size)
    assert [output / "model.tar.gz"] == list(output.iterdir())
    assert "secret of the host" not in shown + ran.stdout + ran.stderr
    assert "lead out of it: folder, leak" in shown
    assert "\x1b]0;stolen" not in ran.stdout + ran.stderr
    assert is_well(engine, bystander)


@pytest.fixture
def lenient(engine: DockerEngine) -> Iterator[DockerEngine]:
    """The same engine for a profile that switches everything off."""
    with DockerEngine(engine.host, isolation_off=tuple(IsolationItem)) as other:
        yield other


def test_an_image_that_needs_it_gets_the_engines_own_way(
    lenient: DockerEngine, shell_algorithm: ShellAlgorithm, run_labels: Mapping[str, str]
) -> None:
    """What the profile switches off is off; new privileges are out of reach all the same."""
    script = "grep -e CapEff -e NoNewPrivs /proc/self/status | cut -f 2; mknod /tmp/null c 1 3 && echo made; ip -4 addr"
    spec = ContainerSpec(
        name=unique_name(), image=shell_algorithm(script), arguments=("train",), environment={}, labels=run_labels
    )
    found = loot(lenient, lenient.create(spec))

    capabilities, *others = found
    # Which ones Podman gives is a matter of its configuration; all of them are more than ours.
    assert int(capabilities, 16) > 0x404FB if lenient.facts().is_podman else capabilities == "00000000a80425fb"
    assert ["1", "made"] == others[:2] or lenient.facts().is_podman
    assert not any("169.254" in line for line in found)
