"""Channels in real containers that have nothing but a shell: what arrives, byte for byte."""

import gzip
import hashlib
import json
import os
import signal
import struct
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine, finish, wait_until, write_job
from job_requests import channel, training_request, tuning_request
from shell_image import ShellAlgorithm

from tuner.engine.docker_engine import DockerEngine
from tuner.engine.protocol import HOME_LABEL

pytestmark = pytest.mark.docker

#: Waits for the FIFO of an epoch, as the contract asks.
WAIT = """
cd /opt/ml/input/data
wait_for() { while [ ! -p "$1" ]; do sleep 0.05; done; }
"""

THREE_EPOCHS = """
for epoch in 0 1 2; do
  wait_for "train_$epoch"
  echo "epoch $epoch $(cat "train_$epoch" | md5sum | cut -d' ' -f1)"
done
"""

#: Reads a little of the first epoch, says so, and reads the rest as soon as it may; ends well whatever it has read.
STOPS_IN_THE_MIDDLE = """
exec 3< train_0
dd bs=1000 count=1 <&3 > /dev/null 2>&1
echo "in the middle"
while [ ! -e flag/go ]; do sleep 0.05; done
cat <&3 | wc -c
"""

#: Reads one epoch, says so, and reads the next as soon as it may.
STOPS_BETWEEN = """
echo "epoch 0 $(cat train_0 | wc -c)"
while [ ! -e flag/go ]; do sleep 0.05; done
wait_for train_1
echo "epoch 1 $(cat train_1 | wc -c)"
"""


@pytest.fixture
def algodock(home: Path) -> CommandLine:
    """The command, with a home of its own; these images need no GPU, whatever the machine has."""
    return CommandLine(home, {"ALGODOCK_GPUS": ""})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two objects, together longer than a pipe holds."""
    made = tmp_path / "my data"
    made.mkdir()
    (made / "a").write_bytes(os.urandom(2_500_000))
    (made / "b.part").write_bytes(b"the end\n")
    return made


def pipe(folder: Path, name: str = "train", **members: Any) -> dict[str, Any]:
    """A Pipe channel."""
    return channel(name, folder, InputMode="Pipe", **members)


def train(algodock: CommandLine, tmp_path: Path, image: str, *channels: dict[str, Any]) -> str:
    """Run a job to its end; return its log."""
    job = write_job(tmp_path / "job.yaml", training_request("job", image=image, InputDataConfig=list(channels)))
    run = algodock.run("train", job)

    assert 0 == run.returncode, run.stdout + run.stderr
    return (algodock.home / "jobs" / "job" / "logs" / "algo-1.log").read_text()


def md5(*contents: bytes) -> str:
    """What ``md5sum`` says of all of them together."""
    return hashlib.md5(b"".join(contents)).hexdigest()


def test_three_epochs_of_a_pipe_arrive_byte_for_byte(
    algodock: CommandLine, shell_algorithm: ShellAlgorithm, folder: Path, tmp_path: Path
) -> None:
    """Through FIFOs that appear in a read-only mount one after the other; none is left afterwards."""
    log = train(algodock, tmp_path, shell_algorithm(WAIT + THREE_EPOCHS), pipe(folder))
    whole = md5((folder / "a").read_bytes(), b"the end\n")

    assert [f"epoch {epoch} {whole}" for epoch in range(3)] == log.splitlines()
    assert not list((algodock.home / "jobs" / "job" / "algo-1" / "opt" / "ml" / "input" / "data").iterdir())


def test_a_reader_that_is_not_root_closes_early_and_gets_the_next_epoch_whole(
    algodock: CommandLine, shell_algorithm: ShellAlgorithm, folder: Path, tmp_path: Path
) -> None:
    """Closing is no error; and a container can write nothing beside its FIFOs."""
    script = 'touch x 2>/dev/null || echo "read-only"; head -c 9 train_0 | wc -c; wait_for train_1; wc -c < train_1'
    log = train(algodock, tmp_path, shell_algorithm(WAIT + script, "USER 65534"), pipe(folder))

    assert ["read-only", "9", "2500008"] == log.split()


def test_gzip_recordio_and_shuffle_go_together(
    algodock: CommandLine, shell_algorithm: ShellAlgorithm, tmp_path: Path
) -> None:
    """Each object one record, unpacked, in another order in another epoch, and the same again in another job."""
    folder = tmp_path / "data"
    folder.mkdir()
    for letter in "abcdefgh":
        (folder / letter).write_bytes(gzip.compress(letter.encode()))
    members: dict[str, Any] = {
        "CompressionType": "Gzip",
        "RecordWrapperType": "RecordIO",
        "ShuffleConfig": {"Seed": 11},
    }
    image = shell_algorithm(WAIT + "for n in 0 1; do wait_for train_$n; cat train_$n > /opt/ml/model/$n; done")
    train(algodock, tmp_path, image, pipe(folder, **members))
    model = algodock.home / "jobs" / "job" / "algo-1" / "opt" / "ml" / "model"
    first, second = ((model / epoch).read_bytes() for epoch in "01")

    assert first != second
    for epoch in (first, second):
        records = [epoch[place : place + 12] for place in range(0, len(epoch), 12)]
        assert sorted(records) == [struct.pack("<II4s", 0xCED7230A, 1, bytes([letter])) for letter in b"abcdefgh"]


def test_an_augmented_manifest_gives_its_attributes_in_order(
    algodock: CommandLine, shell_algorithm: ShellAlgorithm, tmp_path: Path
) -> None:
    """Bytes of what is referred to, JSON text of the rest."""
    (tmp_path / "1.txt").write_text("first")
    lines = ({"label": 1, "source-ref": "file://1.txt"}, {"source-ref": "file://1.txt", "label": {"cat": 0.50}})
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    entry = pipe(tmp_path / "m.jsonl")
    source = entry["DataSource"]["S3DataSource"]
    source.update(S3DataType="AugmentedManifestFile", AttributeNames=["source-ref", "label"])
    log = train(algodock, tmp_path, shell_algorithm(WAIT + "cat train_0; echo"), entry)

    assert log == 'first1first{"cat": 0.5}\n'


def test_two_trials_read_the_same_channel_at_the_same_time(
    algodock: CommandLine, shell_algorithm: ShellAlgorithm, folder: Path, tmp_path: Path
) -> None:
    """Each has FIFOs of its own."""
    script = WAIT + 'echo "validation: accuracy=$(wc -c < train_0)"'
    request = tuning_request(image=shell_algorithm(script), jobs=4, InputDataConfig=[pipe(folder)])
    run = algodock.run("tune", write_job(tmp_path / "job.yaml", request), "--json")

    logs = [path.read_text() for path in (algodock.home / "jobs").glob("*/logs/algo-1.log")]

    assert 0 == run.returncode, run.stdout + run.stderr
    assert 4 * ["validation: accuracy=2500008\n"] == logs


def test_a_job_whose_feeding_process_was_killed_in_the_middle_of_an_epoch_starts_again(
    algodock: CommandLine, shell_algorithm: ShellAlgorithm, engine: DockerEngine, folder: Path, tmp_path: Path
) -> None:
    """The container ends well, for half an epoch ends like a whole one; the next container reads all of it."""
    image = shell_algorithm(WAIT + STOPS_IN_THE_MIDDLE)
    kill_when_it_says(algodock, tmp_path, image, folder, "in the middle")
    log = train(algodock, tmp_path, image, pipe(folder), flag(tmp_path))

    assert "in the middle" == log.splitlines()[0]
    assert ["in the middle", "2499008"] == log.splitlines()[-2:]
    assert any(
        warning.startswith("attempt 1 was lost: the process that fed Pipe channel 'train' ended in the middle of epoch")
        for warning in algodock.summary("job")["warnings"]
    )
    assert [] == list(engine.containers({HOME_LABEL: str(algodock.home)}))


def test_a_job_whose_feeding_process_was_killed_between_two_epochs_goes_on(
    algodock: CommandLine, shell_algorithm: ShellAlgorithm, folder: Path, tmp_path: Path
) -> None:
    """Nothing was torn."""
    image = shell_algorithm(WAIT + STOPS_BETWEEN)
    kill_when_it_says(algodock, tmp_path, image, folder, "epoch 0")
    log = train(algodock, tmp_path, image, pipe(folder), flag(tmp_path))

    assert ["epoch 0 2500008", "epoch 1 2500008"] == log.splitlines()


def test_a_command_whose_job_is_done_feeds_others_to_the_end_of_their_epoch(
    algodock: CommandLine, shell_algorithm: ShellAlgorithm, folder: Path, tmp_path: Path
) -> None:
    """The second job is fed by the command of the first; then its own command takes over, and nothing is torn."""
    short = shell_algorithm("while [ ! -e /opt/ml/input/data/flag/short ]; do sleep 0.05; done")
    reads = shell_algorithm(WAIT + STOPS_IN_THE_MIDDLE + "wait_for train_1; wc -c < train_1")
    first = write_job(tmp_path / "1.yaml", training_request("first", image=short, InputDataConfig=[flag(tmp_path)]))
    channels = [pipe(folder), flag(tmp_path)]
    second = write_job(tmp_path / "2.yaml", training_request("second", image=reads, InputDataConfig=channels))
    log = algodock.home / "jobs" / "second" / "logs" / "algo-1.log"
    with algodock.start("train", first) as one:
        wait_until((algodock.home / "jobs" / "first" / "logs" / "algo-1.log").exists, "the first job")
        with algodock.start("train", second) as other:
            wait_until(lambda: log.exists() and "in the middle" in log.read_text(), "the middle of an epoch")
            (tmp_path / "flag" / "short").touch()
            wait_until(lambda: algodock.summary("first")["status"] == "Completed", "the end of the first job")
            assert one.poll() is None
            (tmp_path / "flag" / "go").touch()
            runs = finish(one), finish(other)

    assert [0, 0] == [run.returncode for run in runs], runs
    assert ["in the middle", "2499008", "2500008"] == log.read_text().splitlines()


def flag(tmp_path: Path) -> dict[str, Any]:
    """A File channel in which a test leaves a file, to let the container go on."""
    (tmp_path / "flag").mkdir(exist_ok=True)
    (tmp_path / "flag" / "here").touch()
    return channel("flag", tmp_path / "flag", InputMode="File")


def kill_when_it_says(algodock: CommandLine, tmp_path: Path, image: str, folder: Path, words: str) -> None:
    """Start a job, kill the command when its container says `words`, and let the container go on."""
    channels = [pipe(folder), flag(tmp_path)]
    job = write_job(tmp_path / "job.yaml", training_request("job", image=image, InputDataConfig=channels))
    log = algodock.home / "jobs" / "job" / "logs" / "algo-1.log"
    with algodock.start("train", job) as process:
        wait_until(lambda: log.exists() and words in log.read_text(), words)
        # What was fed is remembered a moment after the container has seen it.
        remembered = algodock.home / "jobs" / "job" / "algo-1" / "feeds" / "train"
        wait_until(lambda: f"{int(words == 'epoch 0'):020d}" in remembered.read_text(), "the epoch")
        process.send_signal(signal.SIGKILL)
    (tmp_path / "flag" / "go").touch()


def test_a_manifest_in_file_mode_shows_what_it_lists_and_no_more(
    algodock: CommandLine, shell_algorithm: ShellAlgorithm, tmp_path: Path
) -> None:
    """Two thousand files with odd names among them; real files to `find`, and not to be written."""
    keys = [f"part {number % 10}/{number:04d}.csv" for number in range(2000)]
    keys += ["_SUCCESS", "empty", "x" * 200, "dots..csv", "ünï"]
    for key in (*keys, "secret"):
        (tmp_path / "data" / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / key).write_text("" if key == "empty" else key)
    (tmp_path / "m.json").write_text(json.dumps([{"prefix": "file://data/"}, *keys]))
    entry = channel("a.b-c_1", tmp_path / "m.json", ContentType="text/csv")
    entry["DataSource"]["S3DataSource"]["S3DataType"] = "ManifestFile"
    script = """cd /opt/ml/input/data/a.b-c_1; find . -type f | sort | md5sum; find . -type f -print0 | sort -z |
        xargs -0 cat | md5sum; touch _SUCCESS 2>/dev/null || echo "read-only"; cat ../../config/inputdataconfig.json"""
    first, second, third, config = train(algodock, tmp_path, shell_algorithm(script), entry).splitlines()
    names = sorted((f"./{key}" for key in keys), key=str.encode)

    assert md5("".join(f"{name}\n" for name in names).encode()) == first.split()[0]
    assert md5("".join(name[2:] for name in names if name != "./empty").encode()) == second.split()[0]
    assert "read-only" == third
    assert {
        "TrainingInputMode": "File",
        "S3DistributionType": "FullyReplicated",
        "RecordWrapperType": "None",
        "ContentType": "text/csv",
    } == json.loads(config)["a.b-c_1"]
