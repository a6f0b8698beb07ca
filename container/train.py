"""``train``: from the environment through the algorithm to a model, or to a failure file and a non-zero exit code.

Source of the rules: SageMaker developer guide, "How Amazon SageMaker Signals Algorithm Success and Failure".
"""

import sys
import time
import traceback
from collections.abc import Mapping

from container.algorithm import ALGORITHM_VARIABLE, REFERENCE_ALGORITHM, StopRequest, load_algorithm
from container.environment import layout_from, read_environment
from container.errors import ContainerError
from contracts.errors import ContractError
from contracts.hyperparameters import decode_hyperparameters
from contracts.paths import OptMlLayout

EXIT_SUCCESS = 0
EXIT_FAILURE = 1


def train(variables: Mapping[str, str], stop: StopRequest) -> int:
    """Run one training job as `variables` and the config files say; returns the exit code of the process.

    A stop that was asked for and heeded is a success: what was learnt so far is in the model folder.
    """
    layout = layout_from(variables)
    try:
        _fit(layout, variables, stop)
    except (ContractError, ContainerError) as error:
        return _fail(layout, str(error))
    except Exception as error:  # noqa: BLE001  the rim: whatever an algorithm raises becomes a reason and a code
        return _fail(layout, f"{type(error).__name__}: {error}", traceback.format_exc())
    return EXIT_SUCCESS


def _fit(layout: OptMlLayout, variables: Mapping[str, str], stop: StopRequest) -> None:
    started = time.monotonic()
    environment = read_environment(layout, variables)
    algorithm = load_algorithm(variables.get(ALGORITHM_VARIABLE, REFERENCE_ALGORITHM))
    hyperparameters = decode_hyperparameters(environment.hyperparameters, algorithm.hyperparameters)
    print("hyperparameters: " + " ".join(f"{name}={value}" for name, value in hyperparameters.items()))
    algorithm.fit(environment, hyperparameters, stop)
    print(f"{'stopped on request' if stop.is_set() else 'finished'} after {time.monotonic() - started:.1f} s")


def _fail(layout: OptMlLayout, reason: str, details: str = "") -> int:
    """Report a failure on stderr and in the failure file, the reason first: the platform shows 1024 characters."""
    text = f"{reason}\n\n{details}".rstrip() + "\n"
    print(text, end="", file=sys.stderr)
    try:
        layout.output.mkdir(parents=True, exist_ok=True)
        layout.failure.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        print(f"the failure file {layout.failure} cannot be written: {error}", file=sys.stderr)
    return EXIT_FAILURE
