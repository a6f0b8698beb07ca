"""What a served model's container is created from."""

from pathlib import Path

import pytest

from tuner.engine.protocol import ENDPOINT_LABEL, HOME_LABEL, Mount
from tuner.errors import ValidationError
from tuner.profile import HostProfile
from tuner.serving.container import ServedModel, check_environment, serving_container

PROFILE = HostProfile(home=Path("/home/me/.algodock"), memory_bytes=1000, cpus=1.5, shm_bytes=10)


def test_a_container_serves_its_read_only_model_on_this_host_alone() -> None:
    """Argument, environment, model, port, labels, limits."""
    model = ServedModel(
        endpoint_name="digits",
        image="mine:1",
        model_folder=Path("/m"),
        environment={"SAGEMAKER_PROGRAM": "inference.py"},
        gpu_ids=("GPU-a",),
    )
    spec = serving_container(model, PROFILE)

    assert ("mine:1", None, ("serve",)) == (spec.image, spec.entry_point, spec.arguments)
    assert {"AWS_REGION": "local", "SAGEMAKER_PROGRAM": "inference.py"} == spec.environment
    assert (Mount(source=Path("/m"), target="/opt/ml/model", read_only=True),) == spec.mounts
    assert {8080: 0} == spec.published_ports
    assert {HOME_LABEL: "/home/me/.algodock", ENDPOINT_LABEL: "digits"} == spec.labels
    assert (("GPU-a",), 1000, 1.5, 10) == (spec.gpu_ids, spec.memory_bytes, spec.cpus, spec.shm_bytes)


def test_two_homes_may_serve_an_endpoint_of_one_name() -> None:
    """On one engine; within a home the name is the same at every try."""
    model = ServedModel(endpoint_name="digits", image="mine:1", model_folder=Path("/m"), host_port=8000)
    first, again = (serving_container(model, PROFILE) for _ in range(2))
    other = serving_container(model, HostProfile(home=Path("/elsewhere")))

    assert first == again
    assert first.name != other.name
    assert {8080: 8000} == first.published_ports


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({f"V{number}": "" for number in range(101)}, "101 variables"),
        ({"V": "x" * 1025}, "'V' is too long"),
        ({"V" * 1025: "x"}, "is too long"),
        ({f"V{number}": "x" * 1000 for number in range(40)}, "32 KB"),
    ],
)
def test_an_environment_that_the_service_would_refuse_is_refused(environment: dict[str, str], said: str) -> None:
    """100 variables, 1024 characters each, 32 KB in all."""
    with pytest.raises(ValidationError, match=said):
        check_environment(environment)


def test_the_largest_environment_is_taken() -> None:
    """At the limits, not below them."""
    check_environment({f"{number:03d}": "x" * 300 for number in range(99)} | {"V": "x" * 1024})
