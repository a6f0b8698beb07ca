"""`algodock init`: a folder for a new algorithm."""

import shlex
from pathlib import Path

import click

from tuner.cli import words
from tuner.new_algorithm import (
    DEFAULT_TEMPLATE,
    TEMPLATES,
    TOOLKIT,
    check_name,
    trains_only,
    update_toolkit,
    write_folder,
)


@click.command(
    epilog="Templates: " + "; ".join(f"{name}: {what}" for name, what in TEMPLATES.items()) + ".",
)
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path))
@click.option("--name", metavar="NAME", help="What the image and the jobs are called [the folder's name].")
@click.option(
    "--template",
    type=click.Choice(list(TEMPLATES)),
    help=f"What to start from; see below. [{DEFAULT_TEMPLATE}]",
)
@click.option(
    "--update",
    is_flag=True,
    help=f"Renew {TOOLKIT}/ in the FOLDER of an algorithm instead, after an update of Algodock.",
)
def init(folder: Path, *, name: str | None, template: str | None, update: bool) -> None:
    """Write a new algorithm into FOLDER, which is new or empty.

    It is whole as it is: an image that trains, serves and keeps SageMaker's container contract, with a test, a little
    data and job files. Change it step by step, and `algodock check` it.
    """
    if update:
        if name is not None or template is not None:
            raise click.UsageError("--update goes with neither --name nor --template: it renews what is there.")
        _update(folder)
        return
    name = check_name(folder.resolve().name if name is None else name)
    template = template or DEFAULT_TEMPLATE
    files = write_folder(folder, name=name, template=template)
    own = [str(path) for path in files if path.parts[0] != TOOLKIT]
    click.echo(f"{folder} has {TEMPLATES[template]}:")
    click.echo("\n".join(f"  {path}" for path in own))
    if len(own) < len(files):
        click.echo(
            f"  {TOOLKIT}/ ({words.count(len(files) - len(own), 'file')} of Algodock's, which go into the image)"
        )
    place = shlex.quote(str(folder))
    asked = f"--payload {place}/request.csv" if not trains_only(template) else "--train"
    click.echo(
        "\nGo on with:\n"
        f"  docker build -t {name} {place}\n"
        f"  algodock check --job {place}/training-job.yaml {asked}\n"
        f"  algodock tune {place}/tuning-job.yaml\n"
        f"{folder}/README.md tells more."
    )


def _update(folder: Path) -> None:
    renewed = update_toolkit(folder)
    click.echo(
        f"{folder / TOOLKIT} is renewed: build the image again." if renewed else f"{folder / TOOLKIT} is up to date."
    )
