"""Faults that hit the engine, its containers, its images, its GPUs, and the connection to it."""

import signal
from collections.abc import Callable
from contextlib import suppress

import docker
from algorithm import script
from command_line import wait_until
from cutting_socket import CuttingSocket
from invariants import Loss
from processes import Command
from scene import Scene, Stage
from tuning_scene import TuningScene

from tuner.cli.exit_codes import ExitCode
from tuner.engine.docker_engine import DockerEngine
from tuner.engine.protocol import HOME_LABEL, JOB_LABEL, ContainerStatus
from tuner.errors import ContainerNotFound, EngineError

#: What a trial may say whose container was taken away by the machine.
_THE_MACHINE = ("InternalServerError",)
_MACHINE_EXITS = (ExitCode.DONE, ExitCode.MACHINE)
#: Longer than a controller needs for what it is about to do when it goes on.
_NOTICE_SECONDS = 15.0


def engine_killed(stage: Stage, point: int) -> list[Loss]:
    """SIGKILL of the engine; a little later it is started again, and ends the containers that it lost sight of."""
    with stage.scene() as scene:
        with scene.held(point) as command:
            scene.engine.kill()
            _until_engine_is_back(scene, command)
        return scene.finish()


def engine_stopped(stage: Stage, point: int) -> list[Loss]:
    """The engine is stopped in order, and its containers with it; then started again."""
    with stage.scene() as scene:
        with scene.held(point) as command:
            scene.engine.stop()
            _until_engine_is_back(scene, command)
        return scene.finish()


def engine_replaced(stage: Stage, point: int) -> list[Loss]:
    """The engine is killed and started again, its containers live on: ``live-restore``, an update of the engine."""
    with stage.scene() as scene:
        with scene.held(point) as command:
            scene.engine.kill()
            _until_engine_is_back(scene, command)
        return scene.finish()


def host_rebooted(stage: Stage, point: int) -> list[Loss]:
    """The power plug: our process, the engine and all containers are gone at once; then everything is started."""
    with stage.scene() as scene:
        with scene.held(point) as command:
            command.signal(signal.SIGKILL)
            scene.engine.kill_with_containers()
        scene.engine.start()
        return scene.finish()


def host_shut_down(stage: Stage, point: int) -> list[Loss]:
    """The machine goes down in order: our process is ended, then the engine with its containers, which obey."""
    with stage.scene() as scene:
        with scene.held(point) as command:
            command.kill()
            scene.engine.stop()
        scene.engine.start()
        return scene.finish()


def container_killed(stage: Stage, point: int) -> list[Loss]:
    """Somebody kills the containers: ``docker kill``."""
    with stage.scene() as scene:
        with scene.held(point) as command:
            _each_container(scene, lambda engine, name: engine.signal(name, "SIGKILL"))
            command.go_on()
            scene.expect_exit(command, ExitCode.DONE)
        return scene.finish()


def container_removed(stage: Stage, point: int) -> list[Loss]:
    """Somebody removes the containers: ``docker rm --force``."""
    with stage.scene() as scene:
        with scene.held(point) as command:
            _each_container(scene, lambda engine, name: engine.remove(name))
            command.go_on()
            scene.expect_exit(command, ExitCode.DONE)
        return scene.finish()


def log_cut(stage: Stage, after: int) -> list[Loss]:
    """Every connection that follows a log breaks after so many bytes, with no sign that it was not the end."""
    with stage.scene() as scene:
        socket = scene.folder / "s"
        with CuttingSocket(socket, scene.engine.folder / "docker.sock", after=after) as cutting:
            with scene.run(environment={"DOCKER_HOST": cutting.host}) as command:
                scene.expect_exit(command, ExitCode.DONE)
            assert cutting.done
        return scene.finish()


def log_rotated(stage: Stage, point: int) -> list[Loss]:
    """The engine keeps only the last kilobytes of a log unless it is told otherwise; nobody reads while they go by."""
    with stage.scene(text=script(noise=300)) as scene:
        with scene.held(point) as command:
            command.kill()
        with DockerEngine(scene.engine.host) as engine:
            wait_until(lambda: not _running(engine, scene), "the containers to end")
        return scene.finish()


def infrastructure_stays_away(stage: Stage, index: int) -> list[Loss]:
    """Any container that one trial gets is killed at once, until its retries are used up."""
    with stage.scene(text=script(pause=1), RetryStrategy={"MaximumRetryAttempts": 1}) as scene:
        assert isinstance(scene, TuningScene)
        with scene.run() as command, DockerEngine(scene.engine.host) as engine:

            def is_lost() -> bool:
                trial = next((one for one in scene.trials() if one.trial_index == index), None)
                for container in () if trial is None else engine.containers({JOB_LABEL: trial.name}):
                    if container.status is ContainerStatus.RUNNING:
                        with suppress(EngineError):  # it has gone in this very moment
                            engine.signal(container.container_id, "SIGKILL")
                return trial is not None and trial.is_finished

            wait_until(is_lost, f"the loss of trial {index}")
            scene.expect_exit(command, ExitCode.DONE)
        return scene.finish(may_be_cut=True, reasons=_THE_MACHINE, lost=(index,))


def image_removed(stage: Stage, point: int) -> list[Loss]:
    """The image is removed in the middle of the job, and comes back."""
    with stage.scene() as scene:
        api = docker.APIClient(base_url=scene.engine.host)
        with scene.held(point) as command:
            api.remove_image(scene.image, force=True)
            command.go_on()
            _wait_for_notice(scene, command)
            scene.restore_image()
            scene.expect_exit(command, *_MACHINE_EXITS)
        api.close()
        return scene.finish()


def gpu_refused(stage: Stage, point: int) -> list[Loss]:
    """The driver refuses to hand out GPUs for a while: containers cannot be started."""
    with stage.scene() as scene:
        with scene.held(point) as command:
            scene.engine.refuse_gpus(refuse=True)
            command.go_on()
            _wait_for_notice(scene, command)
            scene.engine.refuse_gpus(refuse=False)
            scene.expect_exit(command, *_MACHINE_EXITS)
        return scene.finish()


def engine_disk_full(stage: Stage, point: int) -> list[Loss]:
    """The disk with images and containers is full for a while."""
    assert stage.disk is not None
    with stage.scene() as scene:
        with scene.held(point) as command:
            stage.disk.fill()
            command.go_on()
            _wait_for_notice(scene, command)
            stage.disk.free()
            scene.expect_exit(command, *_MACHINE_EXITS)
        return scene.finish(
            may_be_cut=True,
            reasons=("no space left", "InternalServerError"),
            log_warnings=("the engine's disk was full while it ran",),
        )


def _until_engine_is_back(scene: Scene, command: Command) -> None:
    """The command goes on without an engine; then that is started again, and the command comes to its end."""
    command.go_on()
    command.wait_for("Trying again")
    scene.engine.start()
    scene.expect_exit(command, *_MACHINE_EXITS)


def _wait_for_notice(scene: Scene, command: Command) -> None:
    """Wait until the command has met the fault: it has ended, or a trial has, or the time for that is over."""
    ended = scene.ended_trials()

    def has_noticed() -> bool:
        return command.exit_code is not None or scene.ended_trials() > ended

    try:
        wait_until(has_noticed, "the fault to be met", _NOTICE_SECONDS)
    except AssertionError:
        return  # it waits for better times


def _each_container(scene: Scene, do: Callable[[DockerEngine, str], None]) -> None:
    with DockerEngine(scene.engine.host) as engine:
        for container in engine.containers({HOME_LABEL: str(scene.home)}):
            with suppress(ContainerNotFound):  # its removal was under way
                do(engine, container.container_id)


def _running(engine: DockerEngine, scene: Scene) -> list[str]:
    labels = {HOME_LABEL: str(scene.home)}
    return [one.name for one in engine.containers(labels) if one.status is ContainerStatus.RUNNING]
