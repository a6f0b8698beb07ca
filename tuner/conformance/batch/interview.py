"""What a container is asked as a transform job asks, one thing after the other."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from contracts.serving import EXECUTION_PARAMETERS_PATH, INVOCATIONS_PATH, JSON, BatchStrategy
from contracts.transform import DEFAULT_INVOCATION_TIMEOUT_SECONDS
from tuner.conformance.batch.evidence import Asked, BatchEvidence
from tuner.conformance.batch.records import MEBIBYTE, Records, accepts, is_lines, records_of, says_lines
from tuner.conformance.serving.case import ServedCase
from tuner.conformance.serving.container import Service
from tuner.conformance.serving.http_calls import Call, Exchange

BAD_RECORD = "a bad record"
_GREATEST = "the greatest payload"
_NO_LINES = "no request is made of lines: give one with --payload, of type text/csv or application/jsonlines"
_HEADER = (
    "the payload begins with a header line: an image that needs one cannot be split by line;"
    " for one that does not, give a --payload without it"
)
_SINGLE = "it asks for SINGLE_RECORD: a request holds one record"
_NO_PAYLOAD = "no request is known that it can answer: give one with --payload FILE"
_OF_LINES = ("a record", "records", "a final newline", "CRLF", BAD_RECORD)
_OF_SEVERAL = ("records", "a final newline", "CRLF", BAD_RECORD, _GREATEST)
#: Where an image leaves open how many requests it takes at once, a job may still say so many.
_LEAST_AT_ONCE = 4
_MOST_AT_ONCE = 100
#: What is sent where an image takes payloads without a limit, in mebibytes.
_WITHOUT_LIMIT_MB = 6
#: An author's large request counts as one of the greatest size where it is not smaller than this share of it.
_NEARLY = 0.9


class Interview:
    """The questions to one container."""

    def __init__(self, case: ServedCase, service: Service) -> None:
        self._case = case
        self._service = service

    def hold(self, evidence: BatchEvidence) -> BatchEvidence:
        """Ask everything, as long as the container lives; what is left is for `go_on`."""
        parameters = self._ask(Call(method="GET", path=EXECUTION_PARAMETERS_PATH))
        evidence = replace(
            evidence,
            parameters=parameters,
            records=records_of(self._case),
            claims_lines=any(map(says_lines, self._case.accepts)),
            large=self._case.large,
        )
        evidence = self._ask_single(evidence)
        if not evidence.single:
            return replace(evidence, reasons=dict.fromkeys((*_OF_LINES, _GREATEST, "again", "at once"), _NO_PAYLOAD))
        if not evidence.single[0].reply.is_good:
            return evidence
        evidence = self._ask_again(evidence)
        evidence = self._ask_records(evidence)
        if evidence.asked.get(BAD_RECORD, Asked(exchanges=())).is_alive:
            evidence = self.go_on(evidence)
        return evidence

    def go_on(self, evidence: BatchEvidence) -> BatchEvidence:
        """Ask what may end the container: the greatest payload."""
        made = self._greatest_payload(evidence)
        if isinstance(made, str):
            return replace(evidence, reasons={**evidence.reasons, _GREATEST: made})
        return replace(evidence, asked={**evidence.asked, _GREATEST: made})

    def _ask(self, call: Call) -> Exchange:
        return self._service.ask(replace(call, seconds=float(DEFAULT_INVOCATION_TIMEOUT_SECONDS)))

    def _send(self, evidence: BatchEvidence, body: bytes) -> Exchange:
        return self._ask(self._call(evidence, body))

    def _call(self, evidence: BatchEvidence, body: bytes) -> Call:
        assert evidence.records is not None
        return _invocation(body, evidence.records.media_type, evidence.accept)

    # One record, and how its answer comes as a line.

    def _ask_single(self, evidence: BatchEvidence) -> BatchEvidence:
        records = evidence.records
        if records is None or records.header is not None:
            usual = self._case.payloads[:1]
            single = [self._ask(_invocation(one.body, one.content_type, None)) for one in usual]
            why = _NO_LINES if records is None else _HEADER
            return replace(evidence, single=single, reasons=dict.fromkeys(_OF_LINES, why))
        several = records.several()
        for accept in accepts(records, self._case):
            first = self._ask(_invocation(several.lines[0], records.media_type, accept))
            if first.reply.is_good and is_lines(first.reply.content_type):
                break
        evidence = replace(evidence, accept=accept)
        distinct = dict.fromkeys(several.lines[1:])
        others = {line: first if line == several.lines[0] else self._send(evidence, line) for line in distinct}
        return replace(evidence, single=[first, *(others[line] for line in several.lines[1:])])

    # The same again, and many at once.

    def _ask_again(self, evidence: BatchEvidence) -> BatchEvidence:
        first = evidence.single[0]
        again = Asked(exchanges=(first, self._ask(first.call)))
        count = max(_LEAST_AT_ONCE, min(_MOST_AT_ONCE, evidence.said.effective.max_concurrent_transforms))
        calls = [evidence.single[number % len(evidence.single)].call for number in range(count)]
        with ThreadPoolExecutor(count) as pool:
            at_once = Asked(exchanges=tuple(pool.map(self._ask, calls)))
        return replace(evidence, asked={"again": again, "at once": at_once})

    # Several records in a request.

    def _ask_records(self, evidence: BatchEvidence) -> BatchEvidence:
        records = evidence.records
        if records is None or records.header is not None:
            return evidence
        asked = {**evidence.asked, "a record": Asked(exchanges=evidence.single[:1])}
        if evidence.said.effective.batch_strategy is BatchStrategy.SINGLE_RECORD:
            return replace(evidence, asked=asked, reasons=dict.fromkeys(_OF_SEVERAL, _SINGLE))
        several = records.several()
        bodies = {
            "records": several.joined(),
            "a final newline": several.joined() + b"\n",
            "CRLF": several.joined(b"\r\n"),
            BAD_RECORD: records.with_a_bad_one(self._bad_line(records)).joined(),
        }
        for name, body in bodies.items():
            asked[name] = Asked(exchanges=(self._send(evidence, body),))
        alive = self._ask(evidence.single[0].call).reply.is_good
        asked[BAD_RECORD] = replace(asked[BAD_RECORD], is_alive=alive)
        return replace(evidence, asked=asked)

    def _bad_line(self, records: Records) -> bytes | None:
        """The author's malformed body, where it is one line of the records' own type."""
        given = self._case.malformed
        first = self._case.payloads[0]
        is_line = given is not None and first.media_type == records.media_type and len(given.splitlines()) == 1
        return given if is_line else None

    def _greatest_payload(self, evidence: BatchEvidence) -> Asked | str:
        if _GREATEST in evidence.reasons:
            return evidence.reasons[_GREATEST]
        said = evidence.said.effective.max_payload_mb
        mebibytes = said or _WITHOUT_LIMIT_MB
        usual, given = self._case.payloads[0], self._case.large
        fits = given is not None and len(given) <= mebibytes * MEBIBYTE
        if given is not None and fits and len(given) >= _NEARLY * mebibytes * MEBIBYTE:
            call = _invocation(given, usual.content_type, evidence.accept)
        elif evidence.records is not None:
            call = self._call(evidence, evidence.records.filling(mebibytes))
        elif usual.media_type == JSON:  # it may have spaces behind it
            call = _invocation(usual.body.ljust(mebibytes * MEBIBYTE), usual.content_type, None)
        elif given is not None and fits:
            call = _invocation(given, usual.content_type, None)
        else:
            return "how to make its request that large is known to its author only: give one with --large FILE"
        return Asked(exchanges=(self._ask(replace(call, is_chunked=said == 0)),))


def _invocation(body: bytes, content_type: str, accept: str | None) -> Call:
    headers = {"Content-Type": content_type}
    return Call(
        method="POST",
        path=INVOCATIONS_PATH,
        body=body,
        headers=headers if accept is None else {**headers, "Accept": accept},
    )
