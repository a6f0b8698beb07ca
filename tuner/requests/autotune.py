"""Autotune: what a tuning job leaves to the tuner is decided here, and written into its request.

So a job that is completed has ordinary ranges and settings, which are validated, stored and shown like any other, and
everybody can read what was chosen. What the request gives itself is kept. AutoParameters that are eligible become
ranges, the others static hyperparameters: see `automatic_ranges`. Source for what may be chosen: API reference,
Autotune; what the service chooses is not published. RetryStrategy, which the service would choose too, has a default of
its own here (docs/outcomes.md).
"""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from contracts.errors import InvalidRange
from contracts.ranges import (
    CategoricalParameterRange,
    ParameterRange,
    number_of_configurations,
    parameter_ranges_from_request,
)
from tuner.requests.automatic_ranges import automatic_range
from tuner.requests.definition_rules import MAX_TRAINING_JOBS, MAX_TUNED_PARAMETERS

#: Ten trials a range are what it takes to know a function of a few variables. Source: Loeppky, Sacks and Welch,
#: "Choosing the Sample Size of a Computer Experiment" (2009). Fewer than 20 are no search, more than 100 seldom pay.
_TRIALS_A_RANGE, _FEWEST_TRIALS, _MOST_TRIALS = 10, 20, 100
#: So few combinations of texts are all tried.
_MOST_COMBINATIONS = 30
_RANGE_LISTS = ("ContinuousParameterRanges", "IntegerParameterRanges", "CategoricalParameterRanges")

_Members = dict[str, Any]


def automatic_choices(tuning: Mapping[str, Any]) -> tuple[str, ...]:
    """What Autotune chooses for a CreateHyperParameterTuningJob request that is not completed yet, in lines for people.

    Empty where Autotune is off, or nothing is left to choose.
    """
    return tuple(complete_automatically(copy.deepcopy(dict(tuning))))


def complete_automatically(tuning: _Members) -> list[str]:
    """Complete a CreateHyperParameterTuningJob request whose Autotune is on, and say what was chosen.

    Another request is left as it is, and so is what has not the form that a request has: validation says why.
    """
    config = tuning.setdefault("HyperParameterTuningJobConfig", {}) if _is_on(tuning) else None
    if not isinstance(config, dict):
        return []
    chosen = []
    searched: list[list[ParameterRange]] = []
    for definition, ranges in _definitions(tuning, config):
        chosen += _complete_ranges(definition, ranges)
        searched.append(_readable(ranges))
    return chosen + _complete_config(config, searched)


def _is_on(tuning: Mapping[str, Any]) -> bool:
    autotune = tuning.get("Autotune")
    return isinstance(autotune, dict) and autotune.get("Mode") == "Enabled"


def _definitions(tuning: _Members, config: _Members) -> Iterator[tuple[_Members, _Members]]:
    """Each definition, and where its ranges are."""
    several = tuning.get("TrainingJobDefinitions")
    if isinstance(several, list):
        found = [(definition, definition, "HyperParameterRanges") for definition in several if _is_members(definition)]
    elif _is_members(definition := tuning.get("TrainingJobDefinition")):
        found = [(definition, config, "ParameterRanges")]
    else:
        found = []
    for definition, place, member in found:
        if _is_members(ranges := place.get(member, {})):
            place[member] = ranges
            yield definition, ranges


def _is_members(value: object) -> bool:
    return isinstance(value, dict)


# Ranges


def _complete_ranges(definition: _Members, ranges: _Members) -> list[str]:
    """Make ranges, or static hyperparameters, of AutoParameters."""
    automatic, static = ranges.get("AutoParameters", []), definition.get("StaticHyperParameters", {})
    if not isinstance(automatic, list) or not all(_is_auto_parameter(entry) for entry in automatic):
        return []
    if not _is_members(static) or not all(isinstance(ranges.get(kind, []), list) for kind in _RANGE_LISTS):
        return []
    ranges.pop("AutoParameters", None)
    tuned = sum(len(ranges.get(kind, ())) for kind in _RANGE_LISTS)
    of = f" of {definition['DefinitionName']}" if isinstance(definition.get("DefinitionName"), str) else ""
    chosen = []
    for entry in automatic:
        name, hint = entry["Name"], entry["ValueHint"]
        found = automatic_range(name, hint) if tuned < MAX_TUNED_PARAMETERS else None
        if found is None:
            static.setdefault(name, hint)
            definition["StaticHyperParameters"] = static
            chosen.append(f"{name}{of} stays {hint}")
        else:
            ranges.setdefault(found.list_member, []).append(dict(found.entry))
            tuned += 1
            chosen.append(f"range{of}: {found}")
    return chosen


def _is_auto_parameter(entry: object) -> bool:
    return isinstance(entry, dict) and all(isinstance(entry.get(name), str) for name in ("Name", "ValueHint"))


def _readable(ranges: _Members) -> list[ParameterRange]:
    try:
        return list(parameter_ranges_from_request(ranges))
    except (InvalidRange, KeyError, TypeError, ValueError, AttributeError):  # validation says what is wrong
        return []


# Settings


def _complete_config(config: _Members, searched: list[list[ParameterRange]]) -> list[str]:
    limits = config.setdefault("ResourceLimits", {})
    criteria = config.get("TuningJobCompletionCriteria", {})
    if not _is_members(limits) or not _is_members(criteria):
        return []
    chosen = [
        *_choose(config, "Strategy", _strategy(limits, searched)),
        *_choose(limits, "MaxParallelTrainingJobs", 1),
    ]
    strategy = config["Strategy"]
    if strategy != "Grid":
        chosen += _choose(limits, "MaxNumberOfTrainingJobs", _number_of_trials(searched))
    stops_early = len(searched) == 1 and strategy != "Hyperband"
    chosen += _choose(config, "TrainingJobEarlyStoppingType", "Auto" if stops_early else "Off")
    if strategy != "Grid" and "ConvergenceDetected" not in criteria:
        config["TuningJobCompletionCriteria"] = {
            **criteria,
            "ConvergenceDetected": {"CompleteOnConvergence": "Enabled"},
        }
        chosen.append("CompleteOnConvergence Enabled")
    return chosen


def _choose(place: _Members, name: str, value: object) -> Iterator[str]:
    if name not in place:
        place[name] = value
        yield f"{name} {value}"


def _strategy(limits: _Members, searched: list[list[ParameterRange]]) -> str:
    """Grid for a few combinations of texts, Bayesian for as many trials as it takes, Random beyond.

    Hyperband is for images that print the objective once an epoch, which cannot be known beforehand.
    """
    jobs = limits.get("MaxNumberOfTrainingJobs")
    combinations = _combinations(searched)
    texts_only = all(isinstance(one, CategoricalParameterRange) for ranges in searched for one in ranges)
    if combinations is not None and texts_only and combinations <= _MOST_COMBINATIONS and jobs in {None, combinations}:
        return "Grid"
    return "Random" if isinstance(jobs, int) and jobs > MAX_TRAINING_JOBS else "Bayesian"


def _number_of_trials(searched: list[list[ParameterRange]]) -> int:
    """Ten a range, at least 20 and at most 100 a definition, and no more than there are combinations."""
    wanted = sum(min(max(_TRIALS_A_RANGE * len(ranges), _FEWEST_TRIALS), _MOST_TRIALS) for ranges in searched)
    combinations = _combinations(searched)
    return max(min(wanted, MAX_TRAINING_JOBS, wanted if combinations is None else combinations), 1)


def _combinations(searched: list[list[ParameterRange]]) -> int | None:
    sizes = [number_of_configurations(ranges) for ranges in searched if ranges]
    counted = [size for size in sizes if size is not None]
    return sum(counted) if sizes and len(counted) == len(searched) else None
