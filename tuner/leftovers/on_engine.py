"""Containers and networks that carry a label of ours and that nobody will ask for again."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from contracts.jobs import JobKind
from tuner.conformance.probe import CHECK_NAME
from tuner.engine.protocol import (
    ENDPOINT_LABEL,
    HOME_LABEL,
    JOB_LABEL,
    PROBE_LABEL,
    PROCESSING_JOB_LABEL,
    Engine,
)
from tuner.leftovers.leftover import Leftover, LeftoverKind
from tuner.profile import HostProfile
from tuner.store.lock import ControllerLock
from tuner.store.sqlite_store import Store
from tuner.transform.containers import TRANSFORM_JOB_LABEL

#: A probe is there for a second; one that is older than this was left by a process that was killed.
PROBE_SECONDS = 600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Alive:
    """Who of a home may still ask for containers: unfinished jobs by label and name, and checks that run."""

    jobs: Mapping[str, frozenset[str]] = field(default_factory=dict)
    has_checks: bool = False

    @classmethod
    def of(cls, store: Store, profile: HostProfile) -> "Alive":
        """Those of the home that `store` is of."""
        others = store.unfinished_jobs()
        return cls(
            jobs={
                JOB_LABEL: frozenset(job.name for job in store.unfinished_training_jobs()),
                PROCESSING_JOB_LABEL: frozenset(job.name for job in others if job.kind is JobKind.PROCESSING),
                TRANSFORM_JOB_LABEL: frozenset(job.name for job in others if job.kind is JobKind.TRANSFORM),
            },
            has_checks=any(ControllerLock(folder).is_held() for folder in profile.check_folders()),
        )


def left_on_engine(engine: Engine, store: Store, profile: HostProfile) -> Iterator[Leftover]:
    """The containers and networks of this home that no unfinished job, endpoint or check has, and some of others.

    Those are of homes whose folder is gone, where the engine runs on this machine, and probes that were killed. What is
    on the engine is listed before the store is read: a job is in the store before its containers are created. Raises
    EngineUnreachable.
    """
    containers = engine.containers({HOME_LABEL: None})
    networks = engine.networks({HOME_LABEL: None})
    alive = Alive.of(store, profile)
    for container in containers:
        if (why := _why(container.name, container.labels, alive, profile)) is not None:
            endpoint = container.labels.get(ENDPOINT_LABEL)
            is_ours = container.labels[HOME_LABEL] == str(profile.home)
            yield Leftover(
                kind=LeftoverKind.CONTAINER,
                name=container.name,
                identity=container.container_id,
                why=why,
                lock=profile.endpoint_lock(endpoint) if endpoint is not None and is_ours else None,
            )
    oldest = engine.facts().system_time - PROBE_SECONDS
    for probe in engine.containers({PROBE_LABEL: None}):
        if probe.created_at < oldest:
            yield Leftover(
                kind=LeftoverKind.CONTAINER,
                name=probe.name,
                identity=probe.container_id,
                why="a check of GPUs that was killed has left it",
            )
    for network in networks:
        if (why := _why(network.name, network.labels, alive, profile)) is not None:
            yield Leftover(kind=LeftoverKind.NETWORK, name=network.name, identity=network.network_id, why=why)


def _why(name: str, labels: Mapping[str, str], alive: Alive, profile: HostProfile) -> str | None:
    home = labels[HOME_LABEL]
    if home != str(profile.home):
        return f"its home {home} is gone" if profile.has_local_engine and _is_gone(home) else None
    if name.startswith(CHECK_NAME):
        return None if alive.has_checks else "a check that was killed has left it"
    for label, names in alive.jobs.items():
        if label in labels:
            return None if labels[label] in names else f"{labels[label]} is no unfinished job of this home"
    if ENDPOINT_LABEL in labels:
        is_served = ControllerLock(profile.endpoint_lock(labels[ENDPOINT_LABEL])).is_held()
        return None if is_served else f"the process that served {labels[ENDPOINT_LABEL]} has ended"
    return "no job of this home knows it"


def _is_gone(home: str) -> bool:
    """Whether there is no such folder; one that may not be looked at is there."""
    try:
        os.stat(home)  # noqa: PTH116 - the error is the answer
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False
