"""Early stopping as a search file asks for it."""

from contracts.early_stopping import ForecastStopping


def test_a_section_says_how_many_may_be_lost() -> None:
    """And from which epoch on, and whether anything is stopped at all."""
    section = {"Type": "Forecast", "FalseStopRate": 0.1, "MinimumEpochs": 4, "Shadow": True}

    expected = ForecastStopping(false_stop_rate=0.1, minimum_epochs=4, shadow=True)
    assert expected == ForecastStopping.from_extension(section)


def test_what_a_section_leaves_out_has_a_default() -> None:
    """One in twenty, from the first epoch on, in earnest."""
    expected = ForecastStopping(false_stop_rate=0.05, minimum_epochs=1, shadow=False)

    assert expected == ForecastStopping.from_extension({"Type": "Forecast"})
