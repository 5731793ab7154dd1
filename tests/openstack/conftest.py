"""What the tests on a real OpenStack share: a project of their own, and a proxy that counts the calls."""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

ROOT = Path(__file__).resolve().parents[2]
REGIONS = ("RegionOne", "RegionTwo")


def wait_until(true: Callable[[], Any], patience: float = 60.0) -> Any:
    """What this gives, once it is something."""
    deadline = time.monotonic() + patience
    while not (found := true()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


class Api:
    """The interfaces of the test-bed, without any code that is tested."""

    def __init__(self, bed: dict[str, Any], user: str, password: str, project: str) -> None:
        self.bed = bed
        self.session = requests.Session()
        self.session.trust_env = False
        domain = {"id": "default"}
        identity = {"name": user, "password": password, "domain": domain}
        auth = {
            "identity": {"methods": ["password"], "password": {"user": identity}},
            "scope": {"project": {"name": project, "domain": domain}},
        }
        answer = self.session.post(self.url("keystone", "/v3/auth/tokens"), json={"auth": auth}, timeout=60)
        assert answer.ok, answer.text
        self.token = answer.headers["X-Subject-Token"]
        self.session.headers["X-Auth-Token"] = self.token

    def url(self, service: str, path: str = "") -> str:
        return f"http://127.0.0.1:{self.bed['ports'][service]}{path}"

    def __call__(self, method: str, service: str, path: str, code: int | None = None, **options: Any) -> Any:
        answer = self.session.request(method, self.url(service, path), timeout=120, **options)
        assert answer.ok if code is None else answer.status_code == code, (method, path, answer.text)
        return answer.json() if answer.content else None


@dataclass
class Tenant:
    """A user with a project of its own.

    Attributes:
        bed: the notes of the test-bed.
        admin: the interfaces as the administrator.
        api: the interfaces as this user.
    """

    bed: dict[str, Any]
    admin: Api
    name: str
    password: str = field(repr=False)
    project_id: str = ""
    user_id: str = ""

    def __post_init__(self) -> None:
        self.api = Api(self.bed, self.name, self.password, self.name)

    def credentials(self, region: str = REGIONS[0], **changes: str | None) -> dict[str, str]:
        """The credentials section for this user; a change to None leaves a key out."""
        usual = {
            "OS_AUTH_URL": self.admin.url("keystone", "/v3"),
            "OS_USERNAME": self.name,
            "OS_PASSWORD": self.password,
            "OS_PROJECT_NAME": self.name,
            "OS_PROJECT_DOMAIN_ID": "default",
            "OS_USER_DOMAIN_ID": "default",
            "OS_REGION_NAME": region,
        }
        return {key: value for key, value in {**usual, **changes}.items() if value is not None}

    def settings(self, region: str = REGIONS[0], **changes: str | None) -> dict[str, Any]:
        """The section of a cloud in the configuration."""
        default = {"image": "cirros-0.6", "flavor": "m1.tiny"}
        return {"type": "openstack", "credentials": self.credentials(region, **changes), "default": default}

    def clean(self) -> None:
        """Delete what the tests have left."""
        for region in REGIONS:
            nova = f"nova-{region}"
            for server in self.api("GET", nova, "/v2.1/servers")["servers"]:
                self.api.session.delete(self.api.url(nova, f"/v2.1/servers/{server['id']}"), timeout=60)
        # Those of the project only, though the user sees the public network too.
        mine = {"project_id": self.project_id}
        for address in self.api("GET", "neutron", "/v2.0/floatingips", params=mine)["floatingips"]:
            self.api("DELETE", "neutron", f"/v2.0/floatingips/{address['id']}")


@pytest.fixture(scope="session")
def place_of_bed() -> Path:
    """The directory of the test-bed."""
    return Path(os.environ.get("CLOUDMESH_TESTBED") or ROOT / ".openstack")


@pytest.fixture(scope="session")
def bed(place_of_bed: Path) -> dict[str, Any]:
    """The notes of the running test-bed."""
    try:
        notes = json.loads((place_of_bed / "run" / "bed.json").read_text(encoding="utf-8"))
        requests.get(f"http://127.0.0.1:{notes['ports']['keystone']}/v3", timeout=5)
    except (OSError, KeyError):
        if os.environ.get("CLOUDMESH_TESTBED_NEEDED"):
            pytest.fail("the test-bed is not up", pytrace=False)
        pytest.skip("needs a real OpenStack: make test-openstack")
    return notes


@pytest.fixture(scope="session")
def admin(bed: dict[str, Any]) -> Api:
    """The interfaces as the administrator."""
    return Api(bed, "admin", bed["passwords"]["admin"], "admin")


@pytest.fixture(scope="session")
def make_tenant(bed: dict[str, Any], admin: Api) -> Iterator[Any]:
    """Makes users with a project of their own, which are cleaned in the end."""
    made: list[Tenant] = []

    def make(*, connected: bool = False) -> Tenant:
        name, password = f"user-{secrets.token_hex(4)}", secrets.token_hex(12)
        wanted = {"name": name, "domain_id": "default"}
        project = admin("POST", "keystone", "/v3/projects", json={"project": wanted})["project"]
        user = admin("POST", "keystone", "/v3/users", json={"user": {**wanted, "password": password}})["user"]
        roles = {role["name"]: role["id"] for role in admin("GET", "keystone", "/v3/roles")["roles"]}
        grant = f"/v3/projects/{project['id']}/users/{user['id']}/roles/{roles['member']}"
        admin("PUT", "keystone", grant)
        made.append(Tenant(bed, admin, name, password, project["id"], user["id"]))
        if connected:
            _connect(made[-1].api)
        return made[-1]

    yield make
    for tenant in made:
        tenant.clean()


def _connect(api: Api) -> None:
    """Make a network for the project, with a router to the public one."""
    network = api("POST", "neutron", "/v2.0/networks", json={"network": {"name": "inside"}})["network"]
    wanted = {"network_id": network["id"], "ip_version": 4, "cidr": "10.9.0.0/24"}
    subnet = api("POST", "neutron", "/v2.0/subnets", json={"subnet": wanted})["subnet"]
    (public,) = api("GET", "neutron", "/v2.0/networks", params={"name": "public"})["networks"]
    gateway = {"name": "out", "external_gateway_info": {"network_id": public["id"]}}
    router = api("POST", "neutron", "/v2.0/routers", json={"router": gateway})["router"]
    path = f"/v2.0/routers/{router['id']}/add_router_interface"
    api("PUT", "neutron", path, json={"subnet_id": subnet["id"]})


@pytest.fixture(scope="session")
def tenant(make_tenant) -> Tenant:
    """The user of most tests, whose machines are on no network: that is quicker."""
    return make_tenant()


@pytest.fixture(scope="session")
def connected(make_tenant) -> Tenant:
    """A user whose project has a network that leads out."""
    return make_tenant(connected=True)


@pytest.fixture
def cloudmesh(monkeypatch, tmp_path) -> Path:
    """An empty cloudmesh directory, for providers in this process."""
    directory = tmp_path / "cloudmesh"
    monkeypatch.setenv("CLOUDMESH_CONFIG_DIR", str(directory))
    return directory


@pytest.fixture
def configure() -> Any:
    """Writes the configuration of a home: all these clouds are active, the first is the default."""

    def write(home: Any, **clouds: dict[str, Any]) -> None:
        home.configure(**clouds)
        data = {"cloudmesh": {"active": list(clouds), "default": list(clouds)[:1]}, "clouds": clouds}
        home.config.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")

    return write


@dataclass
class Counter:
    """A proxy for HTTP that remembers what was asked of whom.

    Attributes:
        url: its address, for ``http_proxy``.
        calls: method and path of each call.
    """

    url: str
    calls: list[str] = field(default_factory=list)

    def taken(self) -> list[str]:
        """The calls since the last look."""
        taken, self.calls[:] = list(self.calls), []
        return taken


def _handler(counter: Counter) -> type[BaseHTTPRequestHandler]:
    session = threading.local()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def relay(self) -> None:
            counter.calls.append(f"{self.command} /{self.path.split('/', 3)[3]}")
            if not hasattr(session, "own"):
                session.own = requests.Session()
                session.own.trust_env = False
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length) if length else None
            headers = {key: value for key, value in self.headers.items() if key.lower() not in _HOP}
            answer = session.own.request(
                self.command, self.path, data=body, headers=headers, timeout=120, allow_redirects=False
            )
            self.send_response(answer.status_code)
            for key, value in answer.headers.items():
                if key.lower() not in _HOP:
                    self.send_header(key, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_PUT = do_DELETE = relay  # noqa: N815 names of http.server

        def log_message(self, *words: object) -> None:
            pass

    return Handler


_HOP = {
    "connection",
    "proxy-connection",
    "content-length",
    "transfer-encoding",
    "content-encoding",
    "keep-alive",
}


@pytest.fixture(scope="session")
def _proxy() -> Iterator[Counter]:
    counter = Counter("")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(counter))
    server.daemon_threads = True
    counter.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield counter
    server.shutdown()
    server.server_close()


@pytest.fixture
def counter(_proxy: Counter, monkeypatch) -> Counter:
    """A proxy through which the calls of this test go, also those of this process."""
    for name in ("no_proxy", "NO_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", _proxy.url)
    _proxy.taken()
    return _proxy
