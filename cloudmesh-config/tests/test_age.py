"""Encrypted values: what the ``age`` program reads and writes, and every key that does not fit."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudmesh.config.secrets import age, ssh_keys
from cloudmesh.config.secrets.prompt import NotUnlockedError, Prompter, RefusingPrompter
from cloudmesh.config.yaml.keys import ENCRYPTED, is_encrypted
from cloudmesh.plugin.errors import ConfigError, CredentialsError

Keys = dict[str, Path]
AGE = shutil.which("age")
needs_age = pytest.mark.skipif(AGE is None, reason="the program age is not installed")
SECRET = "hunter2-ä-\n\t'\"${HOME}"


def lines(keys: Keys, *names: str) -> list[str]:
    return [keys[name].with_name(f"{name}.pub").read_text().strip() for name in names]


def decrypt(value: str, *files: Path, prompter: Prompter | None = None) -> str:
    keys = [str(file) for file in files]
    return age.decrypt(value, keys, "clouds.uc.x in FILE", "store it anew", prompter or RefusingPrompter())


@needs_age
@pytest.mark.parametrize("name", ["ed25519", "rsa"])
def test_age_decrypts_what_we_write(keys: Keys, name: str) -> None:
    value = age.encrypt(SECRET, lines(keys, "ed25519", "rsa"))
    found = subprocess.run(
        [AGE, "-d", "-i", keys[name]], input=value.encode(), capture_output=True, check=True
    )
    assert found.stdout.decode() == SECRET


@needs_age
@pytest.mark.parametrize("name", ["ed25519", "rsa"])
def test_we_decrypt_what_age_writes(keys: Keys, name: str) -> None:
    words = [AGE, "-a", "-R", f"{keys['ed25519']}.pub", "-R", f"{keys['rsa']}.pub"]
    value = subprocess.run(words, input=SECRET.encode(), capture_output=True, check=True).stdout.decode()
    assert is_encrypted(value)
    assert decrypt(value, keys[name]) == SECRET


@pytest.mark.parametrize("name", ["ed25519", "rsa", "locked", "locked_rsa", "pem"])
def test_every_kind_of_key(keys: Keys, typed, passphrase: str, name: str) -> None:
    value = age.encrypt(SECRET, lines(keys, name))
    typed.lines = [passphrase]
    assert decrypt(value, keys[name], prompter=typed) == SECRET
    assert decrypt(value, keys[name], prompter=typed) == SECRET
    expected = [] if name in ("ed25519", "rsa") else [f"*passphrase of {keys[name]}: "]
    assert typed.asked == expected, "asked once, without showing it"


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_any_text_survives(keys: Keys, text: str) -> None:
    assert decrypt(age.encrypt(text, lines(keys, "ed25519")), keys["ed25519"]) == text


@pytest.fixture(scope="module")
def encrypted(keys: Keys) -> str:
    return age.encrypt("secret", lines(keys, "ed25519"))


def test_a_key_without_a_passphrase_goes_before_one_with(keys: Keys, typed) -> None:
    value = age.encrypt(SECRET, lines(keys, "locked", "ed25519"))
    assert decrypt(value, keys["locked"], keys["ed25519"], prompter=typed) == SECRET
    assert typed.asked == []


def test_one_wrong_passphrase_is_forgiven(keys: Keys, typed, passphrase: str) -> None:
    typed.lines = ["wrong", passphrase]
    assert decrypt(age.encrypt(SECRET, lines(keys, "locked")), keys["locked"], prompter=typed) == SECRET
    assert len(typed.asked) == 2


def refused(call, *told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        call()
    sentence = str(caught.value)
    assert caught.value.exit_code == 3
    assert "\n" not in sentence and all(word in sentence for word in told), sentence
    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in shown and "PRIVATE KEY" not in shown and "wrong-one" not in shown


def test_each_key_that_does_not_fit_is_one_sentence(keys: Keys, typed, tmp_path: Path) -> None:
    place = "clouds.uc.x in FILE"
    value = age.encrypt(SECRET, lines(keys, "locked"))
    refused(lambda: decrypt(value, keys["locked"], prompter=typed), place, str(keys["locked"]), "no terminal")
    typed.lines = ["wrong-one", "wrong-one"]
    refused(lambda: decrypt(value, keys["locked"], prompter=typed), place, str(keys["locked"]), "wrong")
    typed.lines = [""]
    refused(lambda: decrypt(value, keys["locked"], prompter=typed), place, "nothing was typed")
    asked = len(typed.asked)
    refused(lambda: decrypt(value, keys["other"], prompter=typed), place, str(keys["other"]), "not to")
    refused(
        lambda: decrypt(value, tmp_path / "none", prompter=typed),
        place,
        str(tmp_path / "none"),
        "no key file",
    )
    (tmp_path / "bad").write_text("no key at all\n")
    refused(lambda: decrypt(value, tmp_path / "bad", prompter=typed), place, "not to")
    assert len(typed.asked) == asked, "no passphrase is asked for a key that cannot help"


def test_a_wrong_passphrase_is_not_remembered(keys: Keys, typed, passphrase: str) -> None:
    value = age.encrypt(SECRET, lines(keys, "locked"))
    typed.lines = ["a", "b", passphrase]
    with pytest.raises(NotUnlockedError):
        decrypt(value, keys["locked"], prompter=typed)
    assert decrypt(value, keys["locked"], prompter=typed) == SECRET


def damaged(value: str) -> list[str]:
    body = value.splitlines()
    middle = len(body) // 2
    return [
        body[0],
        "\n".join(body[:-1]),
        "\n".join([*body[:middle], *body[middle + 1 :]]),
        value.replace(body[1][:20], "A" * 20),
        value.replace(body[-2], "!" + body[-2][1:]),
        value.replace(body[-2], body[-2][:-8] + body[-2][-8:].swapcase()),
        value.replace(age.END, "-----END-----"),
        f"{ENCRYPTED}\n\n{age.END}\n",
        f"{ENCRYPTED}\naHVudGVyMg==\n{age.END}\n",
    ]


@pytest.mark.parametrize("number", range(9))
def test_a_damaged_value_is_one_sentence(keys: Keys, number: int) -> None:
    bad = damaged(age.encrypt("x" * 40, lines(keys, "ed25519")))[number]
    assert is_encrypted(bad)
    with pytest.raises(CredentialsError, match=r"clouds\.uc\.x in FILE is .*(damaged|but not to)"):
        decrypt(bad, keys["ed25519"])


@given(st.data())
def test_no_damage_ends_otherwise_than_in_our_own_error(
    keys: Keys, encrypted: str, data: st.DataObject
) -> None:
    share = data.draw(st.floats(0, 1))
    place = len(ENCRYPTED) + int(share * (len(encrypted) - len(ENCRYPTED) - 1))
    bad = (
        encrypted[:place] + data.draw(st.text(max_size=3)) + encrypted[place + data.draw(st.integers(0, 4)) :]
    )
    try:
        assert decrypt(bad, keys["ed25519"]) == "secret"
    except CredentialsError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    "line", ["", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-rsa ????", "x y", "ssh-dss AAAA b"]
)
def test_a_bad_recipient_is_refused(keys: Keys, line: str) -> None:
    refused(lambda: age.encrypt(SECRET, [*lines(keys, "ed25519"), line]), "recipients")
    refused(lambda: age.encrypt(SECRET, []), "--key=")


def test_the_public_part_of_a_key_is_found_without_its_passphrase(keys: Keys, tmp_path: Path) -> None:
    for name in ("ed25519", "rsa", "locked", "locked_rsa", "pem"):
        line = lines(keys, name)[0]
        assert ssh_keys.public_of(str(keys[name])).line == line
        assert ssh_keys.public_of(f"{keys[name]}.pub").line == line
        assert ssh_keys.private_beside(f"{keys[name]}.pub") == str(keys[name])
        if name != "pem":
            alone = tmp_path / name
            alone.write_bytes(keys[name].read_bytes())
            assert line.startswith(ssh_keys.public_of(str(alone)).line)
    refused(lambda: ssh_keys.public_of(str(keys["ecdsa"])), str(keys["ecdsa"]), "ed25519 or RSA")
    refused(lambda: ssh_keys.public_of(str(tmp_path / "none")), "no key file")
    refused(lambda: ssh_keys.public_of(str(tmp_path)), "cannot be read")


def test_a_pub_file_of_another_key_is_not_taken(keys: Keys, tmp_path: Path) -> None:
    shutil.copy(keys["ed25519"], tmp_path / "key")
    shutil.copy(f"{keys['other']}.pub", tmp_path / "key.pub")
    found = ssh_keys.public_of(str(tmp_path / "key"))
    assert lines(keys, "ed25519")[0].startswith(found.line)


def test_opening_writes_no_file_and_starts_no_program(keys: Keys, typed, passphrase: str) -> None:
    value = age.encrypt(SECRET, lines(keys, "locked"))
    typed.lines = [passphrase]
    seen: list[str] = []
    is_watching = True

    def watch(event: str, args: tuple) -> None:
        if is_watching and event == "open" and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            seen.append(str(args[0]))
        elif is_watching and event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system"):
            seen.append(event)

    # There is no way to take it away again; later it only looks at the flag.
    sys.addaudithook(watch)
    try:
        assert decrypt(value, keys["locked"], prompter=typed) == SECRET
        assert seen == []
        Path(os.devnull).open("w").close()
        assert seen == [os.devnull], "the watch works"
    finally:
        is_watching = False
