"""A container that hosts many models: loaded, listed, asked, unloaded as the platform does it.

Source: SageMaker developer guide, "Custom Containers Contract for Multi-Model Endpoints".
"""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from contracts.errors import InvalidMessage
from contracts.multi_model import (
    INVOKE_SUFFIX,
    MODELS_PATH,
    MULTI_MODEL_VARIABLE,
    OUT_OF_RESOURCES,
    PAGE_TOKEN,
    TARGET_MODEL_HEADER,
    ModelEntry,
    format_load_request,
    parse_models_page,
)
from contracts.paths import OptMlLayout
from contracts.serving import JSON
from tuner.conformance.serving.case import ServingClaim
from tuner.conformance.serving.container import Service, Setting
from tuner.conformance.serving.evidence import Visit
from tuner.conformance.serving.http_calls import Call, Exchange
from tuner.conformance.serving.models import copied
from tuner.conformance.serving.visits import Scene, VisitFunction
from tuner.engine.protocol import Mount

#: The visit to the other model, served alone.
ALONE = "the other model alone"
NOT_CLAIMED = "many models are not claimed (--claim multi-model, or the multi-models label)"
#: What a container gets whose memory is to be used up by models, in bytes, and how many are tried.
LITTLE_MEMORY = 768 * 1024**2
_MOST_MODELS = 24
_MOST_PAGES = 20
_RACE_ROUNDS = 3
_OTHERS = 2


def name_of(word: str) -> str:
    """The name of a model: a text without a meaning, as the platform's are."""
    return sha256(word.encode()).hexdigest()[:32]


FIRST, SECOND, UNKNOWN = name_of("first"), name_of("second"), name_of("unknown")
_OTHER_NAMES = [name_of(f"other {number}") for number in range(_MOST_MODELS)]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Host:
    """A container that hosts many models, and how it is asked."""

    service: Service
    scene: Scene

    @property
    def _seconds(self) -> float:
        return max(self.service.patience.invocation, self.scene.limit)

    def load(self, name: str) -> Exchange:
        body = format_load_request(ModelEntry(name=name, url=str(OptMlLayout().loaded_model(name))))
        return self._ask("POST", MODELS_PATH, body.encode(), {"Content-Type": JSON})

    def page(self, token: str | None = None) -> Exchange:
        return self._ask("GET", MODELS_PATH + ("" if token is None else f"?{PAGE_TOKEN}={quote(token, safe='')}"))

    def get(self, name: str) -> Exchange:
        return self._ask("GET", f"{MODELS_PATH}/{name}")

    def unload(self, name: str) -> Exchange:
        return self._ask("DELETE", f"{MODELS_PATH}/{name}")

    def invoke(self, name: str) -> Exchange:
        headers = {TARGET_MODEL_HEADER: f"{name[:4]}.tar.gz"}
        payload = self.scene.payload
        if payload is None:
            return self._ask("POST", f"{MODELS_PATH}/{name}{INVOKE_SUFFIX}", b"{}", {"Content-Type": JSON, **headers})
        call = payload.call(path=f"{MODELS_PATH}/{name}{INVOKE_SUFFIX}", seconds=self._seconds)
        return self.service.ask(replace(call, headers={**call.headers, **headers}))

    def pages(self) -> list[Exchange]:
        """All pages of the list, as long as there is a further one."""
        made = [self.page()]
        while len(made) < _MOST_PAGES and (token := next_token(made[-1])) is not None:
            made.append(self.page(token))
        return made

    def _ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Exchange:
        return self.service.ask(Call(method=method, path=path, body=body, headers=headers or {}, seconds=self._seconds))


def next_token(page: Exchange) -> str | None:
    """What asks for the page after `page`; None where there is none, or where it is no such list."""
    try:
        return parse_models_page(page.reply.body).next_page_token if page.reply.is_good else None
    except InvalidMessage:
        return None


def names_listed(page: Exchange) -> list[str]:
    """The models in an answer to a listing; raises InvalidMessage where it is none."""
    return [entry.name for entry in parse_models_page(page.reply.body).models]


def many_models(scene: Scene) -> Mapping[str, Visit] | str:
    """All that the platform asks such a container, in one."""
    if ServingClaim.MULTI_MODEL not in scene.case.claimed(scene.image):
        return NOT_CLAIMED
    models = {FIRST: scene.model, SECOND: scene.other_model or scene.model}
    models |= dict.fromkeys(_OTHER_NAMES[:_OTHERS], scene.model)
    with _hosting(scene, models) as host:
        start = host.service.come_up(scene.limit)
        seen = {"no model": Visit(start=start)}
        if start.ready_after is None:
            return seen
        for name, exchanges in _conversation(host):
            seen[name] = Visit(start=start, exchanges=exchanges)
    if scene.other_model is not None and _answer_alike(seen["models invoked"]):
        seen[ALONE] = scene.visit(replace(scene.setting, model=_of_its_own(scene, scene.other_model)))
    return seen


def _answer_alike(invoked: Visit) -> bool:
    first, _, second, _ = invoked.exchanges
    return first.reply.is_good and second.reply.is_good and first.reply.body == second.reply.body


def _of_its_own(scene: Scene, model: Path) -> Path:
    """`model`, or a copy of it where the container may write to it."""
    return model if scene.setting.is_read_only else copied(model, scene.folder / "other-model-alone")


def _conversation(host: _Host) -> Iterator[tuple[str, list[Exchange]]]:
    yield "an unknown model", [host.get(UNKNOWN)]
    yield "an unknown model invoked", [host.invoke(UNKNOWN)]
    yield "an unknown model unloaded", [host.unload(UNKNOWN)]
    yield "a model loaded", [host.load(FIRST), *host.pages()]
    yield "models listed", [host.page(), host.get(FIRST)]
    yield "a model loaded twice", [host.load(FIRST)]
    yield "models invoked", [host.invoke(FIRST), host.load(SECOND), host.invoke(SECOND), host.invoke(FIRST)]
    yield "pages", [*(host.load(name) for name in _OTHER_NAMES[:_OTHERS]), *host.pages()]
    for name in _OTHER_NAMES[:_OTHERS]:
        host.unload(name)
    yield "loaded and invoked at once", _race(host)
    yield "a model unloaded", [host.unload(FIRST), host.invoke(FIRST), host.get(FIRST), host.load(FIRST)]


def _race(host: _Host) -> list[Exchange]:
    """The first model is invoked while the second goes and comes."""
    with ThreadPoolExecutor(1) as pool:

        def change() -> list[Exchange]:
            return [ask(SECOND) for _ in range(_RACE_ROUNDS) for ask in (host.unload, host.load)]

        changing = pool.submit(change)
        invoked = []
        while not changing.done():
            invoked.append(host.invoke(FIRST))
        return [*invoked, *changing.result()]


def little_memory(scene: Scene) -> Mapping[str, Visit] | str:
    """One model after the other, until the memory is used up; then the first is asked again."""
    if ServingClaim.MULTI_MODEL not in scene.case.claimed(scene.image):
        return NOT_CLAIMED
    with _hosting(scene, dict.fromkeys([FIRST, *_OTHER_NAMES], scene.model), memory_bytes=LITTLE_MEMORY) as host:
        start = host.service.come_up(scene.limit)
        if start.ready_after is None:
            return {"little memory": Visit(start=start)}
        exchanges = [host.load(FIRST), host.invoke(FIRST)]
        for name in _OTHER_NAMES:
            exchanges.append(host.load(name))
            if not exchanges[-1].reply.is_good:
                exchanges.append(host.invoke(FIRST))
                break
        return {"little memory": Visit(start=start, exchanges=exchanges)}


@contextmanager
def _hosting(scene: Scene, models: Mapping[str, Path], memory_bytes: int | None = None) -> Iterator[_Host]:
    setting = Setting(
        model=None,
        environment={**scene.setting.environment, MULTI_MODEL_VARIABLE: "true"},
        memory_bytes=memory_bytes,
        mounts=tuple(
            Mount(source=folder, target=str(OptMlLayout().loaded_model(name)), read_only=True)
            for name, folder in models.items()
        ),
    )
    with scene.probe.serve(setting) as service:
        yield _Host(service=service, scene=scene)


def says_out_of_resources(exchange: Exchange) -> bool:
    """Whether a load was refused for want of memory."""
    return exchange.reply.status == OUT_OF_RESOURCES


def entry_in(exchange: Exchange) -> Mapping[str, object]:
    """The object in the body of an answer; empty where it is none."""
    try:
        document = json.loads(exchange.reply.body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


#: By the name under which a reason is kept where one is not made.
MULTI_MODEL_VISITS: Mapping[str, VisitFunction] = {"many models": many_models, "little memory": little_memory}
