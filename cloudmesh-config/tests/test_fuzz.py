"""Mutated files: each is read or refused by one sentence, quickly, without its secret, and never harmed."""

from __future__ import annotations

import contextlib
import copy
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cloudmesh.config.check import provider_rules
from cloudmesh.config.check.findings import check
from cloudmesh.config.editing import edit, starter
from cloudmesh.config.secrets import show
from cloudmesh.config.settings.config import Config
from cloudmesh.config.yaml import keys, reader
from cloudmesh.plugin.errors import CloudmeshError

Write = Callable[..., Path]
SECRET = "Zq7hunter2"
# make test-long looks at more of them.
FILES = 10_500 if os.environ.get("HYPOTHESIS_PROFILE") == "search" else 3_500
PROCESSES = 60
LONGEST_SECONDS = 5
CMS = Path(sys.executable).parent / "cms"
ENCRYPTED = (
    rf'"-----BEGIN AGE ENCRYPTED FILE-----\nYWdlLWVuY3J5{SECRET}cHRpb24=\n-----END AGE ENCRYPTED FILE-----\n"'
)
HOSTILE = [
    *"\t[]{}'\"#\\\r\x00\u2028\ufeff\ud7ff~",
    *(": ", "- ", "&a ", "*a", "<<: *a", "!!set ", "!!pairs ", "!env ", ">- ", "? ", "!!int ", "!!bool "),
    *("!!binary ", "| ", "0123", "1e999", "2001-99-99", ".nan", "null", "yes", "${HOME}", "${", "{{ x }}"),
    *("9" * 5000, "[" * 80, "- " * 80, "%YAML 1.1\n", "---\n", "...\n", "true: 1\n", "5: x\n", "clouds:\n"),
    *('"\\ud800"', '"\\x"', "  uc:\n", "b: &b [*b]\n", "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"),
    "x: &x {k: 1}\ny: {<<: [*x, *x]}\n",
]
KEYS = (
    *("clouds.uc.host", "clouds.uc.default.flavor", "profile.email", "cloudmesh.new", "x"),
    "clouds.uc.credentials.A",
)


def texts(sample: str) -> list[str]:
    """What is mutated: the sample and the starter with a secret, and one as an encrypted file looks."""
    short = sample[: sample.index("  tacc:")]
    secret = short.replace("OS_PASSWORD: TBD", f"OS_PASSWORD: {SECRET}")
    own = f"clouds:\n  uc:\n    type: x\n    credentials:\n      OS_TOKEN: '{SECRET}'\n"
    encrypted = short.replace("OS_PASSWORD: TBD", f"OS_PASSWORD: {ENCRYPTED}").replace(
        "cloudmesh:\n", "cloudmesh:\n  encryption: {recipients: [ssh-ed25519 AAAA me]}\n"
    )
    return [secret, encrypted, starter.TEXT.replace("clouds:\n", own, 1)]


def mutated(text: str, chance: random.Random) -> bytes:
    """The text after one to four random accidents."""
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 4))):
        text = chance.choice(MUTATIONS)(text, chance)
    if chance.random() < 0.1:
        text = text[: chance.randrange(len(text) + 1)]
    content = bytearray(text.encode())
    if content and chance.random() < 0.15:
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return bytes(content)


def _insert(text: str, chance: random.Random) -> str:
    at = chance.randrange(len(text) + 1)
    return text[:at] + chance.choice(HOSTILE) + text[at:]


def _delete(text: str, chance: random.Random) -> str:
    places = [at for at, sign in enumerate(text) if sign in ":-\n '\"[]{}#"] or [0]
    at = chance.choice(places)
    return text[:at] + text[at + 1 :]


def _replace(text: str, chance: random.Random) -> str:
    at = chance.randrange(len(text) + 1)
    return text[:at] + chance.choice(":-[]{}&*!|>'\"%@`,?# \n\t~=\\0x") + text[at + 1 :]


def _lines(text: str, chance: random.Random) -> str:
    lines = text.splitlines(keepends=True) or [""]
    at, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    kind = chance.randrange(4)
    if kind == 0:
        lines[at], lines[other] = lines[other], lines[at]
    elif kind == 1:
        lines.insert(other, lines[at])
    elif kind == 2:
        lines[at] = " " * chance.randrange(1, 5) + lines[at]
    else:
        lines[at] = lines[at].removeprefix(" " * chance.randrange(1, 5))
    return "".join(lines)


def _splice(text: str, chance: random.Random) -> str:
    line = text.find("\n", chance.randrange(len(text) + 1)) + 1
    return text[:line] + " " * chance.randrange(7) + chance.choice(HOSTILE) + "\n" + text[line:]


MUTATIONS = (_insert, _insert, _delete, _delete, _replace, _lines, _lines, _splice, _splice)


@contextlib.contextmanager
def refused(messages: list[str]) -> Iterator[None]:
    """Let only an error with a sentence for the user pass, and keep that."""
    try:
        yield
    except CloudmeshError as error:
        chain = [str(error), str(error.__cause__ or "")]
        if not error.__suppress_context__:
            chain.append(str(error.__context__ or ""))
        assert "\n" not in chain[0]
        messages += chain


def is_exposed(data: Any) -> bool:
    """Whether the accident itself has made a name of the secret, or put it under another key."""
    return any(
        SECRET in keys.join(parts) or (SECRET in str(value) and not keys.hidden(parts))
        for parts, value in keys.flatten(data)
    )


def listed(data: Any) -> str:
    """What ``cms config list`` shows."""
    rows = [
        (keys.join(parts), show.scalar(show.masked(parts, value, False)))
        for parts, value in keys.flatten(data)
    ]
    return repr(rows)


def look(path: Path) -> tuple[Any, list[str]]:
    """Read the file in all ways; the data, None if it is refused, and all that a user is told."""
    told: list[str] = []
    data = None
    with refused(told):
        data = reader.load(path)
    findings = check(path)
    told += [str(finding) for finding in findings]
    assert all("\n" not in str(finding) for finding in findings)
    if data is None:
        assert any(finding.level == "error" for finding in findings)
        return None, told
    told.append(listed(data))
    config = Config(path, data)
    for call in (
        lambda: config.clouds,
        config.default_clouds,
        config.active_clouds,
        lambda: config.cloud("uc"),
    ):
        with refused(told):
            call()
    for key in ("clouds.uc.credentials.A.b", "cloudmesh.default.0", "nothing"):
        with refused(told):
            config.get(key)
    return data, told


def with_key(data: dict[str, Any], parts: list[str], value: str) -> dict[str, Any]:
    """A copy of the data in which the key has the value."""
    changed = section = copy.deepcopy(data)
    for part in parts[:-1]:
        if section.get(part) is None:
            section[part] = {}
        section = section[part]
    section[parts[-1]] = value
    return changed


def change(path: Path, data: dict[str, Any], key: str) -> list[str]:
    """Set a key; the file is as it was if that is refused, and else nothing but the key has changed."""
    before, told = path.read_bytes(), []
    done = False
    with refused(told):
        edit.set_value(path, key, "new-value")
        done = True
    if done:
        assert repr(reader.load(path)) == repr(with_key(data, keys.split(key), "new-value"))
    else:
        assert path.read_bytes() == before
    return told


@pytest.fixture
def swift(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No waiting for the disk, installed providers looked up once, and an alarm for each file."""
    points = provider_rules.installed()
    monkeypatch.setattr(provider_rules, "installed", lambda: points)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)

    def late(*_: object) -> None:
        raise TimeoutError("one file took too long")

    old = signal.signal(signal.SIGALRM, late)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, old)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.usefixtures("swift")
def test_mutated_files_are_read_or_refused(write: Write, sample: str) -> None:
    chance = random.Random(3)
    originals = texts(sample)
    loaded = exposed = changed = 0
    for number in range(FILES):
        content = mutated(originals[number % len(originals)], chance)
        path = write(content)
        signal.alarm(LONGEST_SECONDS)
        try:
            data, told = look(path)
            if data is not None:
                loaded += 1
                exposed += is_exposed(data)
            if data is not None and number % 5 == 0:
                changed += 1
                told += change(path, data, chance.choice(KEYS))
            assert SECRET not in "".join(told) or (data is not None and is_exposed(data))
        except BaseException as error:
            raise AssertionError(f"file {number}: {content!r}") from error
    # A fuzz that refuses all, or that excuses most, shows nothing.
    assert FILES * 0.15 < loaded < FILES * 0.85
    assert exposed < loaded * 0.2
    assert changed > FILES * 0.03


@pytest.mark.slow
@pytest.mark.usefixtures("swift")
def test_mutated_files_through_the_commands(write: Write, sample: str, home: Path) -> None:
    chance = random.Random(5)
    originals = texts(sample)
    environment = {**os.environ, "HOME": str(home)}
    signal.alarm(110)
    for number in range(PROCESSES):
        path = write(mutated(originals[number % len(originals)], chance))
        data, _ = look(path)
        words = (["check"], ["list"], ["get", "clouds"])[number // len(originals) % 3]
        run = subprocess.run(
            [CMS, "config", *words], env=environment, capture_output=True, text=True, timeout=30, check=False
        )
        assert "Traceback" not in run.stderr + run.stdout
        assert "of the program" not in run.stderr
        assert run.returncode in ((0, 3) if words == ["check"] else (0, 2) if data is not None else (3,))
        assert SECRET not in run.stdout + run.stderr or (data is not None and is_exposed(data))
