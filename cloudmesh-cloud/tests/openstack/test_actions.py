"""What Nova is asked for, on the wire."""

from contextlib import suppress

import pytest
from requests_mock import ANY

from cloudmesh.cloud.errors import Locked
from cloudmesh.cloud.model.records import Flavor, Image
from cloudmesh.cloud.provider.boot import BootRequest

from .conftest import JSON, KEYSTONE, signed_in

NOVA = "https://nova.test/v2.1/p1/servers"
IMAGE, FLAVOR = Image("uc", "debian-12", "i1"), Flavor("uc", "small", "f1", 1, 1, 1)


@pytest.mark.parametrize("hints", [{}, {"group": "g1", "same_host": ["s1", "s2"]}])
def test_hints_stand_beside_the_new_server(keystone, provider, requests_mock, hints):
    boots = requests_mock.post(NOVA, status_code=202, json={"server": {"id": "s1"}}, headers=JSON)
    with provider() as uc:
        uc.boot(BootRequest("vm1", IMAGE, FLAVOR, hints=hints))
    sent = boots.last_request.json()
    assert sent.pop("server")["name"] == "vm1"
    assert sent == ({"os:scheduler_hints": hints} if hints else {})


@pytest.mark.parametrize(
    ("verb", "sent", "status"),
    [
        ("shelve", {"shelve": None}, 202),
        ("unshelve", {"unshelve": None}, 202),
        ("confirm_resize", {"confirmResize": None}, 204),
        ("revert_resize", {"revertResize": None}, 202),
        ("lock", {"lock": None}, 202),
        ("unlock", {"unlock": None}, 202),
    ],
)
def test_a_verb_that_takes_nothing_is_one_call(keystone, provider, requests_mock, verb, sent, status):
    acts = requests_mock.post(f"{NOVA}/s1/action", status_code=status)
    with provider() as uc:
        getattr(uc, verb)("s1")
    assert [each.json() for each in acts.request_history] == [sent]


@pytest.mark.parametrize(("call", "method"), [("delete", "DELETE"), ("stop", "POST")])
def test_a_lock_is_told_from_other_conflicts(keystone, provider, requests_mock, call, method):
    words = "Instance 0b7c-1 is locked"
    told = {"conflictingRequest": {"code": 409, "message": words}}
    requests_mock.register_uri(method, ANY, status_code=409, json=told, headers=JSON)
    keystone()
    with provider() as uc, pytest.raises(Locked, match=r"failed.*: the machine is locked; unlock it first"):
        getattr(uc, call)("s1")


@pytest.mark.parametrize(
    ("role", "locked", "deleted"), [("admin", True, 0), ("admin", False, 1), ("member", True, 1)]
)
def test_nova_heeds_no_lock_for_an_administrator_so_that_we_ask(
    keystone, provider, requests_mock, role, locked, deleted
):
    answer = signed_in()
    answer["json"]["token"]["roles"] = [{"id": "r1", "name": role}]
    requests_mock.post(f"{KEYSTONE}/v3/auth/tokens", **answer)
    deletes = requests_mock.delete(f"{NOVA}/s1", status_code=204)
    shows = requests_mock.get(f"{NOVA}/s1", json={"server": {"id": "s1", "locked": locked}}, headers=JSON)
    with provider() as uc, suppress(Locked):
        uc.delete("s1")
    assert (deletes.call_count, shows.call_count) == (deleted, int(role == "admin"))
