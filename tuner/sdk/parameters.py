"""What a hyperparameter may be chosen from, in the words of the official SDK."""

from typing import Any, Protocol

from contracts.hyperparameters import encode_value


class ParameterRange(Protocol):
    """A range of any kind."""

    @property
    def list_member(self) -> str:
        """The list of a request's ParameterRanges that such ranges are in."""
        ...

    def as_tuning_range(self, name: str) -> dict[str, Any]:
        """The range as an entry of that list, for the hyperparameter called `name`."""
        ...


class _NumericParameter:
    """A range between two numbers, both included.

    `scaling_type` is ``Auto``, ``Linear``, ``Logarithmic`` or (continuous ranges only) ``ReverseLogarithmic``.
    """

    def __init__(self, min_value: float, max_value: float, scaling_type: str = "Auto") -> None:
        self.min_value = min_value
        self.max_value = max_value
        self.scaling_type = scaling_type

    def as_tuning_range(self, name: str) -> dict[str, Any]:
        """The range as an entry of a request; what is wrong with it is said when the request is validated."""
        return {
            "Name": name,
            "MinValue": encode_value(self.min_value),
            "MaxValue": encode_value(self.max_value),
            "ScalingType": self.scaling_type,
        }

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.min_value!r}, {self.max_value!r}, scaling_type={self.scaling_type!r})"


class ContinuousParameter(_NumericParameter):
    """Real numbers between two bounds, both included."""

    list_member = "ContinuousParameterRanges"


class IntegerParameter(_NumericParameter):
    """Integers between two bounds, both included."""

    list_member = "IntegerParameterRanges"


class CategoricalParameter:
    """One of a list of values, which reach the container as ``str()`` writes them."""

    list_member = "CategoricalParameterRanges"

    def __init__(self, values: object) -> None:
        listed = list(values) if isinstance(values, list | tuple) else [values]
        self.values = [encode_value(value) for value in listed]

    def as_tuning_range(self, name: str) -> dict[str, Any]:
        """The range as an entry of a request."""
        return {"Name": name, "Values": list(self.values)}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.values!r})"
