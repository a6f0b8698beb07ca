"""`algodock list --endpoints`: what is being served in a home, as the engine knows it."""

import json

import click

from tuner.cli.screen import console
from tuner.cli.tables import plain_table
from tuner.engine.protocol import Engine
from tuner.profile import HostProfile
from tuner.serving.errors import ModelError
from tuner.serving.model_calls import HttpModelContainer
from tuner.serving.running import RunningEndpoint, running_endpoints


def list_endpoints(engine: Engine, profile: HostProfile, *, as_json: bool) -> None:
    """Print the endpoints whose containers run: where each is invoked, and how many models it has loaded."""
    endpoints = running_endpoints(engine, profile)
    if as_json:
        click.echo(json.dumps([_document(endpoint) for endpoint in endpoints], indent=2))
        return
    if not endpoints:
        click.echo("No endpoint runs. `algodock serve NAME` serves the model of a job.")
        return
    table = plain_table("name", "url", "models loaded")
    for endpoint in endpoints:
        count = _models_loaded(endpoint)
        table.add_row(endpoint.name, endpoint.url, "?" if count is None else str(count))
    console().print(table)


def _document(endpoint: RunningEndpoint) -> dict[str, object]:
    return {
        "name": endpoint.name,
        "url": endpoint.url,
        "multi_model": endpoint.front_door is not None,
        "models_loaded": _models_loaded(endpoint),
    }


def _models_loaded(endpoint: RunningEndpoint) -> int | None:
    """None where the container does not say."""
    if endpoint.front_door is None:
        return 1
    try:
        return sum(1 for _ in HttpModelContainer(endpoint.address).models())
    except ModelError:
        return None
