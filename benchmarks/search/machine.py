"""The machine that figures come from, in the words of a reader who wants to compare."""

import importlib.metadata
import os
import platform
from pathlib import Path


def machine() -> str:
    """Processors, system, Python and the libraries that compute."""
    libraries = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("numpy", "scipy"))
    system = f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}"
    return f"{os.cpu_count()} x {_processor()}, {system}, Python {platform.python_version()}, {libraries}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
