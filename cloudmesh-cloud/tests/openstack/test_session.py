"""Signing in and finding the services, on the wire."""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from cloudmesh.cloud.errors import (
    BadAnswer,
    CredentialsError,
    EndpointError,
    RateLimited,
    Refused,
    ServerFailure,
)
from cloudmesh.plugin.errors import CloudmeshError

from .conftest import CATALOG, JSON, KEYSTONE, TOKEN, endpoint, signed_in


def test_services_are_found_whether_or_not_the_catalog_names_a_version(keystone, provider, requests_mock):
    requests_mock.get("https://nova.test/v2.1/p1/servers/detail", json={"servers": []}, headers=JSON)
    requests_mock.get("https://glance.test/v2/images", json={"images": []}, headers=JSON)
    requests_mock.get("https://neutron.test/v2.0/security-groups", json={"security_groups": []}, headers=JSON)
    with provider() as uc:
        assert list(uc.machines()) == uc.images() == uc.security_groups() == []
    sent = requests_mock.request_history
    assert [each.headers.get("X-Auth-Token") for each in sent] == [None, TOKEN, TOKEN, TOKEN]
    assert sent[1].headers["OpenStack-API-Version"] == "compute 2.47"


def test_a_token_that_a_service_repeats_is_not_shown(keystone, provider, requests_mock):
    told = {"badRequest": {"code": 400, "message": f"the token {TOKEN} is odd"}}
    requests_mock.get("https://nova.test/v2.1/p1/servers/s1", status_code=400, json=told, headers=JSON)
    with provider() as uc, pytest.raises(Refused, match="is odd") as error:
        uc.machine("s1")
    assert TOKEN not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"OS_REGION_NAME": "R2"}, "no region 'R2'.*known: R1"),
        ({"OS_INTERFACE": "admin"}, "no admin endpoint"),
    ],
)
def test_what_the_catalog_lacks(keystone, provider, changes, words):
    with provider(**changes) as uc, pytest.raises(EndpointError, match=words):
        list(uc.machines())


def test_a_service_that_is_not_there(keystone, provider):
    keystone(CATALOG[:1])
    with provider() as uc, pytest.raises(EndpointError, match="image service"):
        uc.images()


def test_a_catalog_that_was_kept_is_asked_for_anew_before_something_is_missing(
    keystone, provider, requests_mock
):
    requests_mock.get("https://glance.test/v2/images", json={"images": []}, headers=JSON)
    keystone([CATALOG[0], {**CATALOG[1], "endpoints": [endpoint(None)]}])
    with provider() as uc, pytest.raises(EndpointError, match="image service"):
        uc.images()
    keystone()
    with provider() as uc:
        assert uc.images() == []


NO_KEYSTONE = "keystone.test does not answer as Keystone"


@pytest.mark.parametrize(
    ("status", "answer", "kind", "words"),
    [
        (201, {"json": {"token": {}}, "headers": {"X-Subject-Token": "t"}}, BadAnswer, NO_KEYSTONE),
        (201, {"json": signed_in(CATALOG)["json"]}, BadAnswer, NO_KEYSTONE),
        (201, {"json": ["token"]}, BadAnswer, NO_KEYSTONE),
        (201, {"text": '{"token": {"expires_at":'}, BadAnswer, NO_KEYSTONE),
        (200, {"json": {"hello": "world"}}, BadAnswer, NO_KEYSTONE),
        (200, {"text": "<html>", "headers": {"Content-Type": "text/html"}}, BadAnswer, "a web page"),
        (429, {"json": {}, "headers": {"Retry-After": "7"}}, RateLimited, "in 7 seconds"),
        (500, {"json": {}}, ServerFailure, "uc: HTTP 500 from the identity service at sign-in"),
    ],
)
def test_who_is_no_keystone(provider, requests_mock, status, answer, kind, words):
    answer["headers"] = {**JSON, **answer.get("headers", {})}
    requests_mock.post(f"{KEYSTONE}/v3/auth/tokens", status_code=status, **answer)
    with provider() as uc, pytest.raises(kind, match=words):
        list(uc.machines())


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "show machine s1 failed: HTTP 400 from the compute service .no disk.$"),
        (403, "show machine s1 failed: permission denied: HTTP 403 from the compute service"),
        (404, "show machine s1 failed: not found: HTTP 404 from the compute service"),
        (429, "show machine s1 failed: rate limit exceeded: HTTP 429 from the compute service"),
        (500, "show machine s1 failed: HTTP 500 from the compute service"),
        (504, "show machine s1 failed: timeout: HTTP 504 from the compute service"),
    ],
)
def test_an_error_tells_what_failed_with_status_and_service(keystone, provider, requests_mock, status, words):
    told = {"error": {"code": status, "message": "no disk"}}
    requests_mock.get("https://nova.test/v2.1/p1/servers/s1", status_code=status, json=told, headers=JSON)
    with provider() as uc, pytest.raises(CloudmeshError, match=f"cloud uc: {words}"):
        uc.machine("s1")


@pytest.mark.parametrize("told", [{"no": "servers"}, {"servers": ["a"], "servers_links": 1}])
def test_who_is_no_nova(keystone, provider, requests_mock, told):
    requests_mock.get("https://nova.test/v2.1/p1/servers/detail", headers=JSON, json=told)
    with provider() as uc, pytest.raises(BadAnswer, match="unexpected answer"):
        list(uc.machines())


def test_a_token_that_is_refused_although_it_is_new_is_renewed_only_once(keystone, provider, requests_mock):
    told = {"error": {"code": 401, "message": "no"}}
    requests_mock.get("https://nova.test/v2.1/p1/servers/s1", status_code=401, json=told, headers=JSON)
    with (
        provider() as uc,
        pytest.raises(CredentialsError, match="the new token was rejected: HTTP 401"),
    ):
        uc.machine("s1")
    assert [each.method for each in requests_mock.request_history] == ["POST", "GET", "POST", "GET"]


USUAL = "The request you have made requires authentication."


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"error": {"code": 401, "message": USUAL}}, "in project p1: .*; correct"),
        (
            {"error": {"code": 401, "message": "The password beep-secret is expired for user: u1."}},
            r"user gregor \(The password \*+ is expired for user: u1\); ask its operators",
        ),
        (
            {"receipt": {"methods": ["password"]}, "required_auth_methods": [["password", "totp"]]},
            "multi-factor sign-in required .password and totp.; set .*OS_AUTH_TYPE=v3multifactor",
        ),
        ({}, "in project p1"),
    ],
)
def test_why_keystone_refuses_is_shown_and_a_password_sent_once(provider, requests_mock, told, words):
    requests_mock.post(f"{KEYSTONE}/v3/auth/tokens", status_code=401, json=told, headers=JSON)
    with provider() as uc:
        for _ in range(2):
            with pytest.raises(CredentialsError, match=words) as error:
                list(uc.machines())
            assert "beep-secret" not in str(error.value)
    assert requests_mock.call_count == 1


class Six(BaseHTTPRequestHandler):
    """A Keystone and a Nova at an address of IPv6."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        url = f"http://[::1]:{self.server.server_port}"
        told = signed_in([{"type": "compute", "endpoints": [endpoint(f"{url}/v2.1")]}])
        self.say(201, told["json"], {"X-Subject-Token": "t"})

    def do_GET(self):
        self.say(200, {"servers": []}, {})

    def say(self, status, body, headers):
        self.send_response(status)
        for name, value in {**JSON, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *words):
        pass


class Server6(HTTPServer):
    address_family = socket.AF_INET6


def test_addresses_of_ipv6_are_reached(provider):
    server = Server6(("::1", 0), Six)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with provider(OS_AUTH_URL=f"http://[::1]:{server.server_port}/v3") as uc:
        assert list(uc.machines()) == []
        assert uc.tracker.place == f"[::1]:{server.server_port}"
    server.shutdown()
    server.server_close()
