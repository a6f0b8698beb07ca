"""Errors whose text is meant for the person who started the training job: no traceback belongs beside it.

ContainerError
├── InvalidTrainingInput    a channel's files are missing, torn, or not what the algorithm reads
├── InvalidTrainingRequest  hyperparameters, hosts or algorithm do not fit together
└── TrainingDiverged        the loss is no number any more, so going on is pointless
"""


class ContainerError(Exception):
    """Training cannot go on for a reason that its starter can put right; the text says which and how."""


class InvalidTrainingInput(ContainerError):
    """A channel's files are missing, torn, or not what the algorithm reads."""


class InvalidTrainingRequest(ContainerError):
    """Hyperparameters, hosts or algorithm do not fit together."""


class TrainingDiverged(ContainerError):
    """The loss is no number any more, so going on is pointless."""
