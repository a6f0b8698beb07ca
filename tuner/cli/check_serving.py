"""What an image serves, for `algodock check`: the options that say it, and the case that they make."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from tuner.cli.invoke import CONTENT_TYPES, OTHER_CONTENT_TYPE
from tuner.conformance.serving.case import Payload, ServedCase, ServingClaim
from tuner.serving.container import check_environment

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_Command = TypeVar("_Command", bound=Callable[..., Any])
_MOST_MODELS = 2


def serving_options(command: _Command) -> _Command:
    """The options that say what an image serves; `read_served_case` takes them by the same names."""
    for option in reversed(
        (
            click.option(
                "--model",
                "models",
                metavar="FILE.tar.gz|FOLDER",
                type=click.Path(path_type=Path, exists=True),
                multiple=True,
                help="The model that is served; without it the one that the good case trains. Said twice, the second is"
                " another one, for images that host many.",
            ),
            click.option(
                "--payload",
                "payloads",
                metavar="FILE",
                type=_FILE,
                multiple=True,
                help="A request that the image can answer; may be said several times.",
            ),
            click.option(
                "--content-type",
                "content_types",
                metavar="TYPE",
                multiple=True,
                help="What the payload is; said several times, of one payload after the other. Without it guessed from"
                " the file's name.",
            ),
            click.option(
                "--accept",
                "accepts",
                metavar="TYPE",
                multiple=True,
                help="A media type that the image can answer with; may be said several times.",
            ),
            click.option(
                "--malformed",
                metavar="FILE",
                type=_FILE,
                help="A request that the image must refuse; without it a payload is cut in half and spoilt.",
            ),
            click.option("--failing", metavar="FILE", type=_FILE, help="A request that makes the image's model fail."),
            click.option(
                "--large", metavar="FILE", type=_FILE, help="A request of 6 MiB; JSON, JSON lines and CSV are made so."
            ),
            click.option(
                "--env",
                "variables",
                metavar="NAME=VALUE",
                multiple=True,
                help="An environment variable of the containers that serve; may be said several times.",
            ),
        )
    ):
        command = option(command)
    return command


def read_served_case(
    image: str,
    *,
    models: Sequence[Path],
    payloads: Sequence[Path],
    content_types: Sequence[str],
    accepts: Sequence[str],
    malformed: Path | None,
    failing: Path | None,
    large: Path | None,
    variables: Sequence[str],
    claims: Sequence[str],
) -> ServedCase:
    """What `image` serves; raises click.UsageError for options that make no sense, ValidationError for variables."""
    if len(models) > _MOST_MODELS:
        raise click.UsageError("--model: say it once, or twice for an image that hosts many models.")
    if not payloads and (content_types or malformed or failing or large):
        raise click.UsageError("Give a request that the image can answer with --payload FILE, too.")
    environment = dict(_variable(text) for text in variables)
    check_environment(environment)
    return ServedCase(
        image=image,
        model=next(iter(models), None),
        other_model=models[1] if len(models) > 1 else None,
        payloads=tuple(_payloads(payloads, content_types)),
        accepts=tuple(accepts),
        malformed=None if malformed is None else malformed.read_bytes(),
        failing=None if failing is None else failing.read_bytes(),
        large=None if large is None else large.read_bytes(),
        environment=environment,
        claims=frozenset(ServingClaim(text) for text in claims),
    )


def _payloads(paths: Sequence[Path], content_types: Sequence[str]) -> list[Payload]:
    if len(content_types) > max(1, len(paths)):
        raise click.UsageError("--content-type: there are more of them than payloads.")
    if len(content_types) == 1:
        content_types = [content_types[0]] * len(paths)
    guessed = [CONTENT_TYPES.get(path.suffix.lower(), OTHER_CONTENT_TYPE) for path in paths]
    told = [*content_types, *guessed[len(content_types) :]]
    return [Payload(body=path.read_bytes(), content_type=kind) for path, kind in zip(paths, told, strict=True)]


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise click.UsageError(f"--env {text}: write NAME=VALUE")
    return name, value
