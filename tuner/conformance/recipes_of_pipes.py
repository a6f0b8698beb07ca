"""The runs about Pipe mode: the good case's data through FIFOs, in the ways in which the platform may feed them."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from contracts.channels import InputMode, RecordWrapper, SourceType
from tuner.conformance.bench import Bench, Recipe
from tuner.conformance.case import Claim
from tuner.conformance.observation import Run
from tuner.conformance.sending import Feeding, Sending, SentChannel

_NOT_CLAIMED = "Pipe mode is not claimed (--claim pipe, or a channel of the job in Pipe mode)"
#: Any seed will do; it is the same in every check, so that a check can be repeated.
_SHUFFLE_SEED = 20200


def _not_claimed(bench: Bench) -> str:
    """Why the runs about Pipe mode are not made; empty where they are."""
    if not bench.case.reads_pipes:
        return _NOT_CLAIMED
    return "" if bench.start.channels else "the good case has no channel: give one with --channel"


def _fed(bench: Bench, feeding: Feeding, change: Callable[[SentChannel], SentChannel] = lambda one: one) -> Sending:
    """The good case with its data through FIFOs: in all channels, or in those that the job has in Pipe mode."""
    some = any(channel.mode is InputMode.PIPE for channel in bench.start.channels)
    channels = tuple(
        channel if some and channel.mode is not InputMode.PIPE else change(channel.piped(feeding))
        for channel in bench.start.channels
    )
    return replace(bench.start, channels=channels)


def piped(bench: Bench) -> Mapping[str, Run] | str:
    """As the platform feeds them; where a seed makes training repeatable, once more, to compare others with."""
    if reason := _not_claimed(bench):
        return reason
    sending = _fed(bench, Feeding())
    runs = {"piped": bench.probe.run(sending, limit=bench.limit)}
    if bench.case.has_seed and bench.case.judged_metric is not None and runs["piped"].is_good:
        runs["piped again"] = bench.probe.run(sending, limit=bench.limit)
    return runs


def piped_late(bench: Bench) -> Mapping[str, Run] | str:
    """Each FIFO but the first comes late."""
    if reason := _not_claimed(bench):
        return reason
    late = bench.probe.patience.late
    waits = late * max(2, bench.case.epochs or 0)
    sending = _fed(bench, Feeding(late_seconds=late))
    return {"piped late": bench.probe.run(sending, limit=bench.limit + waits)}


def piped_in_pieces(bench: Bench) -> Mapping[str, Run] | str:
    """A few bytes at a time."""
    if reason := _not_claimed(bench):
        return reason
    # Each of some hundred pieces waits for the image: an epoch takes a little longer.
    limit = bench.limit + bench.probe.patience.spare
    return {"piped in pieces": bench.probe.run(_fed(bench, Feeding(in_pieces=True)), limit=limit)}


def records(bench: Bench) -> Mapping[str, Run] | str:
    """Each object as a RecordIO record."""
    if reason := _not_claimed(bench):
        return reason
    wrapped = any(channel.record_wrapper is RecordWrapper.RECORD_IO for channel in bench.start.channels)
    if Claim.RECORD_IO not in bench.case.claims and not wrapped:
        return "RecordIO is not claimed (--claim recordio, or RecordWrapperType RecordIO of a channel of the job)"

    def wrap(channel: SentChannel) -> SentChannel:
        return channel if wrapped else replace(channel, record_wrapper=RecordWrapper.RECORD_IO)

    return {"records": bench.probe.run(_fed(bench, Feeding(), wrap), limit=bench.limit)}


def augmented(bench: Bench) -> Mapping[str, Run] | str:
    """The lines of an augmented manifest in another order; the attributes of each side by side, as always."""
    if not any(channel.source_type is SourceType.AUGMENTED_MANIFEST for channel in bench.start.channels):
        return "the good case has no augmented manifest: give a job file with a channel of that type"

    def shuffle(channel: SentChannel) -> SentChannel:
        is_one = channel.source_type is SourceType.AUGMENTED_MANIFEST
        return replace(channel, shuffle_seed=_SHUFFLE_SEED) if is_one else channel

    return {"augmented": bench.probe.run(_fed(bench, Feeding(), shuffle), limit=bench.limit)}


RECIPES_OF_PIPES: Mapping[str, Recipe] = {
    "piped late": piped_late,
    "piped": piped,
    "piped in pieces": piped_in_pieces,
    "records": records,
    "augmented": augmented,
}
