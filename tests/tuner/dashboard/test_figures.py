"""The figures, as values: what is drawn where, without a browser."""

import dataclasses
import math
from typing import Any

import plotly.graph_objects as go
import pytest
from tuning_history import TuningHistory

from contracts.jobs import SecondaryStatus
from tuner.dashboard.figures import (
    Axis,
    Figure,
    curves_figure,
    front_figure,
    hyperparameter_figure,
    objective_figure,
    short_number,
)
from tuner.dashboard.results import TuningResults, read_results
from tuner.store.records import pareto_front
from tuner.store.sqlite_store import Store


def results_of(history: TuningHistory) -> TuningResults:
    """The results as they stand."""
    return read_results(history.store, history.name, history.now)


def known(figure: Figure) -> go.Figure:
    """A figure as plotly reads it, which refuses words and values that it does not know."""
    return go.Figure(figure)


def traces(figure: Figure) -> dict[str, Any]:
    """The traces by name."""
    return {trace.name: trace for trace in known(figure).data}


def test_every_trial_is_marked_once_by_what_became_of_it(history: TuningHistory) -> None:
    """Five kinds of marks; the best trial is a star and no dot besides."""
    history.add([0.5])
    history.add([0.7])
    history.add([0.6], status=SecondaryStatus.STOPPED)
    history.add(status=SecondaryStatus.FAILED)
    history.add([0.1], status=None)
    drawn = traces(objective_figure(results_of(history)))

    assert {"completed": (1,), "best": (2,), "stopped": (3,), "failed": (4,), "running": (5,)} == {
        name: tuple(trace.x) for name, trace in drawn.items() if name != "best so far"
    }


def test_failed_trials_are_crosses_below_all_values_and_inside_the_axis(history: TuningHistory) -> None:
    """They have no height of their own, and must be seen."""
    history.add([0.5])
    history.add([0.7])
    history.add([0.9], status=SecondaryStatus.FAILED)
    figure = objective_figure(results_of(history))
    failed = traces(figure)["failed"]

    assert "x" == failed.marker.symbol
    assert figure["layout"]["yaxis"]["range"][0] < failed.y[0] < 0.5


def test_the_best_so_far_line_goes_on_to_the_last_trial(history: TuningHistory) -> None:
    """Also when the last trials failed."""
    history.add([0.5])
    history.add(status=SecondaryStatus.FAILED)
    line = traces(objective_figure(results_of(history)))["best so far"]

    assert ([1, 2], [0.5, 0.5]) == (list(line.x), list(line.y))


def test_a_logarithmic_range_gets_a_logarithmic_axis(history: TuningHistory) -> None:
    """The picture has the scale in which the search drew; both ends of the range are on it."""
    history.add([0.5], tuned={"learning_rate": "0.0001"})
    results = results_of(history)
    (definition,) = results.definitions
    axes = [known(hyperparameter_figure(results, definition, one)).layout.xaxis for one in definition.ranges[:2]]

    assert ["log", "linear"] == [axis.type for axis in axes]
    assert axes[0].range[0] < math.log10(0.0001) < math.log10(0.1) < axes[0].range[1]


def test_categories_stand_side_by_side_each_with_its_trials(history: TuningHistory) -> None:
    """Trials of one category are spread a little, and stay nearest to their own category's tick."""
    for optimizer in ("sgd", "adam", "sgd", "adam", "sgd"):
        history.add([0.5], tuned={"optimizer": optimizer})
    results = results_of(history)
    (definition,) = results.definitions
    figure = known(hyperparameter_figure(results, definition, definition.ranges[2]))
    places = {x for trace in figure.data for x in trace.x}

    assert ("sgd", "adam") == figure.layout.xaxis.ticktext
    assert 5 == len(places)
    assert {0, 1} == {round(x) for x in places}


def test_texts_of_users_are_escaped_wherever_plotly_reads_html(store: Store) -> None:
    """plotly understands tags in labels and hover texts: a link or an image must not get in."""
    evil = "<a href='https://evil.example'>x</a>"
    ranges = {"CategoricalParameterRanges": [{"Name": "<b>name</b>", "Values": [evil, "sgd"]}]}
    history = TuningHistory(store, ranges=ranges)
    history.add([0.5], tuned={"<b>name</b>": evil})
    results = results_of(history)
    (definition,) = results.definitions
    figure = known(hyperparameter_figure(results, definition, definition.ranges[0]))
    texts = [figure.layout.xaxis.title.text, *figure.layout.xaxis.ticktext, *figure.data[0].hovertext]

    assert not [text for text in texts if "<a" in text or "<b>name" in text]
    assert "&lt;b&gt;name&lt;/b&gt;" == figure.layout.xaxis.title.text


def test_learning_curves_need_two_values_somewhere(history: TuningHistory) -> None:
    """A metric that is printed once at the end has no curve."""
    history.add([0.5])
    alone = curves_figure(results_of(history))
    history.add([0.5, 0.6])

    assert alone is None
    assert curves_figure(results_of(history)) is not None


def test_curves_are_cut_apart_within_their_trace(history: TuningHistory) -> None:
    """One trace draws all trials of a kind; a gap keeps them from being joined."""
    history.add([0.1, 0.2])
    history.add([0.3, 0.4])
    history.add([0.5, 0.9])
    figure = curves_figure(results_of(history))
    assert figure is not None
    drawn = traces(figure)

    assert (0.1, 0.2, None, 0.3, 0.4, None) == drawn["completed"].y
    assert (0.5, 0.9, None) == drawn["best"].y


def test_very_many_values_are_thinned_but_the_last_stays(history: TuningHistory) -> None:
    """A browser gets slow with a hundred thousand points; a curve's end is what counts. The best is drawn whole."""
    history.add([0.001 * value for value in range(15_000)])
    history.add([0.001 * value for value in range(15_001)])
    figure = curves_figure(results_of(history))
    assert figure is not None
    drawn = traces(figure)

    assert (7_501, 15_001) == (len(drawn["completed"].y) - 1, len(drawn["best"].y) - 1)
    assert drawn["completed"].y[-2] == 0.001 * 14_999


@pytest.mark.parametrize(
    ("values", "is_logarithmic"),
    [([0.1, 0.9], False), ([0.5, 1e6], True), ([-1.0, 1e6], False), ([], False), ([0.7], False), ([0.0, 0.0], False)],
)
def test_an_axis_holds_all_its_values_with_room(values: list[float], is_logarithmic: bool) -> None:
    """One diverged trial with a loss of a million does not press all others into one line."""
    axis = Axis.of(values, with_bottom=True)
    heights = [math.log10(value) for value in values] if is_logarithmic else values

    assert is_logarithmic is axis.is_logarithmic
    assert axis.low < axis.high
    assert all(axis.low < height < axis.high for height in heights)


@pytest.mark.parametrize(
    ("text", "short"), [("0.00012345678901", "0.000123457"), ("0.1", "0.1"), ("adam", "adam"), ("100000000", "1e+08")]
)
def test_long_numbers_are_shown_short(text: str, short: str) -> None:
    """Six digits are enough to look at; the title and the CSV have all of them."""
    assert short == short_number(text)


def searched(history: TuningHistory, extension: dict[str, Any]) -> TuningResults:
    """The results as they would be with a search file."""
    results = results_of(history)
    job = dataclasses.replace(results.job, extension=extension)
    records = history.store.trials(history.name)
    by_name = {trial.training_job: trial for trial in results.trials}
    front = tuple(by_name[record.name] for record in pareto_front(job, records))
    return dataclasses.replace(results, job=job, front=front)


def test_two_objectives_are_drawn_with_their_front(history: TuningHistory) -> None:
    """A line joins what nobody beats in both."""
    for accuracy, loss in ((0.5, 0.1), (0.9, 0.4), (0.6, 0.3), (0.7, 0.2)):
        history.add([accuracy], loss=loss)
    figure = front_figure(searched(history, {"SecondObjective": {"Type": "Minimize", "MetricName": "train:loss"}}))
    assert figure is not None
    drawn = traces(figure)

    assert ((0.9, 0.7, 0.5), (0.4, 0.2, 0.1)) == (drawn["Pareto front"].x, drawn["Pareto front"].y)
    assert (0.6,) == drawn["others"].x
    assert front_figure(results_of(history)) is None


def test_a_trial_in_which_a_hyperparameter_is_not_there_has_no_mark_over_it(history: TuningHistory) -> None:
    """It depends on another that had no such value."""
    history.add([0.5])
    history.add([0.7])
    results = results_of(history)
    without = dataclasses.replace(results.trials[0], tuned={"optimizer": "adam"})
    results = dataclasses.replace(results, trials=(without, *results.trials[1:]))
    definition = results.definitions[0]
    drawn = traces(hyperparameter_figure(results, definition, definition.ranges[0]))

    assert ["best"] == list(drawn)
