"""What docs/reference-algorithm.md says is so: its tables and its example of another algorithm. Its commands run in
tests/integration/test_reference_image.py.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from container.algorithm import load_servable
from container.app import create_app

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = (REPOSITORY / "docs" / "reference-algorithm.md").read_text(encoding="utf-8")


def test_the_example_of_another_algorithm_trains_and_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is run as it stands, in the frame of the reference image."""
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    (tmp_path / "my_algorithm.py").write_text(block)
    (tmp_path / "ml/input/data/training").mkdir(parents=True)
    variables = {
        **os.environ,
        "PYTHONPATH": f"{REPOSITORY}{os.pathsep}{tmp_path}",
        "SAGEMAKER_BASE_DIR": str(tmp_path / "ml"),
        "ALGODOCK_ALGORITHM": "my_algorithm",
    }

    command = [sys.executable, "-m", "container", "train"]
    after = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)

    assert (0, "") == (after.returncode, after.stderr)
    assert "[Epoch 3] validation: accuracy=0.3" in after.stdout
    monkeypatch.syspath_prepend(tmp_path)
    client = create_app(load_servable("my_algorithm").load(tmp_path / "ml/model")).test_client()
    assert {"predictions": [42, 42]} == client.post("/invocations", json=[[1], [2]]).json


def test_each_regular_expression_finds_one_number_in_its_line_alone() -> None:
    """A metric that matched two of the three lines would be recorded twice an epoch."""
    rows = re.findall(r"^\| `(\[Epoch .*?)` \| (.*) \|$", PAGE, flags=re.MULTILINE)
    lines = [line for line, _ in rows]

    assert 3 == len(rows)
    for line, cell in rows:
        for regex in re.findall(r"`(.*?)`", cell):
            assert [line] == [candidate for candidate in lines if re.search(regex, candidate)]
            assert [float] == [type(float(value)) for value in re.findall(regex, line)]
