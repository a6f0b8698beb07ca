"""Manifests: files that list the objects of a channel. Pure.

A ManifestFile is a JSON array: an object with the ``prefix``, then one key or more, each to be put behind the prefix as
it is. An AugmentedManifestFile has a JSON object a line; a name that ends in ``-ref`` holds the address of an object.
Source: API reference, S3DataSource; SageMaker developer guide, "Provide Dataset Metadata to Training Jobs with an
Augmented Manifest File".
"""

import json
from dataclasses import dataclass

from contracts.errors import InvalidManifest

#: What the name of an attribute ends in whose value is the address of an object.
REFERENCE_SUFFIX = "-ref"

_decoder = json.JSONDecoder()
_SPACES = " \t\r\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """What a ManifestFile says; an object's address is `prefix` and a key, put together as they are."""

    prefix: str
    keys: tuple[str, ...]


def parse_manifest(text: str) -> Manifest:
    """The manifest that `text` is; raises InvalidManifest."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidManifest(f"is no JSON: {error}") from error
    if not isinstance(document, list) or not document:
        raise InvalidManifest('is no JSON array that begins with {"prefix": "..."}')
    first, *keys = document
    if not isinstance(first, dict) or not isinstance(first.get("prefix"), str) or not first["prefix"]:
        raise InvalidManifest('has to begin with {"prefix": "..."}')
    for position, key in enumerate(keys, start=1):
        if not isinstance(key, str) or not key:
            raise InvalidManifest(f"has {json.dumps(key)} as entry {position}, where a key is expected, a string")
    if not keys:
        raise InvalidManifest("lists no object")
    return Manifest(prefix=first["prefix"], keys=tuple(keys))


def parse_augmented_line(line: str) -> dict[str, str]:
    """The attributes of one line of an augmented manifest: each value as the JSON text that stands there.

    Texts are cut out rather than written anew, so that ``1.10`` stays ``1.10``. Raises InvalidManifest.
    """
    try:
        if not isinstance(json.loads(line), dict):
            raise InvalidManifest("is no JSON object")
        return _members(line)
    except (ValueError, RecursionError) as error:
        raise InvalidManifest(f"is no JSON object: {error}") from error


def reference(text: str) -> str:
    """The address that the JSON `text` of a ``-ref`` attribute holds; raises InvalidManifest."""
    value = json.loads(text)
    if not isinstance(value, str) or not value:
        raise InvalidManifest(f"holds {text}, where the address of an object is expected")
    return value


def _members(line: str) -> dict[str, str]:
    """The members of a valid JSON object, found by going through it once more."""
    members: dict[str, str] = {}
    position = _skip(line, line.index("{") + 1)
    while line[position] != "}":
        name, position = _decoder.raw_decode(line, position)
        start = _skip(line, line.index(":", position) + 1)
        _, end = _decoder.raw_decode(line, start)
        members[name] = line[start:end]
        position = _skip(line, end)
        if line[position] == ",":
            position = _skip(line, position + 1)
    return members


def _skip(line: str, position: int) -> int:
    while line[position] in _SPACES:
        position += 1
    return position
