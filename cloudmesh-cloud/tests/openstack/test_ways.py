"""What each way to sign in sends, and what a refusal of it says."""

import base64
import json
import subprocess
import sys
from importlib.metadata import entry_points
from urllib.parse import parse_qsl

import pytest

from cloudmesh.cloud.errors import CredentialsError, EndpointError
from cloudmesh.cloud.provider.questions import following
from cloudmesh.cloud.providers.openstack.provider import OpenStackProvider
from cloudmesh.config.check import auth_types
from cloudmesh.config.secrets.prompt import RefusingPrompter
from cloudmesh.plugin.errors import CloudmeshError, ConfigError
from cloudmesh.plugin.report import mask_known

from .conftest import JSON, KEYSTONE, TOKEN, signed_in

IDP = "https://idp.test"
DISCOVERY = f"{IDP}/.well-known/openid-configuration"
FEDERATED = f"{KEYSTONE}/v3/OS-FEDERATION/identity_providers/idp/protocols/openid/auth"
OIDC = {
    "OS_IDENTITY_PROVIDER": "idp",
    "OS_PROTOCOL": "openid",
    "OS_CLIENT_ID": "c1",
    "OS_DISCOVERY_ENDPOINT": DISCOVERY,
}
GREGOR = {"name": "gregor", "domain": {"id": "default"}}


class Typing(RefusingPrompter):
    """A person at a terminal, who types the next answer; what was asked and shown is kept."""

    def __init__(self, *answers):
        super().__init__()
        self.answers, self.shown = list(answers), []

    def _read(self, question, hidden):
        self.shown.append((question, hidden))
        return self.answers.pop(0) if self.answers else None

    def _show(self, sentence):
        if sentence:
            self.shown.append(sentence)
        return True


def sent_to_keystone(requests_mock):
    (call,) = [each for each in requests_mock.request_history if each.path.endswith("/auth/tokens")]
    return json.loads(call.text)["auth"]


@pytest.mark.parametrize(
    ("changes", "identity"),
    [
        (
            {"OS_AUTH_TYPE": "v3password"},
            {"methods": ["password"], "password": {"user": {"password": "beep-secret", **GREGOR}}},
        ),
        (
            {"OS_AUTH_TYPE": "v3token", "OS_TOKEN": "t9"},
            {"methods": ["token"], "token": {"id": "t9"}},
        ),
        (
            {"OS_AUTH_TYPE": "totp", "OS_PASSCODE": "123456"},
            {"methods": ["totp"], "totp": {"user": {"passcode": "123456", **GREGOR}}},
        ),
        (
            {"OS_AUTH_TYPE": "v3multifactor", "OS_AUTH_METHODS": "password,v3totp", "OS_PASSCODE": "123456"},
            {
                "methods": ["password", "totp"],
                "password": {"user": {"password": "beep-secret", **GREGOR}},
                "totp": {"user": {"passcode": "123456", **GREGOR}},
            },
        ),
        (
            {
                "OS_AUTH_TYPE": "v3applicationcredential",
                "OS_APPLICATION_CREDENTIAL_NAME": "laptop",
                "OS_APPLICATION_CREDENTIAL_SECRET": "s1",
            },
            {
                "methods": ["application_credential"],
                "application_credential": {"name": "laptop", "secret": "s1", "user": GREGOR},
            },
        ),
    ],
    ids=["password", "token", "totp", "multifactor", "application"],
)
def test_what_proves_who_we_are(keystone, provider, requests_mock, changes, identity):
    with provider(**changes) as uc:
        assert uc.session.token().project_id == "p1"
    auth = sent_to_keystone(requests_mock)
    assert auth["identity"] == identity
    applied = "application_credential" in identity
    assert auth.get("scope") == (
        None if applied else {"project": {"name": "p1", "domain": {"id": "default"}}}
    )


@pytest.mark.parametrize(
    ("changes", "scope"),
    [
        ({"OS_PROJECT_ID": "i1"}, {"project": {"id": "i1"}}),
        ({"OS_PROJECT_NAME": "", "OS_DOMAIN_NAME": "D"}, {"domain": {"name": "D"}}),
        ({"OS_PROJECT_NAME": "", "OS_SYSTEM_SCOPE": "all"}, {"system": {"all": True}}),
        ({"OS_PROJECT_NAME": "", "OS_TRUST_ID": "x1"}, {"OS-TRUST:trust": {"id": "x1"}}),
    ],
)
def test_where_we_work(keystone, provider, requests_mock, changes, scope):
    with provider(**changes) as uc:
        uc.session.token()
    assert sent_to_keystone(requests_mock)["scope"] == scope


@pytest.mark.parametrize(
    ("href", "used"),
    [
        (f"{KEYSTONE}/v3/", f"{KEYSTONE}/v3"),
        ("http://elsewhere.test/other/v3", "https://keystone.test/other/v3"),
        (None, f"{KEYSTONE}/v3"),
    ],
)
def test_an_address_without_a_version_is_asked_for_it(provider, requests_mock, href, used):
    """A password goes to the host that was given only, and encrypted, whatever is told there."""
    links = [{"id": "v3.14", "links": [{"rel": "self", "href": href}]}] if href else []
    requests_mock.get(f"{KEYSTONE}/", status_code=300, json={"versions": {"values": links}}, headers=JSON)
    requests_mock.post(f"{used}/auth/tokens", **signed_in())
    with provider(OS_AUTH_URL=KEYSTONE) as uc:
        uc.session.token()
    assert [each.url for each in requests_mock.request_history] == [f"{KEYSTONE}/", f"{used}/auth/tokens"]


@pytest.fixture
def provider_of_identity(requests_mock):
    """An identity provider, and a Keystone that trusts it."""
    told = {
        "token_endpoint": f"{IDP}/token",
        "device_authorization_endpoint": f"{IDP}/device",
        "issuer": IDP,
    }
    requests_mock.get(DISCOVERY, json=told, headers=JSON)
    requests_mock.post(f"{IDP}/token", json={"access_token": "a1", "expires_in": 300}, headers=JSON)
    requests_mock.post(FEDERATED, **signed_in())
    requests_mock.post(f"{KEYSTONE}/v3/auth/tokens", **signed_in())
    return requests_mock


def form(requests_mock, path, host="idp.test"):
    return [
        dict(parse_qsl(each.text))
        for each in requests_mock.request_history
        if each.path == path and each.hostname == host
    ]


@pytest.mark.parametrize(
    ("changes", "asked"),
    [
        (
            {"OS_AUTH_TYPE": "v3oidcpassword"},
            {"grant_type": "password", "username": "gregor", "password": "beep-secret", "client_id": "c1"},
        ),
        (
            {"OS_AUTH_TYPE": "v3oidcclientcredentials", "OS_CLIENT_SECRET": "cs"},
            {"grant_type": "client_credentials"},
        ),
        (
            {"OS_AUTH_TYPE": "v3oidcauthcode", "OS_CODE": "code1", "OS_REDIRECT_URI": "https://x.test"},
            {"grant_type": "authorization_code", "code": "code1", "redirect_uri": "https://x.test"},
        ),
        ({"OS_AUTH_TYPE": "v3oidcaccesstoken", "OS_ACCESS_TOKEN": "a1"}, None),
    ],
    ids=["password", "client", "code", "token"],
)
def test_by_an_identity_provider(provider_of_identity, provider, changes, asked):
    with provider(**OIDC, **changes, OS_OPENID_SCOPE="openid email") as uc:
        uc.session.token()
    told = form(provider_of_identity, "/token")
    assert [each.items() >= asked.items() for each in told] == ([True] if asked else [])
    if "OS_CLIENT_SECRET" in changes:
        assert provider_of_identity.request_history[1].headers["Authorization"].startswith("Basic ")
    (federated,) = [each for each in provider_of_identity.request_history if each.url == FEDERATED]
    assert federated.headers["Authorization"] == "Bearer a1"
    assert sent_to_keystone(provider_of_identity)["scope"]["project"]["name"] == "p1"


@pytest.mark.parametrize(
    ("status", "told", "words"),
    [
        (401, {"error": "invalid_grant", "error_description": "No user beep-secret"}, "No user "),
        (400, {"error": "invalid_grant"}, r"idp.test rejected user gregor \(invalid_grant\)"),
        (401, {"error": "invalid_client"}, "rejected the client .*OS_CLIENT_ID or OS_CLIENT_SECRET"),
    ],
)
def test_an_identity_provider_says_why_once(provider_of_identity, provider, status, told, words):
    provider_of_identity.post(f"{IDP}/token", status_code=status, json=told, headers=JSON)
    with provider(**OIDC, OS_AUTH_TYPE="v3oidcpassword") as uc:
        for _ in range(2):
            with pytest.raises(CredentialsError, match=words) as error:
                uc.session.token()
            assert "beep-secret" not in str(error.value)
    assert len(form(provider_of_identity, "/token")) == 1, "a password is sent once"


@pytest.mark.parametrize(
    ("method", "url", "status", "words"),
    [
        ("GET", DISCOVERY, 404, "correct clouds.uc.credentials.OS_DISCOVERY_ENDPOINT"),
        ("POST", FEDERATED, 404, "OS_IDENTITY_PROVIDER or OS_PROTOCOL"),
        ("POST", FEDERATED, 401, "did not accept the token of the identity provider"),
        ("POST", f"{KEYSTONE}/v3/auth/tokens", 401, "in project p1: no such project.*or no role there"),
        ("POST", f"{IDP}/token", 503, "HTTP 503"),
    ],
)
def test_what_is_wrong_on_the_way_is_named(provider_of_identity, provider, method, url, status, words):
    provider_of_identity.register_uri(method, url, status_code=status, json={}, headers=JSON)
    with provider(**OIDC, OS_AUTH_TYPE="v3oidcpassword") as uc, pytest.raises(CloudmeshError, match=words):
        uc.session.token()


@pytest.mark.parametrize("status", [400, 401, 500])
@pytest.mark.parametrize("url", [f"{IDP}/token", FEDERATED, f"{KEYSTONE}/v3/auth/tokens"])
def test_what_a_server_repeats_of_a_sign_in_is_hidden(provider_of_identity, provider, url, status):
    said = []

    def repeat(request, context):
        context.status_code, proof = status, request.headers.get("Authorization", "")
        said.append(f"{proof} {request.text}")
        return {"error": {"message": said[-1]}} if url.startswith(KEYSTONE) else {"error": said[-1]}

    provider_of_identity.post(f"{IDP}/token", json={"access_token": "access-token-1"}, headers=JSON)
    provider_of_identity.post(url, json=repeat, headers=JSON)
    changes = {"OS_AUTH_TYPE": "v3oidcpassword", "OS_CLIENT_SECRET": "client-secret"}
    with provider(**OIDC, **changes) as uc, pytest.raises(CloudmeshError) as caught:
        uc.session.token()
    client = base64.b64encode(b"c1:client-secret").decode()
    secrets = ["beep-secret", client, "access-token-1", TOKEN]
    assert any(each in said[0] for each in secrets), "it was sent"
    assert "***" in str(caught.value) and not any(each in str(caught.value) for each in secrets)


def test_nothing_is_sent_where_it_is_not_encrypted(provider_of_identity, provider):
    provider_of_identity.get(DISCOVERY, json={"token_endpoint": "http://idp.test/token"}, headers=JSON)
    told = "http://idp.test, which is not encrypted"
    with provider(**OIDC, OS_AUTH_TYPE="v3oidcpassword") as uc, pytest.raises(EndpointError, match=told):
        uc.session.token()
    assert not form(provider_of_identity, "/token")


def test_a_passcode_is_asked_for_at_each_sign_in_and_never_kept(keystone, provider, requests_mock, home):
    changes = {"OS_AUTH_TYPE": "v3totp", "OS_PASSCODE": "TBD"}
    person = Typing("111111", "222222")
    with provider(**changes) as uc, pytest.raises(CredentialsError, match="a new passcode each time"):
        uc.session.token()
    with provider(**changes) as uc:
        uc.sign_in_with(person)
        uc.sign_in_with(person)
    assert person.shown == [("cloud uc: passcode: ", True)], "a kept token needs none"
    assert mask_known(f"111111 and {TOKEN}") == "*** and ***", "nor does a traceback show it"
    assert sent_to_keystone(requests_mock)["identity"]["totp"]["user"]["passcode"] == "111111"
    assert not any(b"111111" in each.read_bytes() for each in home.rglob("*") if each.is_file())


def test_a_browser_of_this_machine_is_opened_for_a_person_only(provider_of_identity, provider, monkeypatch):
    """The page is told at the terminal, and what comes back within the time is taken."""
    monkeypatch.setattr("webbrowser.open", lambda *words, **named: False)
    keys = {"OS_AUTH_TYPE": "v3websso", "OS_REDIRECT_PORT": "0", "OS_LOGIN_TIMEOUT": "0.2", **OIDC}
    with provider(**keys) as uc, pytest.raises(CredentialsError, match="no terminal to tell it at"):
        uc.sign_in_with(RefusingPrompter())
    person = Typing()
    with provider(**keys) as uc, pytest.raises(CloudmeshError, match="cloud uc"):
        uc.sign_in_with(person)
    assert "identity_providers/idp/protocols/openid/websso?origin=http" in person.shown[0]


@pytest.mark.parametrize(
    ("way", "package"),
    [
        ("v3kerberos", "kerberos"),
        ("v3oauth1", "oauth1"),
        ("v3samlpassword", "saml2"),
        ("v3adfspassword", "saml2"),
    ],
)
def test_the_package_that_a_way_needs_is_named(keystone, provider, way, package):
    needs = auth_types.named(way).needs
    keys = {key: "https://x.test" for key, *_ in needs if key not in ("OS_PROJECT_NAME", "OS_USERNAME")}
    wanted = f"pip install 'keystoneauth1.{package}.'"
    with provider(OS_AUTH_TYPE=way, **keys) as uc, pytest.raises(ConfigError, match=wanted):
        uc.session.token()


def test_the_table_knows_all_that_keystoneauth1_does():
    """No way is missing in it, and no option of one."""
    points = {each.name: each for each in entry_points(group="keystoneauth1.plugin")}
    assert {name for name in points if not auth_types.named(name)} == set()
    for way in auth_types.TYPES:
        point = points.get(way.name)
        if not way.refused and not way.extra:
            for option in point.load()().get_options():
                names = (option.name, option.dest, *(each.name for each in option.deprecated))
                keys = [f"OS_{each.upper().replace('-', '_')}" for each in names]
                assert any(map(way.knows, keys)), (way.name, keys)


@pytest.mark.parametrize(
    ("service", "override"),
    [("COMPUTE", "https://other.test/nova/v2.1"), ("IMAGE", "https://other.test/glance/v2")],
)
def test_an_address_in_place_of_the_catalogs(keystone, provider, service, override):
    with provider(**{f"OS_{service}_ENDPOINT_OVERRIDE": override}) as uc:
        assert uc.session.endpoint(service.lower()) == override.removesuffix("/v2")
        assert uc.session.endpoint("network") == "https://neutron.test"


def test_a_kept_token_needs_no_keystoneauth1(keystone, provider, home):
    with provider() as uc:
        uc.session.token()
        settings = uc.settings
    program = (
        "import sys\nfrom cloudmesh.cloud.providers.openstack.provider import OpenStackProvider\n"
        f"with OpenStackProvider('uc', {settings!r}) as uc:\n"
        "    assert uc.session.token().text and uc.session.endpoint('compute')\n"
        "assert not [name for name in sys.modules if name.startswith(('keystoneauth1', 'stevedore'))]\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(
    ("way", "asked"),
    [
        (
            "password",
            "USERNAME PASSWORD PROJECT_NAME USER_DOMAIN_NAME PROJECT_DOMAIN_NAME REGION_NAME",
        ),
        ("v3applicationcredential", "APPLICATION_CREDENTIAL_ID APPLICATION_CREDENTIAL_SECRET REGION_NAME"),
        (
            "v3oidcpassword",
            "IDENTITY_PROVIDER PROTOCOL CLIENT_ID CLIENT_SECRET DISCOVERY_ENDPOINT USERNAME PASSWORD "
            "PROJECT_NAME PROJECT_DOMAIN_NAME REGION_NAME",
        ),
        (
            "v3oidcdeviceauthz",
            "IDENTITY_PROVIDER PROTOCOL CLIENT_ID CLIENT_SECRET DISCOVERY_ENDPOINT PROJECT_NAME "
            "PROJECT_DOMAIN_NAME REGION_NAME",
        ),
        ("v3totp", "USERNAME PASSCODE PROJECT_NAME USER_DOMAIN_NAME PROJECT_DOMAIN_NAME REGION_NAME"),
        ("v3token", "TOKEN PROJECT_NAME PROJECT_DOMAIN_NAME REGION_NAME"),
    ],
)
def test_what_is_asked_for_a_new_cloud(way, asked):
    """Each question follows from the answers before it; with all of them the cloud is complete."""
    credentials, questions = {}, []
    answers = {"OS_AUTH_URL": f"{KEYSTONE}/v3", "OS_AUTH_TYPE": way}
    while question := following(
        "openstack", OpenStackProvider, {"credentials": credentials}, frozenset(questions)
    ):
        questions.append(question.key)
        key = question.key.removeprefix("credentials.")
        credentials[key] = answers.get(key) or question.default or "https://x.test"
    assert " ".join(each.removeprefix("credentials.OS_") for each in questions[2:]) == asked
    with OpenStackProvider("uc", {"credentials": credentials}) as made:
        assert made.account.way.name == auth_types.named(way).name
