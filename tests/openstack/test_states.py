"""States that other tools bring machines into, as a user of ``cms vm`` meets them on a real OpenStack."""

import pytest

from .conftest import wait_until

pytestmark = pytest.mark.openstack


@pytest.fixture
def user(home, make_tenant, configure):
    """A user with a machine vm1; ``nova`` asks for an action on it by other tools than ours."""
    tenant = make_tenant()
    configure(home, bed=tenant.settings())
    home.cms("vm", "boot", "vm1", "--wait")
    (server,) = tenant.api("GET", "nova-RegionOne", "/v2.1/servers")["servers"]
    path = f"/v2.1/servers/{server['id']}"

    def nova(action, words, status):
        tenant.api("POST", "nova-RegionOne", f"{path}/action", json={action: words})
        wait_until(lambda: tenant.api("GET", "nova-RegionOne", path)["server"]["status"] == status)

    home.nova = nova
    yield home
    home.cms("vm", "delete", "vm1", "--yes", "--wait", code=None)


def state(user):
    (row,) = user.json("vm", "list", "--refresh")
    return row["state"]


@pytest.mark.parametrize(
    ("action", "words", "status", "shown"),
    [("shelve", None, "SHELVED_OFFLOADED", "shelved_offloaded"), ("rescue", {}, "RESCUE", "rescued")],
)
def test_a_machine_in_a_state_of_its_own_is_refused_by_name_and_can_be_deleted(
    user, action, words, status, shown
):
    user.nova(action, words, status)
    assert state(user) == shown
    for verb in ("stop", "start", "reboot", "suspend"):
        ended = user.cms("vm", verb, "vm1", code=1)
        assert f"while it is {shown}; possible now: delete" in ended.stdout + ended.stderr
    user.cms("vm", "delete", "vm1", "--yes", "--wait")


def test_another_size_than_the_one_that_waits_to_be_confirmed_is_refused(user):
    user.nova("resize", {"flavorRef": "2"}, "VERIFY_RESIZE")
    assert state(user) == "resized"
    ended = user.cms("vm", "resize", "vm1", "--flavor=m1.medium", code=1)
    assert "was resized to m1.small, and this has to be confirmed" in ended.stdout + ended.stderr
    user.cms("vm", "resize", "vm1", "--flavor=m1.small", "--wait")
    (row,) = user.json("vm", "list", "--refresh")
    assert (row["state"], row["flavor"]) == ("active", "m1.small")
