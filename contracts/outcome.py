"""How a container tells success from failure, and the words in which the platform reports it.

Exit code 0 is success, anything else failure; the first 1024 characters of ``/opt/ml/output/failure`` become the
reason. The file is ignored after exit code 0. Source: SageMaker developer guide, "How Amazon SageMaker Signals
Algorithm Success and Failure"; API reference, DescribeTrainingJob.
"""

#: The API's limit on FailureReason, and how much of the failure file is read.
MAX_FAILURE_LENGTH = 1024

#: What the container gets between SIGTERM and SIGKILL when a training job is stopped or runs out of time.
TRAINING_STOP_GRACE_SECONDS = 120
#: What the other hosts of a job get when one has failed. The service does not say; what it gives to hosted models.
HOST_STOP_GRACE_SECONDS = 30

_KNOWN_CODES = {
    126: "the entry point is not executable",
    127: "the entry point was not found",
    132: "illegal instruction",
    137: "killed, usually for using too much memory",
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
