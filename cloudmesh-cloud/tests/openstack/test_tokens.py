"""The kept token: whose it is, how long it is used, and who signs in when there is none."""

import json
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from cloudmesh.cloud.errors import CredentialsError, Unreachable
from cloudmesh.cloud.providers.openstack.account import Account
from cloudmesh.cloud.providers.openstack.tokens import Token, TokenFile

NOW = 1_000_000.0
OIDC = {
    "OS_AUTH_TYPE": "v3oidcpassword",
    "OS_IDENTITY_PROVIDER": "idp",
    "OS_PROTOCOL": "openid",
    "OS_CLIENT_ID": "c1",
    "OS_DISCOVERY_ENDPOINT": "https://idp.example.org/.well-known/openid-configuration",
}


def account(**changes):
    credentials = {
        "OS_AUTH_URL": "https://keystone.example.org:5000/v3",
        "OS_USERNAME": "gregor",
        "OS_PASSWORD": "beep-secret",
        "OS_PROJECT_NAME": "p1",
    }
    return Account.read("uc", {"credentials": {**credentials, **changes}})


@pytest.fixture
def kept(home):
    return TokenFile("uc", account(), clock=lambda: NOW)


def token(text="t1", lives=3600.0):
    return Token(text, NOW + lives, [{"type": "compute", "endpoints": []}], "p1", "u1")


def wrong():
    raise CredentialsError("no")


def never():
    raise AssertionError("nobody is to sign in")


def test_what_was_signed_in_for_is_kept_for_its_owner_alone(kept, home):
    assert kept.fresh() is None
    assert kept.renew(None, token) == token()
    assert kept.fresh() == token() == TokenFile("uc", account(), clock=lambda: NOW).fresh()
    assert stat.S_IMODE(kept.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.path.parent.stat().st_mode) == 0o700
    assert "beep-secret" not in kept.path.read_text() and kept.path.is_relative_to(home)


@pytest.mark.parametrize(("lives", "used"), [(121.0, True), (119.0, False), (-5, False)])
def test_a_token_is_used_until_shortly_before_its_end(kept, lives, used):
    kept.renew(None, lambda: token(lives=lives))
    assert (kept.fresh() is not None) is used


@pytest.mark.parametrize(
    "changes",
    [
        {"OS_USERNAME": "other"},
        {"OS_PROJECT_NAME": "p2"},
        {"OS_AUTH_URL": "https://other.example.org/v3"},
        {"OS_USER_DOMAIN_NAME": "Users"},
        {"OS_APPLICATION_CREDENTIAL_ID": "a1", "OS_APPLICATION_CREDENTIAL_SECRET": "s1"},
        {"OS_PROJECT_ID": "i1"},
        {"OS_USER_ID": "i1"},
        {"OS_AUTH_TYPE": "v3totp", "OS_PASSCODE": "TBD"},
        {"OS_AUTH_TYPE": "token", "OS_TOKEN": "of me"},
        {**OIDC, "OS_IDENTITY_PROVIDER": "a"},
        {**OIDC, "OS_CLIENT_ID": "c2"},
    ],
)
def test_another_account_has_another_token(kept, changes):
    kept.renew(None, token)
    assert TokenFile("uc", account(**changes), clock=lambda: NOW).fresh() is None
    assert TokenFile("tacc", account(), clock=lambda: NOW).fresh() is None, "so has another cloud"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"OS_AUTH_TYPE": "token", "OS_TOKEN": "of me"}, {"OS_TOKEN": "of you"}),
        ({**OIDC, "OS_AUTH_TYPE": "v3oidcaccesstoken", "OS_ACCESS_TOKEN": "me"}, {"OS_ACCESS_TOKEN": "you"}),
        (OIDC, {"OS_IDENTITY_PROVIDER": "other"}),
        (OIDC, {"OS_USERNAME": "other"}),
    ],
)
def test_of_one_way_to_sign_in_another_identity_has_another_token(home, one, other):
    TokenFile("uc", account(**one), clock=lambda: NOW).renew(None, token)
    assert TokenFile("uc", account(**one), clock=lambda: NOW).fresh()
    assert not TokenFile("uc", account(**{**one, **other}), clock=lambda: NOW).fresh()


@pytest.mark.parametrize("name", ["../../x", "a/b", "ü" * 300, "."])
def test_the_name_of_a_cloud_leads_nowhere_else(home, name):
    kept = TokenFile(name, account(), clock=lambda: NOW)
    kept.renew(None, token)
    assert kept.path.parent == home / "tokens" and kept.fresh() == token()


def test_a_refused_token_is_renewed_but_one_renewed_meanwhile_is_taken(kept):
    old = kept.renew(None, token)
    new = kept.renew(old, lambda: token("t2"))
    assert new.text == "t2"
    assert kept.renew(old, never) == new, "another one has done it"


def test_a_link_in_place_of_the_file_is_not_followed(kept, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("precious")
    kept.path.parent.mkdir(parents=True)
    kept.path.symlink_to(elsewhere)
    assert kept.fresh() is None
    kept.renew(None, token)
    assert elsewhere.read_text() == "precious" and kept.fresh() == token()


@pytest.mark.parametrize(
    "change", [{"expires": "x"}, {"catalog": 5}, {"text": None}, {"of another version": 1}, None]
)
def test_a_damaged_file_is_no_token(kept, change):
    kept.renew(None, token)
    told = json.loads(kept.path.read_text())
    kept.path.write_text(json.dumps({**told, **change} if change else [told]))
    assert kept.fresh() is None and kept.renew(None, token) == token() == kept.fresh()


def test_of_many_one_signs_in(home):
    calls = []

    def sign_in():
        calls.append(1)
        return token()

    def task(number):
        kept = TokenFile("uc", account(), clock=lambda: NOW)
        return kept.fresh() or kept.renew(None, sign_in)

    with ThreadPoolExecutor(16) as pool:
        assert {each.text for each in pool.map(task, range(200))} == {"t1"}
    assert len(calls) == 1


@pytest.mark.parametrize("kind", [CredentialsError, Unreachable])
def test_who_waits_for_a_failing_sign_in_fails_alike(home, kind):
    calls, failing = [], threading.Event()

    def sign_in():
        calls.append(1)
        assert failing.wait(10)
        raise kind("it is so")

    def task(number):
        # Once all are under way.
        started.wait()
        with pytest.raises(kind, match="it is so"):
            TokenFile("uc", account()).renew(None, sign_in)

    started = threading.Barrier(9)
    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(task, number) for number in range(8)]
        started.wait()
        threading.Timer(0.5, failing.set).start()
        for future in futures:
            future.result()
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("kind", "changes", "most"),
    [
        (None, {}, 1),
        (CredentialsError, {}, 1),
        (CredentialsError, {"OS_PASSWORD": "other"}, 2),
        (CredentialsError, {"OS_PROJECT_NAME": "other"}, 2),
        (Unreachable, {}, 2),
    ],
)
def test_regions_of_one_account_sign_in_once(home, kind, changes, most):
    calls, started = [], threading.Barrier(8)

    def sign_in():
        calls.append(1)
        time.sleep(0.3)
        if kind:
            raise kind("it is so")
        return token(lives=time.time())

    def task(number):
        given = account(**changes) if number % 2 else account()
        started.wait()
        try:
            return TokenFile(f"r{number % 2}", given).renew(None, sign_in).text
        except (CredentialsError, Unreachable) as error:
            return str(error).rpartition(": ")[2]

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(task, range(8))) == {"it is so" if kind else "t1"}
    assert len(calls) == most
    assert kind or len(list((home / "tokens").glob("r?-*.json"))) == 2


def test_who_comes_later_tries_again(home):
    times = count(10.0, 10.0)
    kept = TokenFile("uc", account(), clock=lambda: next(times))
    with pytest.raises(CredentialsError):
        kept.renew(None, wrong)
    assert kept.renew(None, token) == token()


def test_who_comes_a_moment_later_does_not_send_the_same_password_again(home):
    now = [NOW]
    kept = TokenFile("uc", account(), clock=lambda: now[0])
    with pytest.raises(CredentialsError):
        kept.renew(None, wrong)
    now[0] += 1
    with pytest.raises(CredentialsError):
        kept.renew(None, never)
    other = TokenFile("uc", account(OS_PASSWORD="other"), clock=lambda: now[0])
    assert other.renew(None, token) == token(), "a password that was corrected is tried at once"


def test_a_passcode_that_was_mistyped_is_asked_for_again_at_once(home):
    asks = account(OS_AUTH_TYPE="v3totp", OS_PASSCODE="TBD")
    times = count(NOW)
    kept = TokenFile("uc", asks, clock=lambda: next(times))
    with pytest.raises(CredentialsError):
        kept.renew(None, wrong)
    assert kept.renew(None, token) == token()


def test_a_ticket_that_is_not_ours_may_have_been_renewed_meanwhile(home):
    times = count(NOW)
    kept = TokenFile("uc", account(OS_AUTH_TYPE="v3kerberos"), clock=lambda: next(times))
    with pytest.raises(CredentialsError):
        kept.renew(None, wrong)
    assert kept.renew(None, token) == token()


def test_who_asks_if_signing_in_works_by_now_signs_in(home):
    times = count(NOW)
    kept = TokenFile("uc", account(), clock=lambda: next(times))
    with pytest.raises(CredentialsError):
        kept.renew(None, wrong)
    assert kept.renew(None, token, on_request=True) == token()


def test_where_there_can_be_no_lock_a_wrong_password_is_sent_once_all_the_same(home):
    (home / "tokens").write_text("in the way of the folder")
    calls, started = [], threading.Barrier(8)

    def sign_in():
        calls.append(1)
        time.sleep(0.1)
        raise CredentialsError("it is so")

    def task(number):
        started.wait()
        with pytest.raises(CredentialsError, match="it is so"):
            TokenFile("uc", account()).renew(None, sign_in)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(task, range(8)))
    assert len(calls) == 1


def test_a_failure_of_a_clock_that_was_ahead_is_none(home):
    """A wrong password, noted a day ahead of time, must not keep the right one from being tried."""
    with pytest.raises(CredentialsError):
        TokenFile("uc", account(), clock=lambda: NOW + 86400).renew(None, wrong)
    assert TokenFile("uc", account(), clock=lambda: NOW).renew(None, token) == token()
