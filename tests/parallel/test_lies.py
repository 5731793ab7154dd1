"""A cloud that answers what no OpenStack answers: nothing of it is told as done, and no machine vanishes."""

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture
def make_user(make_fleet):
    """A user with a machine vm1, whose cloud lies in this way to calls whose path contains this."""

    def make(lie, only):
        fleet = make_fleet(1)
        (cloud_id,) = fleet.stacks["a"].add(["vm1"], "ACTIVE")
        fleet.home.cms("vm", "list", "--refresh")
        fleet.stacks["a"].tell(faults=1.0, kinds=[lie], only=only or cloud_id)
        return fleet

    return make


@pytest.mark.parametrize(
    ("words", "lie", "only"),
    [
        (["stop", "vm1"], "page", "/action"),
        pytest.param(["reboot", "vm1"], "no-content", "/action", marks=pytest.mark.long),
        pytest.param(["metadata", "vm1", "--set=a=b"], "accepted-page", "/metadata", marks=pytest.mark.long),
        pytest.param(["rename", "vm1", "vm2"], "object", "", marks=pytest.mark.long),
        (["delete", "vm1", "--yes"], "empty", ""),
    ],
)
def test_a_verb_that_was_answered_with_a_lie_is_not_done(make_user, words, lie, only):
    fleet = make_user(lie, only)
    (row,) = fleet.home.json("vm", *words, code=1)
    assert row["result"] == "failed"
    assert fleet.kinds()["GET /compute/v2.1/servers/*"], "it was looked up"
    assert fleet.states() == {"a:vm1": "ACTIVE"}


@pytest.mark.parametrize("lie", ["page", "empty", "object"])
def test_a_listing_that_is_a_lie_lets_no_machine_vanish(make_user, lie):
    home = make_user(lie, "/servers/detail").home
    ended = home.cms("vm", "list", "--refresh", "--output=json", code=4)
    assert '"vm1"' in ended.stdout and "vanished" not in ended.stderr
    assert [row["name"] for row in home.json("vm", "list")] == ["vm1"]
