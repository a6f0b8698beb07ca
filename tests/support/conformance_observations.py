"""Hand-made observations of an image, for tests of judgements."""

from collections.abc import Mapping, Sequence
from typing import Any

from contracts.metrics import MetricDefinition
from tuner.conformance.case import GoodCase
from tuner.conformance.evidence import Evidence
from tuner.conformance.observation import Run
from tuner.engine.protocol import ImageFacts, Stream
from tuner.jobs.log_lines import LogLine

METRIC = MetricDefinition(name="accuracy", regex=r"accuracy=(\S+)")
CASE = GoodCase(
    image="image",
    hyperparameters={"epochs": "2", "learning_rate": "0.1", "seed": "7"},
    metrics=(METRIC,),
)
IMAGE = ImageFacts(
    digest="sha256:0",
    size_bytes=1,
    entry_point=("train",),
    command=(),
    user="",
    architecture="amd64",
    labels={},
)


def run(*texts: str, exit_code: int | None = 0, seconds: float = 10.0, **more: Any) -> Run:
    """A run that printed `texts`, evenly over its time."""
    lines = [
        LogLine(number=number, stream=Stream.STDOUT, timestamp="", text=text)
        for number, text in enumerate(texts, start=1)
    ]
    times = [seconds * number / (len(texts) + 1) for number in range(1, len(texts) + 1)]
    return Run(exit_code=exit_code, seconds=seconds, lines=lines, **{"line_times": times, **more})


GOOD = run("epoch 1: accuracy=0.5", "epoch 2: accuracy=0.6", model_files=["weights"])


def evidence(
    good: Run = GOOD,
    runs: Mapping[str, Run] | None = None,
    *,
    case: GoodCase = CASE,
    image: ImageFacts = IMAGE,
    reasons: Mapping[str, str] | None = None,
) -> Evidence:
    """Evidence with these observations."""
    return Evidence(case=case, image=image, good=good, runs=runs or {}, reasons=reasons or {})


def epochs(*values: object) -> Sequence[str]:
    """The lines of a run that printed these values of the metric."""
    return [f"epoch {number}: accuracy={value}" for number, value in enumerate(values, start=1)]
