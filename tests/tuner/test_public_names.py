"""What `import tuner` offers."""

import subprocess
import sys

import pytest

import tuner


def test_all_public_names_can_be_imported_and_are_sorted() -> None:
    """`from tuner import *` gives what `__all__` promises."""
    assert sorted(tuner.__all__) == tuner.__all__
    assert sorted(tuner._MODULES) == tuner.__all__
    assert all(getattr(tuner, name).__name__ == name for name in tuner.__all__)


def test_public_names_are_where_completion_looks() -> None:
    """A notebook completes `tuner.Hy`."""
    assert set(tuner.__all__) <= set(dir(tuner))


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As with any module."""
    with pytest.raises(AttributeError, match="has no attribute 'Estimater'"):
        _ = tuner.Estimater


def test_importing_tuner_imports_nothing_heavy() -> None:
    """The command line lives in this package: it must not pay for the SDK's imports."""
    heavy = ["docker", "botocore", "numpy", "pandas", "plotly", "sqlite3", "requests"]
    code = f"import sys, tuner; print([name for name in {heavy} if name in sys.modules])"

    assert "[]\n" == subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
