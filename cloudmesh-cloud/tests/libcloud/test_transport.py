"""What our connections send is what libcloud's own would send, except that some things are not sent on."""

import pytest
from libcloud.http import LibcloudConnection

from cloudmesh.cloud.providers.libcloud.connection_settings import ConnectionSettings
from cloudmesh.cloud.providers.libcloud.transport import CallTracker, connection_class

CALLS = {
    "plain": ("GET", "/nodes", {}),
    "query": ("GET", "/nodes?name=a%20b&x=ü", {}),
    "lower case": ("delete", "/nodes", {}),
    "sent on": ("GET", "/nodes/1", {}),
    "elsewhere in the host": ("GET", "nodes", {}),
    "text": ("POST", "/nodes", {"body": '{"name": "web1"}', "headers": {"Content-Type": "application/json"}}),
    "bytes": ("PUT", "/nodes", {"body": b"\x00x"}),
    "form": ("POST", "/nodes", {"body": {"name": "ü", "count": 2}}),
    "empty": ("POST", "/nodes", {"body": ""}),
    "headers": ("HEAD", "/", {"headers": {"user-agent": "probe", "X-Count": 3, "X-Half": 0.5}}),
    "header of nothing": ("GET", "/", {"headers": {"X-Auth-Token": None, "Accept": None}}),
}
OURS = connection_class(ConnectionSettings(), CallTracker(ConnectionSettings()))


def keep(calls):
    """Keeps what comes, answers the first call with a cookie, and sends another one on."""

    def answer(request):
        place = {key: value for key, value in request.headers.items() if key != "Host"}
        calls.append((request.command, request.path, place, request.content))
        request.send_response(302 if request.path == "/nodes/1" else 200)
        request.send_header("Location", "/nodes/2")
        request.send_header("Set-Cookie", "route=7; Path=/")
        request.send_header("Content-Length", "0")
        request.end_headers()

    return answer


@pytest.mark.parametrize("name", CALLS)
def test_a_call_is_the_same_as_over_a_connection_of_libcloud(name, serve):
    method, url, options = CALLS[name]
    calls = {}
    for kind in (LibcloudConnection, OURS):
        calls[kind] = []
        server = serve(keep(calls[kind]))
        connection = kind("127.0.0.1", server.server_port, secure=False)
        for _ in range(2):
            connection.request(method, url, **{key: copied(value) for key, value in options.items()})
            assert connection.getresponse().status_code == connection.status == 200
    theirs, ours = calls.values()
    assert ours == theirs and len(ours) >= 2
    assert "route=7" in ours[-1][2]["Cookie"]


def copied(value):
    """libcloud changes the headers it is given."""
    return dict(value) if isinstance(value, dict) else value


@pytest.fixture
def sent_on(serve, answers):
    """Calls a server that sends the caller of ``/there`` to a place; gives the server and the last status."""

    def call(method, status, place):
        server = serve(
            lambda request: answers.say("", status if request.path == "/there" else 200, Location=place)(
                request
            )
        )
        connection = OURS("127.0.0.1", server.server_port, secure=False)
        connection.request(method, "/there", headers={"X-Auth-Token": "swordfish"})
        return server, connection.status

    return call


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_only_what_stays_the_same_is_sent_on(method, status, sent_on):
    """A DELETE that became a GET would be taken for done."""
    server, last = sent_on(method, status, "/here")
    stays = method == "GET" or status in (307, 308)
    assert server.asked == [f"{method} /there", *([f"{method} /here"] if stays else [])]
    assert last == (200 if stays else status)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_nothing_is_sent_on_to_another_host(method, serve, sent_on):
    """It would get the token."""
    other = serve()
    _, last = sent_on(method, 307, f"http://{other.place}/here")
    assert last == 307 and other.asked == []
