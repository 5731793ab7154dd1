"""What can go wrong with a real OpenStack, provoked, as its user reads it."""

import datetime
import http.server
import socket
import ssl
import subprocess
import threading

import pytest

from cloudmesh.cloud.errors import (
    BadAnswer,
    CloudTimeout,
    CredentialsError,
    EndpointError,
    NotFound,
    TlsFailure,
    Unreachable,
)
from cloudmesh.cloud.providers.openstack.provider import OpenStackProvider

pytestmark = pytest.mark.openstack


@pytest.fixture(scope="module")
def tenant(make_tenant):
    """A user of one's own, who has no machines."""
    return make_tenant()


@pytest.fixture
def attempt(tenant, cloudmesh):
    """Signs in with changed credentials and lists; the error is the test's."""

    def make(timeout=None, **changes):
        settings = tenant.settings(**changes)
        if timeout:
            settings["timeout"] = timeout
        with OpenStackProvider("bed", settings) as provider:
            return list(provider.machines())

    return make


@pytest.fixture
def application(tenant):
    """Makes an application credential, as the user; its keys for the configuration."""

    def make(name, **more):
        wanted = {"name": name, **more}
        path = f"/v3/users/{tenant.user_id}/application_credentials"
        made = tenant.api("POST", "keystone", path, json={"application_credential": wanted})
        return made["application_credential"]

    return make


WITHOUT_PASSWORD = dict.fromkeys(("OS_USERNAME", "OS_PASSWORD", "OS_PROJECT_NAME", "OS_USER_DOMAIN_ID"))


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"OS_USERNAME": "nobody"}, CredentialsError, "rejected user nobody"),
        ({"OS_USER_DOMAIN_ID": "nowhere"}, CredentialsError, "domain"),
        ({"OS_PROJECT_NAME": "nowhere"}, CredentialsError, "in project nowhere"),
        ({"OS_REGION_NAME": "RegionOen"}, EndpointError, "no region 'RegionOen'.*did you mean 'RegionOne'"),
        ({"OS_REGION_NAME": None}, EndpointError, "RegionOne, RegionTwo"),
        (
            {"OS_COMPUTE_API_VERSION": "2.999"},
            EndpointError,
            "2.999 is not supported .* correct clouds.bed.credentials.OS_COMPUTE_API_VERSION",
        ),
        (
            {"OS_AUTH_URL": "http://keystone.invalid:5000/v3"},
            Unreachable,
            "host name of keystone.invalid.* not found",
        ),
    ],
)
def test_a_wrong_value_is_named(attempt, changes, kind, words):
    with pytest.raises(kind, match=words):
        attempt(**changes)


def test_an_account_that_needs_more_than_a_password(home, make_tenant, configure, counter):
    tenant = make_tenant()
    rules = {"multi_factor_auth_enabled": True, "multi_factor_auth_rules": [["password", "totp"]]}
    path = f"/v3/users/{tenant.user_id}"
    tenant.admin("PATCH", "keystone", path, json={"user": {"options": rules}})
    configure(home, bed=tenant.settings())
    home.extra["http_proxy"] = counter.url
    ended = home.cms("vm", "list", "--refresh", code=3)
    assert "multi-factor sign-in required (password and totp); set" in ended.stderr
    assert counter.taken() == ["POST /v3/auth/tokens"], "many wrong passwords lock accounts"


@pytest.mark.parametrize("by_name", [False, True])
def test_an_application_credential_signs_in(attempt, application, tenant, by_name):
    made = application(f"good-{by_name}")
    secret = {"OS_APPLICATION_CREDENTIAL_SECRET": made["secret"]}
    if by_name:
        keys = {"OS_APPLICATION_CREDENTIAL_NAME": made["name"], "OS_PASSWORD": None, "OS_PROJECT_NAME": None}
    else:
        keys = {"OS_APPLICATION_CREDENTIAL_ID": made["id"], **WITHOUT_PASSWORD}
    assert attempt(**keys, **secret, OS_AUTH_TYPE="v3applicationcredential") == []


def test_an_expired_application_credential(attempt, application):
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=1)
    made = application("short", expires_at=soon.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
    threading.Event().wait(1.5)
    keys = {"OS_APPLICATION_CREDENTIAL_ID": made["id"], "OS_APPLICATION_CREDENTIAL_SECRET": made["secret"]}
    with pytest.raises(CredentialsError, match="wrong, deleted or expired") as told:
        attempt(**keys, **WITHOUT_PASSWORD)
    assert made["secret"] not in str(told.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"OS_USER_DOMAIN_ID": None, "OS_USER_DOMAIN_NAME": "Default"},
        {"OS_PROJECT_DOMAIN_ID": None, "OS_PROJECT_DOMAIN_NAME": "Default"},
        {"OS_USER_DOMAIN_ID": None, "OS_PROJECT_DOMAIN_ID": None},
        {"OS_INTERFACE": "internal"},
        {"OS_ENDPOINT_TYPE": "publicURL"},
        {"OS_COMPUTE_API_VERSION": "2.79"},
        {"OS_COMPUTE_API_VERSION": "2"},
    ],
    ids=",".join,
)
def test_other_ways_to_say_it(attempt, changes):
    assert attempt(**changes) == []


def test_the_keys_of_older_files(attempt, tenant):
    """The name of the project also stands where its id belongs."""
    changes = {"OS_TENANT_NAME": tenant.name, "OS_TENANT_ID": tenant.name, "OS_VERSION": "liberty"}
    assert attempt(**changes) == []
    assert attempt(OS_PROJECT_NAME=None, OS_PROJECT_ID=tenant.project_id) == []
    assert attempt(OS_AUTH_URL=tenant.admin.url("keystone")) == []


def test_a_machine_that_is_not_there(attempt, tenant, cloudmesh):
    with OpenStackProvider("bed", tenant.settings()) as provider, pytest.raises(NotFound):
        provider.machine("00000000-0000-0000-0000-000000000000")


def test_connection_refused_and_no_answer_in_time(attempt):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        with pytest.raises(Unreachable, match=f"connection to 127.0.0.1:{port} refused"):
            attempt(OS_AUTH_URL=f"http://127.0.0.1:{port}/v3")
        silent.listen()
        with pytest.raises(CloudTimeout, match="timeout waiting for an answer"):
            attempt(timeout=0.5, OS_AUTH_URL=f"http://127.0.0.1:{port}/v3")


@pytest.fixture
def tls_url(certificate):
    """A server with TLS that answers every call with nothing of worth; its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *words):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_port}/v3"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that nobody vouches for, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    files = folder / "cert.pem", folder / "key.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *subject]
    subprocess.run([*words, "-out", files[0], "-keyout", files[1]], check=True, capture_output=True)
    return files


def test_a_certificate_that_nobody_vouches_for(attempt, tls_url):
    with pytest.raises(TlsFailure, match="certificate of 127.0.0.1"):
        attempt(OS_AUTH_URL=tls_url)


@pytest.mark.parametrize("way", ["OS_CACERT", "OS_INSECURE", "OS_VERIFY"])
def test_a_certificate_of_ones_own_or_none(attempt, tls_url, certificate, way):
    value = {"OS_CACERT": str(certificate[0]), "OS_INSECURE": "true", "OS_VERIFY": "false"}[way]
    with pytest.raises(BadAnswer, match="does not answer as Keystone"):
        attempt(OS_AUTH_URL=tls_url, **{way: value})


def test_tls_where_there_is_none(attempt, tenant):
    with pytest.raises(TlsFailure, match="does not speak TLS|TLS handshake"):
        attempt(OS_AUTH_URL=tenant.admin.url("keystone", "/v3").replace("http", "https"))


def test_the_user_reads_one_sentence_and_gets_the_code(home, tenant, configure):
    configure(home, bed=tenant.settings(OS_PASSWORD="a-wrong-one"))
    ended = home.cms("vm", "list", "--refresh", code=None)
    assert ended.returncode in (3, 4)
    assert f"rejected user {tenant.name} in project" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "a-wrong-one" not in ended.stdout + ended.stderr


def test_two_regions_in_one_command(home, tenant, configure, cloud_settings):
    clouds = {"one": tenant.settings("RegionOne"), "two": tenant.settings("RegionTwo")}
    configure(home, **clouds, local=cloud_settings())
    home.cms("vm", "boot", "one:web1", "two:web2", "local:web3", "--wait", code=None)
    home.cms("vm", "list", "--cloud=one,two,local", "--refresh")
    rows = home.json("vm", "list", "--cloud=one,two,local", "--refresh")
    states = {(row["cloud"], row["name"]): row["state"] for row in rows}
    assert states == {("one", "web1"): "active", ("two", "web2"): "active", ("local", "web3"): "active"}
    home.cms("vm", "stop", "web1,web2,web3", "--cloud=one,two,local", "--wait")
    home.cms("vm", "delete", "--all", "--cloud=one,two,local", "--yes", "--wait")
