"""A cloud that hangs holds nobody back, and its tasks end with a reason."""

import pytest

from cloudmesh.cloud.errors import CloudError
from cloudmesh.vm.model.outcome import Status

NAMES = "a:a[001-020],b:b[001-020],c:c[001-020]"
SILENT = [{"hang": True}, {"trickle": 0.05}]
# Seconds after which a call is given up.
GIVEN_UP = 3.0


def last(stack):
    """When the last call of a cloud was answered."""
    return max(each["ended"] for each in stack.calls())


def check_the_hanging_one(result):
    assert {each.name for each in result.failed} == {f"c{number:03}" for number in range(1, 21)}
    for each in result.failed:
        assert each.status is Status.FAILED and isinstance(each.error, CloudError), each
        assert "c" in str(each.error) and str(each.error)


@pytest.mark.parametrize("silence", SILENT, ids=["hang", "trickle"])
def test_a_cloud_that_hangs_from_the_beginning(make_fleet, silence):
    fleet = make_fleet(3)
    fleet.add(20)
    fleet.stacks["c"].tell(**silence)
    with fleet.machines(NAMES, parallel=4, call_timeout=GIVEN_UP) as ms:
        result = ms.start()
    check_the_hanging_one(result)
    assert len(result.succeeded) == 40
    first_of_c = min(each["began"] for each in fleet.stacks["c"].calls())
    assert max(last(fleet.stacks[name]) for name in "ab") < first_of_c + GIVEN_UP


@pytest.mark.slow
@pytest.mark.parametrize("silence", SILENT, ids=["hang", "trickle"])
def test_a_cloud_that_hangs_in_the_middle(make_fleet, silence):
    fleet = make_fleet(3)
    fleet.add(20)
    fleet.tell(latency=0.05)
    silenced = []

    def silence_it(_, tallies):
        if not silenced and any(tally.done >= 5 for tally in tallies if tally.cloud == "c"):
            silenced.append(True)
            fleet.stacks["c"].tell(**silence)

    with fleet.machines(NAMES, parallel=6, call_timeout=GIVEN_UP, watch=silence_it) as ms:
        result = ms.start()
    assert silenced and {each.cloud for each in result.failed} == {"c"}
    assert all(isinstance(each.error, CloudError) for each in result.failed)
    assert len(result.succeeded) >= 45
    hung = [each["began"] for each in fleet.stacks["c"].calls() if each["fault"]]
    assert max(last(fleet.stacks[name]) for name in "ab") < min(hung) + GIVEN_UP
    calls = {each["path"] for each in fleet.stacks["c"].calls()}
    assert len(hung) < 20 and len(calls) <= 20, "not every machine waits for the dead cloud"


def test_a_dead_cloud_is_told_for_each_of_its_machines(make_fleet):
    fleet = make_fleet(3)
    fleet.add(20)
    fleet.stacks["c"].stop()
    with fleet.machines(NAMES) as ms:
        result = ms.start()
    check_the_hanging_one(result)
    assert len(result.succeeded) == 40
