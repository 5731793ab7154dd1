"""Sessions of browsers: a cookie in place of the token, only for the server's own page."""

import time

import pytest

from cloudmesh.db import open_store
from cloudmesh.rest.access import token_rows

OWN = {"Origin": "http://127.0.0.1:8765"}


def sign_in(client, **given):
    return client.post("/v1/session", json=given, headers=OWN)


def test_a_browser_signs_in_and_out(door, client, make_token):
    token = make_token("laptop", "act", ["a"], 3600)
    answer = sign_in(client, token=token)
    assert answer.status_code == 201
    assert (answer.json()["name"], answer.json()["scope"]) == ("laptop", "act")
    cookie = answer.headers["set-cookie"]
    for part in ("HttpOnly", "SameSite=Strict", "Path=/"):
        assert part in cookie
    assert token not in cookie and "Secure" not in cookie
    assert 3500 < int(cookie.split("Max-Age=")[1].split(";")[0]) <= 3600
    assert client.get("/v1/session").json()["clouds"] == ["a"]
    assert client.delete("/v1/session", headers=OWN).status_code == 204
    client.cookies.clear()
    client.cookies.set("cloudmesh_session", cookie.split(";")[0].split("=")[1])
    assert client.get("/v1/session").status_code == 401


def test_behind_tls_the_cookie_goes_nowhere_else(door, client, make_token):
    given = {"Origin": "https://127.0.0.1:8765"}
    answer = client.post("/v1/session", json={"token": make_token()}, headers=given)
    assert "Secure" in answer.headers["set-cookie"]


def test_a_session_ends_with_its_token(door, client, make_token):
    sign_in(client, token=make_token())
    assert client.get("/v1/verbs").status_code == 200
    with open_store() as store:
        assert token_rows.revoke(store, "ci") == 1
    door.tokens.read()
    assert client.get("/v1/verbs").status_code == 401
    sign_in(client, token=make_token("short", seconds=2))
    with open_store() as store:
        (session,) = [each for each in token_rows.entries(store) if each.kind == "session"]
    assert session.caller.expires - time.time() <= 2 and session.caller.name == "short"


def test_the_words_of_sessions_and_tokens_do_not_stand_for_each_other(door, client, make_token):
    token = make_token()
    word = sign_in(client, token=token).headers["set-cookie"].split(";")[0].split("=")[1]
    client.cookies.clear()
    assert client.get("/v1/verbs", headers={"Authorization": f"Bearer {word}"}).status_code == 401
    assert sign_in(client, token=word).status_code == 401
    client.cookies.set("cloudmesh_session", token)
    assert client.get("/v1/verbs").status_code == 401


@pytest.mark.parametrize(
    "given", [{}, {"token": "x", "code": "y"}, {"other": "x"}, {"token": 5}, {"token": "x" * 999}]
)
def test_what_is_no_way_to_sign_in(client, given):
    assert sign_in(client, **given).status_code == 422


def test_a_wrong_token_gets_no_session(client, make_token):
    make_token()
    for given in ({"token": "cms_wrong"}, {"code": "cms_wrong"}, {"token": ""}):
        answer = sign_in(client, **given)
        assert answer.status_code == 401 and "set-cookie" not in answer.headers


def test_a_code_works_once_and_within_a_minute(door, client, make_token, monkeypatch):
    with open_store() as store:
        code, late = token_rows.add_code(store), token_rows.add_code(store)
    told = sign_in(client, code=code)
    assert told.status_code == 201 and told.json()["scope"] == "destroy" and told.json()["name"] == "page"
    assert client.get("/v1/verbs").status_code == 200
    assert sign_in(client, code=code).status_code == 401
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 61)
    assert sign_in(client, code=late).status_code == 401


def test_only_our_own_page_changes_anything_by_the_cookie(door, client, make_token):
    sign_in(client, token=make_token())
    for given in (
        {},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "none"},
    ):
        assert client.delete("/v1/session", headers=given).status_code == 403
    for site in ("same-site", "cross-site"):
        assert client.get("/v1/verbs", headers={"Sec-Fetch-Site": site}).status_code == 403
    for site in ("same-origin", "none"):
        assert client.get("/v1/verbs", headers={"Sec-Fetch-Site": site}).status_code == 200
    assert client.delete("/v1/session", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 204


def test_a_token_is_no_session_that_could_be_ended(client, make_token):
    given = {"Authorization": f"Bearer {make_token()}"}
    assert client.delete("/v1/session", headers=given).status_code == 409


def test_a_token_has_so_many_sessions(door, client, make_token, monkeypatch):
    monkeypatch.setattr(token_rows, "MOST_SESSIONS", 2)
    token = make_token()
    words = [sign_in(client, token=token).headers["set-cookie"].split(";")[0].split("=")[1] for _ in range(3)]
    told = []
    for word in words:
        client.cookies.clear()
        client.cookies.set("cloudmesh_session", word)
        told.append(client.get("/v1/verbs").status_code)
    assert told == [401, 200, 200]
