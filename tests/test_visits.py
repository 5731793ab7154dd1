"""A cloud whose users sign in by visiting a page, as its user sees it: one visit, and never two at once."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

import pexpect
import pytest
import yaml

SECRETS = ["access-token-1", "refresh-token-1", "device-code-1", "keystone-token"]
PROJECTS = {"uc": "p-uc", "tacc": "p-tacc"}


class Site(ThreadingHTTPServer):
    """An identity provider, a Keystone that trusts it, and a Nova without machines, at one address.

    Attributes:
        calls: method and path of each request, with its form.
        visited: whether a person has visited the page.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url, self.calls = f"http://127.0.0.1:{self.server_port}", []
        self.visited = threading.Event()

    def count(self, path):
        return sum(each == path for each, _ in self.calls)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        site = self.server
        if self.path.startswith("/discovery"):
            here = {
                "token_endpoint": f"{site.url}/token",
                "device_authorization_endpoint": f"{site.url}/device",
            }
            return self.tell(200, here)
        return self.tell(200, {"servers": []})

    def do_POST(self):
        site, length = self.server, int(self.headers["Content-Length"] or 0)
        text = self.rfile.read(length).decode()
        path = self.path.partition("?")[0]
        site.calls.append((path, dict(parse_qsl(text))))
        if path == "/device":
            page = {"verification_uri": f"{site.url}/visit", "user_code": "WDJB-MJHT", "interval": 0.2}
            return self.tell(200, {"device_code": "device-code-1", "expires_in": 60, **page})
        if path == "/token":
            if not site.visited.is_set():
                return self.tell(400, {"error": "authorization_pending"})
            tokens = {"access_token": "access-token-1", "refresh_token": "refresh-token-1"}
            return self.tell(200, {**tokens, "expires_in": 300})
        scope = json.loads(text)["auth"].get("scope", {}) if "auth/tokens" in path else {}
        return self.tell(
            201, {"token": self.token(scope.get("project", {}))}, {"X-Subject-Token": SECRETS[3]}
        )

    def token(self, project):
        nova = {"url": f"{self.server.url}/compute", "interface": "public", "region": "One"}
        return {
            "issued_at": "2026-11-24T10:00:00.000000Z",
            "expires_at": "2026-11-24T11:00:00.000000Z",
            "methods": ["openid"],
            "user": {"id": "u1", "name": "ada", "domain": {"id": "federated", "name": "Federated"}},
            "catalog": [{"type": "compute", "endpoints": [nova]}],
            **({"project": {**project, "name": project["id"].upper()}} if project else {}),
        }

    def tell(self, status, body, headers=()):
        content = json.dumps(body).encode()
        self.send_response(status)
        for key, value in {"Content-Type": "application/json", **dict(headers)}.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *words):
        pass


@pytest.fixture
def site():
    server = Site()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def visitor(home, site):
    """A user of two clouds of one identity provider."""

    def cloud(project):
        return {
            "type": "openstack",
            "credentials": {
                "OS_AUTH_TYPE": "v3oidcdeviceauthz",
                "OS_AUTH_URL": f"{site.url}/v3",
                "OS_IDENTITY_PROVIDER": "idp",
                "OS_PROTOCOL": "openid",
                "OS_CLIENT_ID": "cloudmesh",
                "OS_DISCOVERY_ENDPOINT": f"{site.url}/discovery",
                "OS_PROJECT_ID": project,
            },
        }

    home.configure(**{name: cloud(project) for name, project in PROJECTS.items()})
    data = yaml.safe_load(home.config.read_text())
    data["cloudmesh"].update(active=list(PROJECTS), default=list(PROJECTS))
    home.config.write_text(yaml.safe_dump(data))
    return home


def test_one_visit_at_the_terminal_serves_two_clouds(visitor, site):
    child = visitor.terminal("cloud", "check", "--output=json")
    child.expect_exact("enter the code WDJB-MJHT")
    site.visited.set()
    child.expect(pexpect.EOF)
    assert site.count("/device") == 1 and not any(each in child.before for each in SECRETS)
    for project in PROJECTS.values():
        assert f"signed in to project {project.upper()} as ada (domain Federated)" in child.before
    assert len(visitor.holding(SECRETS)) == 3
    assert all(re.search(r"/tokens/(uc|tacc|provider)-\w+\.json$", name) for name in visitor.holding(SECRETS))
    before = len(site.calls)
    visitor.cms("vm", "list", "--refresh")
    assert len(site.calls) == before, "nobody signs in again"


def test_without_a_terminal_it_is_said_and_nothing_is_begun(visitor, site):
    process = visitor.start("vm", "list", "--refresh", "--cloud=uc")
    _, error = process.communicate(timeout=60)
    assert process.returncode == 3
    assert error.count("signing in requires a visit with a browser") == 1
    assert "use cms cloud check uc at a terminal" in error and site.count("/device") == 0


def test_an_unasked_refresh_never_waits_for_a_person(visitor, site):
    data = yaml.safe_load(visitor.config.read_text())
    data["cloudmesh"]["refresh_after"] = "1s"
    visitor.config.write_text(yaml.safe_dump(data))
    visitor.cms("vm", "list", code=None)
    assert site.count("/device") == 0
