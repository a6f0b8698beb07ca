"""How an image says which algorithm it holds."""

import subprocess
import sys
import types

import fake_algorithms
import fake_serving
import pytest

from container.algorithm import StopRequest, load_algorithm, load_servable
from container.errors import InvalidServingRequest, InvalidTrainingRequest


def test_an_algorithm_is_found_by_module_and_name() -> None:
    """``ENV ALGODOCK_ALGORITHM=module:Class`` is all another algorithm needs."""
    assert isinstance(load_algorithm("fake_algorithms:Learns"), fake_algorithms.Learns)


def test_a_module_with_the_functions_is_an_algorithm(monkeypatch: pytest.MonkeyPatch) -> None:
    """``ENV ALGODOCK_ALGORITHM=module``, for those who need no class."""
    module = types.ModuleType("algorithm_of_functions")
    module.__dict__.update(hyperparameters=(), fit=lambda *_: None, load=lambda _: None)
    monkeypatch.setitem(sys.modules, "algorithm_of_functions", module)

    assert module is load_algorithm("algorithm_of_functions")
    assert module is load_servable("algorithm_of_functions")


@pytest.mark.parametrize("name", ["fake_algorithms:Missing", "no_such_module:Algorithm", "no_such_module", ""])
def test_a_name_that_leads_nowhere_is_refused(name: str) -> None:
    """The text names the variable and its value."""
    with pytest.raises(InvalidTrainingRequest, match=f"ALGODOCK_ALGORITHM='{name}'"):
        load_algorithm(name)


@pytest.mark.parametrize("name", ["fake_algorithms:NotAnAlgorithm", "fake_algorithms", "fake_serving:Doubles"])
def test_what_is_no_algorithm_is_refused(name: str) -> None:
    """Found out at the start, not when `fit` is called."""
    with pytest.raises(InvalidTrainingRequest, match="lacks hyperparameters or fit"):
        load_algorithm(name)


def test_an_algorithm_that_only_trains_is_not_served() -> None:
    """And one that is only served, with a model from elsewhere, needs no `fit`."""
    assert isinstance(load_servable("fake_serving:Doubles"), fake_serving.Doubles)
    with pytest.raises(InvalidServingRequest, match="cannot be served: it lacks load"):
        load_servable("fake_algorithms:Learns")


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


def test_who_only_trains_needs_none_of_what_serving_needs() -> None:
    """An image for training has the standard library and numpy, besides what its algorithm brings."""
    program = "import sys, container.__main__; print(sorted({'flask', 'gunicorn', 'PIL'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert "[]\n" == done.stdout
