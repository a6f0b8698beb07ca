"""The members of a search file, in the form in which the service model describes those of a request.

So the same walk checks both, and says what is wrong in the same words.
"""

from collections.abc import Mapping
from typing import Any

#: The shape of the whole file.
SEARCH_FILE = "SearchFile"

_STRING = {"type": "string"}
_NUMBER = {"type": "double"}


def _structure(members: Mapping[str, str], required: str = "") -> dict[str, Any]:
    return {
        "type": "structure",
        "members": {name: {"shape": shape} for name, shape in members.items()},
        "required": required.split(),
    }


def _list(shape: str, most: int) -> dict[str, Any]:
    return {"type": "list", "member": {"shape": shape}, "min": 1, "max": most}


def _map(shape: str) -> dict[str, Any]:
    return {"type": "map", "key": {"shape": "Text"}, "value": {"shape": shape}, "min": 1}


#: All shapes by name.
SEARCH_SHAPES: Mapping[str, Mapping[str, Any]] = {
    SEARCH_FILE: _structure(
        {
            "FirstConfigurations": "FirstConfigurations",
            "Conditions": "Conditions",
            "Constraints": "Constraints",
            "MetricConstraints": "MetricConstraints",
            "SecondObjective": "SecondObjective",
            "PriorBelief": "PriorBelief",
            "EarlyStopping": "EarlyStopping",
            "Hyperband": "Hyperband",
        }
    ),
    "Text": _STRING,
    "Texts": _list("Text", 1000),
    "Number": _NUMBER,
    "FirstConfigurations": _list("Configuration", 100),
    "Configuration": _map("Text"),
    "Conditions": _list("Condition", 100),
    "Condition": _structure({"Name": "Text", "DependsOn": "Text", "Values": "Texts"}, "Name DependsOn Values"),
    "Constraints": _list("Text", 100),
    "MetricConstraints": _list("MetricConstraint", 40),
    "MetricConstraint": _structure({"MetricName": "Text", "Minimum": "Number", "Maximum": "Number"}, "MetricName"),
    "SecondObjective": _structure({"Type": "ObjectiveType", "MetricName": "Text"}, "Type MetricName"),
    "ObjectiveType": {"type": "string", "enum": ["Maximize", "Minimize"]},
    "PriorBelief": _map("Belief"),
    "Belief": _structure({"Around": "Text", "Spread": "Number", "Weights": "Weights"}),
    "Weights": _map("Number"),
    "EarlyStopping": _structure(
        {"Type": "StoppingType", "FalseStopRate": "Number", "MinimumEpochs": "Epochs", "Shadow": "Switch"}, "Type"
    ),
    "StoppingType": {"type": "string", "enum": ["Forecast"]},
    "Hyperband": _structure({"Suggestions": "SuggestionsBy"}, "Suggestions"),
    "SuggestionsBy": {"type": "string", "enum": ["Random", "Bayesian"]},
    "Epochs": {"type": "integer", "min": 1},
    "Switch": {"type": "boolean"},
}
