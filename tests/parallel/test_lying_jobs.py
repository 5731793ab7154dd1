"""What is no answer of a cloud is no success of a job; what was done all the same is found."""

import pytest

from cloudmesh.vm.jobs.jobs import Jobs

LIES = ("page", "empty", "object", "accepted-page")


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["stop", "reboot", pytest.param("delete", marks=pytest.mark.long)])
def test_a_cloud_that_always_lies_is_told_for_each_machine_and_resuming_does_the_rest(make_fleet, verb):
    fleet = make_fleet(1)
    fleet.add(5, "ACTIVE")
    fleet.tell(faults=1, kinds=list(LIES), only="/servers/")
    with fleet.machines("a:a[001-005]") as ms:
        result = ms.act(verb)
    assert result.exit_code == 1 and not result.succeeded
    assert set(fleet.states().values()) == {"ACTIVE"} and len(fleet.states()) == 5
    assert all(each.error.outcome_unknown and "outcome unknown" in str(each.error) for each in result)
    fleet.tell(faults=0)
    resumed = Jobs().resume(result.job, failed=True)
    if verb == "reboot":
        assert all("not repeated" in str(each.error) for each in resumed)
        return
    assert resumed.exit_code == 0
    assert set(fleet.states().values()) == ({"SHUTOFF"} if verb == "stop" else set())


@pytest.mark.slow
@pytest.mark.parametrize(
    "kinds",
    [pytest.param(LIES, marks=pytest.mark.long), ("malformed", "truncated")],
    ids=["not done", "done"],
)
def test_a_cloud_that_lies_now_and_then_is_asked_again_and_nothing_is_done_twice(make_fleet, kinds):
    fleet = make_fleet(1)
    fleet.tell(faults=0.3, kinds=list(kinds), only="/servers")
    with fleet.machines("a:web[01-12]") as ms:
        for act, state in ((ms.boot, "ACTIVE"), (ms.stop, "SHUTOFF"), (ms.delete, None)):
            result = act()
            states = fleet.states()
            for each in result:
                assert not each.succeeded or states.get(f"a:{each.name}") == state, each
            assert len(result.succeeded) > 8
    assert fleet.stacks["a"].report()["twice"] == {}
