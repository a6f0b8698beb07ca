"""Trials: what a search knows of the training jobs of its tuning job, and of those before it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from contracts.jobs import ObjectiveStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """What a trial that was stopped would have come to: a `value` of the objective, in which there is `doubt`.

    The doubt is a variance in units of that of all trials' values: 0 is as sure as a value that was reported.
    """

    value: float
    doubt: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One training job of a tuning job.

    `index` counts from 1 in the order of creation. `configuration` are the tuned hyperparameters, as strings.
    `objective` is the latest value of the objective, None where there is none (yet). A pending trial is still running.
    `metrics` are the latest values of all metrics by name, the objective's among them. `forecast` is there for a trial
    that was stopped before its end: what a search takes for its objective.
    """

    index: int
    configuration: Mapping[str, str]
    status: ObjectiveStatus = ObjectiveStatus.PENDING
    objective: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    forecast: Forecast | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Parent:
    """An earlier tuning job whose trials are known to a search that is warm-started from it.

    A configuration of its `trials` has a value for every range of the new job that is active there, which may lie
    outside of that range.
    `is_identical`: data and algorithm were the same, so its values count as this job's own; otherwise how much they
    tell has to be found out.
    """

    name: str
    trials: tuple[Trial, ...]
    is_identical: bool
