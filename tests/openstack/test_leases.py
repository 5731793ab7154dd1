"""Leases by a real Blazar: whole hosts, and room on hosts for machines."""

import os
import signal
import subprocess
import sys
import time

import pytest

from cloudmesh.cloud.conformance.leases import LeaseTests
from cloudmesh.cloud.providers.openstack.provider import OpenStackProvider

from .conftest import REGIONS, ROOT, wait_until

pytestmark = pytest.mark.openstack


@pytest.fixture(scope="module")
def blazar(bed):
    """Blazar in the test-bed, which other tests do not need."""
    subprocess.run([sys.executable, ROOT / "tests" / "openstack" / "bed", "leases"], check=True)


@pytest.fixture
def leased(blazar, connected):
    """A user with a network, of whom no lease is left afterwards."""
    api = connected.api

    def are_deleted():
        """Ask for it; one that starts at this moment refuses it, with 500."""
        left = api("GET", "blazar", "/v1/leases")["leases"]
        for lease in left:
            api.session.delete(api.url("blazar", f"/v1/leases/{lease['id']}"), timeout=120)
        return not left

    yield connected
    wait_until(are_deleted)


class TestBlazar(LeaseTests):
    @pytest.fixture
    def make_provider(self, leased, cloudmesh):
        return lambda: OpenStackProvider("bed", leased.settings())

    def images(self, provider):
        """Those that fit some flavor."""
        return [each for each in provider.images() if each.name != "huge"]


@pytest.fixture
def away(home, leased, configure):
    """A home with the cloud ``bed``, and ``two``, the region without Blazar."""
    configure(home, bed=leased.settings(), two=leased.settings(REGIONS[1]))
    return home


def leases(home):
    rows = home.json("lease", "list")
    return sorted((each["status"], each["type"], each["machines"]) for each in rows)


def test_a_boot_that_is_killed_and_resumed_has_a_lease_that_goes_with_the_last_machine(away):
    process = away.start("vm", "boot", "n[1-2]", "--lease=1h")
    wait_until(lambda: {"asked", "made"} & set(statuses(away)))
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=20)
    told = away.cms("job", "resume", "1").stderr
    assert "its machines are deleted then; extend it: cms lease extend n1-2-cms-" in told
    assert leases(away) == [("active", "virtual:instance", ["n1", "n2"])]
    rows = away.json("vm", "list", "--refresh", "--columns=name,flavor,lease,lease_ends")
    (name,) = {row["lease"] for row in rows}
    assert all(row["flavor"].startswith("reservation:") and row["lease_ends"].endswith("Z") for row in rows)
    away.cms("lease", "extend", name, "--by=1h")
    (later,) = {row["lease_ends"] for row in away.json("vm", "list", "--columns=lease_ends")}
    assert later > rows[0]["lease_ends"]
    away.cms("vm", "delete", "n1", "--yes")
    assert leases(away) == [("active", "virtual:instance", ["n2"])]
    assert "was deleted: its last machine is deleted" in away.cms("vm", "delete", "n2", "--yes").stderr
    assert leases(away) == []


def test_hosts_are_leased_by_their_properties(away):
    away.cms("lease", "create", "mine", "--duration=1h", "--host=node_type=compute_skylake")
    away.cms("vm", "boot", "h1", "--lease=1h", "--host=node_type=gpu_p100,gpu.gpu=True,vcpus>=2", "--wait")
    away.cms("vm", "boot", "own", "--lease=mine", "--wait")
    assert leases(away) == [("active", "physical:host", [name]) for name in ("h1", "own")]
    # There are two hosts.
    refused = away.cms("vm", "boot", "h2", "--lease=1h", "--host=any", code=1)
    assert "not enough hosts available" in refused.stdout + refused.stderr
    assert [row["name"] for row in away.json("vm", "list")] == ["h1", "own"]
    # One of the user's own stays when its machines are deleted.
    away.cms("vm", "delete", "own", "--yes")
    assert leases(away)[0] == ("active", "physical:host", [])
    # Deleting a lease deletes the machines on it, so it is not done without a word.
    (row,) = [each for each in away.json("lease", "list") if each["name"] != "mine"]
    assert "refusing to delete" in away.cms("lease", "delete", row["name"], code=2).stderr
    away.cms("lease", "delete", row["id"], "--yes")
    assert len(leases(away)) == 1
    wait_until(lambda: away.json("vm", "list", "--refresh") == [])


def test_a_region_without_blazar_cannot_lease(away):
    told = away.cms("vm", "boot", "x1", "--lease=1h", "--cloud=two", code=4)
    assert "cloud two cannot lease hosts: there is no reservation service (Blazar)" in told.stderr
    assert away.json("vm", "list", "--cloud=two", "--refresh") == []


def statuses(home):
    """How the leases of jobs stand in the store."""
    from tests.conftest import query

    store = home.directory / "cloudmesh.db"
    if not store.exists() or not query(store, "SELECT 1 FROM sqlite_master WHERE name = 'job_lease'"):
        return []
    return [status for (status,) in query(store, "SELECT status FROM job_lease")]
