"""Errors of transform jobs, none of which leaves this package: they end an object, or a job, with a reason.

TransformError
├── ObjectFailed    one input object gets no output; the job goes on with the others, and ends Failed
├── JobFailed       nothing more can come of the job
└── JobLost         its containers were lost to something that it cannot help

What is given up because the job is to end raises `tuner.s3.errors.CalledOff`.
"""

from collections.abc import Sequence

from tuner.jobs.outcomes import Loss


class TransformError(Exception):
    """Why an object or a job failed; `blame` is who has to mend it, in the service's words.

    ``ClientError`` is the request or its data, ``AlgorithmError`` the container.
    """

    def __init__(self, text: str, blame: str) -> None:
        super().__init__(text)
        self.blame = blame


class ObjectFailed(TransformError):
    """One input object gets no output; `details` are lines for the data-log beyond the text."""

    def __init__(self, text: str, blame: str = "ClientError", details: Sequence[str] = ()) -> None:
        super().__init__(text, blame)
        self.details = tuple(details)


class JobFailed(TransformError):
    """Nothing more can come of the job."""


class JobLost(TransformError):
    """Its containers were lost to something that it cannot help; the text says how it looks from inside."""

    def __init__(self, text: str, loss: Loss) -> None:
        super().__init__(text, "AlgorithmError")
        self.loss = loss
