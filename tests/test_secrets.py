"""A password of the configuration is written nowhere else, whatever is said."""

import pytest

PASSWORD = "Zq9-gReM1in_s3"
# Written by a user into the program; it must not stay anywhere but in the configuration either.
TYPED = "Kv7-pl0VeR_n8"
HIDDEN = [word for secret in (PASSWORD, TYPED) for word in (secret, secret[:8])]


def openstack():
    return {
        "type": "openstack",
        "name": "with secrets",
        "host": f"https://operator:{PASSWORD}@cloud.example.org:5000",
        "credentials": {
            "OS_USERNAME": "operator",
            "OS_PASSWORD": PASSWORD,
            "EC2_SECRET_KEY": PASSWORD,
            "OS_AUTH_URL": f"https://operator:{PASSWORD}@cloud.example.org/v3",
            "OS_TOKEN": [PASSWORD, {"nested": PASSWORD}],
        },
        "default": {"image": "debian-12", "flavor": "small"},
    }


@pytest.fixture
def secret_home(home, cloud_settings):
    local = {
        **cloud_settings(),
        "credentials": {"OS_PASSWORD": PASSWORD},
        "console_url": f"ssh://me:{PASSWORD}@h",
    }
    other = {"type": "libcloud", "driver": "vultr", "arguments": {"key": PASSWORD, "secret": PASSWORD}}
    home.configure(local=local, tacc=openstack(), other=other)
    return home


COMMANDS = [
    "config path",
    "config list",
    "config list --output=json",
    "config get clouds",
    "config get clouds.tacc --output=yaml",
    "config get clouds.tacc.credentials",
    "config get clouds.other",
    "config get clouds.other.arguments",
    "config get clouds.other.arguments.key",
    "cloud info other",
    "config get clouds.tacc.credentials.OS_PASSWORD",
    "config get clouds.tacc.credentials.OS_AUTH_URL",
    "config get clouds.tacc.credentials.OS_PASSWRD",
    "config get clouds.tacc.credentials.OS_PASSWORD.deeper",
    "config get clouds.tacc.host",
    "config get clouds.local",
    f"config set clouds.tacc.credentials.OS_PASSWORD={TYPED}",
    f"config set clouds.tacc.host=https://me:{TYPED}@cloud.example.org",
    f"config set clouds.tacc.credentials.OS_PASSWORD.deeper={TYPED}",
    f"config set --password={TYPED}",
    f"config sett clouds.tacc.credentials.OS_PASSWORD={TYPED}",
    "config check",
    "config check --output=json",
    "cloud list",
    "cloud list --output=json",
    "cloud info tacc",
    "cloud info local",
    "cloud info local --output=json",
    "cloud check",
    "cloud check tacc",
    "cloud activate tacc",
    "cloud check tacc",
    "vm list --cloud=tacc",
    "vm boot vm9 --cloud=tacc",
    "image list --cloud=tacc",
    "vm boot vm1 --wait",
    "vm list --refresh --output=json",
    "vm info vm1",
    "vm console vm1",
    "vm start vm1",
    "vm delete vm1",
    "vm delete vm1 --yes",
    "db tables",
    "db list task --output=json",
]


def leaks(text):
    return [word for word in HIDDEN if word in text]


def written(home):
    return home.holding(HIDDEN)


@pytest.mark.slow
@pytest.mark.parametrize("debug", ["", "1"], ids=["plain", "debug"])
def test_no_command_shows_or_keeps_a_secret(secret_home, debug):
    shown = {}
    for line in COMMANDS:
        ended = secret_home.cms(*line.split(), code=None, CLOUDMESH_DEBUG=debug)
        if leaks(ended.stdout + ended.stderr):
            shown[line] = leaks(ended.stdout + ended.stderr)
    assert shown == {}
    assert written(secret_home) == []
    assert TYPED in secret_home.config.read_text(encoding="utf-8"), "it was set all the same"


def test_the_check_can_fail(secret_home):
    """Asked for by name a secret is shown, and the search above finds it."""
    ended = secret_home.cms("config", "get", "clouds.tacc.credentials.OS_PASSWORD", "--secrets")
    assert leaks(ended.stdout) and PASSWORD in ended.stdout
    (secret_home.path / "history").write_text(PASSWORD, encoding="utf-8")
    assert written(secret_home) == ["history"]


def test_a_script_shows_and_keeps_none(secret_home):
    """Neither do the lines that are told as failed."""
    text = "\n".join(COMMANDS)
    ended = secret_home.cms("batch", "--keep-going", "-", code=None, stdin=text, CLOUDMESH_DEBUG="1")
    assert ended.stderr.count("-:") > 5 and "Traceback" in ended.stderr
    shown = [line for line in (ended.stdout + ended.stderr).splitlines() if leaks(line)]
    assert shown == []
    assert written(secret_home) == []


@pytest.mark.slow
def test_a_shell_shows_and_keeps_none(secret_home):
    """At a terminal too, where a history is kept; what the terminal echoes is not looked at."""
    shell = secret_home.terminal(CLOUDMESH_DEBUG="1")
    shell.setecho(False)
    shell.expect_exact("cms> ")
    for line in COMMANDS:
        shell.sendline(line)
        if line == "vm delete vm1":
            shell.expect_exact("[y/N] ")
            shell.sendline("no")
        shell.expect_exact("cms> ")
        answer = shell.before.replace(line, "")
        assert leaks(answer) == [], (line, answer)
    shell.sendline("quit")
    shell.wait()
    assert written(secret_home) == []


BROKEN = {
    "no mapping": "- {text}\nclouds: 1\n",
    "unclosed": "clouds:\n  tacc:\n    OS_PASSWORD: '{text}\n    x: [1\n",
    "twice": "clouds:\n  tacc:\n    OS_PASSWORD: {text}\n    OS_PASSWORD: {text}2\n",
    "tab": "clouds:\n\tOS_PASSWORD: {text}\n",
    "tag": "clouds:\n  tacc: {{OS_PASSWORD: !!python/name:{text} x}}\n",
    "anchor": "clouds:\n  tacc: *{text}\n",
    "a text": "clouds: {text}\n",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_configuration_is_not_quoted(home, kind):
    home.config.write_text(BROKEN[kind].format(text=PASSWORD), encoding="utf-8")
    text = "vm list\nconfig check\nconfig set clouds.tacc.x=1\n"
    ended = home.cms("batch", "--keep-going", "-", code=3, stdin=text, CLOUDMESH_DEBUG="1")
    assert ended.stderr.count("-:") == 3, "each of the three lines fails"
    assert leaks(ended.stdout + ended.stderr) == []
    assert written(home) == []


def test_python_shows_no_secret_in_a_traceback(secret_home):
    secret_home.cms("cloud", "activate", "tacc")
    ended = secret_home.python("from cloudmesh.cloud import Cloud\nwith Cloud('tacc') as c: print(c)", code=1)
    assert "ConfigError" in ended.stderr and "OS_AUTH_URL" in ended.stderr
    assert leaks(ended.stdout + ended.stderr) == []
