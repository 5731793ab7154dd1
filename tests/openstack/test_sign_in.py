"""Signing in once: how many calls the common commands cost, and what happens to the kept token."""

import json
import stat
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from cloudmesh.cloud.client.lookup import pick
from cloudmesh.cloud.errors import CredentialsError
from cloudmesh.cloud.model.records import State
from cloudmesh.cloud.provider.boot import BootRequest
from cloudmesh.cloud.providers.openstack.provider import OpenStackProvider

from .conftest import wait_until

pytestmark = pytest.mark.openstack
SIGN_IN = "POST /v3/auth/tokens"
# Services ask Keystone about a token for so many seconds only once.
REMEMBERED = 1.2


@pytest.fixture(scope="module")
def tenant(make_tenant):
    """A user of one's own: others' machines would be listed too."""
    return make_tenant()


@pytest.fixture
def bed_home(home, tenant, counter, configure):
    """A user with one cloud, the real one; what it is asked is counted."""
    configure(home, bed=tenant.settings())
    home.extra["http_proxy"] = counter.url
    yield home
    home.cms("vm", "delete", "--all", "--yes", "--wait", code=None)


@pytest.fixture
def machine(bed_home, counter):
    bed_home.cms("vm", "boot", "vm1", "--wait")
    counter.taken()
    return "vm1"


@pytest.fixture
def provider(tenant, cloudmesh, counter):
    with OpenStackProvider("bed", tenant.settings()) as provider:
        yield provider


def token_file(directory):
    (file,) = (directory / "tokens").glob("*.json")
    return file


def sign_ins(calls):
    return [call for call in calls if call == SIGN_IN]


def test_the_common_commands_cost_as_few_calls_as_can_be(bed_home, machine, counter):
    bed_home.cms("vm", "stop", machine, "--wait")
    calls = counter.taken()
    assert sum("action" in call for call in calls) == 1 and not sign_ins(calls)
    bed_home.cms("vm", "start", machine)
    (call,) = counter.taken()
    assert call.startswith("POST /v2.1/servers/") and call.endswith("/action")
    bed_home.cms("vm", "list")
    assert counter.taken() == [], "the store knows"
    bed_home.cms("vm", "list", "--refresh")
    (call,) = counter.taken()
    assert call.startswith("GET /v2.1/servers/detail")
    bed_home.cms("vm", "delete", machine, "--yes")
    (call,) = counter.taken()
    assert call.startswith("DELETE /v2.1/servers/")


def test_a_new_user_signs_in_once(bed_home, counter):
    bed_home.cms("vm", "list", "--refresh")
    first, second = counter.taken()
    assert first == SIGN_IN and second.startswith("GET /v2.1/servers/detail")


def test_the_token_is_for_its_owner_only_and_nowhere_else(bed_home, machine, tenant):
    file = token_file(bed_home.directory)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    token = json.loads(file.read_text())["text"]
    assert tenant.password not in file.read_text()
    told = bed_home.cms("vm", "list", "--refresh", CLOUDMESH_DEBUG="1")
    assert token not in told.stdout + told.stderr
    for other in bed_home.path.rglob("*"):
        if other.is_file() and other != file:
            assert token.encode() not in other.read_bytes(), other


@pytest.mark.parametrize("damage", [None, "", "{}", "[1]", '{"text": 1}', "\x00\xff"])
def test_a_damaged_token_file_costs_a_sign_in_and_no_more(provider, cloudmesh, counter, damage):
    """Nor is one believed that others can read."""
    list(provider.machines())
    if damage is None:
        token_file(cloudmesh).chmod(0o644)
    else:
        token_file(cloudmesh).write_text(damage)
    counter.taken()
    with OpenStackProvider("bed", provider.settings) as again:
        list(again.machines())
    assert len(sign_ins(counter.taken())) == 1
    assert stat.S_IMODE(token_file(cloudmesh).stat().st_mode) == 0o600


def test_a_token_near_its_end_is_renewed(provider, cloudmesh, counter):
    list(provider.machines())
    file = token_file(cloudmesh)
    kept = json.loads(file.read_text())
    file.write_text(json.dumps({**kept, "expires": time.time() + 100}))
    counter.taken()
    with OpenStackProvider("bed", provider.settings) as again:
        list(again.machines())
    assert len(sign_ins(counter.taken())) == 1
    assert json.loads(file.read_text())["expires"] > time.time() + 3600


def test_a_directory_that_cannot_be_written_costs_a_sign_in_each_time(tenant, cloudmesh, counter):
    cloudmesh.mkdir()
    (cloudmesh / "tokens").write_text("in the way")
    for _ in range(2):
        with OpenStackProvider("bed", tenant.settings()) as provider:
            list(provider.machines())
    assert len(sign_ins(counter.taken())) == 2


def revoke(tenant, cloudmesh):
    """Revoke the kept token, as an administrator may."""
    token = json.loads(token_file(cloudmesh).read_text())["text"]
    headers = {"X-Subject-Token": token}
    tenant.admin("DELETE", "keystone", "/v3/auth/tokens", headers=headers)
    time.sleep(REMEMBERED)
    return token


def test_a_revoked_token_is_noticed_and_renewed_once(provider, tenant, cloudmesh, counter):
    list(provider.machines())
    old = revoke(tenant, cloudmesh)
    counter.taken()
    list(provider.machines())
    assert [call.split("?")[0] for call in counter.taken()] == [
        "GET /v2.1/servers/detail",
        SIGN_IN,
        "GET /v2.1/servers/detail",
    ]
    assert json.loads(token_file(cloudmesh).read_text())["text"] != old


def test_of_many_threads_that_notice_it_one_renews(tenant, cloudmesh, counter):
    with OpenStackProvider("bed", tenant.settings()) as provider:
        list(provider.machines())
    providers = [OpenStackProvider("bed", tenant.settings()) for _ in range(16)]

    def use(provider):
        with provider:
            return list(provider.machines())

    revoke(tenant, cloudmesh)
    counter.taken()
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(use, providers)) == [[]] * 16
    assert len(sign_ins(counter.taken())) == 1


def test_a_job_of_a_thousand_tasks_signs_in_once(tenant, cloudmesh, counter):
    def task(number):
        with OpenStackProvider("bed", tenant.settings()) as provider:
            return provider.session.token().user_id

    with ThreadPoolExecutor(64) as pool:
        users = list(pool.map(task, range(1000)))
    assert set(users) == {tenant.user_id} and counter.taken() == [SIGN_IN]


def test_a_wrong_password_is_tried_once_for_all_who_wait(tenant, cloudmesh, counter):
    settings = tenant.settings(OS_PASSWORD="wrong")

    def task(provider):
        with provider, pytest.raises(CredentialsError, match="rejected user"):
            provider.session.token()

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(task, [OpenStackProvider("bed", settings) for _ in range(16)]))
    # Who comes after that may try again.
    assert len(counter.taken()) <= 4


@pytest.mark.long
def test_no_answer_is_ever_about_the_wrong_machine(tenant, cloudmesh):
    """32 threads look at machines of their own, while they are interrupted all the time."""
    with OpenStackProvider("bed", tenant.settings()) as provider:
        # By name: a cloud may list any first, also one that has another version.
        image = pick("image", "cirros-0.6", "bed", provider.images())
        flavor = pick("flavor", "m1.tiny", "bed", provider.flavors())
        names = [f"vm{number:02}" for number in range(32)]
        ids = {name: provider.boot(BootRequest(name, image, flavor)).cloud_id for name in names}
        # Nova takes metadata only of what is built.
        wait_until(lambda: all(each.state is State.ACTIVE for each in provider.machines()), 180)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)

    def look(name):
        with OpenStackProvider("bed", tenant.settings()) as provider:
            answers = [provider.machine(ids[name]) for _ in range(10)]
            provider.set_metadata(ids[name], {"mine": name})
            answers.append(provider.machine(ids[name]))
        return all((each.name, each.cloud_id) == (name, ids[name]) for each in answers)

    try:
        with ThreadPoolExecutor(32) as pool:
            assert all(pool.map(look, names))
    finally:
        sys.setswitchinterval(before)
    with OpenStackProvider("bed", tenant.settings()) as provider:
        listed = [machine for machine in provider.machines() if machine.name in names]
        assert len(listed) == 32 and all(machine.metadata["mine"] == machine.name for machine in listed)
        for machine in listed:
            provider.delete(machine.cloud_id)
