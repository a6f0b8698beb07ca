"""A tuning job that has been, in a store in memory."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tuning_history import TuningHistory

from tuner.store.sqlite_store import Store


@pytest.fixture
def store() -> Iterator[Store]:
    """An empty store."""
    with Store(":memory:") as store:
        yield store


@pytest.fixture
def history(store: Store, tmp_path: Path) -> TuningHistory:
    """A tuning job without trials yet."""
    return TuningHistory(store, outputs=tmp_path)
