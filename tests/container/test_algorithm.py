"""How an image says which algorithm it holds."""

import fake_algorithms
import pytest

from container.algorithm import StopRequest, load_algorithm
from container.errors import InvalidTrainingRequest


def test_an_algorithm_is_found_by_module_and_name() -> None:
    """``ENV ALGODOCK_ALGORITHM=module:Class`` is all another algorithm needs."""
    assert isinstance(load_algorithm("fake_algorithms:Learns"), fake_algorithms.Learns)


@pytest.mark.parametrize("name", ["fake_algorithms:Missing", "no_such_module:Algorithm", "fake_algorithms", ""])
def test_a_name_that_leads_nowhere_is_refused(name: str) -> None:
    """The text names the variable and its value."""
    with pytest.raises(InvalidTrainingRequest, match=f"ALGODOCK_ALGORITHM='{name}'"):
        load_algorithm(name)


def test_a_class_that_is_no_algorithm_is_refused() -> None:
    """Found out at the start, not when `fit` is called."""
    with pytest.raises(InvalidTrainingRequest, match="lacks hyperparameters or fit"):
        load_algorithm("fake_algorithms:NotAnAlgorithm")


def test_an_image_for_gpus_without_a_gpu_says_so() -> None:
    """The driver's library comes with the GPU; a traceback through ctypes would tell nobody."""
    with pytest.raises(InvalidTrainingRequest, match="built for NVIDIA GPUs and its container has none"):
        load_algorithm("fake_gpu_algorithm:Any")


def test_a_stop_request_stays_set() -> None:
    """A second signal changes nothing."""
    stop = StopRequest()
    assert not stop.is_set()

    stop.set()
    stop.set()

    assert stop.is_set()
