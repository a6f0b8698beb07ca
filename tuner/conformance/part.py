"""What the parts of the checklist have in common: a part plans its runs in rounds, and judges what they showed."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from tuner.conformance.evidence import Outcome, Verdict, not_applicable

#: One or several runs of containers; it keeps what it has seen in the part that planned it.
Task = Callable[[], None]
Evidence = TypeVar("Evidence")


class Part(Protocol):
    """A part of an examination, such as training or serving."""

    @property
    def ids(self) -> Collection[str]:
        """The items that it judges."""
        ...

    def rounds(self) -> Iterator[Mapping[str, Task]]:
        """Tasks by what they are about; the next round is asked for when all tasks of the last are done.

        The tasks of a round, and those of other parts, are run side by side. An empty round waits for another part: it
        is asked again when a task of one is done. A task raises EngineError where the engine fails, and nothing else.
        """
        ...

    def verdicts(self) -> Mapping[str, Verdict]:
        """The verdict on each of `ids`, when all rounds are over."""
        ...

    def abandon(self) -> None:
        """Let every task that is under way end soon; its containers are removed."""
        ...

    def close(self) -> None:
        """Remove what is kept from one round to the next; called once, whatever happened."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Check(Generic[Evidence]):
    """How an item is checked.

    `needs` names what has to be run for it besides the good case. `after` are items whose failure leaves nothing to
    judge here. `needs_good_case`: where the good case does not end well there is nothing to judge.
    """

    id: str
    judge: Callable[[Evidence], Verdict]
    needs: str = ""
    after: tuple[str, ...] = ()
    needs_good_case: bool = True


def judged(
    checks: Sequence[Check[Evidence]], evidence: Evidence, *, has_good_case: bool, found: dict[str, Verdict]
) -> None:
    """Add the verdicts of `checks`, in their order, to `found`. Pure."""
    for check in checks:
        refers = because_of(check.after, found)
        if refers is None and check.needs_good_case and not has_good_case:
            refers = no_good_case()
        found[check.id] = check.judge(evidence) if refers is None else refers


def no_good_case() -> Verdict:
    """Nothing can be said of an image that is never seen to do well."""
    return not_applicable("the good case does not end well, so nothing else can be told")


def because_of(earlier: Sequence[str], found: Mapping[str, Verdict]) -> Verdict | None:
    """The verdict on an item whose ground is gone, for one of `earlier` has failed; None where none has."""
    for name in earlier:
        if name in found and found[name].outcome is Outcome.FAIL:
            return not_applicable(f"see {name}, which failed")
    return None


class NotExamined:
    """A part that is left out: none of its items applies, for `reason`."""

    def __init__(self, ids: Collection[str], reason: str) -> None:
        self.ids = ids
        self._reason = reason

    def rounds(self) -> Iterator[Mapping[str, Task]]:
        """None."""
        return iter(())

    def verdicts(self) -> Mapping[str, Verdict]:
        """The reason, for each."""
        return {name: not_applicable(self._reason) for name in self.ids}

    def abandon(self) -> None:
        """There is nothing under way."""

    def close(self) -> None:
        """There is nothing to remove."""
