"""The part of an examination that serves: plans the containers, and judges what was seen."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from tuner.conformance.evidence import Outcome, Verdict, either, not_applicable
from tuner.conformance.part import Task, judged
from tuner.conformance.serving.case import ServedCase
from tuner.conformance.serving.checks import MODEL_SERVEABLE, SERVING_CHECKS, serving_ids
from tuner.conformance.serving.container import Service, ServingProbe, Setting, Start
from tuner.conformance.serving.evidence import ServingEvidence, Step, Visit
from tuner.conformance.serving.http_calls import Exchange
from tuner.conformance.serving.judgements import listens, start_argument
from tuner.conformance.serving.models import copied, model_folder, with_other_files
from tuner.conformance.serving.multi_model import MULTI_MODEL_VISITS
from tuner.conformance.serving.steps import NO_PAYLOAD, STEPS, Counter, look_after
from tuner.conformance.serving.visits import VISITS, Scene, VisitFunction
from tuner.conformance.training import TrainingPart
from tuner.engine.protocol import ImageFacts

#: What is there on other platforms than SageMaker's; no service knows these credentials.
_MORE_THAN_PROMISED = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "placeholder",
    "AWS_SECRET_ACCESS_KEY": "placeholder",
}
_STRICT = "the served good case, with all that the platform brings"
_PLAIN = "the served good case, as plain as can be"
#: How long an image is waited for of which nobody said that it serves, in seconds.
TRY_SECONDS = 60.0

#: By the name under which a reason is kept where one is not made. The long ones first.
_ALL_VISITS: Mapping[str, VisitFunction] = {**MULTI_MODEL_VISITS, **VISITS}


@dataclass(slots=True)
class _Seen:
    """What has been seen so far."""

    start: Start | None = None
    first: list[Exchange] = field(default_factory=list)
    steps: dict[str, Step] = field(default_factory=dict)
    visits: dict[str, Visit] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)


class ServingPart:
    """The serving of one image. `wanted` are the ids of the items to be judged; files are written below `folder`.

    Without a model in the case, the one that `training` makes is served. `is_a_try`: nobody said that the image serves;
    where it does not come up nothing of serving applies, and the option that would make it a failure is named.
    """

    def __init__(
        self,
        *,
        probe: ServingProbe,
        case: ServedCase,
        image: ImageFacts,
        wanted: Collection[str],
        folder: Path,
        training: TrainingPart | None = None,
        is_a_try: bool = False,
    ) -> None:
        self._probe = probe
        self._case = case
        self._image = image
        self._wanted = frozenset(wanted)
        self._folder = folder
        self._training = training
        self._is_a_try = is_a_try
        self._seen = _Seen()
        self._kept = ExitStack()
        self._service: Service | None = None
        self._setting: Setting | None = None
        self._model: Path | None = None
        self._other_model: Path | None = None
        self._why_not = ""
        self._is_settled = False

    @property
    def ids(self) -> Collection[str]:
        """The items that it judges."""
        return serving_ids()

    @property
    def is_settled(self) -> bool:
        """Whether it is known how the good case does."""
        return self._is_settled

    @property
    def good_setting(self) -> Setting | None:
        """What the good case does well with; None where it does not."""
        return self._setting if self._is_settled and not self._why_not and self._is_good else None

    @property
    def good_start(self) -> Start | None:
        """How the container of the good case came up."""
        return self._seen.start

    def abandon(self) -> None:
        """Let every wait that is under way end."""
        self._probe.abandon()

    def close(self) -> None:
        """Remove the container of the good case."""
        self._kept.close()

    # The good case: at first with all that the platform brings, then as plain as can be. Then all else, side by side.

    def rounds(self) -> Iterator[Mapping[str, Task]]:
        """The good case; what its container is asked, and containers of their own; the trained model."""
        while self._training is not None and not self._training.is_settled:
            yield {}
        if self._case.model is None and self._training is not None and self._training.good is None:
            self._why_not = "training made no model that could be served: see TRAIN-EXIT-0, or give one with --model"
            self._is_settled = True
            return
        yield {_STRICT: self._strict}
        if not self._is_good and self._is_worth_a_second_try:
            yield {_PLAIN: self._plain}
        self._is_settled = True
        if self._is_good and (tasks := self._tasks()):
            yield tasks

    def _strict(self) -> None:
        self._model = model_folder(self._given_model, self._folder / "model")
        if self._case.other_model is not None:
            self._other_model = model_folder(self._case.other_model, self._folder / "other-model")
        beside = with_other_files(self._model, self._folder / "model-with-other-files")
        setting = Setting(model=beside, environment=self._case.environment)
        self._serve_good_case(setting)
        if self._is_good and self._seen.start is not None:
            visit = Visit(start=self._seen.start, exchanges=self._seen.first[-1:])
            self._seen.visits |= dict.fromkeys(_CONDITIONS, visit)

    @property
    def _given_model(self) -> Path | None:
        if self._case.model is not None or self._training is None or self._training.good is None:
            return self._case.model
        return self._training.good.model_folder

    def _plain(self) -> None:
        self._kept.close()
        self._serve_good_case(self._plain_setting("model-of-its-own"))

    def _plain_setting(self, name: str) -> Setting:
        """All can be written to, more is there than promised, and nothing beside the model."""
        assert self._model is not None
        return Setting(
            model=copied(self._model, self._folder / name),
            environment={**_MORE_THAN_PROMISED, **self._case.environment},
            is_read_only=False,
        )

    def _serve_good_case(self, setting: Setting) -> None:
        """Start a container that stays, and ask it the usual request until it is answered well."""
        self._setting = setting
        self._service = self._kept.enter_context(self._probe.serve(setting))
        self._seen.start = self._service.come_up(self._limit_of_start)
        self._seen.first = []
        if self._seen.start.ready_after is not None and self._case.payloads:
            self._seen.first = self._until_answered(self._service)

    @property
    def _limit_of_start(self) -> float | None:
        return min(TRY_SECONDS, self._probe.patience.startup) if self._is_a_try else None

    def _until_answered(self, service: Service) -> list[Exchange]:
        """One request where it is answered; else further ones, as long as its fault is the container's own."""
        call = self._case.payloads[0].call(seconds=self._probe.patience.invocation)
        made = [service.ask(call)]
        passed = made[0].reply.seconds
        while passed < self._probe.patience.spare and self._may_get_well(made[-1]) and service.is_running:
            self._probe.rest()
            made.append(service.ask(call))
            passed += made[-1].reply.seconds + self._probe.patience.poll
        return made

    @staticmethod
    def _may_get_well(exchange: Exchange) -> bool:
        reply = exchange.reply
        return not reply.is_late and (reply.status is None or reply.is_failure)

    @property
    def _is_good(self) -> bool:
        return self._seen.start is not None and self._evidence().is_good

    @property
    def _is_worth_a_second_try(self) -> bool:
        """Whether what went wrong may be for want of something; one that never answered would be waited for again."""
        start = self._seen.start
        assert start is not None
        is_late = any(one.reply.is_late for one in self._seen.first)
        return start.exit_code is not None or (start.has_answered and not is_late)

    # Everything else.

    def _tasks(self) -> dict[str, Task]:
        needed = {check.needs for check in SERVING_CHECKS if check.id in self._wanted}
        tasks: dict[str, Task] = {name: self._visit(name) for name in self._needed_visits(needed)}
        steps = [name for name in STEPS if name in needed or name in _needed_besides(needed)]
        if steps:
            tasks["what the container of the good case is asked"] = lambda: self._ask_all(steps)
        for name in _CONDITIONS:
            if name in self._wanted and name not in self._seen.visits:
                tasks[name] = self._condition(name)
        if self._case.model is not None and MODEL_SERVEABLE in self._wanted and self._trained_model is not None:
            tasks[MODEL_SERVEABLE] = self._serve_trained_model
        return tasks

    @staticmethod
    def _needed_visits(needed: Collection[str]) -> list[str]:
        return [name for name in _ALL_VISITS if name in needed]

    def _scene(self) -> Scene:
        assert self._setting is not None
        assert self._seen.start is not None
        assert self._model is not None
        return Scene(
            probe=self._probe,
            case=self._case,
            image=self._image,
            setting=self._setting,
            start=self._seen.start,
            model=self._model,
            folder=self._folder,
            other_model=self._other_model,
        )

    def _visit(self, name: str) -> Task:
        def run() -> None:
            made = _ALL_VISITS[name](self._scene())
            if isinstance(made, str):
                self._seen.reasons[name] = made
            else:
                self._seen.visits |= made

        return run

    def _ask_all(self, names: Collection[str]) -> None:
        """All steps, one after the other; a container that a step has broken is replaced by another one."""
        for name in names:
            assert self._service is not None
            counter = Counter(service=self._service, case=self._case, image=self._image)
            before = len(self._service.lines)
            made = STEPS[name](counter)
            if isinstance(made, str):
                self._seen.reasons[name] = made
                continue
            after = look_after(counter)
            lines = self._service.lines
            self._seen.steps[name] = replace(made, after=after, new_lines=lines[before:])
            if not after.reply.is_good:
                self._replace_container()
        assert self._service is not None
        self._seen.lines += self._service.lines

    def _replace_container(self) -> None:
        assert self._service is not None
        assert self._setting is not None
        self._seen.lines += self._service.lines
        self._kept.close()
        self._service = self._kept.enter_context(self._probe.serve(self._setting))
        self._service.come_up(self._scene().limit)

    def _condition(self, name: str) -> Task:
        def run() -> None:
            setting = _CONDITIONS[name](self._plain_setting(f"model-for-{name}"), self._case)
            self._seen.visits[name] = self._scene().visit(setting)

        return run

    @property
    def _trained_model(self) -> Path | None:
        good = None if self._training is None else self._training.good
        return None if good is None else good.model_folder

    def _serve_trained_model(self) -> None:
        assert self._setting is not None
        scene = self._scene()
        self._seen.visits[MODEL_SERVEABLE] = scene.visit(replace(self._setting, model=self._trained_model))

    # Judging.

    def _evidence(self) -> ServingEvidence:
        assert self._seen.start is not None
        return ServingEvidence(
            case=self._case,
            image=self._image,
            start=self._seen.start,
            first=self._seen.first,
            patience=self._probe.patience,
            steps=self._seen.steps,
            visits=self._seen.visits,
            reasons=self._seen.reasons,
            lines=self._seen.lines or self._seen.start.lines,
        )

    def verdicts(self) -> Mapping[str, Verdict]:
        """The verdict on every item of serving that is run."""
        if self._why_not:
            return dict.fromkeys(self.ids, not_applicable(self._why_not))
        evidence = self._evidence()
        if self._is_a_try and evidence.start.ready_after is None:
            why = f"`docker run IMAGE serve` does not come up ({evidence.start.words}); with --serve that is a failure"
            return dict.fromkeys(self.ids, not_applicable(why))
        found: dict[str, Verdict] = {}
        if MODEL_SERVEABLE in self._wanted:
            found[MODEL_SERVEABLE] = self._serveable(evidence)
        judged(SERVING_CHECKS, evidence, has_good_case=evidence.is_good, found=found)
        return found

    def _serveable(self, evidence: ServingEvidence) -> Verdict:
        """TRAIN-MODEL-SERVEABLE."""
        if why := self._why_nothing_is_served(evidence):
            return not_applicable(why)
        if self._case.model is None:
            return either(evidence.is_good, Visit(start=evidence.start, exchanges=evidence.first[-1:]).words)
        visit = self._seen.visits[MODEL_SERVEABLE]
        return either(visit.is_good, visit.words)

    def _why_nothing_is_served(self, evidence: ServingEvidence) -> str:
        if self._training is None:
            return "training was not examined with it (--train and --serve)"
        if self._trained_model is None:
            return "training made no model: see TRAIN-EXIT-0"
        if not self._case.payloads:
            return NO_PAYLOAD
        if Outcome.FAIL in (start_argument(evidence).outcome, listens(evidence).outcome):
            return f"nothing is served: {evidence.start.words}"
        if self._case.model is not None and MODEL_SERVEABLE not in self._seen.visits:
            return "the served good case does not end well, so nothing else can be told"
        return ""


def _needed_besides(needed: Collection[str]) -> Collection[str]:
    """What the steps in `needed` are compared with."""
    return {"every payload", "the same request twice"} if {"load", "many models"} & set(needed) else set()


def _read_only(setting: Setting, _: ServedCase) -> Setting:
    return replace(setting, is_read_only=True)


def _beside_others(setting: Setting, _: ServedCase) -> Setting:
    assert setting.model is not None
    return replace(setting, model=with_other_files(setting.model, setting.model.with_name("beside-other-files")))


def _without_aws(setting: Setting, case: ServedCase) -> Setting:
    return replace(setting, environment=case.environment)


#: What the platform brings that an image has to live with: each a change of the plainest setting.
_CONDITIONS: Mapping[str, Callable[[Setting, ServedCase], Setting]] = {
    "SERVE-MODEL-RO": _read_only,
    "SERVE-MODEL-EXTRA": _beside_others,
    "SERVE-ENV-ONLY": _without_aws,
}
