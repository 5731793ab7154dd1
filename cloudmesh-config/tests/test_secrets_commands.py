"""``cms config encrypt``, ``decrypt``, ``rekey`` and ``set --keyring`` as a user runs them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cloudmesh.config import Config

Write = Callable[..., Path]
Keys = dict[str, Path]
CMS = shutil.which("cms", path=str(Path(sys.executable).parent)) or "cms"
KEY = "clouds.uc.credentials.OS_PASSWORD"
TEXT = "clouds:\n  uc:   # c\n    credentials: {OS_PASSWORD: pw-one}\n    host: h\n"
# The keyring of the system, played by a file.
BACKEND = """
import json
from pathlib import Path
from keyring.backend import KeyringBackend

FILE = Path(__file__).with_name("kept.json")

class Keyring(KeyringBackend):
    priority = 1

    def _load(self):
        return json.loads(FILE.read_text()) if FILE.exists() else {}

    def get_password(self, service, username):
        return self._load().get(f"{service}/{username}")

    def set_password(self, service, username, password):
        FILE.write_text(json.dumps({**self._load(), f"{service}/{username}": self.kept(password)}))

    def kept(self, password):
        return password

class Short(Keyring):
    def kept(self, password):
        return password[:5]

class Stripping(Keyring):
    def kept(self, password):
        return password.strip()

class Mute(Keyring):
    def get_password(self, service, username):
        return None
"""


def cms(*words: str, code: int = 0, stdin: str = "") -> str:
    """What the program says, on stdout and stderr; it cannot reach a terminal."""
    done = subprocess.run(
        [CMS, "config", *words],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "pw-" not in done.stderr
    return done.stdout + done.stderr


def test_there_and_back(write: Write, keys: Keys) -> None:
    path = write(TEXT)
    told = cms("encrypt", f"--key={keys['ed25519']}", f"--key={keys['rsa']}.pub")
    assert told.startswith("1 secret in ") and "encrypted" in told and "warning" not in told
    assert "pw-one" not in path.read_text()
    assert cms("get", KEY) == "***\n"
    assert cms("get", KEY, "--secrets") == "pw-one\n"
    assert "pw-one" in cms("get", "clouds.uc", "--secrets", "--output=json")
    assert "BEGIN AGE" not in cms("list") and "pw-one" in cms("list", "--secrets")
    assert "visible in the process list" in cms("set", f"{KEY}=pw-two")
    assert "visible" not in cms("set", KEY, stdin="pw-three\n")
    assert "pw-t" not in path.read_text()
    assert "with other keys" in cms("rekey", f"--key={keys['other']}")
    assert cms("get", KEY, "--secrets") == "pw-three\n"
    assert "in clear text now" in cms("decrypt")
    assert path.read_text() == TEXT.replace("pw-one", '"pw-three"')


def test_only_others_can_decrypt(write: Write, keys: Keys, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write(TEXT)
    shutil.copy(f"{keys['other']}.pub", tmp_path / "colleague.pub")
    assert "--force" in cms("encrypt", f"--key={tmp_path}/colleague.pub", code=3)
    assert "warning: only others can" in cms("encrypt", "--force", f"--key={tmp_path}/colleague.pub")
    assert "no key file" in cms("decrypt", code=3)


def test_a_key_with_a_passphrase_and_no_terminal(write: Write, keys: Keys) -> None:
    path = write(TEXT)
    assert "no terminal to ask at" in cms("encrypt", f"--key={keys['locked']}", code=3)
    cms("encrypt", "--force", f"--key={keys['locked']}")
    text = path.read_text()
    for words in (["decrypt"], ["rekey", f"--key={keys['other']}"], ["get", KEY, "--secrets"]):
        told = cms(*words, code=3)
        assert "no terminal" in told and str(keys["locked"]) in told and told.count("\n") == 1
    assert path.read_text() == text


def test_wrong_words(write: Write, keys: Keys, tmp_path: Path) -> None:
    path = write(TEXT)
    cms("rekey", code=2)
    assert "no key file" in cms("encrypt", f"--key={tmp_path}/none", code=3)
    assert "ed25519 or RSA" in cms("encrypt", f"--key={keys['ecdsa']}", code=3)
    assert "not encrypted" in cms("rekey", f"--key={keys['rsa']}", code=3)
    path.chmod(0o644)
    assert "chmod 600" in cms("encrypt", f"--key={keys['rsa']}", code=3)
    assert path.read_text() == TEXT


@pytest.fixture
def keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pytest.importorskip("keyring")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "our_keyring.py").write_text(BACKEND)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "our_keyring.Keyring")
    return tmp_path / "site" / "kept.json"


def test_set_in_the_keyring(write: Write, keyring: Path) -> None:
    path = write(TEXT)
    assert "is in the system keyring" in cms("set", "--keyring", KEY, stdin="pw-two\n")
    assert path.read_text() == TEXT.replace("pw-one", "TBD")
    assert keyring.read_text() == f'{{"cloudmesh/{KEY}": "pw-two"}}'
    code = "from cloudmesh.config import Config; print(Config.load().credentials('uc'))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "{'OS_PASSWORD': 'pw-two'}\n"


@pytest.mark.parametrize(
    ("backend", "told"),
    [
        *(
            (f"our_keyring.{name}", f"our_keyring.{name}) does not keep")
            for name in ("Short", "Stripping", "Mute")
        ),
        ("keyring.backends.null.Keyring", "keyring.backends.null.Keyring) does not keep"),
        ("keyring.backends.fail.Keyring", "no keyring"),
        ("our_keyring.NoSuch", "did not store"),
        ("no_such.Keyring", "did not store"),
    ],
)
def test_a_keyring_that_keeps_nothing_or_something_else(
    write: Write, keyring: Path, monkeypatch, backend: str, told: str
) -> None:
    path = write(TEXT)
    keyring.write_text(json.dumps({f"cloudmesh/{KEY}": "pw-"}))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", backend)
    said = cms("set", "--keyring", KEY, code=3, stdin="pw-two \n")
    assert told in said and said.count("\n") == 1
    assert path.read_text() == TEXT, "a value that was not taken is not lost"
    assert Config.load(path).credentials("uc") == {"OS_PASSWORD": "pw-one"}
    assert json.loads(keyring.read_text()) == {f"cloudmesh/{KEY}": "pw-"} or "Mute" in backend


def test_what_does_not_go_to_the_keyring(write: Write, keyring: Path) -> None:
    path = write(TEXT)
    assert "clouds.NAME.credentials.KEY" in cms("set", "--keyring", "clouds.uc.host", code=2, stdin="x\n")
    assert "an empty value" in cms("set", "--keyring", KEY, code=3, stdin="\n")
    cms("set", "--keyring", "clouds.nosuch.credentials.x", code=2, stdin="x\n")
    assert path.read_text() == TEXT
