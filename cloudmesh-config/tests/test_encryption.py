"""Encrypting the secrets of a file in place: every other character of it stays."""

from __future__ import annotations

import json
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from cloudmesh.config import Config
from cloudmesh.config.check import findings
from cloudmesh.config.editing import edit, encryption
from cloudmesh.config.secrets import age
from cloudmesh.config.secrets.prompt import RefusingPrompter
from cloudmesh.config.yaml import reader, values
from cloudmesh.config.yaml.keys import is_encrypted
from cloudmesh.plugin.errors import ConfigError, CredentialsError

Write = Callable[..., Path]
Keys = dict[str, Path]
AGE = shutil.which("age")
TEXT = """\
# head
cloudmesh: {default: uc}   # c1
clouds:
  uc:
    type: free
    host: h    # c2
    credentials:   # c3
      OS_USERNAME: me
      OS_PASSWORD: hunter2   # c4
      OS_TOKEN: !env MY_TOKEN
      API_KEY: ${OTHER}
      empty_password: ''
      null_password:
      other_password: TBD
      use_token: true
      tokens: [one, 'two three']   # c5

  private:   # a name of the user, which makes nothing secret
    type: free
    host: h2
    credentials: {OS_PASSWORD: "x: y", pin: 4711}
# tail
"""
SECRETS = {
    "clouds.uc.credentials.OS_PASSWORD": "hunter2",
    "clouds.uc.credentials.tokens.0": "one",
    "clouds.uc.credentials.tokens.1": "two three",
    "clouds.private.credentials.OS_PASSWORD": "x: y",
    "clouds.private.credentials.pin": "4711",
}
ENCRYPTED = re.compile(r'"-----BEGIN AGE[^"]*"')


def names(keys: Keys, *which: str) -> list[str]:
    return [str(keys[name]) for name in which]


def value(path: Path, key: str) -> object:
    return Config.load(path).get(key)


def test_only_the_secrets_change(write: Write, keys: Keys) -> None:
    path = write(TEXT)
    assert encryption.encrypt(path, names(keys, "ed25519")) == len(SECRETS)
    text = path.read_text()
    assert not any(secret in text for secret in ("hunter2", "two three", "x: y", "4711"))
    bare = ENCRYPTED.sub("§", text)
    assert bare.count("§") == len(SECRETS)
    expected = TEXT.replace("hunter2", "§").replace("[one, 'two three']", "[§, §]")
    expected = expected.replace('"x: y"', "§").replace("4711", "§")
    assert re.sub(r", encryption: \{.*\}\}", "}", bare) == expected
    assert all(is_encrypted(value(path, key)) for key in SECRETS)


def test_it_is_done_once(write: Write, keys: Keys) -> None:
    path = write(TEXT)
    encryption.encrypt(path, names(keys, "ed25519"))
    text = path.read_text()
    assert encryption.encrypt(path, []) == 0
    assert encryption.encrypt(path, names(keys, "ed25519")) == 0
    assert path.read_text() == text
    with pytest.raises(ConfigError, match="cms config rekey"):
        encryption.encrypt(path, names(keys, "other"))
    edit.set_value(path, "clouds.uc.credentials.OS_PASSWORD", "new")
    assert is_encrypted(value(path, "clouds.uc.credentials.OS_PASSWORD"))
    edit.set_value(path, "clouds.uc.credentials.new_password", "newer")
    edit.set_value(path, "clouds.uc.host", "new-host")
    edit.set_value(path, "clouds.uc.credentials.API_KEY", "TBD")
    assert Config.load(path).credentials("private") == {"OS_PASSWORD": "x: y", "pin": "4711"}
    assert value(path, "clouds.uc.host") == "new-host"
    assert value(path, "clouds.uc.credentials.API_KEY") == "TBD"
    encryption.decrypt(path)
    assert value(path, "clouds.uc.credentials.OS_PASSWORD") == "new"
    assert value(path, "clouds.uc.credentials.new_password") == "newer"


def test_back_in_clear_text(write: Write, keys: Keys) -> None:
    path = write(TEXT)
    encryption.encrypt(path, names(keys, "ed25519", "rsa"))
    assert encryption.decrypt(path) == len(SECRETS)
    assert {key: value(path, key) for key in SECRETS} == SECRETS
    quoted = re.sub("hunter2|4711|one", r'"\g<0>"', TEXT).replace("'two three'", '"two three"')
    assert path.read_text() == quoted, "nothing of ours is left"
    assert encryption.decrypt(path) == 0


def test_rekey(write: Write, keys: Keys) -> None:
    path = write(TEXT)
    with pytest.raises(ConfigError, match="is not encrypted"):
        encryption.rekey(path, names(keys, "other"))
    encryption.encrypt(path, names(keys, "ed25519"))
    assert encryption.rekey(path, [f"{keys['other']}.pub", str(keys["rsa"])]) == len(SECRETS)
    settings_ = value(path, "cloudmesh.encryption")
    assert isinstance(settings_, dict)
    assert settings_["keys"] == names(keys, "other", "rsa")
    assert [line.split()[-1] for line in settings_["recipients"]] == ["other@test", "rsa@test"]
    for name in ("other", "rsa"):
        edit.set_list(path, "cloudmesh.encryption.keys", names(keys, name))
        assert Config.load(path).credentials("private")["OS_PASSWORD"] == "x: y"
    edit.set_list(path, "cloudmesh.encryption.keys", names(keys, "ed25519"))
    with pytest.raises(CredentialsError, match="not to"):
        Config.load(path).credentials("private")


def test_a_failure_leaves_the_file_as_it_was(write: Write, keys: Keys, tmp_path: Path, typed) -> None:
    path = write(TEXT)
    for bad in ("ecdsa", "nosuch"):
        with pytest.raises(ConfigError):
            encryption.encrypt(path, [str(keys.get(bad, tmp_path / bad))])
    assert path.read_text() == TEXT
    encryption.encrypt(path, names(keys, "locked"), force=True)
    text = path.read_text()
    rsa = names(keys, "rsa")
    for call in (encryption.decrypt, lambda path, prompter: encryption.rekey(path, rsa, prompter)):
        typed.lines = ["wrong", "wrong"]
        with pytest.raises(CredentialsError, match="wrong"):
            call(path, typed)
        assert path.read_text() == text
    assert [entry.name for entry in path.parent.iterdir() if entry.suffix == ".tmp"] == []


def test_the_passphrase_is_asked_once_for_all(write: Write, keys: Keys, typed, passphrase: str) -> None:
    path = write(TEXT)
    typed.lines = [passphrase]
    encryption.encrypt(path, names(keys, "locked"), typed)
    assert encryption.encrypt(path, [], RefusingPrompter()) == 0
    encryption.rekey(path, names(keys, "locked", "rsa"), typed)
    encryption.decrypt(path, typed)
    assert len(typed.asked) == 1


def test_the_usual_key_is_taken(write: Write, keys: Keys, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    path = write(TEXT)
    with pytest.raises(ConfigError, match="ssh-keygen -t ed25519"):
        encryption.encrypt(path, [])
    (tmp_path / ".ssh").mkdir()
    shutil.copy(keys["rsa"], tmp_path / ".ssh" / "id_rsa")
    encryption.encrypt(path, [])
    assert value(path, "cloudmesh.encryption.keys") == ["~/.ssh/id_rsa"]
    edit.rewrite(path, lambda text: edit.without(text, ["cloudmesh", "encryption", "keys"], path))
    assert Config.load(path).credentials("private")["OS_PASSWORD"] == "x: y"


@pytest.mark.skipif(AGE is None, reason="the program age is not installed")
def test_age_decrypts_a_value_of_the_file(write: Write, keys: Keys) -> None:
    path = write(TEXT)
    encryption.encrypt(path, names(keys, "ed25519"))
    words = [AGE, "-d", "-i", keys["ed25519"]]
    encrypted = str(value(path, "clouds.uc.credentials.OS_PASSWORD")).encode()
    assert subprocess.run(words, input=encrypted, capture_output=True, check=True).stdout == (
        b'cloudmesh places: ["clouds.uc.credentials.OS_PASSWORD"]\nhunter2'
    )


@pytest.mark.parametrize(
    "text",
    [
        "base: &b {OS_PASSWORD: pw}\nclouds: {uc: {credentials: {<<: *b, x: 1}}}\n",
        "base: &b\n  OS_PASSWORD: &p pw\nclouds:\n  uc:\n    cr:\n      <<: *b\n      my_token: *p\n",
        "clouds:\n  uc:\n    credentials:\n      api_key: |  # c\n        a\n        b\n\n    host: h\n",
        "clouds:\r\n  uc:\r\n    credentials:\r\n      OS_PASSWORD: pw # c\r\n    host: h\r\n",
        "clouds:\n- OS_PASSWORD: pw\n- tokens:\n  - x\n  - y: z\n",
        "cloudmesh:\nOS_PASSWORD: pw",
        "---\nOS_PASSWORD: !!str pw\n...\n",
    ],
)
def test_unusual_forms_come_back_as_they_were(write: Write, keys: Keys, text: str) -> None:
    path = write(text)
    before = reader.load(path)
    assert encryption.encrypt(path, names(keys, "ed25519")) > 0
    assert " pw" not in ENCRYPTED.sub("", path.read_text())
    encryption.decrypt(path)
    after = reader.load(path)
    assert {**after, "cloudmesh": None} == {**before, "cloudmesh": None}


FORMS = ("rsa PEM", "rsa PKCS8", "rsa RFC4716", "ed25519 PKCS8")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("secret", "beside"), [("", False), ("", True), ("pass phrase", True), ("pass", False)]
)
def test_nothing_is_replaced_before_a_key_has_opened_it(
    write: Write, keys: Keys, tmp_path: Path, typed, form: str, secret: str, beside: bool
) -> None:
    kind, form = form.split()
    key = tmp_path / "key"
    options = [
        serialization.BestAvailableEncryption(secret.encode()) if secret else serialization.NoEncryption()
    ]
    loaded = serialization.load_ssh_private_key(keys[kind].read_bytes(), None)
    formats = serialization.PrivateFormat
    chosen = {"PEM": formats.TraditionalOpenSSL, "PKCS8": formats.PKCS8, "RFC4716": formats.OpenSSH}[form]
    key.write_bytes(b"\n" * beside + loaded.private_bytes(serialization.Encoding.PEM, chosen, *options))
    if beside:
        shutil.copy(f"{keys[kind]}.pub", f"{key}.pub")
    path = write(TEXT)
    typed.lines = [secret]
    if secret and not beside and form != "RFC4716":
        with pytest.raises(ConfigError, match="ssh-keygen -y -f"):
            encryption.encrypt(path, [str(key)], typed)
        assert path.read_text() == TEXT
        return
    encryption.encrypt(path, [str(key)], typed)
    assert len(typed.asked) == bool(secret)
    assert Config.load(path, typed).credentials("private")["OS_PASSWORD"] == "x: y"


def test_who_cannot_open_it_does_not_write_it(write: Write, keys: Keys, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    shutil.copy(keys["ed25519"], tmp_path / ".ssh" / "id_ed25519")
    path, colleague = write(TEXT), f"{shutil.copy(str(keys['other']) + '.pub', tmp_path)}"
    for text in ("", TEXT, "x: 1\n"):
        path = write(text or TEXT)
        with pytest.raises(ConfigError, match="could not read its secrets .*--force"):
            encryption.encrypt(path, [colleague])
        assert path.read_text() == (text or TEXT)
    write(TEXT)
    encryption.encrypt(path, [colleague, "~/.ssh/id_ed25519"])
    text = path.read_text()
    with pytest.raises(ConfigError, match="not changed"):
        encryption.rekey(path, [colleague])
    assert path.read_text() == text
    encryption.rekey(path, [colleague], force=True)
    with pytest.raises(CredentialsError, match="not to ~/.ssh/id_ed25519"):
        encryption.decrypt(path)


MOVES = [
    *("clouds.private.credentials.OS_PASSWORD", "clouds.uc.credentials.OS_TOKEN", "clouds.n.credentials.pin"),
    *("clouds.uc.credentials.OS_USERNAME", "clouds.uc.host", "clouds.uc.name", "note", "database", "token"),
]


@pytest.mark.parametrize("place", MOVES)
def test_a_value_that_was_moved_is_refused(write: Write, keys: Keys, place: str) -> None:
    path = write(TEXT)
    encryption.encrypt(path, names(keys, "ed25519"))
    moved = str(value(path, "clouds.uc.credentials.OS_PASSWORD"))
    parts = place.split(".")
    edit.rewrite(path, lambda text: edit.with_value(text, parts, values.string(moved), path))
    text, config = path.read_text(), Config.load(path)
    for call in (
        lambda: config.decrypted(config.data),
        lambda: config.decrypted(moved, tuple(parts)),
        lambda: (
            config.settings(parts[1])
            if parts[0] == "clouds"
            else config.database() or encryption.decrypt(path)
        ),
        lambda: encryption.decrypt(path),
        lambda: encryption.rekey(path, names(keys, "other")),
    ):
        with pytest.raises(ConfigError, match=place.replace(".", r"\.")) as caught:
            call()
        assert "hunter2" not in str(caught.value)
    assert path.read_text() == text


def test_values_of_earlier_versions_are_read_and_then_bound(write: Write, keys: Keys) -> None:
    line = keys["ed25519"].with_suffix(".pub").read_text().strip()
    old = age.encrypt("hunter2", [line])
    where = f"{{recipients: ['{line}'], keys: ['{keys['ed25519']}']}}"
    path = write(
        f"cloudmesh: {{encryption: {where}}}\nclouds:\n  uc:\n    credentials:\n"
        f"      OS_USERNAME: me\n      OS_PASSWORD: {json.dumps(old)}\n"
    )
    key = "clouds.uc.credentials.OS_PASSWORD"
    assert Config.load(path).credentials("uc")["OS_PASSWORD"] == "hunter2"
    assert any("an earlier version" in each.message for each in findings.check(path))
    assert encryption.encrypt(path, []) == 1
    assert not any("an earlier version" in each.message for each in findings.check(path))
    assert Config.load(path).credentials("uc")["OS_PASSWORD"] == "hunter2"
    assert encryption.encrypt(path, []) == 0
    edit.rewrite(path, lambda text: edit.with_value(text, key.split("."), values.string(old), path))
    with pytest.raises(CredentialsError, match="was not encrypted for this place"):
        Config.load(path).credentials("uc")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: &p pw\nOS_PASSWORD: *p\n", "without touching other values"),
        ("x: 1\nOS_PASSWORD: 0123\n", "class.yaml:2: OS_PASSWORD is a number .*quotes"),
        ("OS_PASSWORD: 1e5\n", "number"),
        ("OS_PASSWORD: 2001-01-01 10:00:00.5\n", "number or a date"),
    ],
)
def test_what_cannot_be_encrypted_safely_is_refused(write: Write, keys: Keys, text: str, told: str) -> None:
    path = write(text)
    with pytest.raises(ConfigError, match=told):
        encryption.encrypt(path, names(keys, "ed25519"))
    assert path.read_text() == text


def test_check(write: Write, keys: Keys) -> None:
    path = write("clouds:\n  uc:\n    type: simulated\n    credentials:\n      OS_PASSWORD: pw\n")

    def found() -> list[tuple[str, int, str]]:
        mine = [
            each for each in findings.check(path) if "ncrypt" in each.message or "recipient" in each.message
        ]
        return [(each.level, each.line, each.message) for each in mine]

    assert found() == []
    encryption.encrypt(path, names(keys, "ed25519"))
    assert found() == []
    good = path.read_text()
    path.write_text(good.replace("    credentials:\n", "    credentials:\n      my_token: clear\n"))
    ((level, line, message),) = found()
    assert (level, line) == ("warning", 5) and "clear text" in message
    path.write_text(good.replace("-----END AGE", "-----"))
    ((level, line, message),) = found()
    assert (level, line) == ("error", 5) and "damaged" in message
    path.write_text(good.replace("ssh-ed25519 AAAA", "ssh-ed25519 BBBB"))
    ((level, line, message),) = found()
    assert level == "error" and "not a public SSH key" in message
    with pytest.raises(ConfigError, match="recipients"):
        edit.set_value(path, "clouds.uc.credentials.OS_PASSWORD", "hush")
    assert "hush" not in path.read_text()


HEAD, MIDDLE = "# head\nversion: 5.0   # c0\n", "  # c1\n\n  uc:   # c2\n"
SAMPLE = (
    f"{HEAD}clouds:\n  tacc: {{host: h, credentials: {{OS_PASSWORD: 'pw one', OS_USERNAME: u}}}} # c3\n"
    f"{MIDDLE}    host: h   # c4\n    credentials:\n      OS_USERNAME: TBD\n      OS_PASSWORD: pw2   # c5\n"
    "      tokens:   # c6\n      - t1   # c7\n      # c8\n      - t2\n# c9\n"
)
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8)
PLACES = [
    ("clouds", "tacc", "credentials", "OS_PASSWORD"),
    ("clouds", "tacc", "host"),
    ("clouds", "uc", "credentials", "OS_PASSWORD"),
    ("clouds", "uc", "credentials", "OS_USERNAME"),
    ("clouds", "uc", "credentials", "new_token"),
]


class Anything(RuleBasedStateMachine):
    """Any sequence of set, get, encrypt, decrypt and rekey, beside a model of what must be there."""

    keys: Keys
    directory: Path

    @initialize()
    def begin(self) -> None:
        self.path = self.directory / "class.yaml"
        self.path.write_text(SAMPLE)
        self.path.chmod(0o600)
        self.model = reader.load(self.path)
        self.is_encrypted = False

    @rule(place=st.sampled_from(PLACES), text=TEXTS)
    def set(self, place: tuple[str, ...], text: str) -> None:
        edit.set_value(self.path, ".".join(place), text)
        section = self.model
        for part in place[:-1]:
            section = section[part]
        section[place[-1]] = text

    @rule()
    @precondition(lambda self: not self.is_encrypted)
    def encrypt(self) -> None:
        encryption.encrypt(self.path, names(self.keys, "ed25519"))
        self.is_encrypted = True

    @rule()
    @precondition(lambda self: self.is_encrypted)
    def encrypt_again(self) -> None:
        assert encryption.encrypt(self.path, []) == 0

    @rule()
    def decrypt(self) -> None:
        encryption.decrypt(self.path)
        self.is_encrypted = False

    @rule(which=st.lists(st.sampled_from(["ed25519", "other"]), min_size=1, max_size=2))
    @precondition(lambda self: self.is_encrypted)
    def rekey(self, which: list[str]) -> None:
        encryption.rekey(self.path, names(self.keys, *which))

    @invariant()
    def all_is_kept(self) -> None:
        config = Config.load(self.path)
        text = self.path.read_text()
        assert re.findall(r"# c\d", text) == [f"# c{number}" for number in (0, 3, 1, 2, 4, 5, 6, 7, 8, 9)]
        assert text.startswith(HEAD)
        assert [key for key in config.data if key != "cloudmesh"] == list(self.model)
        for cloud, section in self.model["clouds"].items():
            now = {**config.cloud(cloud), "credentials": _opened(config, cloud)}
            assert repr(now) == repr(section)
        assert ("cloudmesh" in config.data) == self.is_encrypted
        encrypted = len(ENCRYPTED.findall(text))
        secrets = [each for section in self.model["clouds"].values() for each in _secrets(section)]
        assert encrypted == (len(secrets) if self.is_encrypted else 0)


def _opened(config: Config, cloud: str) -> object:
    return config.decrypted(config.cloud(cloud)["credentials"], ("clouds", cloud, "credentials"))


def _secrets(section: dict) -> list[str]:

    found = section["credentials"]
    flat = [
        (key, item)
        for key, value in found.items()
        for item in (value if isinstance(value, list) else [value])
    ]
    return [item for key, item in flat if age.is_plain_secret([key], item)]


@pytest.mark.parametrize(
    "examples",
    [12, pytest.param(40, marks=pytest.mark.slow), pytest.param(150, marks=pytest.mark.long)],
)
def test_any_sequence_of_changes_keeps_order_comments_and_values(
    keys: Keys, tmp_path: Path, examples: int
) -> None:
    machine = type("Machine", (Anything,), {"keys": keys, "directory": tmp_path})
    steps = settings(max_examples=examples, stateful_step_count=12, deadline=None)
    run_state_machine_as_test(machine, settings=steps)


CHANGE_FOR_EVER = """
import sys
from pathlib import Path
from cloudmesh.config.editing import encryption
path, first, second = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
while True:
    encryption.encrypt(path, [first])
    print("!", flush=True)
    encryption.rekey(path, [second])
    encryption.decrypt(path)
"""


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_the_old_file_or_the_new_one(write: Write, keys: Keys) -> None:
    path = write(TEXT)
    chance = random.Random(11)
    states = set()
    command = [sys.executable, "-c", CHANGE_FOR_EVER, str(path), *names(keys, "ed25519", "other")]
    for _ in range(30):
        if is_encrypted(value(path, "clouds.uc.credentials.OS_PASSWORD")):
            encryption.decrypt(path)
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(chance.uniform(0.0, 0.2))
            process.send_signal(signal.SIGKILL)
        config = Config.load(path)
        encrypted = [is_encrypted(config.get(key)) for key in SECRETS]
        assert len(set(encrypted)) == 1, "all of them or none"
        owners = config.data.get("cloudmesh", {}).get("encryption")
        assert bool(owners) == encrypted[0]
        states.add(str(owners["keys"]) if owners else "clear")
        assert config.credentials("private") in (
            {"OS_PASSWORD": "x: y", "pin": "4711"},
            {"OS_PASSWORD": "x: y", "pin": 4711},
        )
        assert re.findall(r"# c\d", path.read_text()) == [f"# c{number}" for number in range(1, 6)]
        assert all(entry.stat().st_mode & 0o077 == 0 for entry in path.parent.iterdir())
    assert len(states) >= 2, "the kills came at different moments"
