"""A small HTTP server on loopback that answers as a test tells it, and a provider that calls it."""

import contextlib
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from libcloud.common.types import MalformedResponseError

from cloudmesh.cloud.providers.libcloud.base import LibcloudProvider
from cloudmesh.cloud.providers.openstack.rest import RestClient, raise_for_status


class Loopback(ThreadingHTTPServer):
    """Answers every call by ``answer``, a function of the request; keeps what was asked for."""

    daemon_threads = True
    block_on_close = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = []
        self.answer = say("{}")
        self.leave = threading.Event()

    @property
    def place(self):
        return f"127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        """A caller that goes away is part of some tests."""


class Handler(BaseHTTPRequestHandler):
    """One request of any method."""

    protocol_version = "HTTP/1.1"

    def handle_any(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.content = self.rfile.read(length).decode()
        self.server.asked.append(f"{self.command} {self.path}")
        self.server.answer(self)

    def log_message(self, format, *args):
        pass


for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"):
    setattr(Handler, f"do_{method}", Handler.handle_any)


def say(body="", status=200, **headers):
    """Answer with this; underlines in the names of headers stand for dashes."""
    content = body if isinstance(body, str) else json.dumps(body)

    def answer(request):
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(content.encode())))
        request.end_headers()
        request.wfile.write(content.encode())

    return answer


def hang(request):
    """Answer nothing until the test is over."""
    request.server.leave.wait(30)
    request.close_connection = True


def drop(request):
    """Close the connection without a word."""
    request.connection.shutdown(socket.SHUT_RDWR)
    request.close_connection = True


def cut(request):
    """Promise more than is sent."""
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    request.wfile.write(b'{"nodes": [')
    request.close_connection = True


def greet(request):
    """Speak as another service does."""
    request.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    request.close_connection = True


def garble(request):
    """Say that the content is compressed, which it is not."""
    say("this is not gzip", Content_Encoding="gzip")(request)


def circle(request):
    """Send the caller where it came from."""
    say("", 302, Location=request.path)(request)


@pytest.fixture
def serve():
    """Starts servers in threads that answer as they are told; with a context for TLS if one is given."""
    started = []

    def start(answer=None, tls=None):
        server = Loopback()
        server.answer = answer or server.answer
        server.scheme = "https" if tls else "http"
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        started.append((server, thread))
        return server

    yield start
    for server, thread in started:
        server.leave.set()
        server.shutdown()
        server.server_close()
        thread.join()


class ProbeProvider(LibcloudProvider):
    """A provider over a driver of libcloud's own kind, which lists nodes from ``/nodes``."""

    def driver_class(self):
        return probe_driver()

    def driver_arguments(self):
        url = self.settings["url"]
        host, _, port = url.partition("://")[2].partition(":")
        return ["a-user", self.settings["credentials"]["PROBE_PASSWORD"]], {
            "host": host,
            "port": int(port),
            "secure": url.startswith("https"),
        }

    def check(self):
        with self.calling("list machines"):
            return str(self.driver.list_nodes())

    def request(self, method, path):
        """One request."""
        self.driver.connection.request(path, method=method)

    boot = delete = flavors = images = machine = machines = None


def probe_driver():
    from libcloud.common.base import ConnectionUserAndKey, JsonResponse
    from libcloud.compute.base import NodeDriver

    class ProbeConnection(ConnectionUserAndKey):
        responseCls = JsonResponse  # noqa: N815

    class ProbeDriver(NodeDriver):
        name = "Probe"
        connectionCls = ProbeConnection  # noqa: N815

        def list_nodes(self):
            return [node["id"] for node in self.connection.request("/nodes").object["nodes"]]

    return ProbeDriver


class LeanProbe(ProbeProvider):
    """The same without libcloud, over the client that OpenStack's services are called by."""

    def driver_class(self):
        return RestClient

    def open(self):
        self._driver = RestClient(self.connection_settings, self.tracker)

    def request(self, method, path):
        answer = self.driver.send(method, self.settings["url"] + path, service="")
        raise_for_status(answer)
        return answer

    def check(self):
        with self.requesting("list machines"):
            answer = self.request("GET", "/nodes")
            try:
                told = answer.json()
            except ValueError as error:
                raise MalformedResponseError("no JSON", answer.text) from error
            return str([node["id"] for node in told["nodes"]])


# The abstract methods above are of no use to these tests.
ProbeProvider.__abstractmethods__ = LeanProbe.__abstractmethods__ = frozenset()


@pytest.fixture(params=[ProbeProvider, LeanProbe], ids=["requests", "lean"])
def road(request):
    """The class of a provider: each way that calls of clouds go."""
    return request.param


@pytest.fixture
def probe(road):
    """Opens a provider on a server, or on any address."""
    opened = []

    def make(server, **settings):
        url = server if isinstance(server, str) else f"{server.scheme}://{server.place}"
        made = road("probe", {"url": url, "credentials": {"PROBE_PASSWORD": "swordfish"}, **settings})
        made.open()
        opened.append(made)
        return made

    yield make
    for each in opened:
        each.close()


@pytest.fixture
def free_port():
    """A port of loopback at which nobody listens."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


@pytest.fixture
def full_port():
    """A port of loopback whose listener takes no more connections: they are neither refused nor made."""
    with socket.socket() as listener, contextlib.ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        place = listener.getsockname()
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(place)
        yield place[1]


@pytest.fixture
def answers():
    """The ways to answer."""
    return SimpleNamespace(say=say, hang=hang, drop=drop, cut=cut, garble=garble, greet=greet, circle=circle)
