"""`algodock validate`: all that is wrong with a file, each with its line."""

import json
from pathlib import Path

from commands_in_process import Run

from tuner.engine.fake import FakeEngine


def test_a_valid_file_is_called_valid(run: Run, tuning_file: Path, engine: FakeEngine) -> None:
    """Without an engine, too."""
    engine.reachable = False

    outcome = run("validate", tuning_file)

    assert (0, f"{tuning_file} is a valid CreateHyperParameterTuningJob request.\n") == (outcome.code, outcome.out)


def test_all_that_is_wrong_is_said_at_once_each_with_its_line(run: Run, tuning_file: Path) -> None:
    """In the form that editors and grep know; the exit code is 2."""
    text = tuning_file.read_text().replace('"Maximize"', '"Largest"').replace('"0.1"', '"2"')
    tuning_file.write_text(text)
    lines = text.splitlines()

    outcome = run("validate", tuning_file)

    assert (2, "") == (outcome.code, outcome.out)
    kind = next(number for number, line in enumerate(lines, 1) if "Largest" in line)
    assert f"{tuning_file}:{kind}: " in outcome.err
    assert "learning_rate: MinValue 2.0 is greater than MaxValue 0.9" in outcome.err
    assert "2 problems found." in outcome.err


def test_a_missing_channel_folder_is_found(run: Run, training_file: Path) -> None:
    """Before anything starts."""
    request = json.loads(training_file.read_text())
    source = {"S3DataSource": {"S3Uri": "file:///no/such/folder"}}
    request["InputDataConfig"] = [{"ChannelName": "training", "DataSource": source}]
    training_file.write_text(json.dumps(request))

    for command in ("validate", "train"):
        outcome = run(command, training_file)

        assert 2 == outcome.code
        assert "/no/such/folder is not there" in outcome.err


def test_cloud_says_what_the_cloud_would_still_want(run: Run, tuning_file: Path) -> None:
    """That is no error here."""
    outcome = run("validate", "--cloud", tuning_file)

    assert 0 == outcome.code
    assert "TrainingJobDefinition.RoleArn: the cloud works in the name of an IAM role" in outcome.out


def test_a_file_that_is_not_there_is_bad_input(run: Run, tmp_path: Path) -> None:
    """Not a trouble of the machine."""
    outcome = run("validate", tmp_path / "none.yaml")

    assert (2, f"Error: {tmp_path / 'none.yaml'}: there is no such file\n") == (outcome.code, outcome.err)
