"""`algodock invoke`: one request to a model that is served, as InvokeEndpoint makes it."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import BinaryIO

import click

from contracts import serving
from tuner.cli.answers import print_answer, print_pieces
from tuner.cli.exit_codes import ExitCode
from tuner.cli.machine import Invocation
from tuner.serving.calls import Answer, invoke_with_response_stream
from tuner.serving.calls import invoke as invoke_endpoint
from tuner.serving.errors import EndpointFailed, InvalidInvocation, ModelError, ModelNotReady, ModelStreamError
from tuner.serving.front_door import Invocation as TargetInvocation
from tuner.serving.front_door import invoke_target_model
from tuner.serving.running import RunningEndpoint, find_endpoint, running_endpoints

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
@click.option("--target-model", metavar="ARCHIVE", help="Which of the models of a multi-model endpoint.")
@click.option("--stream", "is_streamed", is_flag=True, help="Print the answer piece by piece, as it comes.")
@click.pass_obj
def invoke(
    invocation: Invocation,
    file: BinaryIO,
    *,
    name: str | None,
    content_type: str | None,
    accept: str,
    custom_attributes: str | None,
    target_model: str | None,
    is_streamed: bool,
) -> int:
    """Send FILE (- for standard input) to an endpoint of this home, and print the answer as it is.

    As with InvokeEndpoint: at most 6 MiB each way, an answer within 60 s, and anything but 2xx from the container is a
    ModelError, which is exit code 1. `algodock serve` starts an endpoint.

    With --stream as with InvokeEndpointWithResponseStream: the first piece within 60 s, the last one 8 minutes later,
    however large they are together; an answer that breaks off is a ModelStreamError, exit code 1 too.
    """
    if is_streamed and target_model is not None:
        raise click.UsageError(
            "--stream does not go with --target-model: InvokeEndpointWithResponseStream has no TargetModel."
        )
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
        if is_streamed:
            _check_is_single(endpoint)
            print_pieces(invoke_with_response_stream(endpoint.address, body, headers))
        else:
            print_answer(_invoke(endpoint, body, headers, target_model))
    except ModelError as error:
        click.echo(f"{error.code}: {error}\nOriginalStatusCode: {error.original_status_code}", err=True)
        return ExitCode.JOB_FAILED
    except ModelStreamError as error:
        click.echo(f"{error.code}: {error}\nErrorCode: {error.error_code}", err=True)
        return ExitCode.JOB_FAILED
    except (ModelNotReady, EndpointFailed) as error:
        click.echo(f"{getattr(error, 'code', 'Error')}: {error}", err=True)
        return ExitCode.JOB_FAILED
    return ExitCode.DONE


def _invoke(endpoint: RunningEndpoint, body: bytes, headers: Mapping[str, str], target_model: str | None) -> Answer:
    if target_model is None:
        _check_is_single(endpoint)
        return invoke_endpoint(endpoint.address, body, headers)
    if endpoint.front_door is None:
        raise InvalidInvocation(
            f"Endpoint {endpoint.name} is not a multi-model endpoint and does not support target model header."
        )
    asked = TargetInvocation(target_model=target_model, body=body, headers=headers)
    return invoke_target_model(endpoint.front_door, endpoint.name, asked)


def _check_is_single(endpoint: RunningEndpoint) -> None:
    if endpoint.front_door is not None:
        raise InvalidInvocation(
            f"Request is missing a target model header: {endpoint.name} is a multi-model endpoint, which of its models"
            " is asked for is said with --target-model ARCHIVE."
        )
