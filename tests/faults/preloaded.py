"""Everything that a command imports late, imported early: processes of these tests are forked from this one."""

import importlib

_LATE = (
    "tuner.cli.tune",
    "tuner.cli.process",
    "tuner.cli.transform",
    "tuner.cli.down",
    "tuner.cli.list_jobs",
    "tuner.cli.show",
    "tuner.dashboard.report",
    "tuner.engine.docker_engine",
    "tuner.engine.gpus",
)


def preload() -> None:
    """Import it."""
    for name in _LATE:
        importlib.import_module(name)
