"""`HyperparameterTuner.why` and `foresight`, and what `describe` says of convergence."""

import pytest

from tuner import ContinuousParameter, Estimator, HyperparameterTuner, Session
from tuner.errors import ResourceNotFound

METRICS = [{"Name": "validation:accuracy", "Regex": r"validation: accuracy=([0-9\.]+)"}]


def tuned(session: Session) -> HyperparameterTuner:
    """Six trials of a Bayesian search of one learning rate."""
    tuner = HyperparameterTuner(
        Estimator("team/cifar10:1", sagemaker_session=session, hyperparameters={"epochs": 3, "optimizer": "sgd"}),
        "validation:accuracy",
        {"learning_rate": ContinuousParameter(0.001, 0.2, "Logarithmic")},
        METRICS,
        max_jobs=6,
        random_seed=1,
    )
    tuner.fit(job_name="search")
    return tuner


def test_why_explains_every_trial_and_foresight_what_the_predictions_were_worth(session: Session) -> None:
    """As `algodock show --why` does."""
    tuner = tuned(session)
    told, seen = tuner.why(), tuner.foresight()

    assert ["start", "start", "start", "model", "model", "model"] == [one.origin for one in told]
    assert seen is not None
    assert 3 == seen.trials
    assert told[-1:] == tuner.why(session.store.trials("search")[-1].name)


def test_a_trial_of_another_job_has_no_why_here(session: Session) -> None:
    """It is said."""
    with pytest.raises(ResourceNotFound, match="search has no training job called other-001"):
        tuned(session).why("other-001")


def test_describe_counts_the_trials_that_did_not_improve(session: Session) -> None:
    """And has the time of convergence once there is one."""
    tuner = tuned(session)
    details = tuner.describe()["TuningJobCompletionDetails"]
    session.store.set_convergence_detected("search", 1_700_000_000.0)

    assert {"NumberOfTrainingJobsObjectiveNotImproving"} == details.keys()
    assert 1_700_000_000.0 == tuner.describe()["TuningJobCompletionDetails"]["ConvergenceDetectedTime"].timestamp()
