"""`algodock gc`: what nobody needs goes, and nothing else."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from commands_in_process import Run

from tuner.engine.fake import FakeEngine
from tuner.engine.protocol import ENDPOINT_LABEL, HOME_LABEL, JOB_LABEL, PROBE_LABEL, ContainerSpec
from tuner.store.lock import ControllerLock, hold
from tuner.store.sqlite_store import Store

IMAGE = "algorithm:1"
DAY = 86_400

Put = Callable[..., None]


@pytest.fixture
def put(engine: FakeEngine, home: Path) -> Put:
    """Creates a container of the home, or of `of`, with labels besides."""

    def create(name: str, labels: dict[str, str] | None = None, of: str | None = None) -> None:
        home.mkdir(exist_ok=True)
        all_labels = {HOME_LABEL: of or str(home), **(labels or {})}
        engine.create(ContainerSpec(name=name, image=IMAGE, environment={}, labels=all_labels))

    return create


def names(engine: FakeEngine) -> list[str]:
    """The containers that are there."""
    return sorted(one.name for one in engine.containers({}))


def unfinished(store: Store, name: str) -> None:
    """A training job that has not begun."""
    store.create_training_job({"TrainingJobName": name, "AlgorithmSpecification": {"TrainingImage": IMAGE}}, now=0.0)


def test_with_nothing_left_it_says_so(run: Run, home: Path) -> None:
    """And makes no home where there was none."""
    outcome = run("gc")

    assert (0, True) == (outcome.code, outcome.out.startswith("Nothing was left in"))
    assert not home.exists()


def test_containers_of_nobody_go_and_those_of_an_unfinished_job_stay(
    run: Run, engine: FakeEngine, store: Store, put: Put
) -> None:
    """Also in the presence of one who works the home."""
    unfinished(store, "going-on")
    put("working", {JOB_LABEL: "going-on"})
    put("stray", {JOB_LABEL: "unknown"})
    put("nameless")
    engine.create_network("net", {HOME_LABEL: str(store._path).removesuffix("/algodock.db")}, internal=True)

    outcome = run("gc", "--yes")
    assert (0, ["working"]) == (outcome.code, names(engine))
    assert () == engine.networks({})
    assert "unknown is no unfinished job of this home" in " ".join(outcome.out.split())
    assert run("gc", "--yes").out.startswith("Nothing was left")


def test_what_belongs_to_a_home_that_is_gone_goes_and_another_home_is_left_alone(
    run: Run, engine: FakeEngine, put: Put, tmp_path: Path
) -> None:
    """A folder that is there may have a database that knows."""
    (tmp_path / "other").mkdir()
    put("theirs", {JOB_LABEL: "one"}, of=str(tmp_path / "other"))
    put("orphan", {JOB_LABEL: "one"}, of=str(tmp_path / "deleted"))

    assert 0 == run("gc", "--yes").code
    assert ["theirs"] == names(engine)


def test_what_belongs_to_another_machine_is_left_alone(run: Run, engine: FakeEngine, put: Put) -> None:
    """Of an engine elsewhere nobody here can tell whether a home is gone."""
    put("theirs", of="/home/on/another/machine")
    run("--docker-host", "tcp://elsewhere:2375", "gc", "--yes")

    assert ["theirs"] == names(engine)


def test_an_endpoint_that_is_served_stays_and_one_whose_process_died_goes(
    run: Run, engine: FakeEngine, put: Put, home: Path
) -> None:
    """With its unpacked model; the lock file stays, for somebody may be about to take it."""
    for name in ("alive", "dead"):
        put(name, {ENDPOINT_LABEL: name})
        (home / "endpoints" / name / "model").mkdir(parents=True)
    dead = home / "endpoints" / "dead"
    (dead / "lock").touch()
    lock = ControllerLock(home / "endpoints" / "alive" / "lock")
    lock.acquire()
    outcome = run("gc", "--yes")
    lock.release()

    assert (0, ["alive"]) == (outcome.code, names(engine))
    assert ["lock"] == [path.name for path in dead.iterdir()]
    assert (home / "endpoints" / "alive" / "model").is_dir()


def test_a_check_that_runs_keeps_its_containers_and_its_folder(
    run: Run, engine: FakeEngine, put: Put, home: Path
) -> None:
    """Its folder is locked; when it is not, it was killed."""
    put("algodock-check-1234-1", {JOB_LABEL: "algodock-check-1234-1"})
    folder = home / "checks" / "tmp1"
    folder.mkdir(parents=True)
    os.utime(folder, (0, 0))
    with hold(folder):
        run("gc", "--yes")
        before = (names(engine), folder.exists())
    run("gc", "--yes")

    assert (["algodock-check-1234-1"], True) == before
    assert ([], False) == (names(engine), folder.exists())


def test_a_probe_goes_once_it_is_old(run: Run, engine: FakeEngine) -> None:
    """A young one may be somebody's who is asking now."""
    engine.create(ContainerSpec(name="probe", image=IMAGE, environment={}, labels={PROBE_LABEL: "true"}))
    run("gc", "--yes")
    young = names(engine)
    start = engine.clock()
    engine.clock = lambda: start + 3600
    run("gc", "--yes")

    assert (["probe"], []) == (young, names(engine))


def test_folders_of_jobs_that_the_store_does_not_know_go_unless_a_model_is_in_them(
    run: Run, store: Store, home: Path
) -> None:
    """A model may be all that somebody has kept of a database that is lost."""
    unfinished(store, "known")
    for name in ("known", "unknown", "with-model"):
        (home / "jobs" / name / "output").mkdir(parents=True)
    (home / "jobs" / "with-model" / "output" / "model.tar.gz").write_bytes(b"x")

    assert 0 == run("gc", "--yes").code
    assert ["known", "with-model"] == sorted(path.name for path in (home / "jobs").iterdir())


def test_what_a_killed_process_left_in_the_folder_of_an_ended_job_goes(
    run: Run, training_file: Path, home: Path
) -> None:
    """FIFOs and half-written archives; the rest stays."""
    run("train", training_file)
    data = home / "jobs" / "one" / "algo-1" / "opt" / "ml" / "input" / "data"
    os.mkfifo(data / "train_0")
    half = home / "jobs" / "one" / "output" / ".model.tar.gz.unfinished"
    half.write_bytes(bytes(10_000))
    outcome = run("gc", "--yes", "--json")

    assert ["file", "file"] == [one["kind"] for one in outcome.document["leftovers"]]
    assert outcome.document["removed_bytes"] >= 10_000
    assert not half.exists()
    assert [] == list(data.iterdir())
    assert (half.parent / "model.tar.gz").exists()


def test_a_dry_run_and_a_no_remove_nothing(
    run: Run, engine: FakeEngine, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both show what there is."""
    put("stray")
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda prompt: "n")
    outcomes = [run("gc", "--dry-run"), run("gc")]

    assert [0, 0] == [outcome.code for outcome in outcomes]
    assert all("stray" in outcome.out for outcome in outcomes)
    assert ["stray"] == names(engine)


def test_old_jobs_lose_their_folders_and_the_best_models_stay(
    run: Run, tuning_file: Path, training_file: Path, store: Store, home: Path
) -> None:
    """The records stay; a job that ended lately is not touched."""
    run("tune", tuning_file)
    run("train", training_file)
    lately = run("gc", "--yes", "--older-than", "1d", "--json").document["leftovers"]
    best = store.tuning_job("digits")
    outcome = run("gc", "--yes", "--older-than", "30d", clock=lambda: best.creation_time + 31 * DAY)
    kept = {path.name: [child.name for child in path.iterdir()] for path in (home / "jobs").iterdir()}

    best_trial = max(store.trials("digits"), key=lambda trial: float(trial.tuned["learning_rate"]))
    assert (0, []) == (outcome.code, lately)
    assert {"one": ["output"], best_trial.name: ["output"]} == kept
    assert 0 == run("show", "digits").code


def test_an_old_job_that_another_one_refers_to_stays(run: Run, training_file: Path, store: Store, home: Path) -> None:
    """Its checkpoints or its model may be the other one's data."""
    run("train", training_file)
    channel = {
        "ChannelName": "model",
        "DataSource": {"S3DataSource": {"S3Uri": (home / "jobs" / "one" / "logs").as_uri()}},
    }
    request = {"TrainingJobName": "next", "AlgorithmSpecification": {"TrainingImage": IMAGE}}
    store.create_training_job({**request, "InputDataConfig": [channel]}, now=0.0)
    run("gc", "--yes", "--older-than", "1d", clock=lambda: store.training_job("one").creation_time + 2 * DAY)

    assert (home / "jobs" / "one" / "logs").is_dir()


def test_the_cache_goes_when_asked_for_unless_an_unfinished_job_has_data_there(
    run: Run, store: Store, home: Path
) -> None:
    """Downloading it again is slow, so nobody has to say that it stays."""
    kept = home / "cache" / "objects" / "ab" / "cd"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(bytes(10_000))
    run("gc", "--yes")
    before = kept.exists()
    run("gc", "--yes", "--cache")
    after = kept.exists()
    kept.write_bytes(bytes(10_000))
    request = {"TrainingJobName": "one", "InputDataConfig": [{"S3Uri": "s3://bucket/data"}]}
    store.create_training_job(request, now=0.0)
    run("gc", "--yes", "--cache")

    assert (True, False, True) == (before, after, kept.exists())


def test_json_does_not_ask(run: Run) -> None:
    """A program says what it wants."""
    outcome = run("gc", "--json")

    assert (2, True) == (outcome.code, "--json does not ask: add --dry-run or --yes." in outcome.err)


def test_an_age_is_a_number_and_a_unit(run: Run) -> None:
    """Anything else is refused."""
    assert "'a month' is not an age such as 12h, 30d or 8w" in run("gc", "--older-than", "a month").err


def test_what_cannot_be_removed_is_said_and_the_rest_goes(
    run: Run, engine: FakeEngine, put: Put, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files of a container's own user are removed by a container; without an image for that they stay."""
    folder = home / "checks" / "tmp1"
    folder.mkdir(parents=True)
    os.utime(folder, (0, 0))
    put("stray")

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("tuner.leftovers.removal.remove_tree", refuse)
    outcome = run("gc", "--yes")

    assert (3, []) == (outcome.code, names(engine))
    assert f"Permission denied, and no image is here to do it with: `sudo rm -rf {folder}`" in outcome.err
