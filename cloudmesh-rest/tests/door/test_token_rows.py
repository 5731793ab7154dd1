"""Tokens in the store, in a file and in PostgreSQL, and two servers that share them."""

import threading
import time

import pytest

from cloudmesh.db import Database
from cloudmesh.plugin.errors import CloudmeshError, StoreError, UnknownName
from cloudmesh.rest.access import token_rows, tokens
from cloudmesh.rest.access.caller import Caller, Scope
from cloudmesh.rest.access.tokens import Tokens
from cloudmesh.rest.problems import Problem


@pytest.fixture
def store(place):
    with Database(place) as database:
        yield database


@pytest.fixture
def servers(place):
    """What two servers of the store know."""
    both = [Tokens(lambda: Database(place)) for _ in range(2)]
    for each in both:
        each.start()
    yield both
    for each in both:
        each.stop()


def until(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_all_servers_of_a_store_know_its_tokens(store, servers):
    token = token_rows.create(store, "ci", Scope.ACT, ["a", "b*"], 60)
    until(lambda: all(each.find(token) for each in servers))
    caller = servers[0].find(token)
    assert (caller.name, caller.scope, caller.clouds) == ("ci", Scope.ACT, ("a", "b*"))
    assert 50 < caller.expires - time.time() <= 60
    session, end = token_rows.begin_session(store, caller)
    assert end == caller.expires
    until(lambda: all(each.find_session(session) for each in servers))
    signed_in = servers[1].find_session(session)
    assert servers[1].is_valid(caller) and servers[1].is_valid(signed_in)
    assert token_rows.revoke(store, "ci") == 1
    until(lambda: not any(each.find(token) or each.find_session(session) for each in servers))
    assert not servers[0].is_valid(caller) and not servers[1].is_valid(signed_in)


def test_what_is_kept_is_no_token(store):
    token = token_rows.create(store, "ci", Scope.READ, None, None)
    code = token_rows.add_code(store)
    kept = repr(store.find(token_rows.TABLE))
    assert token not in kept and code not in kept
    assert {row["hash"] for row in store.find(token_rows.TABLE)} == {
        token_rows.digest(each).hex() for each in (token, code)
    }


def test_of_several_who_use_a_code_at_once_one_gets_in(place, store):
    code = token_rows.add_code(store)
    got, begin = [], threading.Barrier(4)

    def use():
        with Database(place) as own:
            begin.wait()
            got.append(token_rows.use_code(own, code))

    threads = [threading.Thread(target=use) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(each is not None for each in got) == [False, False, False, True]
    assert token_rows.use_code(store, "cms_other") is None


def test_a_session_does_not_outlive_a_token_that_is_revoked_meanwhile(store):
    token_rows.create(store, "ci", Scope.READ, None, None)
    (entry,) = token_rows.entries(store)
    token_rows.revoke(store, "ci")
    with pytest.raises(Problem) as error:
        token_rows.begin_session(store, entry.caller)
    assert error.value.status == 401


def test_names(store):
    with pytest.raises(UnknownName):
        token_rows.revoke(store, "ci")
    token_rows.create(store, "ci", Scope.READ, None, None)
    with pytest.raises(CloudmeshError, match="already"):
        token_rows.create(store, "ci", Scope.ACT, None, None)


def test_what_has_expired_is_forgotten(store):
    token_rows.create(store, "short", Scope.READ, None, 0.01)
    token_rows.begin_session(store, Caller("x", Scope.READ, None, time.time() + 0.01))
    time.sleep(0.02)
    token_rows.create(store, "ci", Scope.READ, None, None)
    assert [each.caller.name for each in token_rows.entries(store)] == ["ci"]


def test_a_record_that_is_no_token_is_told_and_lets_nobody_in(store, place, monkeypatch):
    token = token_rows.create(store, "ci", Scope.READ, None, None)
    monkeypatch.setattr(tokens, "STALE_SECONDS", 1.0)
    monkeypatch.setattr(tokens, "LOOK_SECONDS", 0.02)
    server = Tokens(lambda: Database(place))
    server.start()
    try:

        def refused():
            try:
                return not server.find(token)
            except Problem as problem:
                return problem.status == 503

        until(lambda: not refused())
        number = store.add(token_rows.TABLE, {"name": "x", "kind": "token", "hash": "no", "scope": "all"})
        with pytest.raises(StoreError, match=f"id={number}"):
            token_rows.entries(store)
        until(refused)
        store.delete(token_rows.TABLE, id=number)
        until(lambda: not refused())
    finally:
        server.stop()
