"""Hyperparameters: strings on the wire, typed values in the algorithm."""

import json

import pytest
from domain_strategies import finite_floats, names, wire_texts
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import InvalidConfigFile, InvalidHyperparameter
from contracts.hyperparameters import (
    HyperparameterSpec,
    Kind,
    decode_hyperparameters,
    encode_hyperparameters,
    encode_value,
    is_reserved,
    parse_hyperparameters_file,
)


def spec(kind: Kind, **rest: object) -> HyperparameterSpec:
    """A hyperparameter called x."""
    return HyperparameterSpec(name="x", kind=kind, **rest)  # type: ignore[arg-type]  # tests give the right ones


@given(finite_floats())
def test_every_finite_number_survives_the_wire(value: float) -> None:
    """The shortest text that reads back as the same number is what is sent."""
    assert value == spec("float").decode(encode_value(value))


@given(st.integers(-(10**30), 10**30))
def test_every_integer_survives_the_wire(value: int) -> None:
    """Digits of any number are read exactly."""
    assert value == spec("int").decode(encode_value(value))


@given(wire_texts.filter(lambda text: not text.strip().startswith('"')))
def test_every_text_without_quotes_around_it_survives_the_wire(value: str) -> None:
    """A text is delivered byte for byte."""
    assert value == spec("str").decode(encode_value(value))


@given(wire_texts)
def test_a_text_in_json_quotes_is_the_text_inside(value: str) -> None:
    """Framework estimators of the official SDK put JSON inside the string."""
    assert value == spec("str").decode(json.dumps(value))


@pytest.mark.parametrize("text", ["True", "true", "1", "yes", '"true"'])
def test_a_truth_value_is_read_in_the_forms_that_callers_send(text: str) -> None:
    """str(True) is "True", JSON has true."""
    assert spec("bool").decode(text) is True


@pytest.mark.parametrize(("text", "value"), [("10", 10), ("10.0", 10), ("1e3", 1000), ('"7"', 7)])
def test_an_integer_that_was_printed_as_a_float_is_an_integer(text: str, value: int) -> None:
    """Some languages know only one kind of number."""
    assert value == spec("int").decode(text)


@pytest.mark.parametrize(
    ("kind", "text"),
    [("int", "1.5"), ("int", "inf"), ("int", ""), ("float", "nan"), ("float", "inf"), ("float", "x"), ("bool", "2")],
)
def test_a_text_that_is_not_the_value_it_should_be_is_refused_by_name(kind: Kind, text: str) -> None:
    """The error shows name and text."""
    with pytest.raises(InvalidHyperparameter, match=r"^x='.*' is not "):
        spec(kind).decode(text)


def test_a_value_outside_its_bounds_or_choices_is_refused() -> None:
    """Bounds are inclusive."""
    bounded, chosen = spec("int", minimum=1, maximum=3), spec("str", choices=("a", "b"))

    assert [1, 3] == [bounded.decode("1"), bounded.decode("3")]
    for refusing, text in ((bounded, "0"), (bounded, "4"), (chosen, "c")):
        with pytest.raises(InvalidHyperparameter, match=r"^x="):
            refusing.decode(text)


def test_all_that_is_wrong_with_hyperparameters_is_said_at_once() -> None:
    """A wrong value, a missing one and an unknown one, in one error."""
    specs = [
        HyperparameterSpec(name="epochs", kind="int"),
        HyperparameterSpec(name="lr", kind="float", default=0.1),
    ]

    with pytest.raises(InvalidHyperparameter) as caught:
        decode_hyperparameters({"lr": "fast", "epoch": "3"}, specs)

    assert all(part in str(caught.value) for part in ("'epoch' is not a", "epochs is required", "lr='fast'"))


def test_reserved_names_are_ignored_and_defaults_filled_in() -> None:
    """The tuner and the SDK add names that no algorithm knows."""
    raw = {"_tuning_objective_metric": "loss", "sagemaker_program": '"train.py"'}
    specs = [HyperparameterSpec(name="lr", kind="float", default=0.1)]

    assert {"lr": 0.1} == decode_hyperparameters(raw, specs)
    assert all(is_reserved(name) for name in raw)


@given(st.dictionaries(names, finite_floats() | st.integers() | wire_texts))
def test_encoded_hyperparameters_come_back_from_their_file(values: dict[str, object]) -> None:
    """hyperparameters.json is one flat object of strings."""
    encoded = encode_hyperparameters(values)

    assert encoded == parse_hyperparameters_file(json.dumps(encoded))


@pytest.mark.parametrize("text", ["", "[]", "7", '{"x": 1}', '{"x": null}', "{"])
def test_a_hyperparameters_file_that_is_no_object_of_strings_is_refused(text: str) -> None:
    """The contract says strings, whatever the values mean."""
    with pytest.raises(InvalidConfigFile, match=r"hyperparameters\.json"):
        parse_hyperparameters_file(text)
