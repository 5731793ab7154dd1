"""What the OS_* keys of a configuration come to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudmesh.cloud.errors import CredentialsError
from cloudmesh.cloud.providers.openstack.account import Account
from cloudmesh.cloud.providers.openstack.provider import OpenStackProvider
from cloudmesh.plugin.errors import CloudmeshError, ConfigError

USUAL = {
    "OS_AUTH_URL": "https://keystone.example.org:5000/v3",
    "OS_USERNAME": "gregor",
    "OS_PASSWORD": "beep-secret",
    "OS_PROJECT_NAME": "CH-818664",
}
# As the first Cloudmeshes wrote it: the project's name stands under its id as well.
OLD = {
    **USUAL,
    "OS_TENANT_NAME": "CH-818664",
    "OS_TENANT_ID": "CH-818664",
    "OS_PROJECT_DOMAIN_ID": "default",
    "OS_USER_DOMAIN_ID": "default",
    "OS_VERSION": "liberty",
    "OS_REGION_NAME": "RegionOne",
}


def account(**changes):
    credentials = {key: value for key, value in {**USUAL, **changes}.items() if value is not None}
    return Account.read("uc", {"credentials": credentials})


def meant(**changes):
    """What keystoneauth1 is told, but for the password."""
    return {key: value for key, value in account(**changes).keys.items() if key != "OS_PASSWORD"}


NAMED = {"OS_USERNAME": "gregor", "OS_USER_DOMAIN_ID": "default"}
IN_PROJECT = {"OS_PROJECT_NAME": "CH-818664", "OS_PROJECT_DOMAIN_ID": "default"}


def test_the_usual_account():
    found = account()
    assert found.url == "https://keystone.example.org:5000" and found.interface == "public"
    assert found.keys == {**NAMED, **IN_PROJECT, "OS_PASSWORD": "beep-secret"}


def test_an_old_file_means_the_same():
    found = Account.read("uc", {"credentials": OLD})
    assert found.keys == account().keys
    assert (found.region, found.project) == ("RegionOne", "CH-818664")


@pytest.mark.parametrize("url", ["https://x.org:5000", "http://x.org/identity"])
@pytest.mark.parametrize("end", ["", "/", "/v3", "/v3/"])
def test_the_address_of_keystone(url, end):
    assert account(OS_AUTH_URL=url + end).url == url


@pytest.mark.parametrize(
    "given",
    [
        *("x.org:5000/v3", "https://x.org:5000/v2.0", "ftp://x.org", "https://me:beep-secret@x.org/v3"),
        *("http://[::1/v3", "http://x.org:port/v3", "https:///v3", "http://x.org:99999"),
    ],
)
def test_an_address_that_cannot_be(given):
    with pytest.raises(ConfigError, match="OS_AUTH_URL") as told:
        account(OS_AUTH_URL=given)
    assert "beep-secret" not in str(told.value)


@pytest.mark.parametrize(
    ("changes", "user", "project"),
    [
        ({"OS_USER_DOMAIN_NAME": "Users"}, {"NAME": "Users"}, {"ID": "default"}),
        ({"OS_USER_DOMAIN_ID": "u1", "OS_USER_DOMAIN_NAME": "Users"}, {"ID": "u1"}, {"ID": "default"}),
        ({"OS_DOMAIN_NAME": "All"}, {"NAME": "All"}, {"NAME": "All"}),
        ({"OS_DEFAULT_DOMAIN": "d1"}, {"ID": "d1"}, {"ID": "d1"}),
        ({"OS_DEFAULT_DOMAIN_ID": "d2", "OS_PROJECT_DOMAIN_NAME": "P"}, {"ID": "d2"}, {"NAME": "P"}),
        ({"OS_DEFAULT_DOMAIN_NAME": "D"}, {"NAME": "D"}, {"NAME": "D"}),
        ({"OS_USER_DOMAIN_ID": ""}, {"ID": "default"}, {"ID": "default"}),
    ],
)
def test_domains_by_id_and_by_name(changes, user, project):
    told = {key: value for key, value in meant(**changes).items() if "DOMAIN" in key}
    assert told == {
        **{f"OS_USER_DOMAIN_{key}": value for key, value in user.items()},
        **{f"OS_PROJECT_DOMAIN_{key}": value for key, value in project.items()},
    }


PROJECT = {"OS_PROJECT_NAME": None}


@pytest.mark.parametrize(
    ("changes", "scope"),
    [
        ({"OS_PROJECT_ID": "p1"}, {"OS_PROJECT_ID": "p1"}),
        ({"OS_PROJECT_ID": "p1", "OS_TENANT_NAME": "t", "OS_TENANT_ID": "t"}, {"OS_PROJECT_ID": "p1"}),
        ({"OS_TENANT_ID": "t1"}, IN_PROJECT),
        ({**PROJECT, "OS_TENANT_ID": "t1"}, {"OS_PROJECT_ID": "t1"}),
        ({**PROJECT, "OS_TENANT_ID": "t1", "OS_TENANT_NAME": "CH-818664"}, IN_PROJECT),
        ({**PROJECT, "OS_DOMAIN_ID": "d1"}, {"OS_DOMAIN_ID": "d1"}),
        ({**PROJECT, "OS_DOMAIN_NAME": "D"}, {"OS_DOMAIN_NAME": "D"}),
        ({**PROJECT, "OS_SYSTEM_SCOPE": "all"}, {"OS_SYSTEM_SCOPE": "all"}),
        ({**PROJECT, "OS_TRUST_ID": "x1"}, {"OS_TRUST_ID": "x1"}),
    ],
)
def test_the_scope(changes, scope):
    """The id of a project before its name; only the old OS_TENANT_ID is believed last."""
    told = meant(OS_USERNAME=None, OS_USER_ID="u1", **changes)
    assert told == {"OS_USER_ID": "u1", **scope}


@pytest.mark.parametrize("other", ["OS_SYSTEM_SCOPE", "OS_TRUST_ID"])
def test_two_scopes_are_an_error(other):
    with pytest.raises(ConfigError, match=f"{other} and .*OS_PROJECT_NAME exclude each other"):
        account(**{other: "all"})


@pytest.mark.parametrize("missing", ["OS_AUTH_URL", "OS_USERNAME", "OS_PASSWORD", "OS_PROJECT_NAME"])
def test_what_is_missing_is_named(missing):
    with pytest.raises(CredentialsError, match=missing):
        account(**{missing: None})


def test_an_application_credential_by_id_and_by_name():
    applied = {"OS_APPLICATION_CREDENTIAL_ID": "a1", "OS_APPLICATION_CREDENTIAL_SECRET": "s1"}
    found = account(**applied)
    assert found.keys == applied and found.user == "application credential a1"
    # A name is that of one of a user.
    named = {"OS_APPLICATION_CREDENTIAL_NAME": "laptop", "OS_APPLICATION_CREDENTIAL_SECRET": "s1"}
    assert account(**named).keys == {**named, **NAMED}
    # The kind of sign-in decides where both are given.
    assert account(**applied, OS_AUTH_TYPE="password").keys == account().keys


@pytest.mark.parametrize(
    "given", ["INTERFACE=secret", "COMPUTE_API_VERSION=latest", "COMPUTE_API_VERSION=3.1", "AUTH_TYPE=v3oidc"]
)
def test_values_that_cannot_be(given):
    key, _, value = given.partition("=")
    with pytest.raises(ConfigError, match=f"OS_{key} is {value}"):
        account(**{f"OS_{key}": value})


@given(st.dictionaries(st.sampled_from([*OLD, "OS_AUTH_TYPE", "OS_INTERFACE"]), st.text(max_size=20)))
def test_whatever_stands_there_it_is_an_account_or_a_sentence(changes):
    try:
        found = Account.read("uc", {"credentials": {**OLD, **changes}})
    except CloudmeshError as error:
        assert "beep-secret" not in str(error)
    else:
        assert "beep-secret" not in repr(found)


def test_a_provider_calls_nobody_and_shows_no_secret(tmp_path, monkeypatch):
    monkeypatch.setenv("CLOUDMESH_CONFIG_DIR", str(tmp_path / "none"))
    with OpenStackProvider("uc", {"credentials": OLD}) as provider:
        assert provider.tracker.place == ""
    assert not (tmp_path / "none").exists()


def test_a_file_of_certificates_that_is_none():
    with pytest.raises(ConfigError, match="OS_CACERT"):
        OpenStackProvider("uc", {"credentials": {**OLD, "OS_CACERT": __file__}})
