"""The pauses between looks: with a memory there are no more looks in all, and more when it counts."""

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cloudmesh.cloud.model.pace import FIRST_TICK, LONGEST_TICK, Pace

SECONDS = st.floats(0.0, 400.0)
TOOK = st.floats(0.0, 12.0)


def looks(until, expected=0.0, took=0.0, spares=True, least=(), quicker=0.0):
    """When looks are begun within so many seconds, each of which takes so long.

    ``least`` has the pauses that the cloud demands, by the number of the look. All but the first look are
    ``quicker`` by this part of the time.
    """
    whole = took
    pace, now, begun = Pace(expected, spares), 0.0, []
    while now <= until:
        begun.append(now)
        now += took
        pause = pace.pause(now, took, dict(least).get(len(begun), 0.0), whole)
        assert pause >= FIRST_TICK - 1e-6
        now += pause
        took = whole * (1 - quicker)
    return begun


def usual(until, took=0.0, spares=True):
    """The same as it was before there was a memory."""
    now, tick, begun = 0.0, 0.2, []
    while now <= until:
        begun.append(now)
        now += took + (max(tick, took) if spares else tick)
        tick = min(tick * 1.5, 5.0)
    return begun


@given(SECONDS, TOOK, st.booleans())
def test_without_a_memory_it_is_as_ever(until, took, spares):
    assert looks(until, 0.0, took, spares) == pytest.approx(usual(until, took, spares))


@given(SECONDS, TOOK, st.booleans(), st.floats(0.0, 1.0))
def test_quicker_looks_are_no_reason_for_more_of_them(until, took, spares, quicker):
    begun = looks(until, 0.0, took, spares, quicker=quicker)
    assert begun == pytest.approx(usual(until, took, spares))


@given(st.floats(0.0, 1.0), TOOK)
def test_what_was_short_is_no_memory(expected, took):
    assert looks(60, expected, took) == pytest.approx(usual(60, took))


@given(st.floats(1.0, 300.0, exclude_min=True), TOOK, st.booleans(), SECONDS, st.floats(0.0, 1.0))
@example(30.0, 0.0, True, 60.0, 0.0)
def test_there_are_never_more_looks_than_the_usual_ticks_make(expected, took, spares, until, quicker):
    begun = looks(until, expected, took, spares, quicker=quicker)
    before = usual(until, took, spares)
    for number, moment in enumerate(begun):
        assert number < len(before) and before[number] <= moment + 1e-6


@given(st.floats(1.0, 300.0, exclude_min=True), TOOK, st.booleans())
def test_once_machines_are_expected_no_pause_is_longer_than_the_usual_one(expected, took, spares):
    begun = looks(expected * 2, expected, took, spares)
    before = usual(expected * 2, took, spares)
    for earlier, later in itertools.pairwise(begun):
        if earlier < expected * 0.75:
            continue
        # Of those that the usual ticks make, the pause after the last look before this one.
        number = sum(each <= later + 1e-6 for each in before)
        longest = before[number] - before[number - 1] if number < len(before) else 2 * took + LONGEST_TICK
        assert later - earlier <= max(longest, took + FIRST_TICK, 2 * took) + 1e-6


@given(st.floats(1.0, 300.0, exclude_min=True), st.floats(0.0, 0.5))
def test_whoever_is_early_is_waited_for_half_longer_or_a_longest_tick(expected, took):
    begun = looks(expected * 2, expected, took)
    for earlier, later in itertools.pairwise(begun):
        assert later - earlier <= took + max(LONGEST_TICK, (earlier + took) / 2) + 1e-6


@given(st.floats(8.0, 300.0))
def test_it_looks_oftener_when_machines_are_expected(expected):
    def near(begun):
        return sum(expected * 0.75 <= each <= expected * 1.25 for each in begun)

    begun, before = looks(expected * 1.25, expected), usual(expected * 1.25)
    assert near(begun) > near(before)
    assert len(begun) <= len(before)


@given(st.floats(2.0, 60.0), st.floats(5.0, 60.0), st.integers(1, 8))
def test_a_cloud_that_wants_peace_has_it(expected, demanded, which):
    begun = looks(200, expected, 0.1, least=[(which, demanded)])
    assert begun[which] - begun[which - 1] >= demanded + 0.1 - 1e-6
    # The same look comes at another time, so that the peace may spare one look less.
    assert len(begun) <= len(looks(200, 0.0, 0.1, least=[(which, demanded)])) + 1, "nor is it made up for"
