"""Pages do not lie: their links lead somewhere, their code is code, their commands are commands."""

import ast
import json
import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest
import yaml
from markdown_pages import ROOT, Block, anchors, blocks, links, pages

from tuner.cli.main import cli
from tuner.requests import Defaults, load_job
from tuner.requests.front_door import NAME_MEMBERS

_LANGUAGES = {"python", "sh", "bash", "yaml", "json", "text", "toml"}
_TARGETS = re.compile(r"^([a-z-]+):", re.MULTILINE)


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_inside_the_project_leads_somewhere(page: Path) -> None:
    """Files exist; where a heading is named, the page has it."""
    broken = [target for target in links(page) if "://" not in target and not leads_somewhere(page, target)]

    assert [] == broken


def leads_somewhere(page: Path, target: str) -> bool:
    """Whether a relative link of `page` names a file or folder, and a heading in it if it names one."""
    path, _, heading = target.partition("#")
    file = page.parent / path if path else page
    return file.exists() and (not heading or heading in anchors(file))


def test_every_block_outside_of_drawings_says_what_language_it_is() -> None:
    """So that it is coloured, and checked here; drawings and trees have none."""
    assert set() == {block.language for block in blocks()} - _LANGUAGES - {""}


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_in_pages_is_python(block: Block) -> None:
    """It compiles; docs/python.md is run besides, by test_python_page.py."""
    ast.parse(block.text, filename=str(block))


@pytest.mark.parametrize("block", blocks("sh", "bash"), ids=str)
def test_shell_in_pages_is_shell(block: Block) -> None:
    """The shell itself reads it, without running it."""
    checked = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True, check=False)

    assert "" == checked.stderr


@pytest.mark.parametrize("block", blocks("sh", "bash"), ids=str)
def test_commands_in_pages_exist_with_their_options(block: Block) -> None:
    """Each `algodock` line is parsed by the command itself; each `make` target is in the Makefile."""
    targets = set(_TARGETS.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    for line in block.text.replace("\\\n", " ").splitlines():
        if not line.startswith(("algodock ", "make ")):
            continue
        words = shlex.split(line, comments=True)
        if words[0] == "algodock":
            parse(words[1:])
        else:
            assert set(words[1:]) <= targets, f"{block}: {line}"


def parse(arguments: list[str]) -> None:
    """Let the commands' own parsers read `arguments`; raises click.UsageError for what they do not know."""
    # A command keeps the options for help that it is first asked with: they have to be the real ones.
    context = click.Context(cli, info_name="algodock", **cli.context_settings)
    _, rest, _ = cli.make_parser(context).parse_args(args=list(arguments))
    if rest:
        command = cli.get_command(context, rest[0])
        assert command is not None, f"there is no command {rest[0]!r}"
        command.make_parser(click.Context(command, parent=context)).parse_args(args=rest[1:])


def test_a_command_that_does_not_exist_would_be_noticed() -> None:
    """The check above checks."""
    with pytest.raises(AssertionError, match="there is no command 'tuen'"):
        parse(["tuen", "job.yaml"])
    with pytest.raises(click.UsageError, match="--agian"):
        parse(["tune", "job.yaml", "--agian"])


@pytest.mark.parametrize("block", blocks("json", "yaml"), ids=str)
def test_documents_in_pages_can_be_read(block: Block, tmp_path: Path) -> None:
    """Those that are whole job files are valid ones, too."""
    document = json.loads(block.text) if block.language == "json" else yaml.safe_load(block.text)
    if isinstance(document, dict) and set(NAME_MEMBERS.values()) & document.keys():
        path = tmp_path / f"job.{block.language}"
        path.write_text(block.text, encoding="utf-8")

        assert [] == load_job(path, Defaults(output_uri="file:///out")).validate()
