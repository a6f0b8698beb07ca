"""What the kernel of this machine says of containers and GPUs: whom it killed for memory, which GPU has failed.

The engine says only that a container ended. Where the log may not be read (another machine, `dmesg_restrict`), nothing
is known. Sources: Linux, mm/oom_kill.c, `dump_oom_victim`; NVIDIA, "Xid Errors".
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path

#: Errors of the hardware, its memory or its links, and of the driver; the others come of what a program does.
_FAILED_XIDS = frozenset({46, 48, 61, 62, 64, 74, 79, 92, 95, 110, 119, 120, 140, 143, 149})
_KILLED = re.compile(r"oom-kill:.*\bglobal_oom\b.*\btask_memcg=(?P<group>\S*?),")
_OUTGROWN = re.compile(r"oom-kill:constraint=CONSTRAINT_MEMCG\b.*\btask_memcg=(?P<group>\S*?),")
_XID = re.compile(r"NVRM: Xid \((?P<device>[^)]*)\): (?P<number>\d+)")
_RECORD_BYTES = 8192


def read_kernel_log(path: Path = Path("/dev/kmsg")) -> tuple[tuple[float, str], ...]:
    """What the kernel still has of its log: the time of each entry in seconds since the machine came up, and its text.

    Nothing where it may not be read.
    """
    entries: list[tuple[float, str]] = []
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return ()
    try:
        while True:
            try:
                record = os.read(file, _RECORD_BYTES)
            except BrokenPipeError:  # overwritten meanwhile: the next one is there
                continue
            if not record:
                return tuple(entries)
            prefix, _, text = record.decode("utf-8", "replace").partition(";")
            entries.append((int(prefix.split(",")[2]) / 1e6, text.split("\n", 1)[0]))
    except (OSError, ValueError, IndexError):  # no more entries (EAGAIN), or none of the form we know
        return tuple(entries)
    finally:
        os.close(file)


def was_killed_for_memory(container_id: str, log: Iterable[tuple[float, str]]) -> bool:
    """Whether the kernel killed a process of a container because the whole machine had no memory left."""
    return any(
        found is not None and container_id in found["group"] for found in (_KILLED.search(text) for _, text in log)
    )


def has_outgrown_its_memory(container_id: str, log: Iterable[tuple[float, str]]) -> bool:
    """Whether the kernel killed a process of a container because that needed more memory than its own limit."""
    return any(
        found is not None and container_id in found["group"] for found in (_OUTGROWN.search(text) for _, text in log)
    )


def failed_gpu(log: Iterable[tuple[float, str]], since: float) -> str | None:
    """The last failure of a GPU itself since a time, in seconds since the machine came up, in words."""
    failures = [
        f"GPU {found['device']} failed (Xid {found['number']})"
        for time, text in log
        if time >= since and (found := _XID.search(text)) is not None and int(found["number"]) in _FAILED_XIDS
    ]
    return failures[-1] if failures else None
