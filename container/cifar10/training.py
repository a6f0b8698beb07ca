"""The reference algorithm: stochastic gradient descent on CIFAR-10, checkpointed between any two batches.

What it prints once per epoch, for regular expressions to find:

    [Epoch 3] train: loss=1.2345 accuracy=0.5678
    [Epoch 3] speed: images/sec=1234.5
    [Epoch 3] validation: accuracy=0.7012 loss=0.9012

Repeatability: the order of images depends on (seed, epoch), crops and mirrors on (seed, epoch, batch), the first
parameters on the seed. So on a CPU, with the same number of threads, the same seed prints the same digits, and so does
a run that was stopped anywhere and resumed.
"""

import math
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import mxnet as mx
import numpy as np

from container.algorithm import StopRequest
from container.cifar10 import dataset, model
from container.cifar10.checkpoint import CheckpointFolder, Progress
from container.cifar10.dataset import LabelledImages
from container.cifar10.learner import Learner, Tally, available_devices
from container.cifar10.prediction import ImagePredictor
from container.cifar10.settings import SPECS, Settings
from container.cpus import THREADS_VARIABLE
from container.environment import TrainingEnvironment
from container.errors import InvalidTrainingInput, InvalidTrainingRequest, TrainingDiverged
from contracts.channels import InputMode
from contracts.hyperparameters import HyperparameterSpec, Value

#: The channels that may hold the images; the first one that the job has is taken.
CHANNELS = ("training", "train")

VALIDATION_BATCH = 250

T = TypeVar("T")


class Cifar10:
    """Trains, and serves, a residual network that tells the ten classes of CIFAR-10 apart."""

    hyperparameters: Sequence[HyperparameterSpec] = SPECS

    def fit(self, environment: TrainingEnvironment, hyperparameters: Mapping[str, Value], stop: StopRequest) -> None:
        """Train until all epochs are done, the loss is no number, or a stop is asked for; then save the model."""
        settings = Settings(**hyperparameters)  # type: ignore[arg-type]  # decoded by the specs above, name by name
        training, validation = load_images(environment, settings)
        learner = Learner(settings, available_devices()[: settings.batch_size])  # each device needs an image of a batch
        checkpoints = CheckpointFolder(environment.checkpoints, settings.configuration)
        progress = resume(learner, checkpoints)
        if progress.epoch > settings.epochs and (result := validate(learner, validation, stop)):
            print("nothing is left to train; this is the last epoch's validation again")
            report_validation(settings.epochs, result)

        while progress.epoch <= settings.epochs and not stop.is_set():
            started, images_before = time.monotonic(), progress.images
            progress = train_epoch(learner, training, progress, stop)
            seconds, images = time.monotonic() - started, progress.images - images_before
            result = validate(learner, validation, stop)
            if result is None:
                break
            check_finite(result.loss, settings, progress)
            report_training(progress, images_per_second=images / seconds)
            report_validation(progress.epoch, result)
            progress = progress.after_epoch(result.accuracy)
            if environment.keeps_checkpoints:
                checkpoints.save(progress, learner.state())

        if stop.is_set():
            save_for_resumption(checkpoints, progress, learner)
        model.save(environment.model, learner.network, describe(settings, progress))

    def load(self, folder: Path, /) -> ImagePredictor:
        """The model that `fit` left in `folder`, on the first GPU that this process sees, else on the CPU."""
        classifier = model.load(folder, available_devices()[0])
        return ImagePredictor(classifier.predict, classifier.description.classes)


@dataclass(frozen=True, kw_only=True, slots=True)
class Validation:
    """Means over the validation images."""

    loss: float
    accuracy: float


def load_images(environment: TrainingEnvironment, settings: Settings) -> tuple[LabelledImages, LabelledImages]:
    """Training and validation images of the job's channel, cut down to the numbers asked for."""
    if len(environment.resources.hosts) > 1:
        hosts = ", ".join(environment.resources.hosts)
        raise InvalidTrainingRequest(f"this algorithm trains on one host, with all its GPUs; the job has {hosts}")
    channel = next((name for name in CHANNELS if name in environment.channels), None)
    if channel is None:
        found = ", ".join(environment.channels) or "none"
        raise InvalidTrainingInput(f"the job needs a channel called training (or train); it has: {found}")
    if environment.channels[channel].input_mode is InputMode.PIPE:
        raise InvalidTrainingInput(f"channel {channel}: input mode Pipe is not read by this algorithm; use File")
    training, validation = dataset.load(environment.channel_folder(channel), decode_image)
    training = dataset.balanced_subset(training, settings.training_images)
    validation = dataset.balanced_subset(validation, settings.validation_images)
    if len(training) < settings.batch_size:
        raise InvalidTrainingRequest(
            f"batch_size={settings.batch_size} is more than the {len(training)} training images"
        )
    print(f"images: {len(training)} to train, {len(validation)} to validate, the first of each class in file order")
    return training, validation


def decode_image(encoded: bytes) -> dataset.Images:
    """A PNG or JPEG as ``uint8 (height, width, 3)``."""
    pixels: dataset.Images = mx.image.imdecode(encoded).asnumpy()
    return pixels


def resume(learner: Learner, checkpoints: CheckpointFolder) -> Progress:
    """Put `learner` where the newest checkpoint left off, if there is one; says on which devices it goes on."""
    settings, devices = learner.settings, ", ".join(str(device) for device in learner.devices)
    print(f"network: {settings.network} on {devices}, {os.environ.get(THREADS_VARIABLE, 'unlimited')} CPU threads")
    checkpoint = checkpoints.newest()
    if checkpoint is None:
        return Progress()
    learner.restore(checkpoint.state)
    print(
        f"resumed from {checkpoint.name}: {checkpoint.progress.batches} batches into epoch {checkpoint.progress.epoch}"
    )
    return checkpoint.progress


def train_epoch(learner: Learner, training: LabelledImages, progress: Progress, stop: StopRequest) -> Progress:
    """Train the batches of an epoch that `progress` has not done, or fewer when a stop is asked for.

    Images that fill no whole batch are left out; which ones these are changes with the order, so from epoch to epoch.
    """
    for tally in one_behind(_steps(learner, training, progress, stop)):
        images, loss_sum, correct = tally.read()
        check_finite(loss_sum, learner.settings, progress)
        progress = progress.after_batch(images=images, loss_sum=loss_sum, correct=correct)
    return progress


def _steps(learner: Learner, training: LabelledImages, progress: Progress, stop: StopRequest) -> Iterator[Tally]:
    seed, size = learner.settings.seed, learner.settings.batch_size
    order = np.random.default_rng([seed, progress.epoch]).permutation(len(training))
    for batch in range(progress.batches, len(training) // size):
        if stop.is_set():
            return
        chosen = order[batch * size : (batch + 1) * size]
        chance = np.random.default_rng([seed, progress.epoch, batch])
        yield learner.step(dataset.crop_and_mirror(training.images[chosen], chance), training.labels[chosen])


def one_behind(items: Iterable[T]) -> Iterator[T]:
    """Yield each item only when the next one is there.

    Reading a batch's loss waits for the device. Reading it one batch late keeps the device busy, and yet no more than
    two batches are under way: a stop, or a loss that is no number, is seen at once.
    """
    previous: list[T] = []
    for item in items:
        yield from previous
        previous = [item]
    yield from previous


def validate(learner: Learner, validation: LabelledImages, stop: StopRequest) -> Validation | None:
    """Mean loss and accuracy over the validation images; None when a stop is asked for."""
    images, loss_sum, correct = 0, 0.0, 0
    for start in range(0, len(validation), VALIDATION_BATCH):
        if stop.is_set():
            return None
        batch = slice(start, start + VALIDATION_BATCH)
        some_images, some_loss, some_correct = learner.judge(validation.images[batch], validation.labels[batch]).read()
        images, loss_sum, correct = images + some_images, loss_sum + some_loss, correct + some_correct
    return Validation(loss=loss_sum / images, accuracy=correct / images)


def check_finite(loss: float, settings: Settings, progress: Progress) -> None:
    """Raise TrainingDiverged when the loss is no number: no later batch could bring it back."""
    if not math.isfinite(loss):
        raise TrainingDiverged(
            f"loss became {loss} in epoch {progress.epoch}, after {progress.batches} batches: learning_rate="
            f"{settings.learning_rate:g} is too large with momentum={settings.momentum:g} and wd={settings.wd:g}; "
            "choose a smaller one"
        )


def report_training(progress: Progress, *, images_per_second: float) -> None:
    """Print the metrics of an epoch's training, for metric definitions to find, each once."""
    loss, accuracy = progress.loss_sum / progress.images, progress.correct / progress.images
    print(f"[Epoch {progress.epoch}] train: loss={loss:.4f} accuracy={accuracy:.4f}")
    print(f"[Epoch {progress.epoch}] speed: images/sec={images_per_second:.1f}")


def report_validation(epoch: int, validation: Validation) -> None:
    """Print the metrics of an epoch's validation, for metric definitions to find, each once."""
    print(f"[Epoch {epoch}] validation: accuracy={validation.accuracy:.4f} loss={validation.loss:.4f}")


def save_for_resumption(checkpoints: CheckpointFolder, progress: Progress, learner: Learner) -> None:
    """Save where training stands when a stop is asked for, whether or not anybody keeps checkpoints."""
    try:
        name = checkpoints.save(progress, learner.state())
    except OSError as error:  # the model so far is still worth saving
        print(f"no checkpoint could be saved: {error}")
    else:
        print(f"saved {name}: {progress.batches} batches into epoch {progress.epoch}")


def describe(settings: Settings, progress: Progress) -> model.ModelDescription:
    """What ``model.json`` says of a network trained so far."""
    return model.ModelDescription(
        network=settings.network,
        classes=dataset.CLASSES,
        mean=dataset.MEAN,
        std=dataset.STD,
        hyperparameters=asdict(settings),
        epochs_trained=progress.epoch - 1,
        validation_accuracy=progress.validation_accuracy,
    )
