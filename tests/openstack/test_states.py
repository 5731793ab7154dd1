"""States that ``cms vm`` or other tools bring machines into, as a user meets them on a real OpenStack."""

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

    def nova(action, words, status=""):
        tenant.api("POST", "nova-RegionOne", f"{path}/action", json={action: words})
        if status:
            wait_until(lambda: tenant.api("GET", "nova-RegionOne", path)["server"]["status"] == status)

    home.nova, home.tenant = nova, tenant
    yield home
    home.cms("vm", "unlock", "vm1", code=None)
    home.cms("vm", "delete", "--all", "--yes", "--wait", code=None)


def row(user):
    (found,) = user.json("vm", "list", "--refresh", "--columns=*,locked")
    return found


def test_a_rescued_machine_is_refused_by_name_and_can_be_deleted(user):
    user.nova("rescue", {}, "RESCUE")
    assert row(user)["state"] == "rescued"
    for verb in ("stop", "start", "reboot", "suspend"):
        ended = user.cms("vm", verb, "vm1", code=1)
        assert "while it is rescued; possible now: delete" in ended.stdout + ended.stderr
    user.cms("vm", "delete", "vm1", "--yes", "--wait")


@pytest.mark.parametrize("before", ["", "suspend"])
def test_a_machine_is_shelved_and_unshelved_and_keeps_its_address(user, before):
    if before:
        user.cms("vm", before, "vm1", "--wait")
    addresses = row(user)["addresses"]
    user.cms("vm", "shelve", "vm1", "--wait")
    # Nova offloads it by itself, a moment later.
    user.cms("vm", "wait", "vm1", "--state=shelved_offloaded", "--timeout=60")
    assert (row(user)["state"], row(user)["addresses"]) == ("shelved_offloaded", addresses)
    for verb in ("start", "resume", "reboot", "stop"):
        ended = user.cms("vm", verb, "vm1", code=1)
        assert "while it is shelved_offloaded; possible now: unshelve, delete" in ended.stdout
    assert user.json("vm", "shelve", "vm1")[0]["result"] == "already"
    user.cms("vm", "unshelve", "vm1", "--wait")
    assert (row(user)["state"], row(user)["addresses"]) == ("active", addresses)


def test_another_size_than_the_one_that_waits_to_be_confirmed_is_refused(user):
    user.nova("resize", {"flavorRef": "2"}, "VERIFY_RESIZE")
    assert row(user)["state"] == "resized"
    ended = user.cms("vm", "resize", "vm1", "--flavor=m1.medium", code=1)
    assert "was resized to m1.small, and this has to be confirmed or reverted" in ended.stdout + ended.stderr
    user.cms("vm", "resize", "vm1", "--flavor=m1.small", "--wait")
    assert (row(user)["state"], row(user)["flavor"]) == ("active", "m1.small")


@pytest.mark.parametrize("stopped", [False, True])
def test_a_resize_is_left_to_be_reverted_or_confirmed(user, stopped):
    if stopped:
        user.cms("vm", "stop", "vm1", "--wait")
    state, flavor = row(user)["state"], row(user)["flavor"]
    user.cms("vm", "resize", "vm1", "--flavor=m1.small", "--no-confirm", "--wait")
    assert (row(user)["state"], row(user)["flavor"]) == ("resized", "m1.small")
    ended = user.cms("vm", "stop", "vm1", code=1)
    assert "possible now: resize, confirm-resize, revert-resize, delete" in ended.stdout
    user.cms("vm", "revert-resize", "vm1", "--wait")
    wait_until(lambda: (row(user)["state"], row(user)["flavor"]) == (state, flavor))
    user.cms("vm", "resize", "vm1", "--flavor=m1.small", "--no-confirm")
    user.cms("vm", "confirm-resize", "vm1", "--wait")
    assert (row(user)["state"], row(user)["flavor"]) == (state, "m1.small")
    ended = user.cms("vm", "revert-resize", "vm1", code=1)
    assert f"cannot revert-resize bed:vm1 while it is {state}" in ended.stdout


def test_a_lock_of_a_colleague_spares_the_machine_and_is_named(user):
    user.cms("vm", "boot", "vm[2-3]", "--wait")
    # The store does not know of it.
    user.nova("lock", None)
    ended = user.cms("vm", "delete", "vm[1-2]", "--yes", "--wait", code=1)
    assert "1 machine is locked and was spared: bed:vm1; unlock first: cms vm unlock bed:vm1" in ended.stderr
    assert {each["name"]: each["locked"] for each in user.json("vm", "list", "--columns=name,locked")} == {
        "vm1": True,
        "vm3": False,
    }
    ended = user.cms("vm", "stop", "vm1", code=1)
    assert "cannot stop bed:vm1: it is locked" in ended.stdout
    user.cms("vm", "delete", "vm*", "--dryrun", code=1)
    user.cms("vm", "unlock", "vm1")
    user.cms("vm", "lock", "vm3")
    ended = user.cms("vm", "delete", "vm*", "--yes", "--wait", code=1)
    assert "1 machine is locked and was spared: bed:vm3" in ended.stderr
    user.cms("vm", "unlock", "vm3")


def test_an_administrator_spares_what_nova_would_delete_all_the_same(user):
    tenant = user.tenant
    roles = tenant.admin("GET", "keystone", "/v3/roles", params={"name": "admin"})["roles"]
    grants = f"/v3/projects/{tenant.project_id}/users/{tenant.user_id}/roles"
    tenant.admin("PUT", "keystone", f"{grants}/{roles[0]['id']}")
    user.cms("cloud", "check", "bed")
    user.nova("lock", None)
    for words in (("delete", "vm1"), ("rebuild", "vm1", "--image=cirros-0.6")):
        ended = user.cms("vm", *words, "--yes", code=1)
        assert "1 machine is locked and was spared: bed:vm1" in ended.stderr
    assert (row(user)["state"], row(user)["locked"]) == ("active", True)


def test_hints_reach_the_scheduler(user):
    wanted = {"server_group": {"name": "apart", "policies": ["anti-affinity"]}}
    group = user.tenant.api("POST", "nova-RegionOne", "/v2.1/os-server-groups", json=wanted)["server_group"][
        "id"
    ]
    user.cms("vm", "boot", "vm2", f"--hint=group={group}", "--wait")
    ended = user.cms("vm", "boot", "vm3", f"--hint=group={group}", "--wait", code=1)
    assert "No valid host" in ended.stdout, "there is only one host"
    ended = user.cms("vm", "boot", "vm4", "--hint=group=mine", code=1)
    assert "attribute group. Value: mine." in ended.stdout + ended.stderr
