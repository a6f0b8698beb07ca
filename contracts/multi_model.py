"""What a multi-model container and its platform say to each other: which models are loaded, and how that is changed.

The same image serves one model or many; the platform says which by `MULTI_MODEL_VARIABLE`. Beware: the request to load
a model is in snake case, everything that the container answers in camel case.

Source: SageMaker developer guide, "Custom Containers Contract for Multi-Model Endpoints".
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from contracts.errors import InvalidMessage

#: Set to ``true`` in a container that is to serve many models.
MULTI_MODEL_VARIABLE = "SAGEMAKER_MULTI_MODEL"
#: The label by which an image says that it can.
MULTI_MODEL_LABEL = "com.amazonaws.sagemaker.capabilities.multi-models"

MODELS_PATH = "/models"
#: What a model's own path ends with when it is invoked.
INVOKE_SUFFIX = "/invoke"
#: The query parameter that asks for the page after another.
PAGE_TOKEN = "next_page_token"  # noqa: S105 - no secret
#: What the caller called the model; for the container it is a text without a meaning.
TARGET_MODEL_HEADER = "X-Amzn-SageMaker-Target-Model"

#: Of a load: the model is loaded already.
ALREADY_LOADED = HTTPStatus.CONFLICT
#: Of a load or an invocation: there is not enough memory, or of something else. The platform then unloads other models.
OUT_OF_RESOURCES = HTTPStatus.INSUFFICIENT_STORAGE
#: Of all but a load: the model is not loaded.
NOT_LOADED = HTTPStatus.NOT_FOUND


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelEntry:
    """A model of a container: `name` is the platform's, `url` the folder inside the container."""

    name: str
    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelsPage:
    """Some of the models that are loaded; `next_page_token` asks for the next ones, None where there are no more."""

    models: Sequence[ModelEntry]
    next_page_token: str | None = None


def is_multi_model(variables: Mapping[str, str]) -> bool:
    """Whether a container with these variables is to serve many models."""
    return variables.get(MULTI_MODEL_VARIABLE, "").strip().lower() == "true"


def format_load_request(entry: ModelEntry) -> str:
    """The body of ``POST /models``."""
    return json.dumps({"model_name": entry.name, "url": entry.url})


def parse_load_request(text: str | bytes) -> ModelEntry:
    """The model that a body of ``POST /models`` asks for; raises InvalidMessage."""
    return _entry(_parsed(text), "model_name", "url")


def format_model(entry: ModelEntry) -> str:
    """The body of an answer to ``GET /models/NAME``."""
    return json.dumps(_document(entry))


def parse_model(text: str | bytes) -> ModelEntry:
    """The model of an answer to ``GET /models/NAME``; raises InvalidMessage."""
    return _entry(_parsed(text), "modelName", "modelUrl")


def format_models_page(page: ModelsPage) -> str:
    """The body of an answer to ``GET /models``."""
    token = {} if page.next_page_token is None else {"nextPageToken": page.next_page_token}
    return json.dumps({"models": [_document(entry) for entry in page.models], **token})


def parse_models_page(text: str | bytes) -> ModelsPage:
    """The models of an answer to ``GET /models``; raises InvalidMessage."""
    document = _parsed(text)
    if not isinstance(document, dict) or not isinstance(document.get("models"), list):
        raise InvalidMessage('is no JSON object with a list "models"')
    token = document.get("nextPageToken")
    if token is not None and not isinstance(token, str):
        raise InvalidMessage("has a nextPageToken that is no text")
    models = tuple(_entry(model, "modelName", "modelUrl") for model in document["models"])
    return ModelsPage(models=models, next_page_token=token or None)


def _document(entry: ModelEntry) -> Mapping[str, str]:
    return {"modelName": entry.name, "modelUrl": entry.url}


def _parsed(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidMessage("is no JSON") from error


def _entry(document: Any, name_key: str, url_key: str) -> ModelEntry:
    members = [document.get(key) if isinstance(document, dict) else None for key in (name_key, url_key)]
    for key, value in zip((name_key, url_key), members, strict=True):
        if not isinstance(value, str) or not value:
            raise InvalidMessage(f'is no JSON object with a text "{key}"')
    name, url = members
    return ModelEntry(name=str(name), url=str(url))
