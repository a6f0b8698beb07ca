"""The hyperparameters of the reference algorithm: what each may be, and all of them decoded."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from container.cifar10.network import NETWORK_NAMES
from contracts.hyperparameters import HyperparameterSpec, Value

SPECS: Sequence[HyperparameterSpec] = (
    HyperparameterSpec(name="network", kind="str", default="resnet34_v2", choices=NETWORK_NAMES),
    HyperparameterSpec(name="epochs", kind="int", default=10, minimum=1),
    HyperparameterSpec(name="batch_size", kind="int", default=128, minimum=1),
    HyperparameterSpec(name="learning_rate", kind="float", default=0.05, minimum=0),
    HyperparameterSpec(name="momentum", kind="float", default=0.9, minimum=0, maximum=1),
    HyperparameterSpec(name="wd", kind="float", default=1e-4, minimum=0, description="weight decay"),
    HyperparameterSpec(name="seed", kind="int", default=0, minimum=0, maximum=2**31 - 1),
    HyperparameterSpec(name="training_images", kind="int", default=0, minimum=0, description="0 takes all"),
    HyperparameterSpec(name="validation_images", kind="int", default=0, minimum=0, description="0 takes all"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The decoded hyperparameters; `SPECS` tells what each may be."""

    network: str
    epochs: int
    batch_size: int
    learning_rate: float
    momentum: float
    wd: float
    seed: int
    training_images: int
    validation_images: int

    @property
    def configuration(self) -> dict[str, Value]:
        """What a checkpoint belongs to: everything but the number of epochs, as training longer is what it is for."""
        return {name: value for name, value in asdict(self).items() if name != "epochs"}
