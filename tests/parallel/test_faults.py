"""A third of the calls fail, in every way: each machine ends in its state, or is told with its reason."""

from collections import Counter

import pytest

from cloudmesh.plugin.errors import CloudmeshError, UnknownName

# Seconds after which a call that gets no answer is given up.
PATIENCE = 1.0


def names(clouds, count):
    return ",".join(f"{cloud}:{cloud}[001-{count:03}]" for cloud in clouds)


def servers(fleet):
    """Each server that is there, with its cloud."""
    return [(cloud, each) for cloud, stack in fleet.stacks.items() for each in stack.servers()]


def check_told(result, count, clouds):
    """Each machine has one outcome, and each that failed has its reason."""
    told = Counter((each.cloud, each.name) for each in result)
    assert len(told) == count * len(clouds) and set(told.values()) == {1}
    for each in result:
        assert each.succeeded or (isinstance(each.error, CloudmeshError) and str(each.error)), each
    assert len(result.succeeded) > 0.95 * len(result), "nearly all are finished in spite of it"


def check_states(result, fleet, state):
    """What is said to be done is true; and what is true all the same may have been done, and that is said."""
    states = fleet.states()
    for each in result:
        there = states.get(f"{each.cloud}:{each.name}", "gone") == state
        assert there or not each.succeeded, f"{each} was not done"
        # One that was never booted is unknown, and gone.
        told = each.error is None or each.error.outcome_unknown or isinstance(each.error, UnknownName)
        assert each.succeeded or not there or told, f"{each} was done, and nobody says so"


def failing(count, clouds, fleet, **faults):
    """The whole life of machines while calls fail."""
    fleet.tell(faults=1 / 3, **faults)
    with fleet.machines(names(fleet.clouds, count), parallel=32) as ms:
        for act, state in (
            (ms.boot, "ACTIVE"),
            (ms.stop, "SHUTOFF"),
            (ms.start, "ACTIVE"),
            (ms.delete, "gone"),
        ):
            result = act()
            check_told(result, count, clouds)
            check_states(result, fleet, state)
            names_there = [f"{cloud}:{each['name']}" for cloud, each in servers(fleet)]
            assert len(set(names_there)) == len(names_there), "no machine exists twice"
    for stack in fleet.stacks.values():
        report = stack.report()
        assert report["twice"] == {}
        assert len(report["faults"]) > 2, "it did fail"


@pytest.mark.slow
def test_machines_live_though_a_third_of_the_calls_fail(make_fleet):
    fleet = make_fleet(3, timeout=PATIENCE)
    failing(50, fleet.clouds, fleet)


@pytest.mark.slow
def test_what_was_done_and_not_answered_is_done_once(make_fleet):
    fleet = make_fleet(2, timeout=PATIENCE)
    failing(
        15, fleet.clouds, fleet, kinds=["reset-after", "malformed", "error-after", "silence-after", "reset"]
    )


@pytest.mark.slow
def test_a_reboot_is_never_made_twice(make_fleet):
    """Whether it was made cannot be seen; so it is reported."""
    fleet = make_fleet(2, timeout=PATIENCE)
    fleet.add(40, "ACTIVE")
    fleet.tell(faults=1 / 3, only="/action")
    with fleet.machines(names(fleet.clouds, 40)) as ms:
        result = ms.reboot()
    reboots = {f"{cloud}:{each['name']}": each["done"].count("rebooting") for cloud, each in servers(fleet)}
    assert set(reboots.values()) <= {0, 1}
    for each in result:
        made = reboots[f"{each.cloud}:{each.name}"]
        assert made or not each.succeeded
        assert each.succeeded or each.error.outcome_unknown or not made, each
    assert result.succeeded and result.failed


@pytest.mark.slow
def test_a_cloud_that_fails_at_everything_is_told_for_each_machine(make_fleet):
    fleet = make_fleet(2)
    fleet.add(5)
    fleet.stacks["b"].tell(faults=1, kinds=["error"], only="/action")
    with fleet.machines(names(fleet.clouds, 5)) as ms:
        result = ms.start()
    assert {each.cloud for each in result.succeeded} == {"a"} and len(result.succeeded) == 5
    assert {each.name for each in result.failed} == {f"b00{number}" for number in range(1, 6)}
    assert all("HTTP 500" in str(each.error) for each in result.failed)


def test_a_cloud_that_asks_for_patience_gets_it_and_the_others_go_on(make_fleet):
    fleet = make_fleet(2)
    fleet.add(6)
    fleet.stacks["b"].tell(faults=1, kinds=["rate"], retry_after=1, only="/action")

    def calm(_, tallies):
        if all(tally.done == tally.total for tally in tallies if tally.cloud == "a"):
            fleet.stacks["b"].tell(faults=0)

    with fleet.machines(names(fleet.clouds, 6), watch=calm) as ms:
        ms.start().raise_for_failures()
    refused, done = fleet.stacks["b"].report()["faults"]["rate"], len(fleet.stacks["b"].calls())
    assert 1 <= refused <= 6 and done - refused == 6
    refusals = [each["ended"] for each in fleet.stacks["b"].calls() if each["fault"]]
    assert all(not refusals[-1] < each["began"] < refusals[-1] + 1 for each in fleet.stacks["b"].calls())
