"""A check that is given up, by any of three signals, leaves no container, network or folder behind: real containers."""

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from command_line import CommandLine, finish, wait_until
from shell_image import ShellAlgorithm

from tuner.engine.docker_engine import DockerEngine
from tuner.engine.protocol import HOME_LABEL, ContainerStatus

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

#: Alone it is quick; beside another host, or asked to serve, it goes on for ever and heeds no SIGTERM.
SCRIPT = """
trap '' TERM
if grep -q algo-2 /opt/ml/input/config/resourceconfig.json 2>/dev/null || [ "$1" = serve ]; then
  while :; do sleep 1; done
fi
echo "accuracy=0.5" > /opt/ml/model/weights
"""
ENTRY_POINT = 'ENTRYPOINT ["/usr/local/bin/train"]'
TWO_HOSTS = ("--train", "--claim", "hosts", "--only", "TRAIN-DIST-HOSTS")
SERVING = ("--serve", "--only", "SERVE-PING-200")


class GivenUp(NamedTuple):
    """What is checked, how many containers are awaited, and the signal that is sent then."""

    number: signal.Signals
    arguments: Sequence[str]
    containers: int


@pytest.mark.parametrize(
    "given_up",
    [GivenUp(signal.SIGTERM, TWO_HOSTS, 2), GivenUp(signal.SIGHUP, SERVING, 1), GivenUp(signal.SIGINT, SERVING, 1)],
    ids=lambda given_up: given_up.number.name,
)
def test_a_check_that_is_given_up_leaves_nothing_behind(
    engine: DockerEngine, home: Path, shell_algorithm: ShellAlgorithm, given_up: GivenUp
) -> None:
    """A CI job that is cancelled sends SIGTERM, soon a second one; a terminal that closes SIGHUP; Ctrl-C SIGINT."""
    ours = {HOME_LABEL: str(home)}
    command = ("check", shell_algorithm(SCRIPT, ENTRY_POINT), "--jobs", "2", *given_up.arguments)

    def under_way() -> bool:
        return [one.status for one in engine.containers(ours)].count(ContainerStatus.RUNNING) == given_up.containers

    previous = signal.signal(given_up.number, signal.SIG_DFL)  # a signal that was ignored would be by the command, too
    try:
        with CommandLine(home, {"ALGODOCK_GPUS": ""}).start(*command) as process:
            wait_until(under_way, f"{given_up.containers} containers")
            process.send_signal(given_up.number)
            process.send_signal(given_up.number)
            ended = finish(process)
    finally:
        signal.signal(given_up.number, previous)

    assert 130 == ended.returncode, ended.stderr
    assert "The check was given up." in ended.stderr
    assert ((), ()) == (tuple(engine.containers(ours)), tuple(engine.networks(ours)))
    assert [] == list((home / "checks").iterdir())
