"""``cms cloud add`` and ``remove``: what is asked, checked and written, with and without a terminal."""

import stat

import pexpect
import pytest
import yaml

SECRET = "hunter2"
OPENSTACK = ("--type=openstack", "OS_USERNAME=me", "OS_PROJECT_NAME=CH-1")


@pytest.fixture
def bare(make_home, tmp_path):
    """A home without a configuration, keyring or ssh key."""
    return make_home(tmp_path, extra={"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"})


def clouds(home):
    return yaml.safe_load(home.config.read_text()).get("clouds", {})


def dialogue(terminal, *lines):
    """Wait for each question and answer it; what is on the screen at the end."""
    shown = ""
    for question, answer in lines:
        terminal.expect_exact(question)
        shown += terminal.before + question
        terminal.expect(r": |\[y/N\] ")
        shown += terminal.before
        terminal.sendline(answer)
    terminal.expect(pexpect.EOF)
    terminal.close()
    return shown + terminal.before


# Without a terminal.


def test_all_is_given_and_written_at_once(bare):
    url = "OS_AUTH_URL=https://k.example.org:5000/v3"
    told = bare.cms("cloud", "add", "uc", *OPENSTACK, url, "OS_PASSWORD=TBD", "image=debian", "timeout=90s")
    assert "was created" in told.stderr
    assert "cloud uc was added" in told.stderr
    assert "cms flavor list --cloud=uc" in told.stderr
    assert "cms image list" not in told.stderr
    assert clouds(bare)["uc"] == {
        "type": "openstack",
        "timeout": "90s",
        "credentials": {
            "OS_USERNAME": "me",
            "OS_PROJECT_NAME": "CH-1",
            "OS_AUTH_URL": "https://k.example.org:5000/v3",
            "OS_PASSWORD": "TBD",
        },
        "default": {"image": "debian"},
    }
    assert stat.S_IMODE(bare.config.stat().st_mode) == 0o600
    again = bare.cms("cloud", "add", "uc", *OPENSTACK, code=2).stderr
    assert "cloud uc already exists" in again


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["uc"], 2, "the type of cloud uc is missing; use --type=TYPE"),
        (["uc", "--type=openstak"], 2, "did you mean 'openstack'?"),
        (["uc", *OPENSTACK], 2, "needs OS_AUTH_URL, OS_PASSWORD, and there is no terminal"),
        (["uc", "--type=ec2"], 2, "needs EC2_ACCESS_KEY or EC2_PROFILE, EC2_SECRET_KEY or EC2_PROFILE"),
        (["uc", "--type=digitalocean", "DO_TOKEN=TBD"], 2, "needs region"),
        (["uc", "--type=simulated", "failur_rate=1"], 2, "did you mean 'failure_rate'?"),
        (["uc", "--type=simulated", "failure_rate=2"], 3, "clouds.uc.failure_rate"),
        (["uc", "--type=simulated", "image"], 2, "KEY=VALUE"),
        (["uc", "--type=simulated", "type=x"], 2, "--type=TYPE"),
        (["a,b", "--type=simulated"], 2, "cannot be the name of a cloud"),
        (["uc", "--type=simulated", "image=nosuch", "--check"], 2, "nosuch"),
        (["uc", *OPENSTACK, "OS_AUTH_URL=k.example.org/v3", "OS_PASSWORD=TBD"], 3, "without a scheme"),
        (
            ["uc", *OPENSTACK, "OS_AUTH_URL=http://127.0.0.1:9", f"OS_PASSWORD={SECRET}", "--check"],
            4,
            "127.0.0.1:9",
        ),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(bare, words, code, told):
    ended = bare.cms("cloud", "add", *words, code=code)
    assert told in ended.stderr
    assert SECRET not in ended.stdout + ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert not bare.config.exists()


def test_one_more_cloud_leaves_the_default_and_is_active(home):
    before = home.config.read_text()
    home.cms("cloud", "add", "two", "--type=simulated", "--check", "boot_seconds=0.5", "bulk=3")
    assert clouds(home)["two"] == {"type": "simulated", "boot_seconds": 0.5, "bulk": 3}
    section = yaml.safe_load(home.config.read_text())["cloudmesh"]
    assert (section["active"], section["default"]) == (["local", "two"], ["local"])
    tokens = home.directory / "tokens"
    tokens.mkdir(mode=0o700, exist_ok=True)
    for name in (mine := f"two-{'0' * 16}.json", other := f"two-three-{'0' * 16}.json"):
        (tokens / name).write_text("{}")
    told = home.cms("cloud", "remove", "two", "--yes").stderr
    assert "cloud two was removed" in told
    assert (tokens / other).exists() and not (tokens / mine).exists()
    assert yaml.safe_load(home.config.read_text()) == yaml.safe_load(before)


def test_remove_asks_and_names_the_machines(machines):
    refused = machines.cms("cloud", "remove", "local", code=2).stderr
    assert "refusing to remove cloud local: no terminal to confirm at; use --yes" in refused
    assert "did you mean 'local'?" in machines.cms("cloud", "remove", "locl", "--yes", code=2).stderr
    terminal = machines.terminal("cloud", "remove", "local")
    shown = dialogue(terminal, ("Remove cloud local", "n"))
    assert "3 machines are known on cloud local, not deleted, and may cost money: web[01-03]" in shown
    assert terminal.exitstatus == 1
    assert "local" in clouds(machines)
    terminal = machines.terminal("cloud", "remove", "local")
    dialogue(terminal, ("Remove cloud local", "y"))
    assert terminal.exitstatus == 0
    assert clouds(machines) == {}
    assert machines.world.exists()


# At a terminal.

USER = (("OS_USERNAME", "me"), ("OS_PASSWORD", SECRET), ("OS_PROJECT_NAME", "CH-1"))
REST = (("OS_USER_DOMAIN_NAME", ""), ("OS_PROJECT_DOMAIN_NAME", "Other"), ("OS_REGION_NAME", ""))
QUESTIONS = (("OS_AUTH_TYPE", ""), *USER, *REST)


def test_each_question_is_asked_once_and_the_secret_is_not_kept(bare, make_stack):
    stack = make_stack(password=SECRET)
    terminal = bare.terminal("cloud", "add", "uc")
    shown = dialogue(
        terminal,
        ("type of the cloud", "openstack"),
        ("OS_AUTH_URL (URL of the identity service), such as https://", f"{stack.url}/v3"),
        *QUESTIONS,
        ("where to keep OS_PASSWORD", ""),
    )
    assert terminal.exitstatus == 0, shown
    assert "signed in" in shown
    assert SECRET not in shown
    assert clouds(bare)["uc"]["credentials"] == {
        "OS_AUTH_URL": f"{stack.url}/v3",
        "OS_USERNAME": "me",
        "OS_PASSWORD": "TBD",
        "OS_PROJECT_NAME": "CH-1",
        "OS_PROJECT_DOMAIN_NAME": "Other",
    }
    assert "OS_PASSWORD is TBD" in bare.cms("config", "check").stdout


def test_an_application_credential_needs_no_user(bare):
    terminal = bare.terminal("cloud", "add", "uc", "--type=openstack", "OS_AUTH_URL=https://k.example.org/v3")
    lines = (
        ("OS_AUTH_TYPE", "v3application"),
        ("did you mean 'v3applicationcredential'?", "v3applicationcredential"),
        ("OS_APPLICATION_CREDENTIAL_ID", "0123"),
        ("OS_APPLICATION_CREDENTIAL_SECRET", ""),
        ("OS_REGION_NAME", "CHI@UC"),
    )
    shown = dialogue(terminal, *lines)
    assert terminal.exitstatus == 0, shown
    assert "cms cloud check uc" in shown
    assert clouds(bare)["uc"]["credentials"] == {
        "OS_AUTH_URL": "https://k.example.org/v3",
        "OS_AUTH_TYPE": "v3applicationcredential",
        "OS_APPLICATION_CREDENTIAL_ID": "0123",
        "OS_APPLICATION_CREDENTIAL_SECRET": "TBD",
        "OS_REGION_NAME": "CHI@UC",
    }


@pytest.mark.parametrize("last", ["retry", "keep", "abandon"])
def test_a_sign_in_that_fails_is_retried_kept_or_abandoned(bare, make_stack, last):
    stack = make_stack(password=SECRET)
    wrong = [(key, "not-it" if key == "OS_PASSWORD" else answer) for key, answer in QUESTIONS]
    terminal = bare.terminal("cloud", "add", "uc", "--type=openstack", f"OS_AUTH_URL={stack.url}")
    again = [(key, SECRET if key == "OS_PASSWORD" else "") for key, _ in QUESTIONS]
    more = [*again, ("where to keep", "file")] if last == "retry" else []
    more = [("where to keep", "ask")] if last == "keep" else more
    shown = dialogue(terminal, *wrong, ("(retry, keep, abandon) [retry]", last[0]), *more)
    assert "error: " in shown
    assert terminal.exitstatus == (1 if last == "abandon" else 0), shown
    if last == "abandon":
        assert "no cloud was added" in shown
        assert not bare.config.exists()
    else:
        kept = clouds(bare)["uc"]["credentials"]["OS_PASSWORD"]
        assert clouds(bare)["uc"]["credentials"]["OS_PROJECT_NAME"] == "CH-1"
        assert kept == (SECRET if last == "retry" else "TBD")
    assert bare.holding([SECRET, "not-it"]) == []


def test_the_secret_can_be_encrypted_with_the_ssh_key(bare):
    (bare.path / ".ssh").mkdir()
    bare.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(bare.path / ".ssh" / "id_ed25519"))
    words = ("--type=digitalocean", "region=fra1", "--no-check")
    terminal = bare.terminal("cloud", "add", "ocean", *words)
    shown = dialogue(terminal, ("DO_TOKEN", SECRET), ("where to keep DO_TOKEN", "encrypt"))
    assert terminal.exitstatus == 0, shown
    assert SECRET not in bare.config.read_text()
    assert SECRET in bare.cms("config", "get", "clouds.ocean.credentials.DO_TOKEN", "--secrets").stdout


KEYRING = """
import keyring.backend, pathlib
class Keyring(keyring.backend.KeyringBackend):
    priority = 1
    file = pathlib.Path.home() / "kept"
    def get_password(self, service, user):
        return self.file.read_text() if self.file.exists() else None
    def set_password(self, service, user, value):
        assert user == "clouds.ocean.credentials.DO_TOKEN"
        self.file.write_text(value)
"""


def test_the_secret_can_be_kept_in_the_keyring(bare):
    pytest.importorskip("keyring")
    (bare.path / "our_keyring.py").write_text(KEYRING)
    bare.extra.update(PYTHONPATH=str(bare.path), PYTHON_KEYRING_BACKEND="our_keyring.Keyring")
    terminal = bare.terminal("cloud", "add", "ocean", "--type=digitalocean", "region=fra1", "--no-check")
    shown = dialogue(terminal, ("DO_TOKEN", SECRET), ("ask/keyring/file", "keyring"))
    assert terminal.exitstatus == 0, shown
    assert clouds(bare)["ocean"]["credentials"]["DO_TOKEN"] == "TBD"
    assert (bare.path / "kept").read_text() == SECRET


def test_in_the_shell_the_prompt_comes_back_after_ctrl_c(bare):
    shell = bare.terminal()
    shell.expect("cms> ")
    shell.sendline("cloud add uc --type=digitalocean region=fra1 --no-check")
    shell.expect_exact("DO_TOKEN")
    shell.send("\x03")
    shell.expect("cms> ")
    shell.sendline("cloud add uc --type=digitalocean region=fra1 --no-check")
    shell.expect_exact("DO_TOKEN")
    shell.sendline("")
    shell.expect_exact("cloud uc was added")
    shell.expect("cms> ")
    shell.sendline("exit")
    shell.expect(pexpect.EOF)
    assert clouds(bare)["uc"]["region"] == "fra1"


def test_ctrl_c_and_the_end_of_input_write_nothing(bare):
    for key in ("\x03", "\x04"):
        terminal = bare.terminal("cloud", "add", "uc", "--type=ec2")
        terminal.expect_exact("EC2_ACCESS_KEY")
        terminal.send(key)
        terminal.expect(pexpect.EOF)
        terminal.close()
        assert terminal.exitstatus == 130
        assert not bare.config.exists()
