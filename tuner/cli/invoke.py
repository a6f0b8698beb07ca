"""`algodock invoke`: one request to a model that is served, as InvokeEndpoint makes it."""

import sys
from pathlib import PurePath
from typing import BinaryIO

import click

from contracts import serving
from tuner.cli.exit_codes import ExitCode
from tuner.cli.machine import Invocation
from tuner.serving.calls import Answer
from tuner.serving.calls import invoke as invoke_endpoint
from tuner.serving.errors import ModelError
from tuner.serving.running import find_endpoint, running_endpoints

#: What a file is taken for by its name.
CONTENT_TYPES = {
    ".csv": serving.CSV,
    ".jpeg": serving.JPEG,
    ".jpg": serving.JPEG,
    ".json": serving.JSON,
    ".jsonl": serving.JSON_LINES,
    ".npy": serving.NPY,
    ".png": serving.PNG,
    ".txt": "text/plain",
}
#: What anything else is sent as; the SDK's Predictor does the same with bytes.
OTHER_CONTENT_TYPE = "application/octet-stream"


@click.command()
@click.argument("file", metavar="FILE", type=click.File("rb"))
@click.option("--endpoint", "name", metavar="NAME", help="The endpoint; not needed where only one runs.")
@click.option("--content-type", metavar="TYPE", help="What FILE is; without it guessed from its name.")
@click.option("--accept", metavar="TYPE", default="*/*", show_default=True, help="What is wanted back.")
@click.option("--custom-attributes", metavar="TEXT", help="Opaque text for the container, at most 1024 characters.")
@click.pass_obj
def invoke(
    invocation: Invocation,
    file: BinaryIO,
    *,
    name: str | None,
    content_type: str | None,
    accept: str,
    custom_attributes: str | None,
) -> int:
    """Send FILE (- for standard input) to an endpoint of this home, and print the answer as it is.

    As with InvokeEndpoint: at most 6 MiB each way, an answer within 60 s, and anything but 2xx from the container is a
    ModelError, which is exit code 1. `algodock serve` starts an endpoint.
    """
    machine = invocation.machine()
    body = file.read(serving.PAYLOAD_LIMIT_BYTES + 1)  # one too many is refused, however many there are
    endpoint = find_endpoint(running_endpoints(machine.engine, machine.profile), name)
    headers = {
        "Content-Type": content_type or CONTENT_TYPES.get(PurePath(file.name).suffix.lower(), OTHER_CONTENT_TYPE),
        "Accept": accept,
    }
    if custom_attributes is not None:
        headers[serving.CUSTOM_ATTRIBUTES_HEADER] = custom_attributes
    try:
        answer = invoke_endpoint(endpoint.address, body, headers)
    except ModelError as error:
        click.echo(f"{error.code}: {error}\nOriginalStatusCode: {error.original_status_code}", err=True)
        return ExitCode.JOB_FAILED
    _print(answer)
    return ExitCode.DONE


def _print(answer: Answer) -> None:
    """The answer's bytes as they are; a terminal gets only what is text."""
    if sys.stdout.isatty() and not _is_text(answer.body):
        kind = answer.content_type or "no stated type"
        click.echo(
            f"The answer is {len(answer.body)} bytes of {kind}: `algodock invoke ... > FILE` keeps them.", err=True
        )
        return
    click.echo(answer.body, nl=sys.stdout.isatty() and not answer.body.endswith(b"\n"))


def _is_text(body: bytes) -> bool:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character in "\n\r\t" for character in text)
