"""Ways to sign in and scopes that need a real Keystone: passcodes, factors, trusts, domains, system."""

import base64
import datetime
import hashlib
import hmac
import os
import secrets
import struct
import time
from pathlib import Path

import pytest

from cloudmesh.cloud.errors import CredentialsError
from cloudmesh.cloud.providers.openstack import tokens
from cloudmesh.cloud.providers.openstack.provider import OpenStackProvider

from .conftest import ROOT, Api

pytestmark = pytest.mark.openstack
# As the settings of the bed's Keystone have it.
LOCKED_AFTER = 8
NO_PROJECT = {"OS_PROJECT_NAME": None, "OS_PROJECT_DOMAIN_ID": None}


def passcode(secret, now=None):
    """The passcode of an authenticator (RFC 6238)."""
    moment = struct.pack(">Q", int((time.time() if now is None else now) // 30))
    digest = hmac.new(secret, moment, hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at : at + 4])[0] & 0x7FFFFFFF) % 10**6:06}"


@pytest.fixture
def person(make_tenant):
    """A user with an authenticator, whose secret is given too."""
    tenant, secret = make_tenant(), secrets.token_bytes(20)
    blob = base64.b32encode(secret).decode()
    wanted = {"type": "totp", "blob": blob, "user_id": tenant.user_id}
    tenant.admin("POST", "keystone", "/v3/credentials", json={"credential": wanted})
    return tenant, secret


def role(admin, name):
    (found,) = admin("GET", "keystone", "/v3/roles", params={"name": name})["roles"]
    return found["id"]


def signed_in(tenant, **changes):
    with OpenStackProvider("bed", tenant.settings(**changes)) as provider:
        return provider.session.token()


def test_a_passcode_of_an_authenticator(cloudmesh, person):
    tenant, secret = person
    keys = {"OS_AUTH_TYPE": "v3totp", "OS_PASSCODE": passcode(secret), "OS_PASSWORD": None}
    assert signed_in(tenant, **keys).scope == f"project {tenant.name}"


def test_a_password_and_a_passcode_where_both_are_asked(home, person, configure):
    tenant, secret = person
    rules = {"multi_factor_auth_enabled": True, "multi_factor_auth_rules": [["password", "totp"]]}
    tenant.admin("PATCH", "keystone", f"/v3/users/{tenant.user_id}", json={"user": {"options": rules}})
    configure(home, bed=tenant.settings())
    refused = home.cms("cloud", "check", "bed", code=3)
    assert "multi-factor sign-in required (password and totp)" in refused.stdout + refused.stderr
    both = {"OS_AUTH_TYPE": "v3multifactor", "OS_AUTH_METHODS": "v3password,v3totp"}
    configure(home, bed=tenant.settings(**both, OS_PASSCODE="TBD"))
    refused = home.cms("cloud", "check", "bed", code=3)
    assert "takes a new passcode each time" in refused.stdout + refused.stderr
    configure(home, bed=tenant.settings(**both, OS_PASSCODE=passcode(secret)))
    told = home.cms("cloud", "check", "bed").stdout
    assert f"signed in to project {tenant.name} as {tenant.name}" in told


@pytest.mark.parametrize("version", ["", "/v3"])
def test_a_first_sign_in_makes_no_more_calls_than_the_usual_client(
    home, make_tenant, configure, counter, version
):
    tenant = make_tenant()
    client = Path(os.environ.get("CLOUDMESH_TESTBED") or ROOT / ".openstack") / "venv/bin/openstack"
    keys = tenant.credentials(OS_AUTH_URL=tenant.admin.url("keystone", version), OS_IDENTITY_API_VERSION="3")
    home.extra["http_proxy"] = counter.url
    home.run(client, "token", "issue", **keys)
    theirs = counter.taken()
    configure(home, bed={"type": "openstack", "credentials": keys})
    home.cms("vm", "list", "--refresh")
    ours = [call for call in counter.taken() if not call.startswith("GET /v2.1/servers")]
    assert len(ours) <= 1.1 * len(theirs), (ours, theirs)
    home.cms("vm", "list", "--refresh")
    (listed,) = counter.taken()
    assert listed.startswith("GET /v2.1/servers/detail")


def test_a_trust(cloudmesh, make_tenant):
    """Somebody works in another's project, as that one allows; the token says so."""
    giver, taker = make_tenant(), make_tenant()
    wanted = {
        "trustor_user_id": giver.user_id,
        "trustee_user_id": taker.user_id,
        "project_id": giver.project_id,
        "impersonation": False,
        "roles": [{"name": "member"}],
    }
    trust = giver.api("POST", "keystone", "/v3/OS-TRUST/trusts", json={"trust": wanted})["trust"]
    token = signed_in(taker, **NO_PROJECT, OS_TRUST_ID=trust["id"])
    assert (token.project_id, token.user_id) == (giver.project_id, taker.user_id)
    assert token.scope == f"project {giver.name} by a trust"


@pytest.mark.parametrize(
    ("keys", "path", "told"),
    [
        ({"OS_DOMAIN_ID": "default"}, "domains/default", "domain Default"),
        ({"OS_DOMAIN_NAME": "Default"}, "domains/default", "domain Default"),
        ({"OS_SYSTEM_SCOPE": "all"}, "system", "the system"),
    ],
)
def test_other_scopes_than_a_project(cloudmesh, make_tenant, admin, monkeypatch, keys, path, told):
    # What was refused is asked again at once.
    monkeypatch.setattr(tokens, "_REFUSED_SECONDS", 0.0)
    tenant = make_tenant()
    with pytest.raises(CredentialsError):
        signed_in(tenant, **NO_PROJECT, **keys)
    admin("PUT", "keystone", f"/v3/{path}/users/{tenant.user_id}/roles/{role(admin, 'reader')}")
    token = signed_in(tenant, **NO_PROJECT, **keys)
    assert (token.scope, token.project_id) == (told, "")


def test_a_renamed_project_keeps_working_by_its_id(home, make_tenant, configure, admin):
    tenant = make_tenant()
    configure(home, bed=tenant.settings(OS_PROJECT_ID=tenant.project_id))
    new = {"name": f"{tenant.name}-new"}
    admin("PATCH", "keystone", f"/v3/projects/{tenant.project_id}", json={"project": new})
    assert f"signed in to project {new['name']} as {tenant.name}" in home.cms("cloud", "check", "bed").stdout


@pytest.mark.parametrize("end", ["disabled", "password", "locked"])
def test_an_account_that_has_ended(home, make_tenant, configure, counter, end):
    """Why, if Keystone says so; and the password is sent once."""
    tenant, why = make_tenant(), "or the account is locked"
    path = f"/v3/users/{tenant.user_id}"
    if end == "disabled":
        tenant.admin("PATCH", "keystone", path, json={"user": {"enabled": False}})
    elif end == "password":
        tenant.admin("PATCH", "keystone", path, json={"user": {"password": secrets.token_hex(8)}})
    else:
        for _ in range(LOCKED_AFTER):
            with pytest.raises(AssertionError):
                Api(tenant.bed, tenant.name, "wrong", tenant.name)
    configure(home, bed=tenant.settings())
    home.extra["http_proxy"] = counter.url
    counter.taken()
    ended = home.cms("vm", "list", "--refresh", code=3)
    assert ended.stderr.count("rejected user") == 1 and why in ended.stderr
    assert tenant.password not in ended.stdout + ended.stderr
    assert counter.taken() == ["POST /v3/auth/tokens"]
    again = {
        "enabled": True,
        "password": tenant.password,
        "options": {"ignore_lockout_failure_attempts": True},
    }
    tenant.admin("PATCH", "keystone", path, json={"user": again})
    # A token of the same second is taken for one of before.
    time.sleep(1.2)
    tenant.api = Api(tenant.bed, tenant.name, tenant.password, tenant.name)


def test_an_expired_application_credential_says_so_once(home, make_tenant, configure):
    tenant = make_tenant()
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=1)
    wanted = {"name": "short", "expires_at": soon.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
    made = tenant.api(
        "POST",
        "keystone",
        f"/v3/users/{tenant.user_id}/application_credentials",
        json={"application_credential": wanted},
    )["application_credential"]
    time.sleep(1.5)
    keys = {"OS_APPLICATION_CREDENTIAL_ID": made["id"], "OS_APPLICATION_CREDENTIAL_SECRET": made["secret"]}
    configure(home, bed=tenant.settings(**keys, OS_PASSWORD=None, OS_AUTH_TYPE="v3applicationcredential"))
    ended = home.cms("vm", "list", "--refresh", code=3)
    assert ended.stderr.count("expired") == 1 and made["secret"] not in ended.stderr
    assert "create a new one" in ended.stderr
