"""Names of jobs that were not given one: the image's name and the time, as the official SDK makes them."""

import re
from datetime import UTC, datetime

MAX_TRAINING_JOB_NAME = 63
MAX_TUNING_JOB_NAME = 32


def name_of_image(image: str) -> str:
    """``cifar10`` from ``registry:5000/team/cifar10:1.0``, with nothing in it that a job's name may not have."""
    last = image.rsplit("/", 1)[-1].split("@", 1)[0].split(":", 1)[0]
    return re.sub(r"[^a-zA-Z0-9]+", "-", last).strip("-") or "job"


def training_job_name(base: str, now: float) -> str:
    """``base-2026-01-31-12-30-59-123``, of which the time is in UTC and the base is cut where it is too long."""
    moment = datetime.fromtimestamp(now, UTC)
    return _joined(base, f"{moment:%Y-%m-%d-%H-%M-%S}-{moment.microsecond // 1000:03d}", MAX_TRAINING_JOB_NAME)


def tuning_job_name(base: str, now: float) -> str:
    """``base-260131-1230``, of which the time is in UTC and the base is cut where it is too long."""
    return _joined(base, f"{datetime.fromtimestamp(now, UTC):%y%m%d-%H%M}", MAX_TUNING_JOB_NAME)


def _joined(base: str, ending: str, longest: int) -> str:
    return f"{base[: longest - len(ending) - 1].rstrip('-')}-{ending}"
