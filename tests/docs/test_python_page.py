"""docs/python.md is one program, and it runs: on a real engine, with an image of a few lines of shell."""

from collections.abc import Callable
from pathlib import Path

import pytest
from markdown_pages import ROOT, blocks

from tuner.sdk.session import default_session

pytestmark = pytest.mark.docker

_PAGES = ("docs/python.md", "README.md")

#: Prints an accuracy and leaves a model; it reads its hyperparameters as any container does.
_TRAIN = """
rate=$(sed 's/.*"learning_rate": "\\([^"]*\\)".*/\\1/' /opt/ml/input/config/hyperparameters.json)
echo "[Epoch 1] validation: accuracy=0.5"
echo "[Epoch 2] validation: accuracy=0.75"
echo "$rate" > /opt/ml/model/weights
"""


@pytest.mark.parametrize("page", _PAGES)
def test_the_python_of_a_page_runs_from_top_to_bottom(
    page: str,
    shell_algorithm: Callable[[str], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As somebody would paste it into a notebook: only the image's name is another one."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.csv").write_text("1,2\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALGODOCK_HOME", str(tmp_path / "home"))
    default_session.cache_clear()
    image = shell_algorithm(_TRAIN)
    names: dict[str, object] = {}
    for block in blocks("python"):
        if block.page == ROOT / page:
            exec(compile(block.text.replace("my/image:latest", image), str(block), "exec"), names)
    for session in (default_session(), names.get("session")):
        if session is not None:
            session.close()  # type: ignore[attr-defined] # a Session, made by the page
    default_session.cache_clear()

    printed = capsys.readouterr().out
    expected = ("[Epoch 2]", "Report: ", "model.tar.gz", "is complete: a trial has reached the target 0.7")
    assert page != "docs/python.md" or all(words in printed for words in expected)
