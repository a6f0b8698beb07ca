"""A new algorithm's folder: what `algodock init` writes.

`templates/` has a folder for each template, as it is written but for the name, which is `PLACEHOLDER` in it.
"""

from tuner.new_algorithm.folder import (
    DEFAULT_TEMPLATE,
    TEMPLATES,
    InvalidFolder,
    InvalidName,
    check_name,
    trains_only,
    write_folder,
)
from tuner.new_algorithm.toolkit import TOOLKIT, ToolkitChanged, update_toolkit

__all__ = [
    "DEFAULT_TEMPLATE",
    "TEMPLATES",
    "TOOLKIT",
    "InvalidFolder",
    "InvalidName",
    "ToolkitChanged",
    "check_name",
    "trains_only",
    "update_toolkit",
    "write_folder",
]
