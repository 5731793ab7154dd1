"""The guard: who is let in, under which names, from which pages, and with how much."""

import asyncio
import time

import pytest

from cloudmesh.db import open_store
from cloudmesh.rest.access import token_rows
from cloudmesh.rest.access.bounds import Bounds
from cloudmesh.rest.access.caller import Caller, Scope
from cloudmesh.rest.access.guard import Guard
from cloudmesh.rest.access.hosts import Hosts
from cloudmesh.rest.access.throttle import Throttle
from cloudmesh.rest.problems import Problem

PUBLIC = {("POST", "/v1/session")}


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def routes(app):
    """Each method and address of the interface, with something in place of parameters."""
    paths = app.openapi()["paths"]
    found = [(method.upper(), path) for path, operations in paths.items() for method in operations]
    return [(method, path.replace("{", "").replace("}", "")) for method, path in found]


def test_no_route_answers_without_a_right_token(door, make_token):
    expired = make_token("old", "destroy", seconds=0.01)
    revoked = make_token("gone", "destroy")
    with open_store() as store:
        token_rows.revoke(store, "gone")
    time.sleep(0.02)
    door.tokens.throttle = Throttle(10_000)
    found = [*routes(door.app), ("GET", "/v1/openapi.json"), ("GET", "/v1/nothing"), ("GET", "/nothing")]
    assert len(found) > 4
    for method, path in found:
        for given in ({}, bearer(""), bearer("cms_wrong"), bearer(expired), bearer(revoked)):
            if (method, path) not in PUBLIC:
                answer = door.client.request(method, path, headers=given)
                assert answer.status_code == 401, (method, path, given)
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.headers["www-authenticate"] == "Bearer"


def test_a_token_that_was_just_made_is_let_in_and_one_that_was_revoked_is_not(door, make_token):
    token = make_token()
    assert door.client.get("/v1/session", headers=bearer(token)).json()["name"] == "ci"
    with open_store() as store:
        token_rows.revoke(store, "ci")
    deadline = time.monotonic() + 10
    while door.client.get("/v1/session", headers=bearer(token)).status_code != 401:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_session_is_told_what_its_token_may_do(door, make_token):
    token = make_token("team", "act", ["a", "x*"], 3600)
    told = door.client.get("/v1/session", headers=bearer(token)).json()
    assert told.pop("expires").endswith("Z")
    assert told == {"name": "team", "scope": "act", "clouds": ["a", "x*"]}


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765", "LOCALHOST:8765", "[::1]:8765"])
def test_the_names_of_loopback_are_ours(door, make_token, host):
    given = {**bearer(make_token()), "Host": host}
    assert door.client.get("/v1/verbs", headers=given).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:8765", "127.0.0.1", "127.0.0.1:80", "127.0.0.1:8765.evil.example"),
        *("localhost:8765@evil.example", "127.0.0.1:87650", "127.0.0.2:8765", "10.0.0.1:8765", " ", "[::1"),
    ],
)
def test_a_request_under_another_name_is_refused_even_with_a_token(door, make_token, host):
    given = {**bearer(make_token()), "Host": host}
    answer = door.client.get("/v1/verbs", headers=given)
    assert answer.status_code == 421 and "allow-host" in answer.json()["detail"]


def test_more_names_of_a_server():
    hosts = Hosts("192.0.2.7", 8765, ["cms.example.org", "Other.example:443"])
    for good in (b"192.0.2.7:8765", b"cms.example.org", b"cms.example.org:1", b"other.example:443"):
        hosts.check(good)
    for bad in (b"192.0.2.8:8765", b"other.example", b"other.example:80", b"xcms.example.org"):
        with pytest.raises(Problem):
            hosts.check(bad)
    everywhere = Hosts("0.0.0.0", 8765)
    for good in (b"192.0.2.9:8765", b"[2001:db8::1]:8765", b"localhost:8765"):
        everywhere.check(good)
    for bad in (b"evil.example:8765", b"192.0.2.9:80", b"0x7f.1:8765"):
        with pytest.raises(Problem):
            everywhere.check(bad)
    forwarded = Hosts(None)
    forwarded.check(b"localhost:1234")
    with pytest.raises(Problem):
        forwarded.check(b"evil.example:1234")


def test_pages_of_other_origins_get_nothing(door, make_token):
    token = bearer(make_token("all", "destroy"))
    for origin in (
        "http://evil.example",
        "null",
        "http://127.0.0.1:9999",
        "file://",
        "http://localhost:8765",
    ):
        answer = door.client.get("/v1/verbs", headers={**token, "Origin": origin})
        assert answer.status_code == 403, origin
        told = door.client.options("/v1/verbs", headers={"Origin": origin})
        assert told.status_code == 403 and "access-control-allow-origin" not in told.headers
    own = {**token, "Origin": "http://127.0.0.1:8765"}
    assert door.client.get("/v1/verbs", headers=own).status_code == 200


def test_a_token_in_an_address_is_refused_and_not_told(door, make_token):
    token = make_token()
    for path in (f"/v1/verbs?token={token}", f"/v1/verbs?x=1&y=a{token}", f"/v1/{token}"):
        for given in ({}, bearer(token)):
            answer = door.client.get(path, headers=given)
            assert answer.status_code == 400 and token not in answer.text


def test_answers_say_what_a_browser_may_not_do(door, make_token):
    token = bearer(make_token())
    for answer in (
        door.client.get("/v1/verbs", headers=token),
        door.client.get("/v1/verbs"),
        door.client.get("/v1/nothing", headers=token),
        door.client.get("/v1/verbs", headers={"Host": "evil.example"}),
    ):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["referrer-policy"] == "no-referrer"
    page = door.client.get("/").headers["content-security-policy"]
    assert "script-src 'self'" in page and "unsafe" not in page and "default-src 'none'" in page


def test_wrong_tokens_are_slowed_down_and_right_ones_are_not(door, make_token):
    token, clock = make_token(), [0.0]
    throttle = door.tokens.throttle
    throttle._clock, throttle._last, throttle._left = lambda: clock[0], 0.0, 3.0
    told = [door.client.get("/v1/verbs", headers=bearer(f"cms_{n}")).status_code for n in range(5)]
    assert told == [401, 401, 401, 429, 429]
    answer = door.client.get("/v1/verbs", headers=bearer("cms_9"))
    assert answer.headers["retry-after"] == "2" and "Bearer" not in answer.text
    door.tokens.read()
    assert door.client.get("/v1/verbs", headers=bearer(token)).status_code == 200
    clock[0] = 2.0
    assert door.client.get("/v1/verbs", headers=bearer("cms_9")).status_code == 401


def test_too_much_is_refused(door, make_token):
    token = bearer(make_token("all", "destroy"))
    big = b"x" * ((1 << 20) + 1)
    assert door.client.post("/v1/session", content=big).status_code == 413
    assert door.client.post("/v1/session", content=iter([big[:-1], b"xx"])).status_code == 413
    assert door.client.get("/v1/verbs", headers={**token, "X-Long": "x" * 30_000}).status_code == 431
    many = {f"X-{n}": "x" for n in range(120)}
    assert door.client.get("/v1/verbs", headers={**token, **many}).status_code == 431
    assert door.client.get("/v1/verbs", headers=token).status_code == 200


def test_a_header_that_counts_may_be_there_once(door, make_token):
    given = [("Authorization", f"Bearer {make_token()}"), ("Authorization", "Bearer x")]
    assert door.client.get("/v1/verbs", headers=given).status_code == 400


@pytest.mark.anyio
async def test_who_waits_is_told_that_the_server_stops():
    async def wait(scope, receive, send):
        await asyncio.sleep(3600)

    sent = []

    async def send(message):
        sent.append(message)

    guard = Guard(wait, lambda token: Caller(token, Scope.READ))
    headers = [(b"authorization", b"Bearer x")]
    scope = {"type": "http", "method": "GET", "path": "/v1/jobs/1", "query_string": b"", "headers": headers}
    request = asyncio.create_task(guard(scope, None, send))
    await asyncio.sleep(0.01)
    guard.end_streams()
    request.cancel()
    await request
    assert sent[0]["status"] == 503 and (b"retry-after", b"2") in sent[0]["headers"]


@pytest.mark.anyio
async def test_a_body_that_does_not_come_is_not_waited_for():
    async def never():
        await asyncio.sleep(3600)

    async def slowly():
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"x", "more_body": True}

    for receive in (never, slowly):
        with pytest.raises(Problem) as error:
            await Bounds(seconds=0.1).body_of(b"5", receive)
        assert error.value.status == 408


@pytest.fixture
def anyio_backend():
    return "asyncio"


def test_what_is_logged_has_no_secret_and_no_query(door, make_token):
    token = make_token()
    door.client.get("/v1/machines?filter=state", headers=bearer(token))
    door.client.get("/v1/verbs", headers=bearer("cms_wrong"))
    (method, path, status, seconds, caller), refused = door.logged
    assert (method, path, status, caller.name) == ("GET", "/v1/machines", 200, "ci") and seconds > 0
    assert refused[2] == 401 and refused[4] is None
    assert token not in repr(door.logged)
