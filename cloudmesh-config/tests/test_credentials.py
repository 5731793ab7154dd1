"""What a provider gets: decrypted, from the environment, from the keyring, or asked for once."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from cloudmesh.config import Config
from cloudmesh.config.editing import encryption
from cloudmesh.config.secrets import prompt
from cloudmesh.config.secrets.prompt import RefusingPrompter, prompter_of
from cloudmesh.config.yaml import keys
from cloudmesh.plugin.errors import ConfigError, CredentialsError, UnknownName

Write = Callable[..., Path]
Keys = dict[str, Path]
TEXT = """\
clouds:
  uc:
    type: x
    port: 5
    my_token: t-secret
    credentials:
      OS_USERNAME: TBD
      OS_PASSWORD: ' TBD '
      port: 5000
      insecure: false
      nothing:
      tokens: [a, {b: TBD}]
  tacc: {type: x, credentials: {OS_PASSWORD: TBD}}
  env: {type: x, credentials: {OS_PASSWORD: '${MY_PASSWORD}', OS_USERNAME: !env MY_NAME}}
  bare: {type: x}
  odd: {type: x, credentials: 5}
"""


def test_each_missing_value_is_asked_once(write: Write, typed) -> None:
    config = Config.load(write(TEXT), typed)
    typed.lines = ["me", "pw", "b", "pw-tacc"]
    config.resolve(["uc", "tacc", "uc"])
    assert typed.asked == [
        "cloud uc: OS_USERNAME: ",
        "*cloud uc: OS_PASSWORD: ",
        "*cloud uc: tokens.1.b: ",
        "*cloud tacc: OS_PASSWORD: ",
    ]
    assert config.credentials("uc") == {
        "OS_USERNAME": "me",
        "OS_PASSWORD": "pw",
        "port": 5000,
        "insecure": False,
        "nothing": None,
        "tokens": ["a", {"b": "b"}],
    }
    assert Config.load(config.path, typed).credentials("tacc") == {"OS_PASSWORD": "pw-tacc"}
    assert len(typed.asked) == 4
    assert "pw" not in config.path.read_text()


def test_parallel_threads_ask_once(write: Write, typed, monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config.load(write(TEXT), typed)
    typed.lines = ["pw"] * 16
    ask = typed.ask
    monkeypatch.setattr(typed, "ask", lambda *words, **told: time.sleep(0.05) or ask(*words, **told))
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(config.credentials("tacc"))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [{"OS_PASSWORD": "pw"}] * 16
    assert len(typed.asked) == 1


def test_answers_are_kept_by_their_prompter_alone(write: Write, typed) -> None:
    path = write(TEXT)
    typed.lines = ["pw"]
    assert Config.load(path, typed).credentials("tacc") == {"OS_PASSWORD": "pw"}
    with pytest.raises(CredentialsError, match="no terminal to ask at"):
        Config.load(path, RefusingPrompter()).credentials("tacc")
    assert replace(Config.load(path, typed), path=path).credentials("tacc") == {"OS_PASSWORD": "pw"}
    shell, other = SimpleNamespace(), SimpleNamespace()
    assert prompter_of(shell) is prompter_of(shell) is not prompter_of(other)


def test_what_was_refused_is_asked_for_again(write: Write, typed) -> None:
    config = Config.load(write(TEXT), typed)
    typed.lines = ["wrong", "me", "pw", "b", "right"]
    config.resolve(["tacc", "uc"])
    config.forget("tacc")
    config.resolve(["tacc", "uc"])
    assert config.credentials("tacc") == {"OS_PASSWORD": "right"}
    assert [word for word in typed.asked if "tacc" in word] == ["*cloud tacc: OS_PASSWORD: "] * 2
    assert len(typed.asked) == 5


def test_without_a_terminal_cloud_and_key_are_named(write: Write, typed) -> None:
    path = write(TEXT)
    with pytest.raises(CredentialsError) as caught:
        Config.load(path, typed).resolve(["tacc"])
    sentence = str(caught.value)
    for word in ("clouds.tacc.credentials.OS_PASSWORD", str(path), "terminal", "cms config set", "${NAME}"):
        assert word in sentence
    assert caught.value.exit_code == 3
    errors = Config.load(path, typed).unresolved(["bare", "tacc", "odd", "uc"])
    assert list(errors) == ["tacc", "odd", "uc"]
    assert "OS_USERNAME" in str(errors["uc"])
    typed.lines = [""]
    with pytest.raises(CredentialsError, match="nothing was typed"):
        Config.load(path, typed).credentials("tacc")


def test_the_environment(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(TEXT)
    monkeypatch.delenv("MY_PASSWORD", raising=False)
    with pytest.raises(CredentialsError, match=r"clouds\.env\..*OS_PASSWORD.* MY_PASSWORD.*not set"):
        Config.load(path).credentials("env")
    monkeypatch.setenv("MY_PASSWORD", "${HOME} $(id) !env HOME TBD")
    monkeypatch.setenv("MY_NAME", "")
    with pytest.raises(CredentialsError, match="MY_NAME, which is empty"):
        Config.load(path).credentials("env")
    monkeypatch.setenv("MY_NAME", "TBD")
    assert Config.load(path).credentials("env") == {
        "OS_PASSWORD": "${HOME} $(id) !env HOME TBD",
        "OS_USERNAME": "TBD",
    }


@pytest.mark.parametrize(
    "value", ["x${HOME}", "$HOME", "${HOME}x", "${A B}", "${}", "${1A}", "$(HOME)", "${HOME:-x}", "${ÄÖ}"]
)
def test_what_is_no_reference_is_a_value(value: str) -> None:
    assert keys.variable(value) is None


@pytest.mark.parametrize("tag", ["!env", "!env [x]", "!env {a: b}", "!env a b", "!env $X", "!env 5"])
def test_a_tag_without_a_name_is_an_error_with_its_line(write: Write, tag: str) -> None:
    path = write(f"clouds:\n  uc: {tag}\n")
    with pytest.raises(ConfigError, match=f"^{path}:2: .*!env"):
        Config.load(path)


def test_only_what_is_used_is_decrypted(write: Write, keys: Keys, typed, passphrase: str) -> None:
    path = write(TEXT)
    encryption.encrypt(path, [str(keys["locked"])], force=True)
    config = Config.load(path, typed)
    assert config.settings("bare") == {"type": "x"}
    assert typed.asked == []
    typed.lines = [passphrase, "me", "pw", "b"]
    settings = config.settings("uc")
    assert list(settings) == ["type", "port", "my_token", "credentials"]
    assert (settings["my_token"], settings["port"], settings["credentials"]["tokens"][0]) == (
        "t-secret",
        5,
        "a",
    )
    assert config.cloud("uc")["my_token"] != "t-secret", "the file's own data stay closed"


def test_a_wrong_passphrase_is_told_once_for_all_clouds(write: Write, keys: Keys, typed) -> None:
    path = write("clouds:\n  a: {credentials: {OS_PASSWORD: x}}\n  b: {credentials: {OS_PASSWORD: y}}\n")
    encryption.encrypt(path, [str(keys["locked"])], force=True)
    typed.lines = ["wrong"] * 9
    with pytest.raises(CredentialsError, match=r"locked was wrong, so clouds\.a\..*try again"):
        Config.load(path, typed).unresolved(["a", "b"])
    assert len(typed.asked) == 2


def test_an_encrypted_text_is_never_a_reference(write: Write, keys: Keys) -> None:
    path = write("clouds: {a: {credentials: {OS_PASSWORD: '${HOME}x'}}}\n")
    encryption.encrypt(path, [str(keys["ed25519"])])
    assert Config.load(path).credentials("a") == {"OS_PASSWORD": "${HOME}x"}


def test_an_unknown_cloud(write: Write) -> None:
    with pytest.raises(UnknownName):
        Config.load(write(TEXT)).credentials("nosuch")


class Kept:
    """A keyring of the system, in memory."""

    def __init__(self, **entries: str) -> None:
        self.entries = entries
        self.fails = False

    def get_password(self, service: str, key: str) -> str | None:
        assert service == "cloudmesh"
        if self.fails:
            raise RuntimeError("locked, and pw-secret was in it")
        return self.entries.get(key)

    def set_password(self, service: str, key: str, value: str) -> None:
        assert service == "cloudmesh"
        if self.fails:
            raise RuntimeError(value)
        self.entries[key] = value


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> Kept:
    library = pytest.importorskip("keyring")
    kept = Kept()
    monkeypatch.setattr(library, "get_password", kept.get_password)
    monkeypatch.setattr(library, "set_password", kept.set_password)
    return kept


def test_the_keyring_goes_before_the_terminal(write: Write, keyring: Kept, typed) -> None:
    keyring.entries["clouds.tacc.credentials.OS_PASSWORD"] = "from-keyring"
    assert Config.load(write(TEXT), typed).credentials("tacc") == {"OS_PASSWORD": "from-keyring"}
    assert typed.asked == []


def test_a_keyring_that_fails_is_one_sentence(write: Write, keyring: Kept, typed) -> None:
    keyring.fails = True
    typed.lines = ["pw"]
    with pytest.raises(CredentialsError, match="keyring does not answer") as caught:
        Config.load(write(TEXT), typed).credentials("tacc")
    assert "pw-secret" not in str(caught.value) and caught.value.__suppress_context__
    with pytest.raises(ConfigError, match="did not store") as refused:
        prompt.to_keyring("k", "pw-secret")
    assert "pw-secret" not in str(refused.value) and refused.value.__suppress_context__


def test_no_keyring_at_all_is_silent(write: Write, monkeypatch: pytest.MonkeyPatch, typed) -> None:
    typed.lines = ["pw", "pw"]
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert Config.load(write(TEXT), typed).credentials("tacc") == {"OS_PASSWORD": "pw"}
    with pytest.raises(ConfigError, match="pip install"):
        prompt.to_keyring("k", "v")


def test_a_system_without_a_backend_is_silent(write: Write, monkeypatch: pytest.MonkeyPatch, typed) -> None:
    library = pytest.importorskip("keyring")
    from keyring.backends.fail import Keyring

    old = library.get_keyring()
    library.set_keyring(Keyring())
    try:
        typed.lines = ["pw"]
        assert Config.load(write(TEXT), typed).credentials("tacc") == {"OS_PASSWORD": "pw"}
        with pytest.raises(ConfigError, match="no keyring"):
            prompt.to_keyring("k", "v")
    finally:
        library.set_keyring(old)


def test_a_plain_configuration_loads_none_of_the_libraries(write: Write) -> None:
    write("clouds: {uc: {type: x, credentials: {OS_PASSWORD: pw, OS_USERNAME: '${HOME}'}}}\n")
    code = """
import sys
from cloudmesh.config import Config
import cloudmesh.config.command.config
assert Config.load().credentials("uc")["OS_PASSWORD"] == "pw"
print([name for name in ("pyrage", "cryptography", "keyring", "getpass") if name in sys.modules])
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_the_arguments_of_a_driver_are_resolved_too(
    write: Write, typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTHER_SECRET", "from outside")
    text = "clouds: {o: {type: libcloud, arguments: {key: TBD, secret: '${OTHER_SECRET}', region: fra}}}\n"
    config = Config.load(write(text), typed)
    typed.lines = ["typed in"]
    assert config.settings("o")["arguments"] == {"key": "typed in", "secret": "from outside", "region": "fra"}
    assert typed.asked == ["*cloud o: key: "], "the bare key of a driver is not shown while it is typed"
