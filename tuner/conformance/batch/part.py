"""The part of an examination that asks as a transform job does: one container more, and requests made of records."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from tuner.conformance.batch.checks import BATCH_CHECKS, batch_ids
from tuner.conformance.batch.evidence import Asked, BatchEvidence
from tuner.conformance.batch.interview import BAD_RECORD, Interview
from tuner.conformance.evidence import Verdict, not_applicable
from tuner.conformance.part import Task, judged
from tuner.conformance.serving.case import ServedCase
from tuner.conformance.serving.container import ServingProbe
from tuner.conformance.serving.part import ServingPart

_BATCH = {"SAGEMAKER_BATCH": "true"}


class BatchPart:
    """One image in batch transform, with what `serving` has found to be good. `wanted` are the ids to be judged."""

    def __init__(self, *, probe: ServingProbe, case: ServedCase, wanted: Collection[str], serving: ServingPart) -> None:
        self._probe = probe
        self._case = case
        self._wanted = frozenset(wanted)
        self._serving = serving
        self._evidence: BatchEvidence | None = None

    @property
    def ids(self) -> Collection[str]:
        """The items that it judges."""
        return batch_ids()

    def abandon(self) -> None:
        """Let every wait that is under way end."""
        self._probe.abandon()

    def close(self) -> None:
        """Nothing is kept from one round to the next."""

    def rounds(self) -> Iterator[Mapping[str, Task]]:
        """One container, as soon as it is known how the image is served well."""
        while not self._serving.is_settled:
            yield {}
        if self._serving.good_setting is not None and self._wanted & batch_ids():
            yield {"a transform job's requests": self._examine}

    def _examine(self) -> None:
        setting, without = self._serving.good_setting, self._serving.good_start
        assert setting is not None
        assert without is not None
        setting = replace(setting, environment={**setting.environment, **_BATCH})
        limit = 3 * (without.ready_after or 0.0) + self._probe.patience.spare
        with self._probe.serve(setting) as service:
            start = service.come_up(limit)
            evidence = BatchEvidence(start=start, without=without)
            if start.ready_after is not None:
                evidence = Interview(self._case, service).hold(evidence)
        lost = not evidence.asked.get(BAD_RECORD, Asked(exchanges=())).is_alive
        if lost:  # what comes after it goes to another container
            with self._probe.serve(setting) as service:
                service.come_up(limit)
                evidence = Interview(self._case, service).go_on(evidence)
        self._evidence = evidence

    def verdicts(self) -> Mapping[str, Verdict]:
        """The verdict on every item of batch transform."""
        if self._evidence is None:
            why = "the image does not serve its good case: see SERVE-START-ARG, SERVE-PING-200, SERVE-INVOKE-200"
            return dict.fromkeys(self.ids, not_applicable(why))
        found: dict[str, Verdict] = {}
        judged(BATCH_CHECKS, self._evidence, has_good_case=self._evidence.is_good, found=found)
        return found
