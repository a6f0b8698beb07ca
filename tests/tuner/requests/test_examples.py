"""The examples are valid, here and for the cloud's own eyes."""

import re
from pathlib import Path

import pytest
from requests_for_tests import DEFAULTS

from contracts.jobs import TrainingJobSpec, TuningJobSpec
from contracts.ranges import ContinuousParameterRange, ScalingType
from tuner.requests import format_violations, load_job
from tuner.requests.search_file import SEARCH_ENDING, load_search
from tuner.suggestions import check_search

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


JOB_FILES = [path for path in sorted(EXAMPLES.rglob("*.yaml")) if not path.stem.endswith(SEARCH_ENDING)]


@pytest.mark.parametrize("path", JOB_FILES, ids=lambda path: path.stem)
def test_every_example_is_valid(path: Path) -> None:
    """Nobody's first try should fail."""
    assert [] == load_job(path, DEFAULTS).validate()


SEARCH_FILES = sorted(EXAMPLES.rglob(f"*{SEARCH_ENDING}.yaml"))


@pytest.mark.parametrize("path", SEARCH_FILES, ids=lambda path: path.stem)
def test_every_search_file_of_the_examples_is_valid(path: Path) -> None:
    """Beside the tuning job of its folder."""
    check_search(load_search(path), load_job(path.with_name("tuning-job.yaml"), DEFAULTS).request)


def test_the_tuning_job_searches_what_the_experiment_searched() -> None:
    """Learning rate, momentum and weight decay; those that act by their order of magnitude on a log scale."""
    spec = TuningJobSpec.from_request(load_job(EXAMPLES / "cifar10" / "tuning-job.yaml", DEFAULTS).request)
    scaling = {
        one.name: one.scaling_type for one in spec.definitions[0].ranges if isinstance(one, ContinuousParameterRange)
    }

    assert {
        "learning_rate": ScalingType.LOGARITHMIC,
        "momentum": ScalingType.LINEAR,
        "wd": ScalingType.LOGARITHMIC,
    } == scaling


def test_the_examples_look_for_their_data_where_the_set_up_puts_it() -> None:
    """The folder data/cifar10 of the checkout."""
    for name in ("tuning-job", "training-job"):
        job = load_job(EXAMPLES / "cifar10" / f"{name}.yaml", DEFAULTS)
        definition = job.request.get("TrainingJobDefinition", job.request)
        (channel,) = definition["InputDataConfig"]

        assert f"file://{EXAMPLES.parent}/data/cifar10" == channel["DataSource"]["S3DataSource"]["S3Uri"]


def test_the_hyperparameters_of_the_examples_are_those_of_the_image() -> None:
    """Read from the source, because the module itself wants MXNet."""
    source = (EXAMPLES.parent / "container" / "cifar10" / "settings.py").read_text(encoding="utf-8")
    known = set(re.findall(r'HyperparameterSpec\(name="(\w+)"', source))
    training = TrainingJobSpec.from_request(load_job(EXAMPLES / "cifar10" / "training-job.yaml", DEFAULTS).request)
    tuning = TuningJobSpec.from_request(load_job(EXAMPLES / "cifar10" / "tuning-job.yaml", DEFAULTS).request)
    (definition,) = tuning.definitions
    tuned = {parameter.name for parameter in definition.ranges}

    assert known == set(training.hyperparameters)
    assert known == tuned | set(definition.static)


def yaml_blocks(page: Path) -> list[str]:
    """The YAML in a page of the documents."""
    return re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def test_the_job_files_in_the_documents_are_valid(tmp_path: Path) -> None:
    """They are the first that people copy."""
    blocks = yaml_blocks(EXAMPLES.parent / "docs" / "job-files.md")
    for number, block in enumerate(blocks):
        path = tmp_path / f"{number}.yaml"
        path.write_text(block, encoding="utf-8")

        assert [] == load_job(path, DEFAULTS).validate()
    assert 2 == len(blocks)


def test_the_search_file_in_the_documents_is_valid_beside_its_job(tmp_path: Path) -> None:
    """It has every section that needs no other rule of the request."""
    job, search = yaml_blocks(EXAMPLES.parent / "docs" / "beyond-sagemaker.md")[:2]
    path = tmp_path / "job.yaml"
    path.write_text(job, encoding="utf-8")
    beside = tmp_path / "job.search.yaml"
    beside.write_text(search, encoding="utf-8")

    assert [] == load_job(path, DEFAULTS).validate()
    check_search(load_search(beside), load_job(path, DEFAULTS).request)


def test_the_errors_in_the_documents_are_what_is_really_said(tmp_path: Path) -> None:
    """The first file with two mistakes."""
    page = EXAMPLES.parent / "docs" / "job-files.md"
    (shown,) = re.findall(r"```text\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    path = tmp_path / "job.yaml"
    path.write_text(yaml_blocks(page)[0].replace("Strategy: Random", "Strategy: random").replace('"0.001"', "0.001"))

    said = format_violations(load_job(path, DEFAULTS).validate(), path.relative_to(tmp_path))

    assert shown.strip() == said
