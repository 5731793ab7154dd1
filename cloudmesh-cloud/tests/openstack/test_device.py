"""The device flow: one visit with a browser, and what it gives is used until the provider refuses it."""

import json
import stat
import traceback
from urllib.parse import parse_qsl

import pytest

from cloudmesh.cloud.errors import BadAnswer, CredentialsError
from cloudmesh.cloud.providers.openstack import device
from cloudmesh.cloud.providers.openstack.provider import OpenStackProvider
from cloudmesh.cloud.providers.openstack.tokens import forget_tokens
from cloudmesh.config.secrets.prompt import RefusingPrompter

from .conftest import JSON, KEYSTONE, signed_in
from .test_ways import DISCOVERY, FEDERATED, IDP, OIDC, Typing

TOKENS = {"access_token": "access-1", "expires_in": 300, "refresh_token": "refresh-1"}
DEVICE = {
    "device_code": "device-secret",
    "user_code": "ABCD-EFGH",
    "verification_uri": f"{IDP}/visit",
    "verification_uri_complete": f"{IDP}/visit?code=ABCD-EFGH",
    "expires_in": 600,
    "interval": 3,
}


class Provider:
    """An identity provider: what it answers at its token endpoint, in turn, and what it was asked."""

    def __init__(self, requests_mock):
        self.mock, self.answers, self.asked, self.visits = requests_mock, [], [], []
        endpoints = {"token_endpoint": f"{IDP}/token", "device_authorization_endpoint": f"{IDP}/device"}
        requests_mock.get(DISCOVERY, json=endpoints, headers=JSON)
        requests_mock.post(f"{IDP}/device", json=self.visit, headers=JSON)
        requests_mock.post(f"{IDP}/token", json=self.answer, headers=JSON)
        requests_mock.post(FEDERATED, **signed_in())
        requests_mock.post(f"{KEYSTONE}/v3/auth/tokens", **signed_in())

    def visit(self, request, context):
        self.visits.append(dict(parse_qsl(request.text)))
        return DEVICE

    def answer(self, request, context):
        self.asked.append(dict(parse_qsl(request.text)))
        told = self.answers.pop(0) if self.answers else TOKENS
        context.status_code = 400 if "error" in told else 200
        return told


@pytest.fixture
def idp(requests_mock):
    return Provider(requests_mock)


@pytest.fixture
def slept(monkeypatch):
    """The seconds between two questions; nobody waits for them."""
    slept, now = [], [1000.0]

    def sleep(seconds):
        slept.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(device.time, "sleep", sleep)
    monkeypatch.setattr(device.time, "monotonic", lambda: now[0])
    return slept


@pytest.fixture
def cloud(home):
    """Makes a provider of a cloud whose account is one of the identity provider."""

    def make(name="uc", **changes):
        keys = {
            **OIDC,
            "OS_AUTH_URL": f"{KEYSTONE}/v3",
            "OS_AUTH_TYPE": "v3oidcdeviceauthz",
            "OS_PROJECT_ID": "p1",
        }
        return OpenStackProvider(name, {"credentials": {**keys, **changes}})

    return make


def error(kind):
    return {"error": kind, "error_description": f"because of {kind}"}


def kept(home):
    (file,) = (home / "tokens").glob("provider-*.json")
    return file


def test_a_visit_is_told_and_waited_for(idp, slept, cloud, home):
    idp.answers = [error("authorization_pending"), error("slow_down"), error("authorization_pending"), TOKENS]
    person = Typing()
    with cloud() as uc:
        uc.sign_in_with(person)
        assert uc.session.token().project_id == "p1"
    (sentence,) = person.shown
    assert f"visit {IDP}/visit and enter the code ABCD-EFGH, or just {IDP}/visit?code" in sentence
    assert slept == [3, 3, 8, 8], "as often as the provider says"
    assert {each["device_code"] for each in idp.asked} == {"device-secret"}
    assert stat.S_IMODE(kept(home).stat().st_mode) == 0o600
    elsewhere = [each for each in home.rglob("*") if each.is_file() and each != kept(home)]
    assert not any(
        b"refresh-1" in each.read_bytes() or b"access-1" in each.read_bytes() for each in elsewhere
    )


def test_one_visit_for_all_clouds_of_a_provider(idp, slept, cloud, home):
    person = Typing()
    for name, project in (("uc", "p1"), ("tacc", "p2")):
        with cloud(name, OS_PROJECT_ID=project) as each:
            each.sign_in_with(person)
    assert len(person.shown) == len(idp.visits) == len(idp.asked) == 1
    forget_tokens("uc")
    assert json.loads(kept(home).read_text())["clouds"] == ["tacc"]
    forget_tokens("tacc")
    assert not list((home / "tokens").glob("provider-*.json"))
    with cloud(OS_CLIENT_ID="another") as uc, pytest.raises(CredentialsError, match="visit with a browser"):
        uc.session.token()


def expire(home):
    """What is kept of Keystone is gone, and the access token has ended."""
    for each in (home / "tokens").glob("*.json"):
        if each != kept(home):
            each.unlink()
    told = json.loads(kept(home).read_text())
    kept(home).write_text(json.dumps({**told, "expires": 1.0}))


def test_it_is_renewed_without_a_visit(idp, slept, cloud, home):
    with cloud() as uc:
        uc.sign_in_with(Typing())
    expire(home)
    idp.answers = [{"access_token": "access-2", "expires_in": 300}]
    with cloud() as uc:
        assert uc.session.token()
    assert idp.asked[-1] == {"grant_type": "refresh_token", "refresh_token": "refresh-1", "client_id": "c1"}
    assert json.loads(kept(home).read_text())["refresh"] == "refresh-1", "it is good for more than once"
    assert len(idp.visits) == 1


def test_a_refused_refresh_token_costs_one_visit(idp, slept, cloud, home):
    with cloud() as uc:
        uc.sign_in_with(Typing())
    expire(home)
    idp.answers = [error("invalid_grant")]
    with cloud() as uc, pytest.raises(CredentialsError, match="visit with a browser.*cms cloud check uc"):
        uc.session.token()
    idp.answers, person = [error("invalid_grant")], Typing()
    with cloud() as uc:
        uc.sign_in_with(person)
    assert len(person.shown) == 1 and len(idp.visits) == 2


def test_an_access_token_that_keystone_refuses_is_renewed(idp, slept, cloud, home):
    with cloud() as uc:
        uc.sign_in_with(Typing())
    for each in (home / "tokens").glob("uc-*.json"):
        each.unlink()
    idp.mock.post(FEDERATED, [{"status_code": 401, "json": {}, "headers": JSON}, signed_in()])
    with cloud() as uc:
        assert uc.session.token()
    assert idp.asked[-1]["grant_type"] == "refresh_token" and len(idp.visits) == 1


@pytest.mark.parametrize(
    ("answers", "kind", "words"),
    [
        ([error("access_denied")], CredentialsError, "denied on the page"),
        ([error("authorization_pending"), error("expired_token")], CredentialsError, "has expired before"),
        ([error("authorization_pending")] * 300, CredentialsError, "has expired before"),
        ([{"odd": 1}], BadAnswer, "does not answer as an identity provider"),
        ([{**TOKENS, "expires_in": "device-secret"}], BadAnswer, "does not answer as an identity provider"),
    ],
)
def test_a_visit_that_leads_to_nothing(idp, slept, cloud, answers, kind, words):
    idp.answers = answers
    with cloud() as uc, pytest.raises(kind, match=words) as told:
        uc.sign_in_with(Typing())
    shown = "".join(traceback.format_exception(told.value))
    assert "device-secret" not in shown and sum(slept) < DEVICE["expires_in"]


def test_without_a_terminal_nothing_is_begun(idp, cloud):
    with (
        cloud() as uc,
        pytest.raises(CredentialsError, match="no terminal to tell it at; use cms cloud check"),
    ):
        uc.sign_in_with(RefusingPrompter())
    assert not idp.visits


@pytest.mark.parametrize("method", ["plain", "S256"])
def test_the_proof_of_who_began(idp, slept, cloud, method):
    with cloud(OS_CODE_CHALLENGE_METHOD=method) as uc:
        uc.sign_in_with(Typing())
    (visit,), (asked,) = idp.visits, idp.asked
    assert visit["code_challenge_method"] == method
    assert (visit["code_challenge"] == asked["code_verifier"]) is (method == "plain")
