"""How a container tells success from failure, and the words in which the platform reports it.

Exit code 0 is success, anything else failure; the first 1024 characters of ``/opt/ml/output/failure`` become the
reason. The file is ignored after exit code 0. Source: SageMaker developer guide, "How Amazon SageMaker Signals
Algorithm Success and Failure"; API reference, DescribeTrainingJob.
"""

from enum import StrEnum

#: The API's limit on FailureReason, and how much of the failure file is read.
MAX_FAILURE_LENGTH = 1024

#: What the container gets between SIGTERM and SIGKILL when a training job is stopped or runs out of time.
TRAINING_STOP_GRACE_SECONDS = 120
#: What the other hosts of a job get when one has failed. The service does not say; what it gives to hosted models.
HOST_STOP_GRACE_SECONDS = 30

#: How often a job is started again that lost its containers, where its request has no RetryStrategy. The service would
#: not do it even once; a machine under somebody's desk loses containers more often than the cloud does.
DEFAULT_RETRY_ATTEMPTS = 3


class FailureKind(StrEnum):
    """Whose doing a failure is; its FailureReason begins with it.

    An AlgorithmError is the container's own, and tells something of its configuration. A ClientError is the request's:
    its data cannot be read, its output not be delivered. An InternalServerError is the platform's.
    """

    ALGORITHM = "AlgorithmError"
    CLIENT = "ClientError"
    INTERNAL = "InternalServerError"

    def reason(self, text: str) -> str:
        """The FailureReason that says `text`, no longer than the API has room for."""
        return f"{self}: {text}"[:MAX_FAILURE_LENGTH]


class LossCause(StrEnum):
    """How a job lost its containers to something that is no doing of its configuration."""

    ENGINE_RESTARTED = "EngineRestarted"  #: the engine, or the whole machine, went down and came back
    ENGINE_FAILED = "EngineFailed"  #: the engine could not do what it was asked
    CONTAINER_REMOVED = "ContainerRemoved"  #: somebody removed a container
    CONTAINER_KILLED = "ContainerKilled"  #: somebody ended it with a signal, through the engine
    UNEXPLAINED_KILL = "UnexplainedKill"  #: SIGKILL from nobody knows whom, or an exit code that looks like it
    EPOCH_TORN = "EpochTorn"  #: the process that fed a Pipe channel ended in the middle of an epoch
    IMAGE_MISSING = "ImageMissing"  #: the image was there when the job was submitted
    DISK_FULL = "DiskFull"
    DISK_FAILED = "DiskFailed"  #: an input/output error, a file system that has become read-only
    GPU_UNAVAILABLE = "GpuUnavailable"  #: the engine cannot hand out the GPUs
    GPU_LOST = "GpuLost"  #: a GPU failed, or went away, while it was used


_KNOWN_CODES = {
    126: "the entry point is not executable",
    127: "the entry point was not found",
    132: "illegal instruction",
    137: "killed",
    139: "segmentation fault",
}


def algorithm_error(failure_text: str, exit_code: int) -> str:
    """The FailureReason of a training job whose container exited with `exit_code` (not 0).

    The form is the one observed on the real service: ``AlgorithmError: <failure text>, exit code: <n>``.
    """
    ending = f", exit code: {exit_code}"
    beginning = "AlgorithmError: "
    room = MAX_FAILURE_LENGTH - len(beginning) - len(ending)
    text = failure_text.strip() or _KNOWN_CODES.get(exit_code, "")
    return beginning + text[:room] + ending
