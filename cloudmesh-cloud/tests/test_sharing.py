"""One listing for many threads, for as long as it is fresh."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from cloudmesh.cloud.errors import Unreachable
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.store.listings import SharedListings

VM = MachineRecord("uc", "vm1", "id-1", State.ACTIVE)


def test_of_many_threads_one_asks_and_all_are_told():
    shared, together, asked = SharedListings(), threading.Barrier(8), []

    def ask():
        asked.append(1)
        return [VM]

    def get(_):
        together.wait(10)
        return shared.get("uc", ask)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(get, range(8))) == [[VM]] * 8
    assert len(asked) == 1


def test_it_is_asked_again_when_it_is_old_another_cloud_or_forgotten():
    now = [0.0]
    shared, answers = SharedListings(clock=lambda: now[0]), iter(range(9))
    get = lambda key: shared.get(key, lambda: [next(answers)])  # noqa: E731
    assert [get("uc"), get("uc"), get("tacc")] == [[0], [0], [1]]
    now[0] = 30.0
    assert [get("uc"), get("uc")] == [[2], [2]]
    shared.forget(["uc"])
    assert get("uc") == [3]


def test_a_listing_that_failed_is_none():
    shared = SharedListings()

    def fail():
        raise Unreachable("no answer")

    with pytest.raises(Unreachable):
        shared.get("uc", fail)
    assert shared.get("uc", lambda: [VM]) == [VM]
