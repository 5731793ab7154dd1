"""Durations: every form that people write means its seconds, and nothing else is accepted."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudmesh.plugin import durations

UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *[("90", 90), ("10s", 10), ("5m", 300), ("1h", 3600), ("2d", 172800), ("1h30m", 5400)],
        *[("1.5h", 5400), (".5s", 0.5), ("2.5", 2.5), (" 5m ", 300), ("0", 0), ("0s", 0), ("1e3", 1000)],
        *[(90, 90), (0.5, 0.5)],
    ],
)
def test_every_form_means_its_seconds(text: object, seconds: float) -> None:
    assert durations.seconds(text) == seconds


@given(st.dictionaries(st.sampled_from("dhms"), st.integers(0, 10**6), min_size=1))
def test_units_add_up_from_the_largest_to_the_smallest(parts: dict[str, int]) -> None:
    text = "".join(f"{parts[unit]}{unit}" for unit in "dhms" if unit in parts)
    assert durations.seconds(text) == sum(parts[unit] * UNITS[unit] for unit in parts)


@given(st.floats(0, allow_nan=False, allow_infinity=False))
def test_a_number_of_seconds_is_itself(number: float) -> None:
    assert durations.seconds(number) == durations.seconds(repr(number)) == number


@given(
    st.one_of(
        st.text(), st.floats(), st.integers(), st.booleans(), st.none(), st.from_regex(r"[\d.dhmse+-]+")
    )
)
def test_anything_is_a_finite_duration_or_refused_with_the_forms(value: object) -> None:
    try:
        found = durations.seconds(value)
    except ValueError as error:
        assert "10s, 5m, 1h" in str(error)
    else:
        assert 0 <= found < math.inf
        assert not isinstance(value, bool)


@pytest.mark.parametrize(
    "text",
    ["", " ", "m", "5 m", "5M", "5x", "5m1h", "5m5m", "-5m", "-1", "nan", "inf", "1e999", "٥", None, True],
)
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(
        ValueError, match="is not a duration; use 10s, 5m, 1h, or a number of seconds such as 90"
    ):
        durations.seconds(text)


def test_a_limit_is_more_than_0() -> None:
    assert durations.positive_seconds("5m") == 300
    with pytest.raises(ValueError, match="must be more than 0; use 10s, 5m, 1h"):
        durations.positive_seconds("0s")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.000017, "0 seconds"),
        (0.05, "0.05 seconds"),
        (0.997651, "1 second"),
        (2, "2 seconds"),
        (59.7, "60 seconds"),
        (90, "90 seconds"),
        (600, "10 minutes"),
        (5400, "90 minutes"),
        (9000, "2.5 hours"),
        (86400, "24 hours"),
        (30 * 86400, "30 days"),
    ],
)
def test_a_span_is_told_in_numbers_for_people(seconds, text):
    assert durations.span_text(seconds) == text
