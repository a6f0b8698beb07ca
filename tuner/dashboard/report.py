"""Writing a tuning job's report: `trials.csv` and `report.html`, each whole or not at all."""

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tuner.dashboard.csv_table import format_csv
from tuner.dashboard.page import format_page
from tuner.dashboard.results import read_results
from tuner.store.sqlite_store import Store

CSV_NAME = "trials.csv"
HTML_NAME = "report.html"


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportFiles:
    """Where the two files of a report are."""

    csv: Path
    html: Path


def write_report(
    store: Store, tuning_job_name: str, folder: Path, clock: Callable[[], float] = time.time
) -> ReportFiles:
    """Write the report of the tuning job called `tuning_job_name`, as it stands, into `folder`.

    Files of an earlier report are replaced, each in one instant: a reader sees the old or the new one. Raises
    ResourceNotFound where there is no such job, OSError where the folder cannot be written.
    """
    results = read_results(store, tuning_job_name, clock())
    folder.mkdir(parents=True, exist_ok=True)
    files = ReportFiles(csv=folder / CSV_NAME, html=folder / HTML_NAME)
    _write_whole(files.csv, format_csv(results))
    _write_whole(files.html, format_page(results))
    return files


def _write_whole(path: Path, text: str) -> None:
    """Replace `path` by `text` in one instant; several processes may do so at once."""
    descriptor, unfinished = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        Path(unfinished).chmod(0o644)  # mkstemp's files are for their owner only
        Path(unfinished).replace(path)
    finally:
        Path(unfinished).unlink(missing_ok=True)
