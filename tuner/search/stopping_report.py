"""What a stopping rule would have done to a job that ran: a replay of what its trials reported. Pure.

The reports are gone through in the order of their times. A trial that the rule stops has no later reports, also for the
trials that are compared with it afterwards. That its slot would have been free sooner is left out of account: the
trials after it are taken as they ran.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from contracts.early_stopping import ForecastStopping
from contracts.metrics import Objective
from contracts.tuning import Hyperband
from tuner.search.early_stopping import falls_behind_the_median, hyperband_stops
from tuner.search.learning_curves import Course, forecast_stops

#: Whether a rule ends the trial of that index at its value number so much (from 1).
Rule = Callable[[Mapping[int, Course], int, int], bool]


@dataclass(frozen=True, kw_only=True, slots=True)
class WouldHave:
    """What a rule would have done to the trials of a job.

    `stopped_at` is the epoch at which each trial that it would have stopped had come to, by the trial's index; `epochs`
    is how many all trials had, `saved` how many of them there would not have been. `best` is the index of the trial
    with the best last value of those that came to their end by themselves, `best_left` the one with the best of those
    that it would not have stopped; None where there is none.
    """

    stopped_at: Mapping[int, int]
    epochs: int
    saved: int
    best: int | None
    best_left: int | None

    @property
    def loses_the_best(self) -> bool:
        """Whether it would have stopped the trial that became the best."""
        return self.best in self.stopped_at


def median_rule(objective: Objective) -> Rule:
    """That of the service's early stopping."""

    def stops(courses: Mapping[int, Course], index: int, epoch: int) -> bool:
        earlier = [course.curve for at, course in courses.items() if at < index]
        return falls_behind_the_median(courses[index].curve, earlier, objective, epoch)

    return stops


def hyperband_rule(band: Hyperband, objective: Objective) -> Rule:
    """That of the strategy Hyperband with the resource of `band`."""

    def stops(courses: Mapping[int, Course], index: int, epoch: int) -> bool:
        return hyperband_stops({at: course.curve for at, course in courses.items()}, index, band, objective, epoch)

    return stops


def forecast_rule(stopping: ForecastStopping, objective: Objective) -> Rule:
    """That of the forecast."""

    def stops(courses: Mapping[int, Course], index: int, epoch: int) -> bool:
        return forecast_stops(courses, index, stopping, objective, epoch)

    return stops


def would_have(courses: Mapping[int, Course], rule: Rule, objective: Objective) -> WouldHave:
    """What `rule` would have done to the trials of a job, of which `courses` are by index.

    A stop at the last value of a trial that has ended is none: it would have saved nothing.
    """
    events = sorted(
        (report.time, index, epoch)
        for index, course in courses.items()
        for epoch, report in enumerate(course.curve, start=1)
    )
    known = {index: Course(curve=(), finished=course.finished) for index, course in courses.items()}
    stopped: dict[int, int] = {}
    for _, index, epoch in events:
        if index in stopped:
            continue
        course = courses[index]
        known[index] = Course(curve=course.curve[:epoch], finished=course.finished)
        if epoch < len(course.curve) and rule(known, index, epoch):
            stopped[index] = epoch
            known[index] = Course(curve=course.curve[:epoch])
    return WouldHave(
        stopped_at=stopped,
        epochs=len(events),
        saved=sum(len(courses[index].curve) - epoch for index, epoch in stopped.items()),
        best=_best(courses, objective),
        best_left=_best({at: course for at, course in courses.items() if at not in stopped}, objective),
    )


def _best(courses: Mapping[int, Course], objective: Objective) -> int | None:
    best: int | None = None
    for index, course in courses.items():
        if course.finished is None or not course.curve:
            continue
        if best is None or objective.is_better(course.curve[-1].value, than=courses[best].curve[-1].value):
            best = index
    return best
