"""Reading a job file: YAML or JSON text into a request, with the line of every member.

A job file *is* a request, so what is read here is what the AWS CLI would read from it. Where YAML 1.1 (most readers)
and YAML 1.2 (the AWS CLI) differ, both are heard: ``1e-3`` is a number as in 1.2, ``no`` a truth value as in 1.1, and
validation asks for quotes. Numbers and dates are not turned into the strings that the API wants: a file that works here
and fails in the cloud would be worse.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tuner.errors import JobFileError, RequestPath

#: Far more than a request with 100 hyperparameters, 30 ranges and 40 metrics needs.
MAX_FILE_BYTES = 256 * 1024

#: Aliases let a small YAML file describe a huge document; this bounds what they may unfold to.
MAX_MEMBERS = 50_000

#: PyYAML and json recurse once or twice a level; the deepest request of the API has 9 levels.
MAX_DEPTH = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class JobFile:
    """What a job file says, and where it says it.

    `lines` has the line (from 1) of every member and list item. `texts` has the letters of every unquoted value that
    YAML reads as something other than a string, so that an error can show what stands in the file.
    """

    path: Path
    request: dict[str, Any]
    lines: Mapping[RequestPath, int]
    texts: Mapping[RequestPath, str]


def read_job_file(path: Path) -> JobFile:
    """The request in the YAML or JSON file at `path` (JSON when its name ends in ``.json``).

    Raises JobFileError, with path, line and column: a file that is missing, empty, too big, not UTF-8, not YAML or
    JSON, not one mapping; keys that are double or no strings; aliases that unfold without end.
    """
    text = _read_text(path)
    if not text.strip():
        raise JobFileError(f"{path}: the file is empty")
    places = _Places(path)
    value = _read_json(text, places) if path.suffix.lower() == ".json" else _read_yaml(text, places)
    if not isinstance(value, dict):
        raise JobFileError(f"{path}: a job file is a mapping of a request's members, not {_kind(value)}")
    if not value:
        raise JobFileError(f"{path}: the file has no members")
    _refuse_halves(value, path)
    return JobFile(path=path, request=value, lines=places.lines, texts=places.texts)


@dataclass(slots=True)
class _Places:
    """What is known about the places of a file while it is read."""

    path: Path
    lines: dict[RequestPath, int] = field(default_factory=dict)
    texts: dict[RequestPath, str] = field(default_factory=dict)
    noted: int = 0

    def note(self, where: RequestPath, line: int) -> None:
        self.lines[where] = line
        self.noted += 1  # not the number of lines: a merged mapping is noted at the same places again and again
        if self.noted > MAX_MEMBERS:
            raise JobFileError(f"{self.path}:{line}: more than {MAX_MEMBERS} members; does an alias repeat another?")
        if len(where) > MAX_DEPTH:
            raise JobFileError(f"{self.path}:{line}: nested more than {MAX_DEPTH} levels deep")

    def double_key(self, key: str, line: int, first: int) -> JobFileError:
        return JobFileError(f"{self.path}:{line}: the key {key!r} is there twice, first on line {first}")


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise JobFileError(f"{path}: there is no such file") from None
    except OSError as error:
        raise JobFileError(f"{path}: cannot be read: {error.strerror}") from error
    if len(content) > MAX_FILE_BYTES:
        raise JobFileError(f"{path}: larger than {MAX_FILE_BYTES // 1024} KiB, which no job file needs to be")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise JobFileError(f"{path}:{line}: the file is not UTF-8 text; save it as UTF-8") from error


def _refuse_halves(value: object, path: Path) -> None:
    """Refuse halves of characters, which escapes can write and nothing can store or send."""
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError as error:
        half = f"\\u{ord(error.object[error.start]):04x}"
        raise JobFileError(f"{path}: {half} is half a character; write the character itself") from error


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the numbers of YAML 1.2."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)[eE][-+]?[0-9]+\Z"),
    list("-+.0123456789"),
)

_STRING_TAG = "tag:yaml.org,2002:str"
_MERGE_TAG = "tag:yaml.org,2002:merge"


def _read_yaml(text: str, places: _Places) -> object:
    loader: _Loader | None = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        return None if node is None else _YamlDocument(loader, places).value(node, ())
    except yaml.MarkedYAMLError as error:
        raise JobFileError(_yaml_problem(places.path, error)) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise JobFileError(f"{places.path}:{line}: a control character ({error.character:#x}) in the text") from error
    except RecursionError as error:
        raise JobFileError(f"{places.path}: nested more than {MAX_DEPTH} levels deep") from error
    finally:
        if loader is not None:
            loader.dispose()


def _yaml_problem(path: Path, error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
    if error.problem == "but found another document":
        return f"{place}: a second document begins here; a job file holds one request"
    problem = str(error.problem)
    if "'\\t'" in problem:
        problem = "a tab; YAML is indented with spaces"
    return f"{place}: this is not YAML: {problem}" + (f" {error.context}" if error.context else "")


@dataclass(frozen=True, slots=True)
class _YamlDocument:
    """Turns the nodes of a document into values, and notes where each stands."""

    loader: _Loader
    places: _Places

    def value(self, node: yaml.Node, where: RequestPath) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, where)
        if isinstance(node, yaml.SequenceNode):
            return [self.item(child, (*where, index)) for index, child in enumerate(node.value)]
        value = self.scalar(node)
        if not isinstance(value, str):
            self.places.texts[where] = node.value
        return value

    def item(self, node: yaml.Node, where: RequestPath) -> Any:
        self.places.note(where, node.start_mark.line + 1)
        return self.value(node, where)

    def mapping(self, node: yaml.MappingNode, where: RequestPath) -> dict[str, Any]:
        merges = [value for key, value in node.value if key.tag == _MERGE_TAG]
        merged = {key: value for merge in reversed(merges) for key, value in self.merged(merge, where).items()}
        own: dict[str, Any] = {}
        first_lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE_TAG:
                continue
            line = key_node.start_mark.line + 1
            key = self.key(key_node, line)
            if key in own:
                raise self.places.double_key(key, line, first_lines[key])
            first_lines[key] = line
            self.places.note((*where, key), line)
            own[key] = self.value(value_node, (*where, key))
        return {**merged, **own}

    def merged(self, node: yaml.Node, where: RequestPath) -> dict[str, Any]:
        """What ``<<`` brings in: one mapping, or several of which an earlier one wins."""
        if isinstance(node, yaml.SequenceNode):
            parts = [self.merged(child, where) for child in node.value]
            return {key: value for part in reversed(parts) for key, value in part.items()}
        if not isinstance(node, yaml.MappingNode):
            raise JobFileError(f"{self.places.path}:{node.start_mark.line + 1}: << wants a mapping or an alias of one")
        return self.mapping(node, where)

    def key(self, node: yaml.Node, line: int) -> str:
        value = self.scalar(node) if isinstance(node, yaml.ScalarNode) else None
        if isinstance(value, str):
            return value
        text = node.value if isinstance(node, yaml.ScalarNode) else "..."
        raise JobFileError(f'{self.places.path}:{line}: the key {text} is {_kind(value)}; quote it: "{text}"')

    def scalar(self, node: yaml.Node) -> Any:
        if node.tag == _STRING_TAG:
            return node.value
        try:
            return self.loader.construct_object(node, deep=True)
        except ValueError as error:  # 2024-02-31, a number of 5000 digits
            raise JobFileError(
                f"{self.places.path}:{node.start_mark.line + 1}: {node.value[:40]!r} cannot be read: {error}; quote it"
            ) from error


_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


def _read_json(text: str, places: _Places) -> object:
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise JobFileError(f"{places.path}:{error.lineno}:{error.colno}: this is not JSON: {error.msg}") from error
    except ValueError as error:
        raise JobFileError(f"{places.path}: this is not JSON: {error}") from error
    except RecursionError as error:
        raise JobFileError(f"{places.path}: nested more than {MAX_DEPTH} levels deep") from error
    tokens = _json_tokens(text)
    _note_json(next(tokens)[0], tokens, (), places)
    return value


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON number")


def _json_tokens(text: str) -> Iterator[tuple[str, int]]:
    """The tokens of (valid) JSON `text`, each with its line."""
    line, position = 1, 0
    for match in _JSON_TOKEN.finditer(text):
        line += text.count("\n", position, match.start())
        position = match.start()
        yield match.group(), line


def _note_json(first: str, tokens: Iterator[tuple[str, int]], where: RequestPath, places: _Places) -> None:
    """Note the lines of all that is inside the value that begins with `first`.

    json tells neither a line nor that a key is double.
    """
    if first == "{":
        _note_object(tokens, where, places)
    elif first == "[":
        index = 0
        for inner, line in tokens:
            if inner == "]":
                return
            if inner != ",":
                places.note((*where, index), line)
                _note_json(inner, tokens, (*where, index), places)
                index += 1


def _note_object(tokens: Iterator[tuple[str, int]], where: RequestPath, places: _Places) -> None:
    for name, line in tokens:
        if name == "}":
            return
        if name == ",":
            continue
        key = json.loads(name)
        if (*where, key) in places.lines:
            raise places.double_key(key, line, places.lines[*where, key])
        places.note((*where, key), line)
        next(tokens)  # the colon
        _note_json(next(tokens)[0], tokens, (*where, key), places)


def _kind(value: object) -> str:
    kinds: Mapping[type, str] = {
        bool: "a truth value",
        int: "a number",
        float: "a number",
        str: "a text",
        list: "a list",
        type(None): "nothing",
    }
    return kinds.get(type(value), f"a {type(value).__name__}")
