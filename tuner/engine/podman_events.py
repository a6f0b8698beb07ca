"""What Podman remembers of its containers, asked in its own way."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tuner.engine.docker_errors import ANSWER_SECONDS, raise_for_status


def past_events(api: Any, since: int, filters: Mapping[str, Sequence[str]]) -> list[Any]:
    """What Podman remembers, in its own way: 4.3 finds nothing before an "until", nor since a fraction of a second."""
    params = {"stream": "false", "since": since, "filters": json.dumps(filters)}
    response = api.get(f"{api.base_url}/v{api.api_version}/events", params=params, timeout=ANSWER_SECONDS)
    raise_for_status(response)
    return [json.loads(line) for line in response.text.splitlines()]
