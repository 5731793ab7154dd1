"""Signing in by an identity provider, with the files that such a site hands out.

Keystone's second address is behind apache2 with mod_auth_openidc, the identity provider is oidc-provider.
"""

import html
import json
import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from urllib.parse import urljoin

import pexpect
import psutil
import pytest
import requests

pytestmark = pytest.mark.openstack

COMMON = """\
#!/usr/bin/env bash
export OS_AUTH_URL={keystone}
export OS_IDENTITY_API_VERSION=3
export OS_INTERFACE=public
export OS_PROJECT_ID="{project}"
export OS_USERNAME="{user}"
export OS_PROTOCOL="openid"
export OS_IDENTITY_PROVIDER="bed"
export OS_DISCOVERY_ENDPOINT="{provider}/.well-known/openid-configuration"
export OS_ACCESS_TOKEN_TYPE="access_token"
export OS_REGION_NAME="{region}"
"""
PASSWORD = """\
export OS_AUTH_TYPE="v3oidcpassword"
export OS_ACCESS_TOKEN_ENDPOINT="{provider}/token"
export OS_CLIENT_ID="none"
export OS_CLIENT_SECRET="none"
echo "($OS_USERNAME) Please enter your command line password: "
read -sr OS_PASSWORD_INPUT
export OS_PASSWORD=$OS_PASSWORD_INPUT
"""
DEVICE = """\
export OS_AUTH_TYPE="v3oidcdeviceauthz"
export OS_CLIENT_ID="public"
"""
VISIT = r"visit (\S+) and enter the code (\S+),"
BOOT = ("--image=cirros-0.6", "--flavor=m1.tiny", "--wait")


@dataclass
class Person:
    """Somebody whom the identity provider knows, with a project that is named the same."""

    bed: dict
    name: str
    password: str
    project: str

    def url(self, service):
        return f"http://127.0.0.1:{self.bed['ports'][service]}"

    def openrc(self, file, way, region="RegionOne"):
        """Write the file that the site's dashboard would hand out."""
        known = {"keystone": self.url("federation") + "/v3", "provider": self.url("openid")}
        text = (COMMON + way).format(**known, project=self.project, user=self.name, region=region)
        file.write_text(text, encoding="utf-8")

    def visit(self, address, code):
        """What a person does with a browser: enter the code, sign in, consent."""
        with requests.Session() as browser:
            browser.trust_env = False
            page = browser.get(address, timeout=30)
            while "Sign-in Success" not in page.text:
                assert page.ok, page.text
                action = html.unescape(re.search(r'<form [^>]*action="([^"]*)"', page.text)[1])
                fields = dict(re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', page.text))
                if 'name="password"' in page.text:
                    fields |= {"login": self.name, "password": self.password}
                elif 'name="user_code"' in page.text:
                    fields["user_code"] = code
                page = browser.post(urljoin(page.url, action), data=fields, timeout=30)


@pytest.fixture
def person(bed, admin):
    name = f"user-{secrets.token_hex(4)}"
    wanted = {"name": name, "domain_id": "default"}
    project = admin("POST", "keystone", "/v3/projects", json={"project": wanted})["project"]["id"]
    return Person(bed, name, bed["passwords"]["federated"], project)


@pytest.fixture
def user(home, person, counter):
    """A home without clouds yet, whose calls are counted; the machines that stay behind are deleted."""
    home.config.unlink()
    home.extra["http_proxy"] = counter.url
    yield home
    if home.config.exists():
        home.cms("vm", "delete", "--all", "--yes", "--wait", code=None)


@pytest.fixture
def one(user, person):
    """A user of one cloud, who has signed in with a browser."""
    add(user, person, DEVICE, "one")
    at_terminal(user, "cloud", "check", visitor=person)
    return user


def add(user, person, way, name, region="RegionOne"):
    person.openrc(user.path / f"{name}.sh", way, region)
    user.cms("config", "import", f"{name}.sh", f"--name={name}")


def at_terminal(user, *words, password="", visitor=None, code=0):
    """Run a command at a terminal, type the password, visit the page that it names; all that it said.

    A key pair that is offered is declined.
    """
    child = user.terminal(*words, CLOUDMESH_DEBUG="1")
    told = []
    while seen := child.expect([pexpect.EOF, "OS_PASSWORD: ", VISIT, re.escape("(yes, no, never) [yes]: ")]):
        told.append(child.before + child.after)
        if seen == 1:
            child.sendline(password)
            assert password not in " ".join(psutil.Process(child.pid).cmdline())
        elif seen == 3:
            child.sendline("no")
        else:
            visitor.visit(child.match[1], child.match[2])
    child.close()
    told = "".join([*told, child.before])
    assert child.exitstatus == code, told
    return told


def asked(counter):
    """How often a visit and how often a token was asked for since the last look."""
    calls = counter.taken()
    return calls.count("POST /device/auth"), calls.count("POST /token")


def grant(user, **changes):
    """What is kept of the identity provider; changes are written."""
    (file,) = (user.directory / "tokens").glob("provider-*.json")
    kept = {**json.loads(file.read_text()), **changes}
    if changes:
        file.write_text(json.dumps(kept))
    return kept


def forget_tokens(user):
    """Keystone's tokens end, and with them the access token of the identity provider."""
    for file in (user.directory / "tokens").glob("*.json"):
        if not file.name.startswith("provider-"):
            file.unlink()
    grant(user, expires=0.0)


def test_the_file_of_a_site_is_all_that_its_user_needs(user, person):
    add(user, person, PASSWORD, "uc")
    lines = (["cloud", "check"], ["vm", "boot", "vm1", *BOOT], ["vm", "list", "--refresh"])
    told = [at_terminal(user, *words, password=person.password) for words in lines]
    assert re.search(r"vm1 .* active", told[-1])
    told.append(at_terminal(user, "vm", "delete", "vm1", "--yes", "--wait", password=person.password))
    assert person.password not in "".join(told) and user.holding([person.password]) == []


def test_a_wrong_password_is_sent_once_and_told_once(user, person, counter):
    add(user, person, PASSWORD, "uc")
    counter.taken()
    told = at_terminal(user, "vm", "list", "--refresh", password="wrong-secret", code=3)
    assert len(re.findall("^cms vm: .*rejected user", told, re.MULTILINE)) == 1 and "wrong-secret" not in told
    assert asked(counter) == (0, 1) and user.holding(["wrong-secret"]) == []


@pytest.mark.parametrize("way", ["v3oidcclientcredentials", "v3oidcaccesstoken"])
def test_ways_without_a_person(user, bed, person, configure, way):
    client = {"OS_CLIENT_ID": "confidential", "OS_CLIENT_SECRET": bed["passwords"]["client"]}
    discovery = person.url("openid") + "/.well-known/openid-configuration"
    known = {"OS_DISCOVERY_ENDPOINT": discovery, "OS_PROJECT_NAME": "confidential", **client}
    if way == "v3oidcaccesstoken":
        form = {"grant_type": "password", "username": person.name, "password": person.password}
        answer = requests.post(person.url("openid") + "/token", form, auth=tuple(client.values()), timeout=30)
        known = {"OS_ACCESS_TOKEN": answer.json()["access_token"], "OS_PROJECT_NAME": person.name}
    common = {
        "OS_AUTH_URL": person.url("federation") + "/v3",
        "OS_AUTH_TYPE": way,
        "OS_IDENTITY_PROVIDER": "bed",
        "OS_PROTOCOL": "openid",
        "OS_PROJECT_DOMAIN_ID": "default",
        "OS_REGION_NAME": "RegionOne",
    }
    configure(user, uc={"type": "openstack", "credentials": {**common, **known}})
    user.cms("cloud", "check")
    assert user.json("vm", "list", "--refresh") == []


def test_a_visit_serves_all_clouds_of_the_identity_provider(user, person, counter):
    add(user, person, DEVICE, "one")
    add(user, person, DEVICE, "two", "RegionTwo")
    told = at_terminal(user, "cloud", "check", "one,two", visitor=person)
    assert asked(counter)[0] == 1 and len(re.findall(VISIT, told)) == 1
    assert not any(grant(user)[key] in told for key in ("access", "refresh"))
    user.cms("vm", "boot", "vm2", "--cloud=two", *BOOT)
    rows = user.json("vm", "list", "--cloud=one,two", "--refresh")
    assert [(row["cloud"], row["name"], row["state"]) for row in rows] == [("two", "vm2", "active")]
    user.cms("vm", "delete", "vm2", "--cloud=two", "--yes", "--wait")
    assert asked(counter) == (0, 0)


def test_renewing_needs_no_visit(one, counter):
    """However many need it at once: a refresh token of a public client can be used once only."""
    kept = grant(one)
    forget_tokens(one)
    counter.taken()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: one.cms("vm", "list", "--refresh"), range(4)))
    assert asked(counter) == (0, 1)
    new = grant(one)
    assert new["access"] != kept["access"] and new["refresh"] != kept["refresh"], "as public clients get"
    found = one.holding([each[key] for each in (kept, new) for key in ("access", "refresh")])
    assert len(found) == 1 and "provider-" in found[0]


def test_a_visit_by_somebody_who_may_not_is_not_kept(user, person):
    add(user, person, DEVICE, "one")
    somebody = replace(person, name=f"{person.name}-private")
    told = at_terminal(user, "vm", "list", "--refresh", visitor=somebody, code=3)
    assert "or sign in as somebody else at the next visit" in told
    at_terminal(user, "vm", "list", "--refresh", visitor=person)


def test_a_revoked_visit_is_made_again_where_somebody_can(one, person, counter):
    form = {"token": grant(one)["refresh"], "client_id": "public"}
    requests.post(person.url("openid") + "/token/revocation", data=form, timeout=30).raise_for_status()
    forget_tokens(one)
    counter.taken()
    told = one.cms("vm", "list", "--refresh", code=3)
    assert "requires a visit with a browser" in told.stderr and asked(counter) == (0, 1)
    at_terminal(one, "vm", "list", "--refresh", visitor=person)
    assert asked(counter)[0] == 1
    one.cms("vm", "list", "--refresh")
    assert asked(counter) == (0, 0)
