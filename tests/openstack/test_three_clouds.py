"""One command on two regions of a real OpenStack and on EC2 together."""

import importlib.util
from pathlib import Path

import pytest

pytestmark = pytest.mark.openstack

# The server for EC2 and what it needs are another folder's.
_spec = importlib.util.spec_from_file_location(
    "ec2_server", Path(__file__).parents[1] / "ec2" / "conftest.py"
)
_ec2 = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_ec2)
moto, gate, settings = _ec2.moto, _ec2.gate, _ec2.settings


@pytest.fixture
def user(home, tenant, settings, configure):
    regions = {"one": tenant.settings("RegionOne"), "two": tenant.settings("RegionTwo")}
    configure(home, **regions, aws=settings)
    yield home
    home.cms("vm", "delete", "--all", f"--cloud={ALL}", "--yes", "--wait", code=None)


ALL = "one,two,aws"


def states(user):
    rows = user.json("vm", "list", f"--cloud={ALL}", "--refresh")
    return {(row["cloud"], row["name"]): row["state"] for row in rows}


def test_one_command_reaches_all_three(user):
    for cloud, name in {"one": "web1", "two": "web2", "aws": "web3"}.items():
        user.cms("vm", "boot", name, f"--cloud={cloud}", "--wait")
    machines = [("one", "web1"), ("two", "web2"), ("aws", "web3")]
    assert states(user) == dict.fromkeys(machines, "active")
    user.cms("vm", "stop", "web[1-3]", f"--cloud={ALL}", "--wait")
    assert states(user) == dict.fromkeys(machines, "stopped")
    rows = user.json("vm", "start", "web[1-3]", f"--cloud={ALL}", "--wait")
    assert [row["result"] for row in rows] == ["done"] * 3
    refused = user.json("vm", "pause", "web[1-3]", f"--cloud={ALL}", "--wait", code=1)
    assert {row["cloud"]: row["result"] for row in refused} == {"one": "done", "two": "done", "aws": "failed"}
    user.cms("vm", "delete", "web[1-3]", f"--cloud={ALL}", "--yes", "--wait")
    assert set(states(user).values()) <= {"deleted"}


def test_a_cloud_that_fails_keeps_its_rows_and_the_others_are_refreshed(user, tenant):
    user.cms("vm", "boot", "web1", "--cloud=one", "--wait")
    user.cms("vm", "boot", "web2", "--cloud=two", "--wait")
    credentials = {**tenant.credentials("RegionTwo"), "OS_AUTH_URL": "http://127.0.0.1:9/v3"}
    user.change("two", credentials=credentials)
    tenant.api("POST", "nova-RegionOne", f"/v2.1/servers/{machine_id(tenant)}/action", json={"os-stop": None})
    ended = user.cms("vm", "list", f"--cloud={ALL}", "--refresh", "--output=json", code=4)
    assert "two" in ended.stderr and "127.0.0.1:9" in ended.stderr
    assert '"web2"' in ended.stdout, "its old row stays"
    user.change("two", credentials=tenant.credentials("RegionTwo"))


def machine_id(tenant):
    servers = tenant.api("GET", "nova-RegionOne", "/v2.1/servers", params={"name": "^web1$"})["servers"]
    return servers[0]["id"]
