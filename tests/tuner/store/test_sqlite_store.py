"""The store: what is recorded stays, once, whatever else happens."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from job_requests import training_request, tuning_request

from contracts.errors import IllegalTransition
from contracts.jobs import JobKind, JobStatus, ObjectiveStatus, SecondaryStatus, StopReason
from tuner.errors import ResourceInUse, ResourceNotFound, StoreError
from tuner.store.records import Observation, best_training_job, pareto_front
from tuner.store.sqlite_store import Store

ACCURACY = "validation:accuracy"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store in a file of its own."""
    with Store(tmp_path / "home" / "algodock.db") as opened:
        yield opened


def observation(line: int, value: float, *, metric: str = ACCURACY, match: int = 0) -> Observation:
    """A number found in `line`."""
    return Observation(host="algo-1", line=line, match=match, metric=metric, value=value, time=100.0 + line)


def finish(store: Store, name: str, status: SecondaryStatus = SecondaryStatus.COMPLETED) -> None:
    """Lead a pending training job to its end."""
    for step in (SecondaryStatus.STARTING, SecondaryStatus.TRAINING, SecondaryStatus.UPLOADING, status):
        store.change_status(name, step, now=5)


def test_a_training_job_is_remembered_as_it_was_asked_for(tmp_path: Path) -> None:
    """The request is kept whole, and a second process reads it."""
    path = tmp_path / "algodock.db"
    with Store(path) as first:
        first.create_training_job(training_request(), now=1.0)
    with Store(path) as second:
        job = second.training_job("job-1")

    assert training_request() == job.request
    assert SecondaryStatus.PENDING is job.status
    assert job.spec.image == "image"


def test_a_name_is_taken_once(store: Store) -> None:
    """The refusal has the service's own words."""
    store.create_training_job(training_request(), now=1)
    store.create_tuning_job(tuning_request(), random_seed=1, now=1)

    with pytest.raises(ResourceInUse, match="Training job names must be unique"):
        store.create_training_job(training_request(), now=2)
    with pytest.raises(ResourceInUse, match=r"the name, Tune, already exists\. Choose a different name"):
        store.create_tuning_job(tuning_request("Tune"), random_seed=1, now=2)


def test_an_unknown_job_is_not_found(store: Store) -> None:
    """Reading and stopping say which name was not found."""
    with pytest.raises(ResourceNotFound, match="nobody"):
        store.training_job("nobody")
    with pytest.raises(ResourceNotFound, match="nobody"):
        store.tuning_job("nobody")


def test_an_observation_is_kept_once(store: Store) -> None:
    """Reading a log again after a crash does not duplicate what it says."""
    store.create_training_job(training_request(), now=1)
    for _ in range(2):
        store.record_observations("job-1", [observation(3, 0.5), observation(3, 0.6, match=1)])

    assert [(3, 0, 0.5), (3, 1, 0.6)] == [(o.line, o.match, o.value) for o in store.observations("job-1")]


@given(values=st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=20))
def test_a_summary_tells_count_last_and_extremes(values: list[float]) -> None:
    """The last value is the one printed last, not the best."""
    with Store(":memory:") as store:
        store.create_training_job(training_request(), now=1)
        store.record_observations("job-1", [observation(i, value) for i, value in enumerate(values)])
        summary = store.training_job("job-1").metrics[ACCURACY]

    assert (len(values), values[-1], min(values), max(values)) == (
        summary.count,
        summary.last,
        summary.minimum,
        summary.maximum,
    )


def test_of_equal_times_the_later_line_is_the_last(store: Store) -> None:
    """Two lines may carry one timestamp; the place in the log decides, line 10 after line 9."""
    store.create_training_job(training_request(), now=1)
    rows = [
        Observation(host="algo-1", line=line, match=0, metric=ACCURACY, value=float(line), time=5.0)
        for line in (10, 9, 2)
    ]
    store.record_observations("job-1", rows)

    assert 10.0 == store.training_job("job-1").final_value(ACCURACY)


def test_a_status_moves_along_the_table_only(store: Store) -> None:
    """A refused change changes nothing."""
    store.create_training_job(training_request(), now=1)

    with pytest.raises(IllegalTransition):
        store.change_status("job-1", SecondaryStatus.COMPLETED, now=2)

    assert SecondaryStatus.PENDING is store.training_job("job-1").status
    assert 1 == len(store.transitions("job-1"))


def test_transitions_are_told_with_their_times(store: Store) -> None:
    """Each status has a beginning, and an end once the next has begun."""
    store.create_training_job(training_request(), now=1)
    store.change_status("job-1", SecondaryStatus.STARTING, now=2, message="go")
    store.change_status("job-1", SecondaryStatus.FAILED, now=4, failure_reason="no such thing")

    assert [("Pending", 1, 2), ("Starting", 2, 4), ("Failed", 4, None)] == [
        (t.status, t.start_time, t.end_time) for t in store.transitions("job-1")
    ]
    assert store.training_job("job-1").failure_reason == "no such thing"
    assert store.training_job("job-1").end_time == 4


def test_no_sequence_of_changes_leaves_an_ended_job(store: Store) -> None:
    """What has ended stays as it ended."""
    store.create_training_job(training_request(), now=1)
    finish(store, "job-1")
    for status in SecondaryStatus:
        with pytest.raises(IllegalTransition):
            store.change_status("job-1", status, now=9)

    assert SecondaryStatus.COMPLETED is store.training_job("job-1").status


def test_the_first_reason_to_stop_stays(store: Store) -> None:
    """A time limit that runs out during a user's stop does not turn it into another outcome."""
    store.create_training_job(training_request(), now=1)
    store.request_stop("job-1", StopReason.USER, now=2)
    store.request_stop("job-1", StopReason.MAX_RUNTIME, now=3)

    job = store.training_job("job-1")

    assert (StopReason.USER, 2) == (job.stop_reason, job.stop_time)


def test_a_job_that_has_ended_cannot_be_stopped_afterwards(store: Store) -> None:
    """A stop that comes too late changes nothing."""
    store.create_training_job(training_request(), now=1)
    finish(store, "job-1")
    store.request_stop("job-1", StopReason.USER, now=9)

    assert store.training_job("job-1").stop_reason is None


def test_a_gpu_with_two_slots_is_leased_twice_and_no_more(tmp_path: Path) -> None:
    """The key of the table is what refuses a third, whatever a process believes."""
    with Store(tmp_path / "s.db") as store:
        leased = [store.lease_gpus(name, ["0"], 1, jobs_per_gpu=2) for name in "abc"]

        assert [("0",), ("0",), None] == leased
        with pytest.raises(sqlite3.IntegrityError):
            store._db.execute("INSERT INTO gpu_lease (gpu, slot, kind, job) VALUES ('0', 1, 'training', 'd')")


def test_fewer_slots_than_before_end_no_lease(tmp_path: Path) -> None:
    """Who holds one keeps it; new ones come when fewer hold the GPU than may now."""
    with Store(tmp_path / "s.db") as store:
        for name in "ab":
            store.lease_gpus(name, ["0"], 1, jobs_per_gpu=2)

        store.end_gpu_lease("a", JobKind.TRAINING)
        assert store.lease_gpus("c", ["0"], 1) is None
        store.end_gpu_lease("b", JobKind.TRAINING)
        assert ("0",) == store.lease_gpus("c", ["0"], 1)


def test_no_gpu_is_leased_twice(tmp_path: Path) -> None:
    """Two processes that lease at once share nothing; a job gets all it needs or nothing."""
    path = tmp_path / "algodock.db"
    with Store(path) as one, Store(path) as other:
        for name in ("a", "b", "c"):
            one.create_training_job(training_request(name), now=1, gpu_count=1)

        assert ("0", "1") == one.lease_gpus("a", ["0", "1", "2"], 2)
        assert other.lease_gpus("b", ["0", "1", "2"], 2) is None
        assert ("2",) == other.lease_gpus("c", ["0", "1", "2"], 1)
        assert ("0", "1") == other.lease_gpus("a", ["0", "1", "2"], 2)  # asked again after a crash: kept


def test_a_job_that_ends_gives_its_gpus_back(store: Store) -> None:
    """The lease ends in the same transaction as the job."""
    store.create_training_job(training_request("a"), now=1, gpu_count=1)
    store.create_training_job(training_request("b"), now=1, gpu_count=1)
    store.lease_gpus("a", ["0"], 1)
    store.change_status("a", SecondaryStatus.FAILED, now=2)

    assert store.leased_gpus("a") == ()
    assert ("0",) == store.lease_gpus("b", ["0"], 1)


def test_trials_come_in_the_order_of_their_index(store: Store) -> None:
    """Trials of one tuning job only, by index; the name is found in any case."""
    store.create_tuning_job(tuning_request(), random_seed=1, now=1)
    for index in (1, 2):
        store.create_training_job(
            training_request(f"tune-{index}"), now=1, tuning_job="tune", trial_index=index, tuned={"x": str(index)}
        )
    store.create_training_job(training_request("alone"), now=1)

    assert ["1", "2"] == [trial.tuned["x"] for trial in store.trials("TUNE")]
    assert 3 == len(store.training_jobs())


def test_the_best_trial_is_the_best_final_value_that_succeeded(store: Store) -> None:
    """Failed trials and trials without a value do not win; a running one has not ended yet."""
    store.create_tuning_job(tuning_request(), random_seed=1, now=1)
    endings = [
        (SecondaryStatus.COMPLETED, 0.6),
        (SecondaryStatus.FAILED, 0.9),
        (SecondaryStatus.COMPLETED, 0.7),
        (SecondaryStatus.COMPLETED, None),
    ]
    for index, (status, value) in enumerate(endings, start=1):
        name = f"t-{index}"
        store.create_training_job(training_request(name), now=1, tuning_job="tune", trial_index=index)
        if value is not None:
            store.record_observations(name, [observation(1, value)])
        finish(store, name, status)

    trials = store.trials("tune")
    best = best_training_job(store.tuning_job("tune"), trials)

    assert best is not None
    assert best.name == "t-3"
    assert [ObjectiveStatus.SUCCEEDED, ObjectiveStatus.FAILED, ObjectiveStatus.SUCCEEDED, ObjectiveStatus.FAILED] == [
        trial.objective_status(ACCURACY) for trial in trials
    ]


def test_a_tuning_job_that_has_ended_is_not_unfinished(store: Store) -> None:
    """The list of what a controller has to work."""
    store.create_tuning_job(tuning_request("one"), random_seed=1, now=1)
    store.create_tuning_job(tuning_request("two"), random_seed=1, now=2)
    store.change_tuning_job_status("one", JobStatus.COMPLETED, now=3)

    assert ["two"] == [job.name for job in store.tuning_jobs(unfinished=True)]
    assert ["one", "two"] == [job.name for job in store.tuning_jobs()]


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    """An old program must not write into what it does not understand."""
    path = tmp_path / "algodock.db"
    Store(path).close()
    raw = sqlite3.connect(path)
    raw.execute("PRAGMA user_version = 99")
    raw.close()

    with pytest.raises(StoreError, match="newer Algodock"):
        Store(path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """The message names the file."""
    path = tmp_path / "algodock.db"
    path.write_text("not a database, but long enough to look at " * 100)

    with pytest.raises(StoreError, match=r"algodock\.db"):
        Store(path)


def test_warnings_are_kept_once(store: Store) -> None:
    """The same warning at every step would be noise."""
    store.create_training_job(training_request(), now=1)
    for _ in range(3):
        store.add_warning("job-1", "careful")

    assert ["careful"] == store.warnings("job-1")


def test_requests_are_stored_as_json(tmp_path: Path) -> None:
    """Other tools can read the home with nothing but SQLite."""
    path = tmp_path / "algodock.db"
    with Store(path) as store:
        store.create_training_job(training_request(), now=1)
    raw = sqlite3.connect(path)
    (text,) = raw.execute("SELECT request FROM training_job").fetchone()
    raw.close()

    assert training_request() == json.loads(text)


def test_what_the_request_has_no_word_for_is_kept_beside_it(store: Store) -> None:
    """As it was given, and as nothing where there is nothing."""
    store.create_tuning_job(tuning_request("with"), random_seed=1, now=1, extension={"Constraints": ["a < b"]})
    store.create_tuning_job(tuning_request("without"), random_seed=1, now=2)

    assert {"Constraints": ["a < b"]} == store.tuning_job("with").extension
    assert store.tuning_job("without").extension is None


def test_a_tuning_job_converges_once(store: Store) -> None:
    """The first time is kept, whoever sees it again."""
    store.create_tuning_job(tuning_request("tune"), random_seed=1, now=1)
    store.set_convergence_detected("Tune", 5.0)
    store.set_convergence_detected("tune", 9.0)

    assert 5.0 == store.tuning_job("tune").convergence_detected_time


def test_a_trial_knows_the_definition_it_is_of(store: Store) -> None:
    """By the name that the definition has in the tuning job's request."""
    store.create_tuning_job(tuning_request("tune"), random_seed=1, now=1)
    store.create_training_job(training_request("a"), now=1, tuning_job="tune", trial_index=1, definition_name="svm")
    store.create_training_job(training_request("b"), now=1, tuning_job="tune", trial_index=2)

    assert ["svm", None] == [trial.definition_name for trial in store.trials("tune")]


def test_of_two_objectives_the_front_is_what_nobody_beats_in_both(store: Store) -> None:
    """Equal points are all in it; trials that break a bound, failed, or lack a metric are not."""
    extension = {
        "SecondObjective": {"Type": "Minimize", "MetricName": "size"},
        "MetricConstraints": [{"MetricName": "size", "Maximum": 50}],
    }
    store.create_tuning_job(tuning_request(), random_seed=1, now=1, extension=extension)
    endings: list[tuple[float, float | None, SecondaryStatus]] = [
        (0.9, 40, SecondaryStatus.COMPLETED),
        (0.7, 10, SecondaryStatus.COMPLETED),
        (0.6, 20, SecondaryStatus.COMPLETED),
        (0.7, 10, SecondaryStatus.COMPLETED),
        (0.99, 60, SecondaryStatus.COMPLETED),
        (0.95, 1, SecondaryStatus.FAILED),
        (0.98, None, SecondaryStatus.COMPLETED),
    ]
    for index, (accuracy, size, status) in enumerate(endings, start=1):
        store.create_training_job(training_request(f"t-{index}"), now=1, tuning_job="tune", trial_index=index)
        metrics = [(ACCURACY, accuracy), *([] if size is None else [("size", size)])]
        store.record_observations(
            f"t-{index}",
            [Observation(host="algo-1", line=1, match=0, metric=name, value=value, time=1) for name, value in metrics],
        )
        finish(store, f"t-{index}", status)
    job, trials = store.tuning_job("tune"), store.trials("tune")

    assert [1, 2, 4] == [trial.trial_index for trial in pareto_front(job, trials)]
    best = best_training_job(job, trials)
    assert best is not None
    assert 1 == best.trial_index


def test_trials_are_in_their_order_whatever_the_clock_said(tmp_path: Path) -> None:
    """Between two of them it may have jumped back; the search must see the same history."""
    with Store(tmp_path / "algodock.db") as store:
        store.create_tuning_job(tuning_request("tune"), random_seed=7, now=1.0)
        for index, now in ((1, 3600.0), (2, 5.0)):
            store.create_training_job(training_request(f"t{index}"), now=now, tuning_job="tune", trial_index=index)

        assert [1, 2] == [trial.trial_index for trial in store.trials("tune")]
