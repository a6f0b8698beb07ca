"""Which parts of an image `algodock check` examines, and how they are put together.

Without --train and --serve, what the options tell of is examined; of what they do not tell it is tried whether the
image does it, and where it does not, the option is named that would make this a failure.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from contracts.serving import START_UP_TIMEOUT_SECONDS, STOP_GRACE_SECONDS
from tuner.cli.check_processing import A_PROCESSING_JOB, NO_PROCESSING_JOB
from tuner.cli.machine import Machine
from tuner.conformance.batch.checks import batch_ids
from tuner.conformance.batch.part import BatchPart
from tuner.conformance.case import GoodCase
from tuner.conformance.checklist import Item
from tuner.conformance.part import NotExamined, Part
from tuner.conformance.probe import Patience, Probe
from tuner.conformance.processing.case import ProcessingCase
from tuner.conformance.processing.checks import processing_ids
from tuner.conformance.processing.part import ProcessingPart
from tuner.conformance.serving.case import ServedCase
from tuner.conformance.serving.checks import serving_ids
from tuner.conformance.serving.container import ServingPatience, ServingProbe
from tuner.conformance.serving.part import ServingPart
from tuner.conformance.training import TrainingPart, training_ids
from tuner.engine.protocol import ImageFacts

_NOT_ASKED_TO_TRAIN = "what the image trains is not examined here: --train, or a job (--job, --hyperparameters, ...)"
_NOT_ASKED_TO_SERVE = "what the image serves is not examined here: --serve asks for it"


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What a check is asked for.

    `is_described_train` and `is_described_serve` say whether options tell how the image is trained and served;
    `must_train` and `must_serve` whether the user said that it is. `processing` is a job that leaves no room for these.
    """

    training: GoodCase
    serving: ServedCase
    processing: ProcessingCase | None
    is_described_train: bool
    is_described_serve: bool
    must_train: bool
    must_serve: bool

    @property
    def trains(self) -> bool:
        """Whether training is examined: where only serving was asked for, or told of, it is not."""
        if self.must_train or self.must_serve:
            return self.must_train
        return self.is_described_train or not self.is_described_serve

    @property
    def serves(self) -> bool:
        """Whether serving is examined, and batch transform with it."""
        return self.must_serve or not self.must_train


def is_of(item: Item, *, must_train: bool, must_serve: bool) -> bool:
    """Whether --train and --serve leave `item` in."""
    if not must_train and not must_serve:
        return True
    is_serving = item.section == "serving" or item.id.startswith("BATCH-")
    return (must_train and item.section == "training") or (must_serve and is_serving)


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """Where a check is made. `cpus` is what each container gets, None for all there are; of `gpus` each gets all."""

    machine: Machine
    image: ImageFacts
    folder: Path
    patience: Patience
    cpus: float | None
    gpus: Sequence[str] = ()


def parts_of(asked: Asked, bench: Bench, wanted: Collection[str]) -> list[Part]:
    """The parts of the examination; what is not wanted costs no run."""
    if asked.processing is not None:
        probe = _probe(asked.training, bench)
        job = ProcessingPart(probe=probe, case=asked.processing, wanted=wanted, folder=bench.folder)
        return [job, NotExamined(training_ids() | serving_ids() | batch_ids(), A_PROCESSING_JOB)]
    serves = asked.serves and bool((serving_ids() | batch_ids()) & set(wanted))
    trains = asked.trains and bool(training_ids() & set(wanted))
    parts: list[Part] = [NotExamined(processing_ids(), NO_PROCESSING_JOB)]
    training = None
    if trains or (serves and asked.is_described_train and asked.serving.model is None):  # it makes the model
        training = TrainingPart(
            probe=_probe(asked.training, bench),
            case=asked.training,
            image=bench.image,
            wanted=wanted if trains else (),
            folder=bench.folder,
            is_a_try=not (asked.is_described_train or asked.must_train),
        )
        parts.append(training)
    else:
        parts.append(NotExamined(training_ids(), _NOT_ASKED_TO_TRAIN))
    if not serves:
        return [*parts, NotExamined(serving_ids() | batch_ids(), _NOT_ASKED_TO_SERVE)]
    return [*parts, *_serving_parts(asked, bench, wanted, training)]


def _serving_parts(asked: Asked, bench: Bench, wanted: Collection[str], training: TrainingPart | None) -> list[Part]:
    folder = bench.folder / "serving"
    folder.mkdir()
    probe = ServingProbe(
        engine=bench.machine.engine,
        image=asked.serving.image,
        home=bench.machine.profile.home,
        patience=ServingPatience(
            startup=min(bench.patience.limit, START_UP_TIMEOUT_SECONDS),
            grace=min(bench.patience.grace, STOP_GRACE_SECONDS),
        ),
        cpus=bench.cpus,
        gpus=bench.gpus,
        clock=bench.machine.clock,
        sleep=bench.machine.parts.sleep,
    )
    serving = ServingPart(
        probe=probe,
        case=asked.serving,
        image=bench.image,
        wanted=wanted,
        folder=folder,
        training=training,
        is_a_try=not (asked.is_described_serve or asked.must_serve),
    )
    return [serving, BatchPart(probe=probe, case=asked.serving, wanted=wanted, serving=serving)]


def _probe(case: GoodCase, bench: Bench) -> Probe:
    return Probe(
        engine=bench.machine.engine,
        case=case,
        home=bench.machine.profile.home,
        folder=bench.folder,
        patience=bench.patience,
        cpus=bench.cpus,
        gpus=bench.gpus,
        clock=bench.machine.clock,
        sleep=bench.machine.parts.sleep,
    )
