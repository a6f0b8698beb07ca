"""An estimator within a search: which metric makes it good, what is tuned of it, and how a request says so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import contracts.ranges
from contracts.definitions import TrainingDefinition
from tuner.sdk.estimator import Estimator
from tuner.sdk.inputs import Inputs
from tuner.sdk.parameters import CategoricalParameter, ContinuousParameter, IntegerParameter, ParameterRange
from tuner.sdk.session import Session

_RANGES: tuple[type[ContinuousParameter | IntegerParameter | CategoricalParameter], ...] = (
    ContinuousParameter,
    IntegerParameter,
    CategoricalParameter,
)


@dataclass(frozen=True, kw_only=True)
class TunedEstimator:
    """One estimator of a tuner, which may have several. `metric_definitions` of None are those of the estimator."""

    estimator: Estimator
    objective_metric_name: str
    ranges: Mapping[str, ParameterRange]
    metric_definitions: Sequence[Mapping[str, str]] | None = None
    keep_static: Sequence[str] = field(default_factory=tuple)

    @classmethod
    def of_definition(cls, definition: TrainingDefinition, session: Session) -> "TunedEstimator":
        """That of a tuning job that has been."""
        return cls(
            estimator=Estimator.from_members(
                {**definition.members, "ResourceConfig": definition.resources[0]},
                hyperparameters=definition.static,
                sagemaker_session=session,
            ),
            objective_metric_name=definition.objective.metric_name,
            ranges={parameter.name: of_range(parameter) for parameter in definition.ranges},
        )

    def parameter_ranges(self, *, autotune: bool) -> dict[str, list[dict[str, Any]]]:
        """The ranges as a request's ParameterRanges; with `autotune` the other hyperparameters as examples too."""
        lists: dict[str, list[dict[str, Any]]] = {kind.list_member: [] for kind in _RANGES}
        for name, parameter in self.ranges.items():
            lists[parameter.list_member].append(parameter.as_tuning_range(name))
        if autotune:
            lists["AutoParameters"] = [
                {"Name": name, "ValueHint": text}
                for name, text in self._not_tuned().items()
                if name not in self.keep_static
            ]
        return lists

    def definition(self, inputs: Inputs, *, autotune: bool) -> dict[str, Any]:
        """The training job definition, without its objective and its ranges."""
        static = {name: text for name, text in self._not_tuned().items() if not autotune or name in self.keep_static}
        return {"StaticHyperParameters": static, **self.estimator.shared_members(inputs, self.metric_definitions)}

    def _not_tuned(self) -> dict[str, str]:
        encoded = self.estimator.encoded_hyperparameters()
        return {name: text for name, text in encoded.items() if name not in self.ranges}


def of_range(parameter: contracts.ranges.ParameterRange) -> ParameterRange:
    """A range of a stored job in the words of the official SDK."""
    match parameter:
        case contracts.ranges.ContinuousParameterRange():
            return ContinuousParameter(parameter.min_value, parameter.max_value, str(parameter.scaling_type))
        case contracts.ranges.IntegerParameterRange():
            return IntegerParameter(parameter.min_value, parameter.max_value, str(parameter.scaling_type))
        case contracts.ranges.CategoricalParameterRange():
            return CategoricalParameter(list(parameter.values))


def tuned_by_name(
    estimators: Mapping[str, Estimator],
    objective_metric_names: Mapping[str, str],
    ranges: Mapping[str, Mapping[str, ParameterRange]] | None,
    metric_definitions: Mapping[str, Sequence[Mapping[str, str]]] | None,
    keep_static: Mapping[str, Sequence[str]] | None,
    *,
    autotune: bool,
) -> dict[str, TunedEstimator]:
    """The estimators of `HyperparameterTuner.create`, in the order of their names, which the others go by too.

    Raises ValueError, in the words of the official SDK, for names that do not fit together.
    """
    if not estimators:
        raise ValueError("At least one estimator should be provided")
    names = sorted(estimators)
    _same_names("objective_metric_name_dict", objective_metric_names, names, all_of_them=True)
    _same_names("hyperparameter_ranges_dict", ranges, names, all_of_them=not autotune)
    _same_names("metric_definitions_dict", metric_definitions, names, all_of_them=False)
    _same_names("hyperparameters_to_keep_static_dict", keep_static, names, all_of_them=False)
    return {
        name: TunedEstimator(
            estimator=estimators[name],
            objective_metric_name=objective_metric_names[name],
            ranges=dict((ranges or {}).get(name, {})),
            metric_definitions=(metric_definitions or {}).get(name),
            keep_static=(keep_static or {}).get(name, ()),
        )
        for name in names
    }


def _same_names(what: str, given: Mapping[str, object] | None, names: Sequence[str], *, all_of_them: bool) -> None:
    """Raise ValueError unless the keys of the argument called `what` are estimator names, or all of them."""
    if given is None:
        return
    if all_of_them and set(given) != set(names):
        raise ValueError(f"The keys of argument '{what}' must be the same as {list(names)}")
    if not set(given) <= set(names):
        raise ValueError(f"The keys of argument '{what}' must be a subset of {list(names)}")
