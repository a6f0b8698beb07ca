"""The part of an examination that does a processing job: plans the runs, and judges what was seen."""

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from tuner.conformance.evidence import Verdict
from tuner.conformance.observation import Link, Run
from tuner.conformance.part import Task, judged
from tuner.conformance.probe import Glimpse, Interruption, Probe
from tuner.conformance.processing.case import ProcessingCase
from tuner.conformance.processing.checks import (
    CONDITIONS,
    PROCESSING_CHECKS,
    STOPPED,
    WITHOUT_INPUTS,
    processing_ids,
)
from tuner.conformance.processing.evidence import ProcessingEvidence, ProcessingRun
from tuner.conformance.processing.staging import Sending, Staged, stage
from tuner.conformance.traces import files_below, links_below, text_in
from tuner.engine.protocol import ContainerSpec

_STRICT = "the processing job, as on the platform"
_PLAIN = "the processing job, with everything in two places"
_PLAINEST = Sending(config_beside=True, inputs_beside=True, without_output_folders=True)
#: Each condition of the platform by itself.
_ALONE: Mapping[str, Sending] = {
    "PROC-PATHS": Sending(config_beside=True, without_output_folders=True),
    "PROC-CONFIG": Sending(inputs_beside=True, without_output_folders=True),
    "PROC-OUT-DIR": Sending(config_beside=True, inputs_beside=True),
}
_PLATFORM_VARIABLES = {"AWS_REGION": "us-east-1"}


class ProcessingPart:
    """One processing job of one image. `wanted` are the ids of the items to be judged; files are below `folder`."""

    def __init__(self, *, probe: Probe, case: ProcessingCase, wanted: Collection[str], folder: Path) -> None:
        self._probe = probe
        self._case = case
        self._wanted = frozenset(wanted)
        self._folder = folder
        self._good: ProcessingRun | None = None
        self._start = Sending()
        self._runs: dict[str, ProcessingRun] = {}
        self._reasons: dict[str, str] = {}

    @property
    def ids(self) -> Collection[str]:
        """The items that it judges."""
        return processing_ids()

    def abandon(self) -> None:
        """Let every run that is under way remove its container and raise CheckAbandoned."""
        self._probe.abandon()

    def close(self) -> None:
        """Nothing is kept from one round to the next but files."""

    def rounds(self) -> Iterator[Mapping[str, Task]]:
        """The good case, as on the platform, then as lenient as can be; after that what needs it, side by side."""
        if not self._wanted & processing_ids():
            return
        yield {_STRICT: self._good_run(Sending())}
        if self._has_good_case:
            self._runs |= dict.fromkeys(CONDITIONS, self._seen_good)
        elif self._seen_good.run.exit_code is not None:
            self._start = _PLAINEST
            yield {_PLAIN: self._good_run(_PLAINEST)}
        tasks = dict(self._tasks()) if self._has_good_case else {}
        if tasks:
            yield tasks

    @property
    def _seen_good(self) -> ProcessingRun:
        assert self._good is not None, "the good case is run first"
        return self._good

    @property
    def _has_good_case(self) -> bool:
        return self._good is not None and self._good.is_good

    def _good_run(self, sending: Sending) -> Task:
        def run() -> None:
            self._good = self._run(sending)

        return run

    def _tasks(self) -> Iterator[tuple[str, Task]]:
        for name in CONDITIONS:
            if name in self._wanted and name not in self._runs:
                yield name, self._kept(name, _ALONE[name])
        if self._wants(WITHOUT_INPUTS):
            if self._case.inputs:
                start = self._start
                without = Sending(
                    config_beside=start.config_beside,
                    without_output_folders=start.without_output_folders,
                    without_inputs=True,
                )
                yield WITHOUT_INPUTS, self._kept(WITHOUT_INPUTS, without)
            else:
                self._reasons[WITHOUT_INPUTS] = "the job has no input that could be left out to make it fail"
        if self._wants(STOPPED):
            interruption = Interruption(moment=self._is_at_work, signals=("SIGTERM",))
            yield STOPPED, self._kept(STOPPED, self._start, interruption)

    def _wants(self, run: str) -> bool:
        return any(check.needs == run and check.id in self._wanted for check in PROCESSING_CHECKS)

    def _kept(self, name: str, sending: Sending, interruption: Interruption | None = None) -> Callable[[], None]:
        def run() -> None:
            self._runs[name] = self._run(sending, interruption)

        return run

    def _is_at_work(self, glimpse: Glimpse) -> bool:
        """Whether a third of the job's time is over: its program has started by then."""
        return glimpse.seconds >= self._seen_good.run.seconds / 3

    def _run(self, sending: Sending, interruption: Interruption | None = None) -> ProcessingRun:
        name = self._probe.new_name()
        staged = stage(self._case, sending, self._folder / name)
        spec = ContainerSpec(
            name=name,
            image=self._case.image,
            entry_point=self._case.entry_point,
            arguments=self._case.arguments,
            environment={**_PLATFORM_VARIABLES, **self._case.environment},
            mounts=staged.mounts,
            labels=self._probe.labels(name),
            gpu_ids=self._probe.gpus,
            network=self._case.network,
            cpus=self._probe.cpus,
        )
        patience = self._probe.patience
        limit = 3 * self._seen_good.run.seconds + patience.spare if self._has_good_case else patience.limit
        return _seen(self._probe.observe(spec, interruption=interruption, limit=limit), staged)

    def verdicts(self) -> Mapping[str, Verdict]:
        """The verdict on every item of processing."""
        found: dict[str, Verdict] = {}
        if self._good is None:
            return found
        evidence = ProcessingEvidence(case=self._case, good=self._good, runs=self._runs, reasons=self._reasons)
        judged(PROCESSING_CHECKS, evidence, has_good_case=self._has_good_case, found=found)
        return found


def _seen(run: Run, staged: Staged) -> ProcessingRun:
    text, is_utf8 = text_in(staged.message)
    places = [(name, place) for name, place in sorted(staged.outputs.items()) if place.is_dir()]
    return ProcessingRun(
        run=run,
        message=text,
        message_is_utf8=is_utf8,
        files=[f"{name}/{path}" for name, place in places for path in sorted(files_below(place))],
        links=[
            Link(path=f"{name}/{link.path}", target=link.target)
            for name, place in places
            for link in links_below(place)
        ],
    )
