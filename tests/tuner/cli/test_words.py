"""Numbers and times as people read them."""

import pytest

from tuner.cli import words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "0 s"),
        (8, "8 s"),
        (59.6, "1 min 00 s"),
        (65, "1 min 05 s"),
        (3_599.7, "1 h 00 min"),
        (7_380, "2 h 03 min"),
        (100_800, "1 d 04 h"),
        (-3, "0 s"),
    ],
)
def test_a_duration_has_the_two_units_that_matter(seconds: float, text: str) -> None:
    """Rounded first, so that there is no 60 s."""
    assert text == words.duration(seconds)


@pytest.mark.parametrize(
    ("text", "rounded"),
    [
        ("0.0123456", "0.01235"),
        ("1e-05", "1e-05"),
        ("128", "128"),
        ("123456789", "123456789"),
        ("adam", "adam"),
        ("", ""),
    ],
)
def test_a_hyperparameter_is_rounded_only_where_it_is_a_fraction(text: str, rounded: str) -> None:
    """Whole numbers and words stay as they are."""
    assert rounded == words.hyperparameter(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1_500, "1.5 kB"), (12_345_678, "12.3 MB"), (3 * 10**15, "3000.0 TB")],
)
def test_a_size_has_a_unit_of_a_thousand(size: int, text: str) -> None:
    """As disks are sold."""
    assert text == words.size(size)


def test_a_share_is_told_in_whole_percent() -> None:
    """As the documentation writes it."""
    assert ("0 %", "12 %", "100 %") == tuple(words.percent(share) for share in (0.004, 0.123, 1.0))


def test_a_count_minds_its_plural() -> None:
    """One trial, two trials."""
    assert ("0 trials", "1 trial", "2 trials") == tuple(words.count(n, "trial") for n in range(3))
