"""What is masked, and that nothing else is."""

from __future__ import annotations

import time

import pytest

from cloudmesh.plugin import report
from cloudmesh.plugin.secrets import is_secret, mask_text, mask_value


@pytest.mark.parametrize(
    "key",
    [
        "OS_PASSWORD",
        "EC2_SECRET_KEY",
        "clouds.uc.credentials.OS_TOKEN",
        "apikey",
        "private-key",
        "private_key",
        "privatekey",
        "ssh_private_key",
        "public_key.private_key",
        "secret_key",
        "--password",
        "credentials.OS_PASSWORD.deeper",
        "clouds.other.arguments.key",
        "clouds.other.arguments.secret",
        *("OS_PASSCODE", "OS_ACCESS_TOKEN", "OS_CLIENT_SECRET", "OS_CODE", "OS_AUTHORIZATION_CODE"),
        *("refresh_token", "device_code", "code_verifier", "OS_ACCESS_SECRET", "OS_OAUTH2_CLIENT_SECRET"),
    ],
)
def test_secret_names(key: str) -> None:
    assert is_secret(key)


@pytest.mark.parametrize(
    "key",
    [
        "OS_USERNAME",
        "key",
        "--key",
        "pinned",
        "private_network",
        "clouds.uc.private_ip",
        "public_key",
        "public-key",
        "OS_PUBLIC_KEY",
        "--ssh_public_key",
        "clouds.other.arguments.region",
        "clouds.other.default.key",
        "clouds.key.arguments.x",
        *("OS_ACCESS_TOKEN_ENDPOINT", "OS_ACCESS_TOKEN_TYPE", "OS_KEY", "OS_IDP_OTP_KEY"),
        *("OS_CODE_CHALLENGE_METHOD", "exit_code", "user_code"),
    ],
)
def test_other_names(key: str) -> None:
    assert not is_secret(key)


@pytest.mark.parametrize(
    "text",
    [
        "config set clouds.uc.OS_PASSWORD=geheim",
        "config set clouds.uc.OS_PASSWORD geheim",
        "config set 'clouds.uc.OS_PASSWORD=ge geheim im' x",
        "config set OS_PASSWORD='ge geheim' x",
        'config set OS_PASSWORD="ge \\" geheim" x',
        "config set OS_PASSWORD=ge\\ geheim x",
        'config set "OS_PASSWORD=geheim',
        "login --password geheim x",
        "login --password=geheim x",
        '{"OS_PASSWORD": "ge geheim", "x": 1}',
        "{clouds: {OS_PASSWORD: geheim}}",
        "set env=OS_TOKEN=geheim",
        'db "x: OS_PASSWORD=ge geheim" y',
        "https://user:geheim@host/path",
        "https://user:ge@geheim@host/path",
        "!curl -H 'Authorization: Bearer geheim' https://h/x",
        "curl -H Authorization:geheim",
        "headers={'authorization': 'Basic geheim'}",
        "Cookie: a=geheim; session=geheim",
        "token bearer geheim1",
        "!mysql -pgeheim db",
        "!mysql -p1geheim db",
        "!sshpass -p geheim ssh h",
        "!curl -u me:geheim https://h",
        "!curl --user='me:ge geheim' https://h",
        "probe gAAAAABgeheimgeheimgeheimgeheim==",
        "probe eyJgeheim.geheim.geheim",
        "probe cms_geheimGeheim0geheim1geheim2",
    ],
)
def test_no_secret_is_left(text: str) -> None:
    masked = mask_text(text)
    assert "geheim" not in masked
    assert "***" in masked


@pytest.mark.parametrize(
    "text",
    [
        "vm boot web1 --key=mine --image=ubuntu",
        "config get --secrets clouds",
        "# it's: a = b",
        "http://host:80/x@y",
        "!ssh -p 22 host",
        "!ssh -p2222 host",
        "vm boot a --parallel=3 --public",
        "vm list uc:web1",
        "bearer of bad news",
    ],
)
def test_the_rest_is_left(text: str) -> None:
    assert mask_text(text) == text


@pytest.mark.parametrize(
    "text", ["the password is geheim", "wrong password 'geheim'", 'token="geheim"', "passwd geheim"]
)
def test_in_the_prose_of_a_traceback_too(text: str) -> None:
    assert "geheim" not in mask_text(text, prose=True)
    assert mask_text("    pass\n  File bypass x", prose=True) == "    pass\n  File bypass x"


def test_a_line_keeps_what_follows_the_secret() -> None:
    assert mask_text("a OS_PASSWORD='x y' --wait") == "a OS_PASSWORD=*** --wait"


def test_values_are_masked_through() -> None:
    value = {"OS_USERNAME": "me", "OS_PASSWORD": "x", "deep": [{"token": ["a"]}], "url": "http://u:p@h"}
    assert mask_value("credentials", value) == {
        "OS_USERNAME": "me",
        "OS_PASSWORD": "***",
        "deep": [{"token": ["***"]}],
        "url": "http://u:***@h",
    }


def test_long_texts_take_no_long_time() -> None:
    start = time.perf_counter()
    for text in ("a" * 100_000, "a " * 50_000, "'\"" * 50_000, "a:" * 50_000):
        mask_text(text)
    assert time.perf_counter() - start < 5


def test_the_arguments_of_a_driver_are_masked_like_credentials() -> None:
    settings = {"arguments": {"key": "hush", "secret": "hush", "region": "fra", "deep": {"token": "hush"}}}
    shown = {"key": "***", "secret": "***", "region": "fra", "deep": {"token": "***"}}
    assert mask_value("", {"type": "libcloud", **settings}) == {"type": "libcloud", "arguments": shown}
    assert mask_value("default", {"key": "mine"}) == {"key": "mine"}


def test_a_secret_that_is_known_is_hidden_wherever_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    text = 'login ge"h/eim at /ge%22h%2Feim: {"x": "ge\\"h/eim"}, abc'
    values = {
        "clouds.uc.OS_PASSWORD": 'ge"h/eim',
        "OS_TOKEN": "abc",
        "OS_SECRET": None,
        "OS_USERNAME": "login",
    }
    for key, value in values.items():
        report.remember(key, value)
    report.tell(text)
    report.forget()
    report.tell(text)
    assert capsys.readouterr().err == f'login *** at /***: {{"x": "***"}}, abc\n{text}\n'
