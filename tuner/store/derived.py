"""What is made of each record of a list, once for each."""

from collections.abc import Callable, Sequence
from itertools import compress, count
from operator import is_not
from typing import Generic, TypeVar

from tuner.store.records import TrainingJobRecord

Value = TypeVar("Value")


class Derived(Generic[Value]):
    """What `make` makes of each of a tuning job's records.

    The store hands over the same ones until they change. So of ten thousand, only those are looked at that another
    stood in the place of at the last call.
    """

    def __init__(self, make: Callable[[TrainingJobRecord], Value]) -> None:
        self._make = make
        self._records: Sequence[TrainingJobRecord] = ()
        self._values: list[Value] = []

    def of(self, records: Sequence[TrainingJobRecord]) -> list[Value]:
        """The values of `records`, in their order."""
        values = self._values[: len(records)]
        for place in compress(count(), map(is_not, records, self._records)):
            values[place] = self._make(records[place])
        values += map(self._make, records[len(values) :])
        self._records, self._values = tuple(records), values
        return list(values)
