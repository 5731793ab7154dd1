"""A boot whose answer is lost on its way from an OpenStack is found by its token, and made once."""

from dataclasses import replace

import pytest

from cloudmesh.cloud.client.connection import Connection
from cloudmesh.cloud.conformance.base import Around
from cloudmesh.cloud.errors import CloudError, is_transient
from cloudmesh.cloud.model.records import State
from cloudmesh.cloud.provider.boot import BootRequest, new_token
from cloudmesh.cloud.providers.openstack.provider import OpenStackProvider

LOST = ("error", "reset", "gateway", "error-after", "reset-after", "malformed", "truncated")


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("CLOUDMESH_CONFIG_DIR", str(tmp_path / "cloudmesh"))
    monkeypatch.setattr(Connection, "sleep", staticmethod(lambda _: None))


@pytest.fixture
def stack(make_stack):
    return make_stack(page=3)


@pytest.fixture
def cloud(stack):
    with OpenStackProvider("fake", stack.section()) as opened:
        yield opened


def request(cloud, name="web1", **metadata):
    return BootRequest(name, cloud.images()[0], cloud.flavors()[0], metadata=metadata, token=new_token())


@pytest.mark.parametrize("kind", LOST)
def test_a_lost_boot_makes_one_machine(stack, cloud, kind):
    wanted, around = request(cloud, owner="me"), Around(cloud)
    stack.tell(faults=1.0, kinds=[kind], only="/servers")
    with pytest.raises(CloudError) as caught:
        around.boot_as(wanted)
    assert caught.value.outcome_unknown and is_transient(caught.value)
    stack.tell(faults=0.0)
    machine = around.boot_as(wanted, maybe_done=True)
    assert around.boot_as(wanted, maybe_done=True).cloud_id == machine.cloud_id
    (listed,) = cloud.machines()
    assert (listed.cloud_id, listed.metadata) == (machine.cloud_id, {"owner": "me"})


@pytest.mark.parametrize("kind", ["unavailable", "rate"])
def test_what_was_not_done_is_known_not_to_be(stack, cloud, kind):
    wanted = request(cloud)
    stack.tell(faults=1.0, kinds=[kind], only="/servers")
    with pytest.raises(CloudError) as caught:
        cloud.boot(wanted)
    assert is_transient(caught.value) and not caught.value.outcome_unknown


def test_it_is_found_among_many_of_its_name_and_of_such_as_look_like_it(stack, cloud):
    wanted = request(cloud, "web.1")
    stack.add(["web.1"] * 8 + ["webx1", "web.12", "aweb.1"])
    machine = cloud.boot(wanted)
    stack.forget()
    found = cloud.find_booted(wanted)
    assert (found.cloud_id, found.metadata) == (machine.cloud_id, {})
    assert len(stack.calls()) == 3, "pages of its name alone"
    assert cloud.find_booted(replace(wanted, token=new_token())) is None
    assert cloud.find_booted(replace(wanted, token="")) is None


@pytest.mark.parametrize("name", ["a+b", "w[1]", "x(y", "q?", "back\\slash", "^a$", "a|b", "{2}"])
def test_names_are_looked_for_as_they_are(cloud, name):
    wanted = request(cloud, name)
    assert cloud.boot(wanted).cloud_id == cloud.find_booted(wanted).cloud_id


def test_one_that_was_deleted_is_not_found(cloud):
    wanted = request(cloud)
    cloud.delete(cloud.boot(wanted).cloud_id)
    assert cloud.find_booted(wanted) is None
    assert [each for each in cloud.machines() if each.state is not State.DELETING] == []


@pytest.mark.parametrize("kind", ["error", "reset", "malformed"])
def test_a_sign_in_that_fails_has_booted_nothing(stack, cloud, kind, tmp_path, monkeypatch):
    wanted = request(cloud)
    stack.tell(faults=1.0, kinds=[kind], only="/auth/tokens")
    monkeypatch.setenv("CLOUDMESH_CONFIG_DIR", str(tmp_path / "another home, without a token"))
    with OpenStackProvider("fake", stack.section()) as other, pytest.raises(CloudError) as caught:
        other.boot(wanted)
    assert is_transient(caught.value) and not caught.value.outcome_unknown
