"""``cms config`` as a user runs it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pexpect
import pytest

from cloudmesh.config.check import findings, provider_rules
from cloudmesh.config.check.findings import Finding
from cloudmesh.config.command.config import ConfigCommand

Write = Callable[..., Path]
CMS = shutil.which("cms", path=str(Path(sys.executable).parent)) or "cms"
SECRETS = ("pw-one", "pw-two", "pw-three", "pw-four")
SECRET_KEYS = ("tokens", "OS_PASSWORD", "API_KEY.0.x")
TEXT = """\
# mine
cloudmesh: {default: uc}
clouds:
  uc:
    host: uc.example.org
    list: [a, b]
    url: https://me:pw-one@example.org/
    credentials:
      OS_USERNAME: me
      OS_PASSWORD: pw-two
      tokens: {first: [pw-three]}
      API_KEY: [{x: pw-four}]
"""


def cms(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([CMS, "config", *words], input=stdin, capture_output=True, text=True, check=False)


def inside(line: str) -> int:
    """Run the command as the REPL does, in this process; its exit code."""
    shell = SimpleNamespace()
    ConfigCommand.do_config(shell, line)
    code: int = shell.last_exit_code
    return code


def test_a_newcomers_way(home: Path) -> None:
    path = home / "class.yaml"
    # As open as the shell itself makes it.
    home.chmod(0o755)
    assert cms("path").stdout == f"{path}\n"
    missing = cms("list")
    assert (missing.returncode, missing.stdout) == (3, "")
    assert "cms config init" in missing.stderr
    written = cms("init")
    assert written.returncode == 0
    assert "no real machine" in written.stdout
    assert [each.stat().st_mode & 0o777 for each in (path, home)] == [0o600, 0o700]
    again = cms("init")
    assert again.returncode == 3
    assert str(path) in again.stderr
    assert cms("set", "clouds.local.boot_seconds=0.5").returncode == 0
    assert cms("get", "clouds.local.boot_seconds").stdout == "0.5\n"


def test_list_in_the_order_of_the_file(write: Write) -> None:
    write(TEXT)
    rows = json.loads(cms("list", "--output=json").stdout)
    assert [row["key"] for row in rows] == [
        "cloudmesh.default",
        "clouds.uc.host",
        "clouds.uc.list",
        "clouds.uc.url",
        "clouds.uc.credentials.OS_USERNAME",
        "clouds.uc.credentials.OS_PASSWORD",
        "clouds.uc.credentials.tokens.first",
        "clouds.uc.credentials.API_KEY.0.x",
    ]
    assert [row["value"] for row in rows][2:6] == [["a", "b"], "https://me:***@example.org/", "me", "***"]
    assert cms("list", "--output=names").stdout.split() == [row["key"] for row in rows]


@pytest.mark.parametrize("form", ["table", "json", "yaml", "csv"])
@pytest.mark.parametrize(
    "key",
    ["", "clouds", "clouds.uc", "clouds.uc.url", *(f"clouds.uc.credentials.{key}" for key in SECRET_KEYS)],
)
def test_secrets_are_shown_only_on_demand(
    write: Write, capsys: pytest.CaptureFixture[str], form: str, key: str
) -> None:
    write(TEXT)
    for extra in ("", " --secrets"):
        assert inside(f"{f'get {key}' if key else 'list'} --output={form}{extra}") == 0
        captured = capsys.readouterr()
        shown = [secret for secret in SECRETS if secret in captured.out + captured.err]
        assert bool(shown) == bool(extra), captured.out


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("clouds.uc.host", "uc.example.org\n"),
        ("clouds.uc.host --output=json", '"uc.example.org"\n'),
        ("clouds.uc.host --output=yaml", "uc.example.org\n"),
        ("cloudmesh --output=yaml", "default: uc\n"),
        ("cloudmesh --output=csv", "key,value\ncloudmesh.default,uc\n"),
        ("cloudmesh --output=json", '{\n  "default": "uc"\n}\n'),
        ("clouds.uc.list --output=json", '[\n  "a",\n  "b"\n]\n'),
        ("clouds.uc.list --output=names", "clouds.uc.list\n"),
    ],
)
def test_get_prints_a_scalar_bare_and_a_section_as_data(
    write: Write, capsys: pytest.CaptureFixture[str], words: str, shown: str
) -> None:
    write(TEXT)
    assert inside(f"get {words}") == 0
    assert capsys.readouterr().out == shown


def test_get_of_an_unknown_key_names_the_nearest(write: Write) -> None:
    write(TEXT)
    answer = cms("get", "clouds.uc.hots")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "did you mean 'host'?" in answer.stderr


def test_set_keeps_all_the_rest(write: Write) -> None:
    path = write(TEXT)
    answer = cms("set", "clouds.uc.host=two words = $HOME 'quoted'")
    assert (answer.returncode, answer.stdout) == (0, "")
    assert cms("get", "clouds.uc.host").stdout == "two words = $HOME 'quoted'\n"
    changed = path.read_text().splitlines()
    assert [line for line in changed if "host:" not in line] == [
        line for line in TEXT.splitlines() if "host:" not in line
    ]


def test_what_the_new_value_breaks_is_told_at_once_and_nothing_else(write: Write) -> None:
    # That the cloud has no type is no matter of this key.
    write(TEXT)
    wrong = cms("set", "cloudmesh.parallel=many")
    assert (wrong.returncode, wrong.stdout) == (0, "")
    assert "\nwarning: cloudmesh.parallel must be a whole number of 1 or more; write" in wrong.stderr
    assert "warning" not in cms("set", "cloudmesh.parallel=8").stderr
    assert "actve is not a known key" in cms("set", "cloudmesh.actve=uc").stderr
    assert "cloud 'nope' is not under clouds" in cms("set", "cloudmesh.active=[uc, nope]").stderr


def test_a_key_is_not_looked_at_by_the_providers_of_other_clouds(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(TEXT)
    asked: list[str] = []
    installed = provider_rules.installed
    monkeypatch.setattr(provider_rules, "installed", lambda: asked.append("which") or installed())
    monkeypatch.setattr(provider_rules, "settings_keys", lambda point: asked.append("asked"))
    assert findings.of_key(path, ["profile", "firstname"]) == []
    assert asked == []
    assert findings.of_key(path, ["clouds", "uc", "host"]) == []
    assert asked == ["which", "asked"]


def test_a_key_that_begins_a_new_cloud_is_told_since_it_may_be_a_slip(write: Write) -> None:
    write(TEXT)
    note = "note: 'cu' is a new cloud; known: uc\n"
    assert note in cms("set", "clouds.cu.host=x").stderr
    assert "new cloud" not in cms("set", "clouds.cu.type=openstack").stderr
    assert "new cloud" not in cms("set", "clouds.uc.host=x").stderr


IS_WRONG = "has a value that cannot be used; cms config check shows it, and why"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("credentials.OS_AUTH_TYPE", "A-Secret-in-the-wrong-key"),
        ("credentials.OS_AUTH_TYPE", '"secret"'),
        ("credentials.OS_AUTH_TYPE", "0xdecaf5ec7e7"),
        ("credentials.OS_AUTH_TYPE", "[secret]"),
        ("credentials.OS_AUTH_METHODS", "v3totp,Secret"),
        ("credentials.OS_AUTH_URL", "secret "),
        ("credentials.OS_CACERT", '"secret"'),
        ("type", "Sec\\ret'"),
        ("ca_cert", "~/secret"),
    ],
)
def test_what_was_typed_without_being_shown_is_not_shown_by_a_warning(
    write: Write, key: str, value: str
) -> None:
    given = "{OS_AUTH_URL: 'http://uc.test', OS_USERNAME: u, OS_PASSWORD: p, OS_PROJECT_NAME: p}"
    path = write(f"clouds:\n  uc:\n    type: openstack\n    credentials: {given}\n")
    if key.endswith("METHODS"):
        cms("set", "clouds.uc.credentials.OS_AUTH_TYPE=v3multifactor")
    answer = cms("set", f"clouds.uc.{key}", stdin=f"{value}\n")
    assert (answer.returncode, answer.stdout) == (0, "")
    shown = f"clouds.uc.{key} was set in {path}"
    assert answer.stderr.splitlines() == [shown, f"warning: clouds.uc.{key} {IS_WRONG}"]
    assert IS_WRONG not in cms("set", f"clouds.uc.{key}={value}").stderr


@pytest.mark.parametrize("value", ["note", "e", "", "secret"])
def test_a_warning_that_is_not_about_the_value_is_told_of_what_was_typed_without_being_shown(
    write: Write, value: str
) -> None:
    write(TEXT)
    assert "actve is not a known key" in cms("set", "cloudmesh.actve", stdin=f"{value}\n").stderr
    assert "parallel must be a whole number" in cms("set", "cloudmesh.parallel", stdin=f"{value}\n").stderr
    assert "\nwarning:" not in cms("set", "clouds.uc.credentials.OS_PASSWORD", stdin=f"{value}\n").stderr


def test_a_secret_on_the_command_line_is_warned_of(write: Write) -> None:
    path = write(TEXT)
    answer = cms("set", "clouds.uc.credentials.OS_PASSWORD=new-secret")
    assert answer.returncode == 0
    assert "visible in the process list" in answer.stderr
    assert "new-secret" not in answer.stdout + answer.stderr
    assert "OS_PASSWORD: new-secret\n" in path.read_text()
    assert "visible" not in cms("set", "clouds.uc.host=x").stderr


def test_a_secret_can_come_on_stdin(write: Write) -> None:
    path = write(TEXT)
    answer = cms("set", "clouds.uc.credentials.OS_PASSWORD", stdin="no\nnext line\n")
    assert answer.returncode == 0
    assert "visible" not in answer.stderr
    assert "OS_PASSWORD: 'no'\n" in path.read_text()
    empty = cms("set", "clouds.uc.credentials.OS_PASSWORD")
    assert empty.returncode == 2
    assert "no value" in empty.stderr


def test_a_secret_is_asked_for_without_showing_it(write: Write) -> None:
    path = write(TEXT)
    child = pexpect.spawn(
        CMS, ["config", "set", "clouds.uc.credentials.OS_PASSWORD"], encoding="utf-8", timeout=20
    )
    child.expect("OS_PASSWORD: ")
    child.sendline("typed-secret")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert "typed-secret" not in child.before
    assert "OS_PASSWORD: typed-secret\n" in path.read_text()


@pytest.mark.parametrize(
    "word", ["clouds.uc.credentials.OS_PASSWORD..x=hush", '"OS_PASSWORD=hush', "=hush", "clouds=hush"]
)
def test_an_assignment_that_fails_does_not_tell_its_value(write: Write, word: str) -> None:
    path = write(TEXT)
    answer = cms("set", word, stdin="")
    assert answer.returncode in (2, 3)
    assert "hush" not in answer.stdout + answer.stderr
    assert path.read_text() == TEXT


def test_a_file_that_others_can_read_is_refused_by_all(write: Write) -> None:
    path = write(TEXT, 0o644)
    for words in (
        ["list"],
        ["get", "clouds.uc.host"],
        ["set", "clouds.uc.host=x"],
        ["set", "clouds.uc.host"],
    ):
        answer = cms(*words)
        assert (answer.returncode, answer.stdout) == (3, "")
        assert f"chmod 600 {path}" in answer.stderr
    assert path.read_text() == TEXT


def test_check_prints_a_finding_a_line_and_exits_with_3(write: Write, home: Path) -> None:
    path = write("cloudmesh: {default: [nosuch]}\nclouds: {uc: {name: x}}\n")
    answer = cms("check")
    assert answer.returncode == 3
    assert [line.split(": ")[:2] for line in answer.stdout.splitlines()] == [
        [f"{path}:1", "error"],
        [f"{path}:2", "error"],
    ]
    data = cms("check", "--output=json")
    assert data.returncode == 3
    assert [row["line"] for row in json.loads(data.stdout)] == [1, 2]
    assert set(json.loads(data.stdout)[0]) == {"level", "path", "line", "message", "remedy"}


def test_warnings_alone_exit_with_0(
    write: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    warning = Finding("warning", write(TEXT), 3, "message", "remedy")
    monkeypatch.setattr("cloudmesh.config.check.findings.check", lambda _: [warning])
    assert inside("check") == 0
    assert capsys.readouterr().out == f"{warning}\n"
    monkeypatch.setattr("cloudmesh.config.check.findings.check", lambda _: [])
    assert inside("check") == 0
    assert capsys.readouterr().out == f"{warning.path}: no findings\n"


def test_what_the_environment_holds_is_not_shown(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOPSECRET", "env-secret-value-77")
    write("cloudmesh: {}\nclouds:\n  lc: {type: libcloud}\n")
    told = cms("set", "clouds.lc.ca_cert=${TOPSECRET}").stderr + cms("check").stdout
    assert "env-secret-value-77" not in told
