"""Trials whose infrastructure stays away: any container they get is gone at once, until their retries are used up."""

from collections.abc import Container

from home_of_fakes import HomeOfFakes

from tuner.engine.protocol import JOB_LABEL
from tuner.store.records import TuningJobRecord


def take_containers(home: HomeOfFakes, doomed: Container[int]) -> None:
    """Remove the containers of the trials with these indexes."""
    for trial in home.store.unfinished_training_jobs():
        if trial.trial_index in doomed:
            for container in home.engine.containers({JOB_LABEL: trial.name}):
                home.engine.remove(container.container_id)


def run_losing(home: HomeOfFakes, doomed: Container[int], *, restarted: bool = False) -> TuningJobRecord:
    """Work the tuning job `tune` to its end while the trials with these indexes are lost.

    Where `restarted`, the process is killed after every third step.
    """
    steps = 0
    while not home.store.tuning_job("tune").status.is_terminal:
        home.controller.step()
        take_containers(home, doomed)
        home.controller.wait(0.001)
        home.clock.now += 3
        steps += 1
        if restarted and steps % 3 == 0:
            home.restart()
        assert steps < 2000
    return home.store.tuning_job("tune")
