"""The trials as comma-separated values."""

import csv
import io

from tuning_history import TuningHistory

from contracts.jobs import SecondaryStatus
from tuner.dashboard.csv_table import format_csv
from tuner.dashboard.results import read_results
from tuner.store.sqlite_store import Store


def rows_of(history: TuningHistory) -> list[dict[str, str]]:
    """The table, read as any program would."""
    text = format_csv(read_results(history.store, history.name, history.now))
    return list(csv.DictReader(io.StringIO(text)))


def test_a_trial_is_a_line_with_all_that_is_known_of_it(history: TuningHistory) -> None:
    """Full precision, ISO times in UTC, tuned values as the container got them."""
    name = history.add([0.1, 0.12345678901234568], loss=0.25, tuned={"learning_rate": "0.001234567890123"})

    assert [
        {
            "trial_index": "1",
            "training_job": name,
            "status": "Completed",
            "objective_status": "Succeeded",
            "objective": "0.12345678901234568",
            "learning_rate": "0.001234567890123",
            "depth": "3",
            "optimizer": "sgd",
            "train:loss": "0.25",
            "training_start_time": "2026-09-21T14:13:50.000Z",
            "training_end_time": "2026-09-21T14:14:10.000Z",
            "duration_seconds": "20.000",
            "place": "1",
            "lost": "false",
            "failure_reason": "",
        }
    ] == rows_of(history)


def test_any_text_comes_back_as_it_went_in(history: TuningHistory) -> None:
    """Commas, quotes and line ends in a failure reason are the csv module's business, in both directions."""
    reason = 'AlgorithmError: shape (1, 2), "x"\nsecond line, exit code: 1'
    history.add(status=SecondaryStatus.FAILED, reason=reason)
    (row,) = rows_of(history)

    assert (reason, "", "Failed", "") == (
        row["failure_reason"],
        row["objective"],
        row["objective_status"],
        row["train:loss"],
    )


def test_a_job_without_trials_is_a_line_of_names(history: TuningHistory) -> None:
    """Programs that read the table find its columns from the start."""
    text = format_csv(read_results(history.store, history.name, history.now))

    assert 1 == text.count("\n")
    assert text.startswith("trial_index,training_job,status,objective_status,objective,learning_rate,")


def test_a_hyperparameter_named_like_a_column_gets_a_prefix(store: Store) -> None:
    """No column is there twice, so none is lost when the table is read by name."""
    ranges = {
        "CategoricalParameterRanges": [{"Name": "objective", "Values": ["a"]}, {"Name": "train:loss", "Values": ["b"]}]
    }
    history = TuningHistory(store, ranges=ranges)
    history.add([0.5], loss=0.25, tuned={"objective": "a", "train:loss": "b"})
    (row,) = rows_of(history)

    assert ("0.5", "a", "b", "0.25") == (
        row["objective"],
        row["hyperparameter:objective"],
        row["train:loss"],
        row["metric:train:loss"],
    )
