"""The console that commands write to: never reads markup into what jobs say, and does not fold tables in pipes."""

import sys

from rich.console import Console

#: How wide tables are where there is no terminal to fit into.
PIPE_WIDTH = 160


def console() -> Console:
    """A console on standard output as it is now."""
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    return Console(file=sys.stdout, width=width, markup=False, highlight=False, emoji=False)
