"""Looking into a request that may be wrong anywhere: a value together with its place."""

from collections.abc import Iterator
from dataclasses import dataclass

from tuner.errors import RequestPath


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a request and its path.

    What is missing or of another type reads as None or nothing: the service model has said so already, and rules need
    not say it again.
    """

    value: object
    path: RequestPath = ()

    def member(self, *names: str) -> "Node":
        """The member reached by `names`, one below the other; its value is None where there is none."""
        node = self
        for name in names:
            value = node.value.get(name) if isinstance(node.value, dict) else None
            node = Node(value, (*node.path, name))
        return node

    def at(self, *names: str) -> RequestPath:
        """The path of the member reached by `names`."""
        return (*self.path, *names)

    def has(self, name: str) -> bool:
        """Whether there is a member `name`, whatever its value."""
        return isinstance(self.value, dict) and name in self.value

    def items(self) -> Iterator["Node"]:
        """The items of a list."""
        if isinstance(self.value, list | tuple):
            for index, item in enumerate(self.value):
                yield Node(item, (*self.path, index))

    def names(self) -> tuple[str, ...]:
        """The keys of a mapping."""
        return tuple(self.value) if isinstance(self.value, dict) else ()

    def text(self, name: str) -> str | None:
        """The string at `name`."""
        value = self.member(name).value
        return value if isinstance(value, str) else None

    def integer(self, name: str) -> int | None:
        """The whole number at `name`."""
        value = self.member(name).value
        return value if isinstance(value, int) and not isinstance(value, bool) else None
