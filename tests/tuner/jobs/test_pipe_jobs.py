"""Jobs with Pipe channels from request to outcome: a fake engine, real FIFOs, real threads."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fifo_readers import FifoReader, read_epoch, wait_for
from home_of_fakes import HomeOfFakes
from job_requests import channel, training_request

from contracts.jobs import SecondaryStatus, StopReason
from contracts.outcome import LossCause
from tuner.engine.fake_container import FakeContainer, Program
from tuner.jobs.folder import JobFolder
from tuner.store.records import TrainingJobRecord

LONG = bytes(3_000_000)

MakeHome = Callable[[Program], HomeOfFakes]


@pytest.fixture
def make_home(tmp_path: Path) -> Iterator[MakeHome]:
    """Opens a home, and closes it after the test."""
    opened: list[HomeOfFakes] = []

    def make(program: Program) -> HomeOfFakes:
        opened.append(HomeOfFakes(tmp_path / "home", {"image": program}))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def submit(home: HomeOfFakes, folder: Path, **members: Any) -> JobFolder:
    """Record a job whose channel ``train`` is the two files of `folder`; return the job's folder."""
    folder.mkdir(exist_ok=True)
    (folder / "a").write_bytes(LONG)
    (folder / "b").write_bytes(b"end")
    entry = channel("train", folder, InputMode="Pipe", **members)
    home.store.create_training_job(training_request("job", InputDataConfig=[entry]), now=home.clock(), gpu_count=0)
    return JobFolder(home.profile.job_folder("job"))


def reads_two_epochs(run: FakeContainer) -> Iterator[None]:
    """Reads two epochs, one a step, and says how long they were."""
    for epoch in range(2):
        yield
        run.print(f"{len(read_epoch(run.path(f'/opt/ml/input/data/train_{epoch}')))} bytes")


def run_again(home: HomeOfFakes) -> TrainingJobRecord:
    """Run the job to its end, after a loss."""
    home.step_until(lambda: home.store.training_job("job").losses == 1)
    home.engine.auto_advance = True
    return home.run("job")


class ReadsHalf:
    """A program that reads the beginning of an epoch, and keeps it open as long as it runs; later ones read all."""

    def __init__(self) -> None:
        self.reader: FifoReader | None = None

    def __call__(self, run: FakeContainer) -> Iterator[None]:
        """Read a little, then be busy; where that was done before, read two epochs."""
        if self.reader is not None:
            yield from reads_two_epochs(run)
            return
        yield
        self.reader = FifoReader(run.path("/opt/ml/input/data/train_0"))
        self.reader.read(10)
        while True:
            yield

    def close(self) -> None:
        """End, as a container does that is killed."""
        if self.reader is not None:
            self.reader.close()


@pytest.fixture
def reads_half() -> Iterator[ReadsHalf]:
    """The program, which is closed with the test."""
    program = ReadsHalf()
    yield program
    program.close()


def test_a_job_reads_its_epochs_and_leaves_no_fifo(make_home: MakeHome, tmp_path: Path) -> None:
    """The first is there when the container starts."""
    home = make_home(reads_two_epochs)
    folder = submit(home, tmp_path / "data")
    home.controller.step()
    assert folder.host().opt_ml.channel_fifo("train", 0).is_fifo()
    home.engine.auto_advance = True
    job = home.run("job")

    assert SecondaryStatus.COMPLETED is job.status, job.failure_reason
    assert "3000003 bytes\n3000003 bytes\n" == folder.log().read_text()
    assert not list(folder.host().opt_ml.data.iterdir())


def test_a_job_between_two_epochs_goes_on_in_a_later_process(make_home: MakeHome, tmp_path: Path) -> None:
    """Nothing is torn, so nothing fails."""
    home = make_home(reads_two_epochs)
    folder = submit(home, tmp_path / "data")
    home.controller.step()
    home.engine.container(home.container_of("job")).advance()
    wait_for(folder.host().opt_ml.channel_fifo("train", 1).is_fifo, "the second epoch")
    home.restart()
    home.controller.step()  # adopts it
    home.engine.auto_advance = True

    assert SecondaryStatus.COMPLETED is home.run("job").status
    assert "3000003 bytes\n3000003 bytes\n" == folder.log().read_text()


def test_a_job_whose_epoch_was_torn_by_the_death_of_the_process_starts_again(
    make_home: MakeHome, reads_half: ReadsHalf, tmp_path: Path
) -> None:
    """The container could not know; it is not left to train on half an epoch, its log is kept, and goes on."""
    home = make_home(reads_half)
    folder = submit(home, tmp_path / "data")
    home.controller.step()
    container = home.engine.container(home.container_of("job"))
    container.print("at work")
    container.advance()
    home.restart()
    job = run_again(home)

    assert SecondaryStatus.COMPLETED is job.status
    (loss,) = home.store.losses("job")
    assert LossCause.EPOCH_TORN is loss.cause
    assert loss.reason.startswith("the process that fed Pipe channel 'train' ended in the middle of epoch 0")
    assert ["SIGKILL"] == container.signals
    assert "at work\n3000003 bytes\n3000003 bytes\n" == folder.log().read_text()
    assert not home.engine.containers({})


def test_a_container_that_took_half_an_epoch_for_all_of_it_is_not_completed(
    make_home: MakeHome, reads_half: ReadsHalf, tmp_path: Path
) -> None:
    """It ended well by its own account, while nobody was watching."""
    home = make_home(reads_half)
    submit(home, tmp_path / "data")
    home.controller.step()
    container = home.engine.container(home.container_of("job"))
    container.advance()
    home.close()
    container.end(0)
    home.restart()

    assert SecondaryStatus.COMPLETED is run_again(home).status
    assert [LossCause.EPOCH_TORN] == [loss.cause for loss in home.store.losses("job")]


def test_a_job_that_is_to_stop_is_stopped_torn_or_not(
    make_home: MakeHome, reads_half: ReadsHalf, tmp_path: Path
) -> None:
    """What was asked for decides first."""
    home = make_home(reads_half)
    submit(home, tmp_path / "data")
    home.controller.step()
    container = home.engine.container(home.container_of("job"))
    container.on_signal("SIGTERM", lambda: 0)
    container.advance()
    home.store.request_stop("job", StopReason.USER, now=home.clock())
    home.restart()

    assert SecondaryStatus.STOPPED is home.run("job").status
    assert ["SIGTERM"] == container.signals


def test_a_file_that_cannot_be_read_fails_the_job_with_its_path(make_home: MakeHome, tmp_path: Path) -> None:
    """The container waits for the rest of the epoch, so it is ended."""
    home = make_home(reads_two_epochs)
    folder = submit(home, tmp_path / "data", CompressionType="Gzip")
    home.controller.step()
    container = home.engine.container(home.container_of("job"))
    reader = FifoReader(folder.host().opt_ml.channel_fifo("train", 0))
    job = home.run("job")
    reader.close()

    assert SecondaryStatus.FAILED is job.status
    assert job.failure_reason.startswith(f"ClientError: channel 'train': {tmp_path}/data/a is no whole gzip file")
    assert ["SIGKILL"] == container.signals


def test_a_folder_that_has_gone_since_the_job_was_taken_fails_it(make_home: MakeHome, tmp_path: Path) -> None:
    """A trial may begin days after its job was checked."""
    home = make_home(reads_two_epochs)
    submit(home, tmp_path / "data")
    shutil.rmtree(tmp_path / "data")

    assert f"ClientError: channel 'train': {tmp_path}/data: No such file or directory" == home.run("job").failure_reason
