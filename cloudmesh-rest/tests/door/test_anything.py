"""Whatever a request holds, it is answered in good order, and only a right token gets through."""

import asyncio

from hypothesis import example, given
from hypothesis import strategies as st

from cloudmesh.rest.access.caller import Caller, Scope
from cloudmesh.rest.access.guard import Guard
from cloudmesh.rest.access.hosts import Hosts

TOKEN = "cms_" + "a" * 43
KNOWN = [b"host", b"origin", b"authorization", b"cookie", b"sec-fetch-site", b"content-length", b"x"]
GOOD = [b"127.0.0.1:8765", b"http://127.0.0.1:8765", f"Bearer {TOKEN}".encode(), b"same-origin", b"3"]
HEADERS = st.lists(
    st.tuples(st.sampled_from(KNOWN), st.sampled_from(GOOD) | st.binary(max_size=40)), max_size=8
)
PATHS = st.sampled_from(["/", "/v1/machines", "/v1/session", "/page/x", "/page", "//v1/machines", "/V1/x"])


@given(HEADERS, PATHS, st.sampled_from(["GET", "POST", "DELETE", "OPTIONS", "HEAD"]), st.binary(max_size=60))
@example([(b"host", GOOD[0]), (b"authorization", GOOD[2])], "/v1/machines", "GET", b"")
@example(
    [(b"host", GOOD[0]), (b"authorization", GOOD[2]), (b"content-length", b"9" * 99)], "/v1/x", "POST", b""
)
def test_any_request(headers, path, method, query):
    sent, passed = [], []

    async def application(scope, receive, send):
        passed.append(scope.get("cloudmesh.caller"))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive():
        return {"type": "http.request", "body": b"xxx", "more_body": False}

    async def send(message):
        sent.append(message)

    known = {TOKEN: Caller("ci", Scope.READ)}
    guard = Guard(application, known.get, hosts=Hosts("127.0.0.1", 8765))
    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query}
    asyncio.run(guard({**scope, "headers": headers}, receive, send))
    start, end = sent
    status = start["status"]
    assert status in (200, 400, 401, 403, 413, 421) and not end.get("more_body")
    assert (b"x-content-type-options", b"nosniff") in start["headers"]
    given_now = dict(headers)
    if passed:
        assert given_now[b"host"] == GOOD[0]
        assert given_now.get(b"origin", GOOD[1]).lower() == GOOD[1]
        is_public = path == "/" or path.startswith("/page/") or (method, path) == ("POST", "/v1/session")
        assert passed[0] == known[TOKEN] or is_public
    if passed == [known[TOKEN]]:
        assert given_now[b"authorization"].split()[-1].decode() == TOKEN
