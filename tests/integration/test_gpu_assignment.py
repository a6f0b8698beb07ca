"""Who is given which GPU, on engines without a real one.

The private engine of `gpu_hook_engine` accepts GPU requests through a stand-in for NVIDIA's hook. That shows which ids
each container was given; it does not show that a GPU works.
"""

import io
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import docker
import pytest
from command_line import CommandLine
from engine_conformance import run, unique_name
from shell_image import ShellAlgorithm

from tuner.engine.docker_engine import DockerEngine
from tuner.engine.protocol import PROBE_LABEL, ContainerSpec
from tuner.errors import GpuUnavailable

#: Prints each value of the variable that the process was started with; a shell would show only one of several.
SHOW = "tr '\\0' '\\n' </proc/1/environ | grep NVIDIA_VISIBLE_DEVICES | sort -u"


def shown(engine: DockerEngine, image: str, labels: Mapping[str, str], gpu_ids: Sequence[str]) -> str:
    """What a container of `image` that is given `gpu_ids` sees of them."""
    spec = ContainerSpec(
        name=unique_name(), image=image, arguments=("train",), environment={}, labels=labels, gpu_ids=tuple(gpu_ids)
    )
    container_id = engine.create(spec)
    assert 0 == run(engine, container_id)
    return b"".join(frame.payload for frame in engine.frames(container_id, follow=False)).decode()


def probes(engine: DockerEngine) -> int:
    """How many containers of GPU checks are on the engine."""
    return len(engine.containers({PROBE_LABEL: "true"}))


@pytest.mark.gpu_hook
class TestWithTheHook:
    """On the engine that accepts GPU requests."""

    @pytest.mark.parametrize("gpu_ids", [("GPU-a",), ("GPU-a", "GPU-b"), ("0",)])
    def test_a_container_sees_exactly_its_gpus(
        self,
        gpu_hook_engine: DockerEngine,
        gpu_hook_algorithm: ShellAlgorithm,
        run_labels: Mapping[str, str],
        gpu_ids: tuple[str, ...],
    ) -> None:
        """The ids asked for, and no others."""
        seen = shown(gpu_hook_engine, gpu_hook_algorithm(SHOW), run_labels, gpu_ids)

        assert f"NVIDIA_VISIBLE_DEVICES={','.join(gpu_ids)}\n" == seen

    @pytest.mark.parametrize(("gpu_ids", "expected"), [((), "void"), (("GPU-b",), "GPU-b")])
    def test_an_image_built_on_cuda_does_not_grab_all_gpus(
        self,
        gpu_hook_engine: DockerEngine,
        gpu_hook_algorithm: ShellAlgorithm,
        run_labels: Mapping[str, str],
        gpu_ids: tuple[str, ...],
        expected: str,
    ) -> None:
        """Such an image brings the value "all"; ours replaces it, and is not a second one beside it."""
        image = gpu_hook_algorithm(SHOW, "ENV NVIDIA_VISIBLE_DEVICES=all")

        assert f"NVIDIA_VISIBLE_DEVICES={expected}\n" == shown(gpu_hook_engine, image, run_labels, gpu_ids)

    def test_two_containers_are_given_different_gpus(
        self, gpu_hook_engine: DockerEngine, gpu_hook_algorithm: ShellAlgorithm, run_labels: Mapping[str, str]
    ) -> None:
        """What one is given has no effect on the other."""
        image = gpu_hook_algorithm(SHOW)
        seen = [shown(gpu_hook_engine, image, run_labels, (gpu,)) for gpu in ("GPU-a", "GPU-b")]

        assert ["NVIDIA_VISIBLE_DEVICES=GPU-a\n", "NVIDIA_VISIBLE_DEVICES=GPU-b\n"] == seen

    def test_the_runs_of_a_check_get_the_gpus_that_are_named(
        self, gpu_hook_engine: DockerEngine, gpu_hook_algorithm: ShellAlgorithm, tmp_path: Path
    ) -> None:
        """All of them, and without --gpus none: the image ends well only where it sees exactly these."""
        image = gpu_hook_algorithm(f'[ "$({SHOW})" = NVIDIA_VISIBLE_DEVICES=GPU-a,GPU-b ]')
        algodock = CommandLine(tmp_path / "home", {"DOCKER_HOST": gpu_hook_engine.host})
        check = ("check", image, "--train", "--only", "TRAIN-EXIT-0")
        with_gpus, without = algodock.run(*check, "--gpus", "GPU-a,GPU-b"), algodock.run(*check)

        assert (0, 1) == (with_gpus.returncode, without.returncode), with_gpus.stdout + with_gpus.stderr

    def test_the_check_passes_and_leaves_nothing(
        self, gpu_hook_engine: DockerEngine, gpu_hook_algorithm: ShellAlgorithm
    ) -> None:
        """The image's shell has seen the ids that it was given, and no others."""
        gpu_hook_engine.check_gpus(gpu_hook_algorithm(SHOW), ("GPU-a",))

        assert 0 == probes(gpu_hook_engine)

    def test_an_image_without_a_shell_passes_the_check(
        self, gpu_hook_engine: DockerEngine, gpu_hook_algorithm: ShellAlgorithm
    ) -> None:
        """Nobody can look, but the engine has handed out the GPUs before it missed the shell."""
        reference = f"{gpu_hook_algorithm(SHOW)}-empty"
        api = docker.APIClient(base_url=gpu_hook_engine.host)
        empty = io.BytesIO()
        tarfile.open(fileobj=empty, mode="w").close()
        api.import_image_from_data(empty.getvalue(), *reference.rsplit(":", 1))
        try:
            gpu_hook_engine.check_gpus(reference, ("GPU-a",))
        finally:
            api.remove_image(reference, force=True)
            api.close()

        assert 0 == probes(gpu_hook_engine)

    def test_a_gpu_that_the_driver_does_not_know_is_refused(
        self, gpu_hook_engine: DockerEngine, gpu_hook_algorithm: ShellAlgorithm
    ) -> None:
        """NVIDIA's hook fails then; its text is passed on, and nothing is left."""
        hook = Path(gpu_hook_engine.host.removeprefix("unix://")).parent / "bin" / "nvidia-container-runtime-hook"
        good = hook.read_text()
        image = gpu_hook_algorithm(SHOW)
        hook.write_text("#!/bin/sh\ncat >/dev/null\necho 'device error: GPU-z: unknown device' >&2\nexit 1\n")
        try:
            with pytest.raises(GpuUnavailable, match="GPU-z: unknown device"):
                gpu_hook_engine.check_gpus(image, ("GPU-z",))
        finally:
            hook.write_text(good)

        assert 0 == probes(gpu_hook_engine)


@pytest.mark.docker
@pytest.mark.docker_only("Podman is asked for no GPU: it would say nothing")
class TestWithoutTheHook:
    """On an engine that has no GPU to give; where this machine has one, there is nothing to see here."""

    @pytest.fixture(autouse=True)
    def _no_gpus(self, engine: DockerEngine, shell_image: str) -> None:
        try:
            engine.check_gpus(shell_image, ("0",))
        except GpuUnavailable:
            return
        pytest.skip("the engine of this machine hands out GPUs")

    def test_the_check_says_what_to_do_and_leaves_nothing(self, engine: DockerEngine, shell_image: str) -> None:
        """A clear error before any trial starts; the container that the engine had made already is gone."""
        with pytest.raises(GpuUnavailable, match="NVIDIA Container Toolkit"):
            engine.check_gpus(shell_image, ("GPU-a",))

        assert 0 == probes(engine)

    def test_starting_says_so_too_and_keeps_the_container(
        self, engine: DockerEngine, shell_image: str, run_labels: Mapping[str, str]
    ) -> None:
        """The engine has a created container then, which is the caller's to remove."""
        labels = {**run_labels, "mark": unique_name()}
        spec = ContainerSpec(
            name=unique_name(),
            image=shell_image,
            arguments=("train",),
            environment={},
            labels=labels,
            gpu_ids=("GPU-a",),
        )
        container_id = engine.create(spec)

        with pytest.raises(GpuUnavailable, match="could not select device driver"):
            engine.start(container_id)
        assert [container_id] == [one.container_id for one in engine.containers({"mark": labels["mark"]})]
