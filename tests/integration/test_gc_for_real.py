"""`algodock gc` on a real engine: networks, orphans, and files of other users."""

import shutil
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from engine_conformance import unique_name
from shell_image import ShellAlgorithm

from tuner.engine.docker_engine import DockerEngine
from tuner.engine.protocol import HOME_LABEL, JOB_LABEL, ContainerSpec, Mount
from tuner.leftovers.on_engine import left_on_engine
from tuner.leftovers.removal import Remover, empty_as_root
from tuner.profile import HostProfile
from tuner.store.sqlite_store import Store

pytestmark = [pytest.mark.docker, pytest.mark.every_engine]

#: Nested, hidden, and in the hands of two users, one of whom lets nobody in.
MAKE_A_MESS = """
mkdir -p /out/a/b /out/.hidden
echo x >/out/a/b/file; echo x >/out/.hidden/file; echo x >/out/..odd; ln -s /etc /out/link
chown -R 1234:1234 /out/a; chmod 700 /out/a /out/.hidden
"""


def test_what_deleted_homes_left_goes_and_what_others_have_stays(
    engine: DockerEngine, shell_image: str, homes: Path, home: Path, run_labels: Mapping[str, str]
) -> None:
    """By the labels, as the engine has them. The engine may be somebody else's too, so only what is ours is removed."""
    gone, other = str(homes / unique_name()), str(homes / unique_name())
    Path(other).mkdir()
    for owner in (gone, other):
        labels = {**run_labels, HOME_LABEL: owner, JOB_LABEL: "one"}
        engine.create_network(network := unique_name(), labels, internal=True)
        spec = ContainerSpec(
            name=unique_name(),
            image=shell_image,
            arguments=("train",),
            environment={},
            labels=labels,
            private_network=network,
        )
        engine.create(spec)
    remover = Remover(engine, home, (), lambda: None)
    with Store(":memory:") as store:
        found = [one for one in left_on_engine(engine, store, HostProfile(home=home)) if str(homes) in one.why]
    for one in found:
        remover.remove(one)

    assert {f"its home {gone} is gone"} == {one.why for one in found}
    assert [(0, 0), (1, 1)] == [
        (len(engine.containers({HOME_LABEL: owner})), len(engine.networks({HOME_LABEL: owner})))
        for owner in (gone, other)
    ]


def test_a_container_removes_what_other_users_own(
    engine: DockerEngine, shell_algorithm: ShellAlgorithm, home: Path, run_labels: Mapping[str, str]
) -> None:
    """As root, of nothing but the folder; a link in it is removed, and not followed."""
    folder = home / "left"
    folder.mkdir(parents=True)
    image = shell_algorithm(MAKE_A_MESS)
    spec = ContainerSpec(
        name=unique_name(),
        image=image,
        arguments=("train",),
        environment={},
        labels=run_labels,
        mounts=(Mount(source=folder, target="/out"),),
    )
    container = engine.create(spec)
    engine.start(container)
    while engine.state(container).exit_code is None:
        time.sleep(0.05)
    before = sorted(path.name for path in folder.iterdir())
    empty_as_root(engine, home, folder, image, lambda: time.sleep(0.05))

    assert ["..odd", ".hidden", "a", "link"] == before
    assert [] == list(folder.iterdir())
    assert () == engine.containers({HOME_LABEL: str(home)})
    shutil.rmtree(folder)
