"""Conditions: each changes what one run is given, and only that; or says why it does not apply."""

from dataclasses import replace
from pathlib import Path

import pytest
from conformance_observations import CASE

from contracts.channels import InputMode
from tuner.conformance import conditions
from tuner.conformance.case import Claim, GivenChannel, GoodCase
from tuner.conformance.conditions import ON_THE_PLATFORM, UNUSUAL, Change, together
from tuner.conformance.sending import Sending, plainest


@pytest.fixture
def case(tmp_path: Path) -> GoodCase:
    """A case to which every condition applies."""
    return GoodCase(
        image="image",
        hyperparameters={"epochs": "10", "learning_rate": "0.001", "momentum": "0.9", "optimizer": "adam"},
        channels=(GivenChannel(name="training", path=tmp_path, content_type="text/csv"),),
        environment={"SM_OWN": "kept"},
        claims=frozenset({Claim.ISOLATION}),
    )


def changed(change: Change, case: GoodCase) -> Sending:
    """What `change` makes of the plainest sending."""
    sending = change(plainest(case), case)
    assert isinstance(sending, Sending)
    return sending


def test_all_conditions_of_a_kind_fit_into_one_run(case: GoodCase) -> None:
    """That is what makes a check quick."""
    for group in (ON_THE_PLATFORM, UNUSUAL):
        assert list(group) == together(group, plainest(case), case)[1]


def test_what_does_not_apply_is_left_out_of_the_joint_run() -> None:
    """A case without channels and words."""
    _, applied = together(UNUSUAL, plainest(CASE), CASE)
    left_out = {one.id for one in UNUSUAL} - {one.id for one in applied}

    assert {"TRAIN-HP-JSON", "TRAIN-CH-CONTENTTYPE", "TRAIN-CH-NESTED", "TRAIN-CH-ODDNAMES"} == left_out


def test_what_the_author_says_to_a_toolkit_stays(case: GoodCase) -> None:
    """An image on AWS's training toolkit has to run the program that the good case names."""
    own = {"sagemaker_program": '"iris.py"', "sagemaker_container_log_level": "10"}
    sent = changed(conditions.sagemaker_keys, replace(case, hyperparameters=own)).hyperparameters

    assert own == {name: sent[name] for name in own}
    assert {"sagemaker_job_name", "sagemaker_region"} == set(sent) - set(own)


def test_fractions_are_sent_in_both_exponent_forms(case: GoodCase) -> None:
    """By turns, and they are the same numbers."""
    sent = changed(conditions.exponents, case).hyperparameters

    assert {"epochs": "10", "learning_rate": "1e-3", "momentum": "9E-1", "optimizer": "adam"} == sent


def test_texts_get_quotes_and_numbers_do_not(case: GoodCase) -> None:
    """As framework estimators encode them."""
    sent = changed(conditions.json_texts, case).hyperparameters

    assert ('"adam"', "10") == (sent["optimizer"], sent["epochs"])


def test_integers_become_floats_in_text(case: GoodCase) -> None:
    """Only integers."""
    sent = changed(conditions.floats_for_integers, case).hyperparameters

    assert ("10.0", "0.001") == (sent["epochs"], sent["learning_rate"])


def test_typed_values_are_what_the_platform_never_sends(case: GoodCase) -> None:
    """To tell an image that cannot read strings from one that cannot do the job."""
    sent = changed(conditions.typed_hyperparameters, case).hyperparameters

    assert {"epochs": 10, "learning_rate": 0.001, "momentum": 0.9, "optimizer": "adam"} == sent


def test_the_toolkits_variables_go_and_the_jobs_own_stay(case: GoodCase) -> None:
    """Also where the job's own is called like one of the toolkit's."""
    before, after = plainest(case).environment, changed(conditions.no_toolkit_variables, case).environment

    assert "SM_CHANNEL_TRAINING" in before
    assert ["SM_OWN"] == [name for name in after if name.startswith("SM_")]
    assert "TRAINING_JOB_NAME" in after


def test_without_credentials_there_is_no_region_either(case: GoodCase) -> None:
    """Whoever has neither cannot reach AWS by accident."""
    assert not [name for name in changed(conditions.no_credentials, case).environment if name.startswith("AWS_")]


def test_only_documented_fields_are_three(case: GoodCase) -> None:
    """A real file has more."""
    sent = changed(conditions.documented_resource_fields, case).resource_config

    assert {"current_host", "hosts", "network_interface_name"} == set(sent)
    assert set(sent) < set(plainest(case).resource_config)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (conditions.no_network, "isolation is not claimed"),
        (conditions.read_only_channels, "no channel"),
        (conditions.exponents, "no fractional hyperparameter"),
        (conditions.floats_for_integers, "no integer"),
    ],
)
def test_what_does_not_apply_says_why(change: Change, reason: str) -> None:
    """And what would make it apply."""
    answer = change(plainest(GoodCase(image="image")), GoodCase(image="image"))

    assert isinstance(answer, str)
    assert reason in answer


def test_a_channel_with_very_many_entries_is_not_mounted_one_by_one(case: GoodCase, tmp_path: Path) -> None:
    """The engine would take minutes."""
    for number in range(201):
        (tmp_path / str(number)).touch()

    assert isinstance(conditions.odd_files(plainest(case), case), str)


def test_a_longer_job_has_a_thousand_times_the_epochs(case: GoodCase) -> None:
    """Where it says how many."""
    assert "10000" == case.longer()["epochs"]
    assert {"a": "b"} == GoodCase(image="image", hyperparameters={"a": "b"}).longer()


def test_a_pipe_channel_has_no_folder_to_put_things_into(case: GoodCase) -> None:
    """A channel in File mode beside it still has one."""
    piped = replace(case.channels[0], name="piped", mode=InputMode.PIPE)
    only = replace(case, channels=(piped,))
    both = replace(case, channels=(*case.channels, piped))

    assert "no folder" in str(conditions.nested_files(plainest(only), only))
    assert "no folder" in str(conditions.read_only_channels(plainest(only), only))
    assert [True, False] == [one.nested for one in changed(conditions.nested_files, both).channels]
    assert (False, True) == (case.reads_pipes, only.reads_pipes)
