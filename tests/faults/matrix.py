"""The fault matrix as a command: injects every fault for real, counts what is lost, and writes docs/faults.md.

    make faults                          everything; goes on where it was ended
    make faults ARGUMENTS="--only clock" one fault (may be said several times)
    make faults ARGUMENTS=--again        forget what has been measured
    make faults ARGUMENTS=--page         write the page: rows that were not tried again stay as they are on it

What has been measured is kept in build/faults.json, case by case: a run that is ended goes on there. The page is
written when all faults have been tried, or when it is asked for. Needs root: it starts engines of its own, and mounts
small disks.
"""

import argparse
import fcntl
import json
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support"), str(Path(__file__).parent)]

from catalogue import FAULTS  # noqa: E402 - the path has to be there first
from fault import Fault  # noqa: E402
from invariants import IN_WORDS, Invariant, Loss  # noqa: E402
from preloaded import preload  # noqa: E402

RECORD = ROOT / "build" / "faults.json"
PAGE = ROOT / "docs" / "faults.md"


class Record:
    """What has been measured: for each fault and case, what was lost."""

    def __init__(self, path: Path, *, again: bool) -> None:
        self._path = path
        self.cases: dict[str, dict[str, Any]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        if again:
            path.unlink(missing_ok=True)
        self._read()

    def has(self, fault: Fault, case: int) -> bool:
        """Whether this case has been tried."""
        return str(case) in self.cases.get(fault.name, {})

    def add(self, fault: Fault, case: int, lost: Sequence[Loss], seconds: float) -> None:
        """Remember a case."""
        kept = {"seconds": round(seconds, 2), "lost": [[int(loss.invariant), loss.what] for loss in lost]}
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._read()  # what other shares have added
            self.cases.setdefault(fault.name, {})[str(case)] = kept
            fresh = self._path.with_suffix(".fresh")
            fresh.write_text(json.dumps(self.cases, indent=1), encoding="utf-8")
            fresh.replace(self._path)

    def _read(self) -> None:
        if self._path.exists():
            self.cases = json.loads(self._path.read_text(encoding="utf-8"))

    def runs(self, fault: Fault) -> int:
        """How many cases of a fault have been tried."""
        return len(self.cases.get(fault.name, {}))

    def losses(self, fault: Fault, invariant: Invariant) -> int:
        """In how many of them an invariant was broken."""
        return sum(
            any(number == invariant for number, _ in case["lost"]) for case in self.cases.get(fault.name, {}).values()
        )


def main() -> int:
    """Run what is asked for, print the matrix; exit code 1 where something was lost."""
    asked = _asked()
    chosen = [fault for fault in FAULTS if not asked.only or fault.name in asked.only]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("given up"))  # so that engines and mounts are cleaned up
    preload()
    record = Record(asked.record, again=asked.again)
    for number, fault in enumerate([] if asked.page else chosen):
        _try(fault, record, asked.share, f"{number + 1}/{len(chosen)}")
    print("\n" + "\n".join(table(record.cases)))
    if asked.page or all(record.runs(fault) for fault in FAULTS):
        PAGE.write_text(page(record.cases, counts_in(PAGE.read_text(encoding="utf-8"))), encoding="utf-8")
        print(f"\nWritten: {PAGE.relative_to(ROOT)}")
    return int(any(record.losses(fault, invariant) for fault in chosen for invariant in Invariant))


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [fault.name for fault in FAULTS]
    parser.add_argument("--only", action="append", choices=names, metavar="FAULT", help=", ".join(names))
    parser.add_argument(
        "--page", action="store_true", help="write the page from what has been measured, and from itself"
    )
    parser.add_argument("--again", action="store_true", help="forget what has been measured before")
    parser.add_argument(
        "--share", type=_share, default=(1, 1), metavar="I/N", help="try only the I-th of N shares: N runs side by side"
    )
    parser.add_argument("--record", type=Path, default=RECORD, help="where the counts are kept [build/faults.json]")
    return parser.parse_args()


def _share(text: str) -> tuple[int, int]:
    number, count = map(int, text.split("/"))
    if not 1 <= number <= count:
        raise ValueError(text)
    return number, count


def _try(fault: Fault, record: Record, share: tuple[int, int], place: str) -> None:
    """Try all cases of a fault that have not been tried."""
    with fault.stage(fault.scene) as stage:
        cases = fault.cases(stage.undisturbed(fault.text))
        left = [case for case in cases[share[0] - 1 :: share[1]] if not record.has(fault, case)]
        began = time.monotonic()
        for number, case in enumerate(left, start=1):
            start = time.monotonic()
            lost = played(fault, stage, case)
            record.add(fault, case, lost, time.monotonic() - start)
            rest = (time.monotonic() - began) / number * (len(left) - number)
            print(f"[{place}] {fault.name} {case}: {_outcome(lost)}  ({number} of {len(left)}, {rest:.0f} s left)")
            for loss in lost:
                print(f"    {loss.invariant}: {loss.what}", flush=True)


def played(fault: Fault, stage: Any, case: int) -> list[Loss]:
    """What one case lost; what its own code stumbles over is a loss too, not the end of the run."""
    try:
        lost: list[Loss] = fault.play(stage, case)
    except Exception as error:  # noqa: BLE001 - the rim of a case: hundreds of others follow
        return [Loss(invariant=Invariant.MESSAGES, what=f"{type(error).__name__}: {error}")]
    return lost


def _outcome(lost: Sequence[Loss]) -> str:
    return f"{len(lost)} lost" if lost else "nothing lost"


def table(cases: Mapping[str, Mapping[str, Any]], written: Mapping[str, Sequence[int]] | None = None) -> list[str]:
    """The matrix: runs, and losses of each invariant; of faults that were not tried, the counts that are `written`."""
    lines = [
        f"| fault | runs | {' | '.join(str(int(one)) for one in Invariant)} |",
        "|---|--:" + "|--:" * len(Invariant) + "|",
    ]
    every = [0] * (1 + len(Invariant))
    for fault in FAULTS:
        tried = cases.get(fault.name, {})
        lost = [sum(any(n == one for n, _ in case["lost"]) for case in tried.values()) for one in Invariant]
        counts = [len(tried), *lost] if tried else (written or {}).get(fault.says)
        if counts is None:
            lines.append(f"| {fault.says} | not yet | {' | '.join('-' for _ in Invariant)} |")
            continue
        every = [total + count for total, count in zip(every, counts, strict=True)]
        lines.append(f"| {fault.says} | {' | '.join(map(str, counts))} |")
    return [*lines, f"| **all** | {' | '.join(map(str, every))} |"]


def counts_in(page: str) -> dict[str, list[int]]:
    """The counts of the rows of a page that was written before, by what the row says."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("| ")
    ]
    return {row[0]: [int(cell) for cell in row[1:]] for row in rows if all(cell.isdecimal() for cell in row[1:])}


def page(cases: Mapping[str, Mapping[str, Any]], written: Mapping[str, Sequence[int]] | None = None) -> str:
    """docs/faults.md."""
    text = Path(__file__).with_name("page.md").read_text(encoding="utf-8")
    words = "\n".join(f"{int(one)}. {IN_WORDS[one]}" for one in Invariant)
    return text.replace("%MATRIX%", "\n".join(table(cases, written))).replace("%INVARIANTS%", words)


if __name__ == "__main__":
    sys.exit(main())
