"""A project of two users on a real OpenStack: --mine means the machines of the one who signs in."""

import secrets

import pytest

from cloudmesh.cloud.client.lookup import pick
from cloudmesh.cloud.provider.boot import BootRequest
from cloudmesh.cloud.providers.openstack.provider import OpenStackProvider

pytestmark = pytest.mark.openstack


@pytest.fixture
def colleague(make_tenant, admin, cloudmesh):
    """The provider of another user of our project, and ours as a tenant."""
    tenant, password = make_tenant(), secrets.token_hex(12)
    wanted = {"name": f"{tenant.name}-b", "domain_id": "default", "password": password}
    other = admin("POST", "keystone", "/v3/users", json={"user": wanted})["user"]
    (member,) = [each for each in admin("GET", "keystone", "/v3/roles")["roles"] if each["name"] == "member"]
    path = f"/v3/projects/{tenant.project_id}/users/{other['id']}/roles/{member['id']}"
    admin("PUT", "keystone", path)
    changes = {"OS_USERNAME": other["name"], "OS_PASSWORD": password}
    with OpenStackProvider("bed", tenant.settings(**changes)) as provider:
        assert provider.user_id() == other["id"]
        yield provider, tenant
        for machine in provider.machines():
            provider.delete(machine.cloud_id)


def test_a_glob_never_touches_a_machine_of_a_colleague(home, colleague, configure):
    provider, tenant = colleague
    image = pick("image", "cirros-0.6", "bed", provider.images())
    flavor = pick("flavor", "m1.tiny", "bed", provider.flavors())
    configure(
        home, bed={**tenant.settings(), "rates": {"unit": "SU", "vcpu": 0.5, "states": {"stopped": "50%"}}}
    )
    home.cms("vm", "boot", "web1", "--wait")
    # Nova lets two machines have one name.
    theirs = [provider.boot(BootRequest(name, image, flavor)).cloud_id for name in ("web1", "web3")]
    rows = home.json("vm", "list", "--refresh", "--columns=id,name,owner")
    assert {row["owner"] for row in rows if row["id"] not in theirs} == {tenant.user_id}
    assert {row["owner"] for row in rows if row["id"] in theirs} == {provider.user_id()}
    assert [row["name"] for row in home.json("vm", "list", "--mine")] == ["web1"]
    assert home.json("vm", "list", "--mine", "--columns=rate,rate_unit") == [{"rate": 0.5, "rate_unit": "SU"}]

    refused = home.cms("vm", "delete", "web3", "--mine", "--yes", code=2)
    assert "bed:web3 belongs to someone else" in refused.stderr
    home.cms("vm", "stop", "web1", "--mine", "--wait")
    assert home.json("cloud", "cost", "--by=state")[-1]["rate"] == 0.25
    home.cms("vm", "delete", "*", "--mine", "--yes", "--wait")
    assert sorted(machine.cloud_id for machine in provider.machines()) == sorted(theirs)
    home.cms("vm", "delete", "--all", "--mine", "--yes", "--wait")
    assert len(list(provider.machines())) == 2
