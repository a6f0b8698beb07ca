"""A click group whose commands are imported when they are called: `algodock --help` imports none of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module

import click


@dataclass(frozen=True, kw_only=True, slots=True)
class LazyCommand:
    """Where a command is (``module:name``), and the line that the list of commands shows."""

    where: str
    summary: str

    def load(self) -> click.Command:
        """Import the command."""
        module, name = self.where.split(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)
        return command


class LazyGroup(click.Group):
    """A group of `LazyCommand`s, listed in the order in which they are given."""

    lazy_commands: Mapping[str, LazyCommand] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names of all commands."""
        return list(self.lazy_commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The command called `cmd_name`, imported now; None where there is none."""
        lazy = self.lazy_commands.get(cmd_name)
        return None if lazy is None else lazy.load()

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.summary) for name, lazy in self.lazy_commands.items()])
