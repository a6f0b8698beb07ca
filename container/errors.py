"""Errors whose text is meant for the person who started the container or sent it a request: no traceback beside it.

ContainerError
├── InvalidTrainingInput    a channel's files are missing, torn, or not what the algorithm reads
├── InvalidTrainingRequest  hyperparameters, hosts or algorithm do not fit together
├── TrainingDiverged        the loss is no number any more, so going on is pointless
├── InvalidServingRequest   environment, algorithm or model folder do not let this container serve
└── InvalidPayload          the body of an invocation cannot be read, or is nothing that the model takes
"""


class ContainerError(Exception):
    """Training or serving cannot go on for a reason that its starter can put right; the text says which and how."""


class InvalidTrainingInput(ContainerError):
    """A channel's files are missing, torn, or not what the algorithm reads."""


class InvalidTrainingRequest(ContainerError):
    """Hyperparameters, hosts or algorithm do not fit together."""


class TrainingDiverged(ContainerError):
    """The loss is no number any more, so going on is pointless."""


class InvalidServingRequest(ContainerError):
    """Environment, algorithm or model folder do not let this container serve."""


class InvalidPayload(ContainerError):
    """The body of an invocation cannot be read, or is nothing that the model takes; the caller gets the text.

    A predictor may raise it as well: the answer is then 400 and not 500. The text never quotes the body: logs and
    callers of others must not see it.
    """
