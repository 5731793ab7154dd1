"""Fills a test-bed through its own interfaces: accounts and endpoints, then flavors, images and networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import federation
import requests
from place import REGIONS, Bed, BedError
from settings import KEYSTONE

# Clients look in the catalog for the kind of a service and for its customary name.
KINDS = {"nova": "compute", "glance": "image", "neutron": "network", "placement": "placement"}
PATHS = {"nova": "/v2.1"}
INTERFACES = ("public", "internal", "admin")
# Name, virtual CPUs, memory in MiB, disk in GiB.
FLAVORS = [
    ("m1.tiny", 1, 512, 1),
    ("m1.small", 1, 2048, 20),
    ("m1.medium", 2, 4096, 40),
    ("m1.large", 4, 8192, 80),
]
# Name, and the smallest disk in GiB that it agrees to.
IMAGES = [("cirros-0.6", 1), ("debian-12", 1), ("ubuntu-24.04", 1), ("huge", 500)]


class Seed:
    """The administrator of a test-bed."""

    def __init__(self, bed: Bed) -> None:
        self._bed = bed
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["X-Auth-Token"] = self._sign_in()

    def _sign_in(self) -> str:
        user = {"name": "admin", "domain": {"id": "default"}, "password": self._bed.passwords["admin"]}
        scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
        identity = {"methods": ["password"], "password": {"user": user}}
        body = {"auth": {"identity": identity, "scope": scope}}
        answer = self._session.post(
            self._bed.url("keystone", f"{KEYSTONE}/auth/tokens"), json=body, timeout=60
        )
        if not answer.ok:
            raise BedError(f"the administrator cannot sign in: {answer.text}")
        return answer.headers["X-Subject-Token"]

    def _call(self, method: str, service: str, path: str, **options: Any) -> Any:
        answer = self._session.request(method, self._bed.url(service, path), timeout=120, **options)
        if not answer.ok:
            raise BedError(f"{method} {path} at {service}: {answer.status_code} {answer.text[:300]}")
        return answer.json() if answer.content else None

    def _ensure(self, service: str, path: str, key: str, **wanted: Any) -> dict[str, Any]:
        """The thing of this name (else id), made if it is not there."""
        mark = "name" if "name" in wanted else "id"
        for found in self._call("GET", service, path)[f"{key}s"]:
            if found[mark] == wanted[mark]:
                return found
        return self._call("POST", service, path, json={key: wanted})[key]

    def identity(self) -> None:
        """Regions, the accounts of the services, and the catalog."""
        for region in REGIONS:
            self._ensure("keystone", "/v3/regions", "region", id=region)
        roles = {role["name"]: role["id"] for role in self._call("GET", "keystone", "/v3/roles")["roles"]}
        project = self._ensure("keystone", "/v3/projects", "project", name="service", domain_id="default")
        for name, kind in KINDS.items():
            self._account(name, project["id"], roles)
            self._service(name, kind)
        keystone = self._ensure("keystone", "/v3/services", "service", name="keystone", type="identity")
        self._endpoints(keystone["id"], "keystone", KEYSTONE)

    def federation(self) -> None:
        """The identity provider that Keystone believes, and whom it makes of its users."""
        for path, body in federation.things(self._bed):
            self._call("PUT", "keystone", path, json=body)

    def _account(self, name: str, project: str, roles: dict[str, str]) -> None:
        """The user of a service."""
        password = self._bed.passwords["service"]
        user = self._ensure("keystone", "/v3/users", "user", name=name, password=password)
        for role in ("admin", "service"):
            self._call("PUT", "keystone", f"/v3/projects/{project}/users/{user['id']}/roles/{roles[role]}")

    def blazar(self) -> None:
        """Blazar's user, and its address, in the first region only."""
        roles = {role["name"]: role["id"] for role in self._call("GET", "keystone", "/v3/roles")["roles"]}
        project = self._ensure("keystone", "/v3/projects", "project", name="service", domain_id="default")
        self._account("blazar", project["id"], roles)
        service = self._ensure("keystone", "/v3/services", "service", name="blazar", type="reservation")
        self._endpoints(service["id"], "blazar", "/v1", REGIONS[:1])

    def leasable(self, hosts: Mapping[str, Mapping[str, str]]) -> None:
        """Give hosts to Blazar, each with properties of its own."""
        nova = f"nova-{REGIONS[0]}"
        self._ensure(nova, "/v2.1/os-aggregates", "aggregate", name="freepool")
        for name, properties in hosts.items():
            self._call("POST", "blazar", "/v1/os-hosts", json={"name": name, **properties})

    def _service(self, name: str, kind: str) -> None:
        service = self._ensure("keystone", "/v3/services", "service", name=name, type=kind)
        self._endpoints(service["id"], name, PATHS.get(name, ""))

    def _endpoints(self, service: str, name: str, path: str, regions: Sequence[str] = REGIONS) -> None:
        """An endpoint in each region for each interface; only Nova is another one in each region."""
        there = self._call("GET", "keystone", f"/v3/endpoints?service_id={service}")["endpoints"]
        have = {(each["region"], each["interface"]) for each in there}
        for region in regions:
            url = self._bed.url(f"nova-{region}" if name == "nova" else name, path)
            for interface in INTERFACES:
                if (region, interface) not in have:
                    wanted = {"service_id": service, "region_id": region, "interface": interface, "url": url}
                    self._call("POST", "keystone", "/v3/endpoints", json={"endpoint": wanted})

    def cloud(self) -> None:
        """Flavors, images, and a public network with addresses that no one routes (RFC 2544)."""
        for region in REGIONS:
            for number, (name, vcpus, ram, disk) in enumerate(FLAVORS, 1):
                size = {"vcpus": vcpus, "ram": ram, "disk": disk, "id": str(number)}
                self._ensure(f"nova-{region}", "/v2.1/flavors", "flavor", name=name, **size)
        have = {image["name"] for image in self._call("GET", "glance", "/v2/images")["images"]}
        for name, disk in IMAGES:
            if name not in have:
                self._image(name, disk)
        public = {"provider:network_type": "flat", "provider:physical_network": "public"}
        network = self._ensure(
            "neutron", "/v2.0/networks", "network", name="public", **{"router:external": True}, **public
        )
        subnet = {"network_id": network["id"], "ip_version": 4, "cidr": "198.18.0.0/16", "enable_dhcp": False}
        self._ensure("neutron", "/v2.0/subnets", "subnet", name="public", **subnet)

    def _image(self, name: str, disk: int) -> None:
        form = {"disk_format": "raw", "container_format": "bare", "visibility": "public"}
        image = self._call("POST", "glance", "/v2/images", json={"name": name, "min_disk": disk, **form})
        # The pretended hypervisor never looks inside.
        headers = {"Content-Type": "application/octet-stream"}
        self._call("PUT", "glance", f"/v2/images/{image['id']}/file", data=bytes(65536), headers=headers)

    def warm_up(self) -> None:
        """One request to each service: the first one sets up much, and its errors are not for a user."""
        for service, path in self._first_requests():
            self._call("GET", service, path)

    def _first_requests(self) -> Iterator[tuple[str, str]]:
        yield "neutron", "/v2.0/ports"
        yield "glance", "/v2/images"
        yield "placement", "/resource_providers"
        for region in REGIONS:
            yield f"nova-{region}", "/v2.1/servers/detail"
            yield f"nova-{region}", "/v2.1/os-hypervisors/detail"
