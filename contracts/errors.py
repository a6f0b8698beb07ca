"""Errors of the contract.

ContractError
├── InvalidHyperparameter   a hyperparameter's text cannot be read as the value it should be
├── InvalidConfigFile       a file under /opt/ml/input/config does not say what the contract says it does
├── InvalidRange            a parameter range that contains nothing, or scales where it cannot
├── InvalidExpression       a constraint between hyperparameters that says nothing that can be reckoned
├── InvalidMetricDefinition a metric's regular expression cannot find a number
├── InvalidManifest         a manifest does not list objects as the contract says it does
├── InvalidMessage          a body that a multi-model container sends or gets is not as the contract says
├── InvalidRecord           something is too long to be one RecordIO record
└── IllegalTransition       a job was to change to a status that its present status does not lead to
"""


class ContractError(Exception):
    """Something breaks the container contract; the text says what, where and what to do."""


class InvalidHyperparameter(ContractError):
    """A hyperparameter's text cannot be read as the value it should be."""


class InvalidConfigFile(ContractError):
    """A file under ``/opt/ml/input/config`` does not say what the contract says it does."""


class InvalidRange(ContractError):
    """A parameter range that contains nothing, or scales where it cannot."""


class InvalidExpression(ContractError):
    """A constraint between hyperparameters that says nothing that can be reckoned; the text begins with a verb."""


class InvalidMetricDefinition(ContractError):
    """A metric's regular expression cannot find a number."""


class InvalidManifest(ContractError):
    """A manifest does not list objects as the contract says it does; the text begins with a verb."""


class InvalidMessage(ContractError):
    """A body that a multi-model container sends or gets is not as the contract says; the text begins with a verb."""


class InvalidRecord(ContractError):
    """Something is too long to be one RecordIO record."""


class IllegalTransition(ContractError):
    """A job was to change to a status that its present status does not lead to."""
