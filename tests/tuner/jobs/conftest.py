"""Homes worked on fake engines."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from home_of_fakes import HomeOfFakes
from s3_fixtures import bucket, called_off, proxy, s3_endpoint

from tuner.engine.fake import FakeImage
from tuner.engine.fake_container import Program

__all__ = ["bucket", "called_off", "make_home", "proxy", "s3_endpoint"]

MakeHome = Callable[..., HomeOfFakes]


@pytest.fixture
def make_home(tmp_path: Path) -> Iterator[MakeHome]:
    """Opens homes and closes them after the test."""
    opened: list[HomeOfFakes] = []

    def make(program: Program | FakeImage | Mapping[str, Program], gpus: tuple[str, ...] = ()) -> HomeOfFakes:
        programs = program if isinstance(program, Mapping) else {"image": program}
        opened.append(HomeOfFakes(tmp_path / "home", programs, gpus))
        return opened[-1]

    yield make
    for one in opened:
        one.close()
