"""A process that feeds is killed at any instant, and the next one knows whether an epoch was torn."""

import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fifo_readers import FifoReader, read_epoch
from markdown_pages import ROOT

from contracts.channels import Channel, InputMode
from contracts.paths import OptMlLayout
from tuner.channels.feeds import ChannelFeeds

#: Feeds until it is killed; says when it has begun.
PROGRAM = """
import sys, threading
from pathlib import Path
from contracts.channels import Channel, InputMode
from contracts.paths import OptMlLayout
from tuner.channels.feeds import ChannelFeeds
root = Path(sys.argv[1])
channel = Channel(name="train", uri=f"file://{root}/objects", input_mode=InputMode.PIPE)
ChannelFeeds([channel], OptMlLayout(root), root / "feeds", threading.Event()).start()
print("feeding", flush=True)
threading.Event().wait()
"""

#: Either most of the time goes into beginnings and ends, which are the delicate part, or into the middle.
CONTENTS = (b"an epoch of a few bytes", bytes(20_000_000))


@pytest.fixture
def content(request: pytest.FixtureRequest) -> bytes:
    """What an epoch is."""
    return bytes(request.param)


@pytest.fixture
def feeder(tmp_path: Path, content: bytes) -> Iterator["subprocess.Popen[str]"]:
    """A process that feeds the channel ``train`` in `tmp_path`."""
    (tmp_path / "objects").mkdir()
    (tmp_path / "objects" / "one").write_bytes(content)
    OptMlLayout(tmp_path).data.mkdir(parents=True)
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert "feeding\n" == process.stdout.readline()
        yield process
        process.kill()


def read_until_it_is_dead(layout: OptMlLayout, process: "subprocess.Popen[str]") -> list[bytes]:
    """What a reader got of each epoch, the last one perhaps torn."""
    epochs: list[bytes] = []
    while True:
        fifo = layout.channel_fifo("train", len(epochs))
        while not fifo.is_fifo():
            if process.poll() is not None:
                return epochs
        reader = FifoReader(fifo)
        while reader.has_nothing_now:
            if process.poll() is not None and reader.has_nothing_now:
                reader.close()
                return epochs
        epochs.append(reader.read_all())
        reader.close()


@pytest.mark.parametrize("content", CONTENTS, ids=["short", "long"], indirect=True)
@pytest.mark.parametrize("seed", range(6))
def test_whenever_it_is_killed_a_torn_epoch_is_known_and_another_goes_on(
    tmp_path: Path, feeder: "subprocess.Popen[str]", content: bytes, seed: int
) -> None:
    """No reader takes a torn epoch for a whole one; where none was torn, the next process gives the next epoch."""
    layout = OptMlLayout(tmp_path)
    delay = random.Random(seed).uniform(0.005, 0.1)
    killer = threading.Timer(delay, feeder.kill)
    killer.start()
    epochs = read_until_it_is_dead(layout, feeder)
    killer.join()
    channel = Channel(name="train", uri=f"file://{tmp_path}/objects", input_mode=InputMode.PIPE)
    later = ChannelFeeds([channel], layout, tmp_path / "feeds", threading.Event())
    later.start()
    if later.torn is None:
        assert {content} >= set(epochs)
        assert content == read_epoch(layout.channel_fifo("train", len(epochs)))
    later.close()

    assert {content} >= set(epochs[:-1])
    assert later.problem is None
