"""A secret that is missing is asked for at the terminal, once, and is found nowhere afterwards."""

import copy
import hashlib
import subprocess
import textwrap
import threading
import time
from pathlib import Path

import pexpect
import pytest

PASSWORD = "Wd5-pl0Ver_un1que"
PASSPHRASE = "Yh8-gr3yLag_un1que"
HIDDEN = [PASSWORD, PASSWORD[:9], PASSPHRASE, PASSPHRASE[:9]]
CLOUDS = ["c1", "c2", "c3", "c4", "c5"]
# The cloud of somebody else, who writes down that a call came, and with the right credentials.
NEEDY = """
    from pathlib import Path
    from cloudmesh.cloud.errors import CredentialsError
    from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider

    class NeedyProvider(SimulatedProvider):
        required_credentials = ("OS_USERNAME", "OS_PASSWORD")
        settings_keys = (*getattr(SimulatedProvider, "settings_keys", ()), "calls", "expects")

        def __init__(self, name, settings):
            own = ("credentials", "calls", "expects")
            super().__init__(name, {key: value for key, value in settings.items() if key not in own})
            self.account = settings

        def open(self):
            super().open()
            self._sign_in()

        def _sign_in(self):
            import hashlib
            given = self.account["credentials"]
            found = hashlib.sha256(given["OS_PASSWORD"].encode()).hexdigest()
            with Path(self.account["calls"]).open("a") as file:
                file.write(f"{self.name} {given['OS_USERNAME']} {found == self.account['expects']}\\n")
            if found != self.account["expects"]:
                raise CredentialsError(f"{self.name} did not accept the password")
"""


@pytest.fixture
def needy(home, cloud_settings):
    """A user with five clouds whose user name and password are not stored."""
    site = home.path / "site"
    info = site / "cloudmesh_needy-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "cloudmesh_needy.py").write_text(textwrap.dedent(NEEDY), encoding="utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: cloudmesh-needy\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[cloudmesh.providers]\nneedy = cloudmesh_needy:NeedyProvider\n")
    home.extra["PYTHONPATH"] = str(site)
    # The keyring of whoever runs the tests is left alone.
    home.extra["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
    cloud = {
        **cloud_settings(),
        "type": "needy",
        "calls": str(home.path / "calls"),
        "expects": hashlib.sha256(PASSWORD.encode()).hexdigest(),
        "credentials": {"OS_USERNAME": "TBD", "OS_PASSWORD": "TBD"},
    }
    # A key pair is not offered there.
    cloud["default"] = {**cloud.get("default", {}), "key": ""}
    home.configure(**{name: copy.deepcopy(cloud) for name in CLOUDS})
    return home


def calls(home):
    file = home.path / "calls"
    return file.read_text().splitlines() if file.exists() else []


def answer(child, cloud, password=PASSWORD):
    """Type the user name, which is shown, and the password, which is not."""
    child.expect_exact(f"cloud {cloud}: OS_USERNAME: ")
    child.sendline(f"me-{cloud}")
    child.expect_exact(f"me-{cloud}\r\n")
    child.expect_exact(f"cloud {cloud}: OS_PASSWORD: ")
    assert not child.getecho(), "what is typed now is not shown"
    child.sendline(password)


def ended(child):
    child.expect(pexpect.EOF)
    child.close()
    assert PASSWORD not in child.before
    return child.exitstatus


def without_terminal(home, *words, code):
    """Run in a session of its own, so that the terminal of whoever runs the tests is out of reach."""
    process = home.start(*words)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, out + err
    return out, err


def test_five_clouds_ask_each_secret_once_before_any_call(needy):
    child = needy.terminal("cloud", "check")
    for cloud in CLOUDS:
        answer(child, cloud)
        assert calls(needy) == [], "nothing is called before all is known"
    assert ended(child) == 0
    assert sorted(calls(needy)) == [f"{cloud} me-{cloud} True" for cloud in CLOUDS]


def test_a_refresh_and_a_boot_on_several_clouds_ask_first(needy):
    for words in (["vm", "list", "--refresh", "--cloud=c1,c2"], ["vm", "boot", "a[1-2]", "--cloud=c1,c2"]):
        child = needy.terminal(*words)
        for cloud in ("c1", "c2"):
            answer(child, cloud)
            assert not calls(needy) or words[1] == "boot"
        assert ended(child) == 0
    assert {line.split()[0] for line in calls(needy)} == {"c1", "c2"}
    child = needy.terminal("vm", "stop", "c1:a1", "--wait")
    answer(child, "c1")
    assert ended(child) == 0, "the other cloud has nothing to do with it"


def test_a_shell_asks_once_until_it_is_left(needy):
    child = needy.terminal()
    child.expect_exact("cms> ")
    child.sendline("cloud check c1")
    answer(child, "c1")
    child.expect_exact("cms> ")
    for line in ("cloud check c1", "vm list --refresh --cloud=c1", "vm boot b1 --cloud=c1 --wait"):
        child.sendline(line)
        child.expect_exact("cms> ")
        assert "OS_" not in child.before
    child.sendline("cloud check c2")
    answer(child, "c2")
    child.expect_exact("cms> ")
    child.sendline("quit")
    child.expect(pexpect.EOF)
    child.close()
    assert set(calls(needy)) == {"c1 me-c1 True", "c2 me-c2 True"}
    history = [file.read_text() for file in needy.directory.glob("*history*")]
    assert not any("me-c1" in text for text in history), "what was typed is no command"


def test_what_the_cloud_refused_is_asked_for_again(needy):
    child = needy.terminal()
    child.expect_exact("cms> ")
    for line in (
        "cloud check c1",
        "vm list --refresh --cloud=c1",
        "image list --cloud=c1",
        "vm boot b1 --cloud=c1",
    ):
        child.sendline(line)
        answer(child, "c1", "wrong")
        child.expect_exact("did not accept the password")
        child.expect_exact("cms> ")
        assert "OS_" not in child.before, "once in a command"
    child.sendline("vm boot b1 --cloud=c1 --wait")
    answer(child, "c1")
    child.expect_exact("cms> ")
    assert calls(needy)[-1] == "c1 me-c1 True"
    child.sendline("quit")
    child.expect(pexpect.EOF)


def test_what_a_cloud_refused_at_its_first_call_is_asked_for_again(home, make_stack):
    stack = make_stack()
    cloud = stack.section()
    cloud["credentials"]["OS_PASSWORD"] = "TBD"
    # A key pair is not offered there.
    cloud["default"] = {**cloud.get("default", {}), "key": ""}
    home.configure(c1=cloud)
    home.cms("cloud", "activate", "c1")
    home.extra["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    child = home.terminal()
    child.expect_exact("cms> ")
    for line in ("cloud check c1", "vm list --refresh", "vm boot b1", "key delete k", "cloud check c1"):
        child.sendline(line if "check" in line else f"{line} --cloud=c1")
        child.expect_exact("cloud c1: OS_PASSWORD: ")
        child.sendline("wrong")
        child.expect_exact("rejected user demo")
        child.expect_exact("cms> ")
    child.sendline("quit")
    child.expect(pexpect.EOF)


@pytest.fixture
def kept(home, make_stack):
    """A user whose password is not stored, signed in to two regions of one OpenStack."""
    stack = make_stack()
    cloud = stack.section()
    cloud["credentials"]["OS_PASSWORD"] = "TBD"
    # A key pair is not offered there.
    cloud["default"] = {**cloud.get("default", {}), "key": ""}
    home.configure(c1=cloud, c2=copy.deepcopy(cloud))
    home.cms("cloud", "activate", "c1", "c2")
    home.extra["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    child = home.terminal("vm", "list", "--refresh", "--cloud=c1,c2")
    for name in ("c1", "c2"):
        child.expect_exact(f"cloud {name}: OS_PASSWORD: ")
        child.sendline(stack.settings["password"])
    assert ended(child) == 0
    stack.forget()
    return stack


def sign_ins(stack):
    return sum(call["path"] == "/v3/auth/tokens" for call in stack.calls())


def test_a_kept_token_spares_the_password(home, kept):
    without_terminal(home, "vm", "list", "--refresh", "--cloud=c1,c2", code=0)
    without_terminal(home, "vm", "boot", "a[1-4]", "--cloud=c1", "--wait", code=0)
    without_terminal(home, "image", "list", "--refresh", "--cloud=c1,c2", code=0)
    assert sign_ins(kept) == 0 and kept.calls()
    out, _ = without_terminal(home, "cloud", "check", "c1", code=3)
    assert "clouds.c1.credentials.OS_PASSWORD" in out, "a check signs in"
    home.change("c1", credentials={**kept.section()["credentials"], "OS_PASSWORD": "TBD", "OS_USERNAME": "x"})
    _, told = without_terminal(home, "vm", "list", "--refresh", "--cloud=c1", code=3)
    assert "OS_PASSWORD in" in told, "nobody works as somebody else"


def test_a_revoked_token_lets_the_next_command_ask(home, kept):
    for file in (home.directory / "tokens").glob("c1-*.json"):
        file.write_text(file.read_text().replace('"text": "', '"text": "revoked'))
    _, told = without_terminal(home, "vm", "list", "--refresh", "--cloud=c1,c2", code=3)
    assert told.count("was revoked") == 1 and "cloud c1" in told and sign_ins(kept) == 0
    child = home.terminal("vm", "boot", "a[1-4]", "--cloud=c1", "--wait")
    child.expect_exact("cloud c1: OS_PASSWORD: ")
    child.sendline(kept.settings["password"])
    assert ended(child) == 0 and sign_ins(kept) == 1


def test_a_script_asks_once(needy):
    script = needy.path / "script.txt"
    script.write_text("cloud check c1\ncloud check c1\nvm list --refresh --cloud=c1\n")
    child = needy.terminal("batch", str(script))
    answer(child, "c1")
    assert ended(child) == 0
    assert len(calls(needy)) == 3


def test_without_a_terminal_the_exit_code_is_3(needy):
    for words in (
        ["vm", "boot", "a1", "--cloud=c2"],
        ["vm", "start", "c2:a1"],
        ["vm", "list", "--refresh", "--cloud=c2"],
        ["image", "list", "--cloud=c2"],
    ):
        _, told = without_terminal(needy, *words, code=3)
        assert "clouds.c2.credentials.OS_USERNAME" in told and "cms config set" in told, told
    out, _ = without_terminal(needy, "cloud", "check", "c2", code=3)
    assert "clouds.c2.credentials.OS_USERNAME" in out
    assert calls(needy) == []


def test_ctrl_c_while_asked(needy):
    child = needy.terminal("cloud", "check", "c1")
    child.expect_exact("OS_USERNAME: ")
    child.sendintr()
    assert ended(child) == 130
    assert calls(needy) == []


def make_key(home, passphrase):
    (home.path / ".ssh").mkdir(mode=0o700)
    file = home.path / ".ssh" / "id_ed25519"
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", file]
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)
    return file


def set_passwords(home, *clouds):
    for cloud in clouds:
        home.cms("config", "set", f"clouds.{cloud}.credentials.OS_PASSWORD", stdin=f"{PASSWORD}\n")
        home.cms("config", "set", f"clouds.{cloud}.credentials.OS_USERNAME=me")


def test_a_wrong_passphrase_and_no_key_are_one_sentence(needy):
    key = make_key(needy, PASSPHRASE)
    set_passwords(needy, "c1")
    needy.cms("config", "encrypt", "--force")
    for typed in (["wrong", "wrong"], ["wrong", PASSPHRASE]):
        child = needy.terminal("cloud", "check", "c1")
        for word in typed:
            child.expect_exact("passphrase of ~/.ssh/id_ed25519: ")
            child.sendline(word)
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == (0 if PASSPHRASE in typed else 3)
        assert "Traceback" not in child.before
        assert PASSPHRASE in typed or "was wrong" in child.before
    _, told = without_terminal(needy, "vm", "boot", "x", "--cloud=c1", code=3)
    assert "no terminal" in told and "id_ed25519" in told and "clouds.c1.credentials.OS_PASSWORD" in told
    key.rename(key.with_name("away"))
    _, told = without_terminal(needy, "vm", "boot", "x", "--cloud=c1", code=3)
    assert "no key file" in told and str(needy.config) in told


def leaks(text):
    return [word for word in HIDDEN if word in text]


class CommandLineWatcher(threading.Thread):
    """Looks at the command lines of all processes, as fast as it can."""

    def __init__(self):
        super().__init__(daemon=True)
        self.ended = threading.Event()
        self.found, self.looks = [], 0

    def run(self):
        while not self.ended.is_set():
            self.looks += 1
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    line = file.read_bytes().decode("utf-8", errors="replace")
                except OSError:
                    # It has ended meanwhile.
                    continue
                if leaks(line):
                    self.found.append(line)
            time.sleep(0.005)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()


def typed_into(home, said, *words, typed, debug):
    """Run at a terminal, type what is asked for, and keep what was said."""
    child = home.terminal(*words, CLOUDMESH_DEBUG=debug)
    for prompt, line in typed:
        child.expect_exact(prompt)
        said.append(child.before)
        child.sendline(line)
    child.expect(pexpect.EOF)
    said.append(child.before)
    child.close()
    return child.exitstatus


@pytest.mark.slow
@pytest.mark.parametrize("debug", ["", "1"], ids=["plain", "debug"])
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="there is no /proc")
def test_a_long_run_leaves_the_password_nowhere(needy, debug):
    make_key(needy, PASSPHRASE)
    said = []
    unlock = [("passphrase of ~/.ssh/id_ed25519: ", PASSPHRASE)]
    key = "clouds.c1.credentials.OS_PASSWORD"

    def run(*words, stdin=""):
        done = needy.cms(*words, code=None, stdin=stdin, CLOUDMESH_DEBUG=debug)
        said.append(done.stdout + done.stderr)
        return done.returncode

    def type_(*words, typed=()):
        return typed_into(needy, said, *words, typed=typed, debug=debug)

    with CommandLineWatcher() as watch:
        assert type_("config", "set", key, typed=[(f"{key}: ", PASSWORD)]) == 0
        assert run("config", "set", "clouds.c1.credentials.OS_USERNAME=me") == 0
        assert PASSWORD in needy.config.read_text()
        assert type_("config", "encrypt", typed=unlock) == 0
        assert needy.holding(HIDDEN) == [] and not leaks(needy.config.read_text())
        assert run("config", "set", "clouds.c2.credentials.OS_PASSWORD", stdin=f"{PASSWORD}\n") == 0
        assert run("config", "set", "clouds.c2.credentials.OS_USERNAME=me") == 0
        assert not leaks(needy.config.read_text()), "encrypted at once"
        for line in ("config list", "config check", "cloud list", "cloud info c1", "config get clouds.c1"):
            run(*line.split(), "--output=json")
        assert run("config", "get", key) == 0
        assert type_("vm", "boot", "web[1-3]", "--cloud=c1,c2", "--wait", typed=unlock) == 0
        assert type_("vm", "list", "--refresh", "--cloud=c1,c2", typed=unlock) == 0
        assert type_("cloud", "check", "c1", typed=[(unlock[0][0], "wrong-one"), *unlock]) == 0
        asked = [*unlock, ("c3: OS_USERNAME: ", "me"), ("c3: OS_PASSWORD: ", PASSWORD)]
        assert type_("cloud", "check", "c1", "c3", typed=asked) == 0
        assert run("db", "list", "task", "--output=json") == 0
        assert type_("config", "rekey", "--key=~/.ssh/id_ed25519", typed=unlock) == 0
        damaged = needy.config.read_text().replace("-----END AGE", "-----END", 1)
        good = needy.config.read_text()
        needy.config.write_text(damaged)
        assert run("config", "check") == 3
        assert run("cloud", "check", "c1") == 3
        needy.config.write_text(good)
        assert needy.holding(HIDDEN) == [] and not leaks(needy.config.read_text())
        assert type_("config", "decrypt", typed=unlock) == 0
        assert needy.config.read_text().count(PASSWORD) == 2
        shown = type_("config", "get", key, "--secrets")
        assert shown == 0 and leaks(said.pop()), "the search finds what is there"
    assert [line for line in said if leaks(line)] == []
    assert needy.holding(HIDDEN) == []
    assert watch.looks > 20 and watch.found == []
    assert "c1 me True" in calls(needy) and "c3 me True" in calls(needy)


def test_the_watch_can_fail():
    with CommandLineWatcher() as watch:
        subprocess.run(["sleep", "0.3"], check=False, env={"X": PASSWORD})
        assert watch.found == []
        subprocess.run(["sh", "-c", "sleep 0.5; exit", PASSWORD], check=False)
    assert watch.found
