"""The probe: one run on the fake engine, and what is seen of it."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tuner.conformance.case import GoodCase
from tuner.conformance.observation import Link
from tuner.conformance.probe import CheckAbandoned, Glimpse, Interruption, Patience, Probe
from tuner.conformance.sending import plainest
from tuner.engine.fake import FakeEngine, FakeImage
from tuner.engine.fake_container import FakeContainer, Program
from tuner.errors import ImageNotFound

CASE = GoodCase(image="image", hyperparameters={"epochs": "3"})
PATIENCE = Patience(limit=50.0, grace=20.0, spare=5.0, telling=1.0, between=0.0, poll=0.0)


@pytest.fixture
def make(tmp_path: Path) -> Callable[[Program | FakeImage], tuple[FakeEngine, Probe]]:
    """An engine with one image, and a probe whose clock moves on when it is looked at."""

    def build(image: Program | FakeImage) -> tuple[FakeEngine, Probe]:
        engine = FakeEngine({"image": image}, auto_advance=True)
        seconds = itertools.count()
        probe = Probe(
            engine=engine,
            case=CASE,
            home=tmp_path,
            folder=tmp_path / "runs",
            patience=PATIENCE,
            cpus=1.5,
            clock=lambda: float(next(seconds)),
            sleep=lambda _: None,
        )
        return engine, probe

    return build


Make = Callable[[Program | FakeImage], tuple[FakeEngine, Probe]]


def for_ever(container: FakeContainer) -> Iterator[None]:
    """Prints a line a step, without end."""
    for epoch in itertools.count(1):
        container.print(f"epoch {epoch}")
        yield


def at_once(_: Glimpse) -> bool:
    """As soon as it runs."""
    return True


def test_a_run_is_seen_with_all_that_it_left(make: Make) -> None:
    """Exit code, lines, failure file, model and its links, checkpoints."""

    def train(container: FakeContainer) -> int:
        container.print("one")
        container.write_output(b"two")
        container.write_model()
        (container.path("/opt/ml/model") / "link").symlink_to("/etc/passwd")
        return container.fail("it broke", exit_code=7)

    _, probe = make(train)
    seen = probe.run(plainest(CASE))

    assert (7, ["one", "two"], "it broke", ["model.bin"]) == (
        seen.exit_code,
        seen.texts,
        seen.failure,
        list(seen.model_files),
    )
    assert [Link(path="link", target="/etc/passwd")] == list(seen.model_links)
    assert seen.unfinished_output


def test_the_container_gets_what_the_contract_gives_and_is_removed(make: Make) -> None:
    """The argument, its share of the processors; nothing is left behind."""
    engine, probe = make(lambda container: 0)
    probe.run(plainest(CASE))

    (container,) = engine.removed
    assert (("train",), 1.5) == (container.spec.arguments, container.spec.cpus)
    assert () == tuple(engine.containers({}))


def test_a_run_that_takes_too_long_is_killed(make: Make) -> None:
    """It has no exit code then."""
    engine, probe = make(for_ever)
    seen = probe.run(plainest(CASE), limit=5.0)

    assert None is seen.exit_code
    assert ["SIGKILL"] == engine.removed[0].signals


@pytest.mark.parametrize("heeds", [True, False])
def test_a_signal_is_waited_for_and_then_enforced(make: Make, heeds: bool) -> None:
    """The grace is over when it is over."""

    def train(container: FakeContainer) -> Iterator[None]:
        if heeds:
            container.on_signal("SIGTERM", lambda: 0)
        return for_ever(container)

    engine, probe = make(train)
    seen = probe.run(plainest(CASE), interruption=Interruption(moment=at_once, signals=("SIGTERM", "SIGTERM")))

    assert (0 if heeds else None) == seen.exit_code
    assert seen.signalled_at is not None
    assert (["SIGTERM"] if heeds else ["SIGTERM", "SIGTERM", "SIGKILL"]) == engine.removed[0].signals


def test_a_signal_waits_for_its_moment(make: Make) -> None:
    """What is printed so far is looked at."""
    _, probe = make(for_ever)
    moment = Interruption(moment=lambda glimpse: len(glimpse.lines) >= 3, signals=("SIGKILL",))
    seen = probe.run(plainest(CASE), interruption=moment)

    assert 137 == seen.exit_code
    assert len(seen.lines) >= 3


def test_what_ends_before_its_moment_was_not_interrupted(make: Make) -> None:
    """A judgement must not take its end for an answer."""
    _, probe = make(lambda container: 0)

    assert None is probe.run(plainest(CASE), interruption=Interruption(moment=at_once, signals=("S",))).signalled_at


def test_an_entry_point_that_cannot_be_run_is_seen(make: Make) -> None:
    """With the engine's words; an image that is not there is an error of the machine."""
    engine, probe = make(FakeImage(program=None))
    assert "cannot be run" in probe.run(plainest(CASE)).refusal
    assert "cannot be run" in probe.shell("ls").refusal

    engine.images.clear()
    with pytest.raises(ImageNotFound):
        probe.run(plainest(CASE))


def test_a_planted_failure_file_is_not_followed(make: Make, tmp_path: Path) -> None:
    """An image could have the check read any file of this host."""
    (tmp_path / "secret").write_text("secret")

    def train(container: FakeContainer) -> int:
        (container.path("/opt/ml/output") / "failure").symlink_to(tmp_path / "secret")
        return 1

    _, probe = make(train)

    assert None is probe.run(plainest(CASE)).failure


def test_a_failure_file_that_is_no_text_is_seen_as_such(make: Make) -> None:
    """It is shown all the same."""

    def train(container: FakeContainer) -> int:
        container.write("/opt/ml/output/failure", b"caf\xe9")
        return 1

    _, probe = make(train)
    seen = probe.run(plainest(CASE))

    assert ("caf\ufffd", False) == (seen.failure, seen.failure_is_utf8)


def test_an_abandoned_check_removes_its_containers(make: Make) -> None:
    """Ctrl-C leaves nothing behind."""
    engine, probe = make(for_ever)
    probe.abandon()

    with pytest.raises(CheckAbandoned):
        probe.run(plainest(CASE))
    assert () == tuple(engine.containers({}))
