"""What is asked, and what is told, where a machine would be booted without a key pair."""

import subprocess

import pytest

from cloudmesh.cloud.client.cloud import Cloud
from cloudmesh.config import Config
from cloudmesh.vm import Machines
from cloudmesh.vm.cli import actions, key_note, key_offer

NOTE = "has no default key pair"


@pytest.fixture(autouse=True)
def real(monkeypatch):
    """The simulated cloud counts as a real one."""
    monkeypatch.setattr(key_note, "is_simulated", lambda config, cloud: False)


@pytest.fixture(autouse=True)
def own_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def lab(configure):
    return configure({"lab": {}}, active=["lab"], default=["lab"])


@pytest.fixture
def answers(monkeypatch):
    """A person at a terminal, who gives these answers: ``answers("yes")``; what was asked."""
    asked = []

    def give(*lines):
        left = list(lines)

        def read(question, hidden=False):
            asked.append(question)
            return left.pop(0)

        monkeypatch.setattr(key_offer, "read_line", read)
        monkeypatch.setattr("cloudmesh.cloud.cli.new_keys.read_line", read)
        monkeypatch.setattr("cloudmesh.cloud.cli.new_keys.sys.stdin", Terminal())
        monkeypatch.setattr(actions, "somebody_types", lambda: True)
        return asked

    return give


class Terminal:
    def isatty(self):
        return True


def own_key(home):
    file = home / ".ssh" / "id_ed25519"
    file.parent.mkdir(mode=0o700)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file], check=True)
    return file


def key_of(name):
    with Machines(name) as machines:
        return next(iter(machines)).key


def default_key():
    return Config.load().cloud("lab")["default"].get("key")


def test_a_script_is_asked_nothing_and_told(lab, cms):
    code, _, err = cms("boot web1")
    assert code == 0
    assert NOTE in err
    assert "cms key generate NAME" in err


@pytest.mark.parametrize("words", ["--yes", "--yes --quiet"])
def test_neither_is_a_person_who_says_yes_to_all(lab, cms, answers, words):
    assert answers() == []
    assert cms(f"boot web1 {words}")[0] == 0


def test_a_new_pair_is_made_where_there_is_none(lab, cms, answers, own_home):
    asked = answers("", "", "")
    code, _, err = cms("boot web1")
    assert code == 0, err
    assert asked[0].startswith("create a key pair in ~/.ssh, and add the public key to it as ")
    assert (own_home / ".ssh" / "id_ed25519").is_file()
    assert default_key() == key_of("web1") != ""
    assert "clouds.lab.default.key is now" in err
    # The second boot finds it.
    assert cms("boot web2")[0] == 0
    assert key_of("web2") == default_key()


def test_ones_own_public_key_is_added(lab, cms, answers, own_home):
    file = own_key(own_home)
    asked = answers("yes")
    assert cms("boot web1")[0] == 0
    assert asked[0].startswith("add your own public key to it as ")
    told = subprocess.run(["ssh-keygen", "-lf", file], capture_output=True, text=True, check=True).stdout
    with Cloud("lab") as cloud:
        (pair,) = cloud.key_pairs()
    assert pair.name == default_key()
    assert pair.fingerprint in told


def test_a_pair_of_the_cloud_whose_private_key_is_here_is_used(lab, cms, answers, own_home):
    file = own_key(own_home)
    with Cloud("lab") as cloud:
        cloud.add_key("mine", file.with_suffix(".pub").read_text().strip())
    asked = answers("y")
    assert cms("boot web1")[0] == 0
    assert asked == [f"use its key pair mine, whose private key is {file}? (yes, no, never) [yes]: "]
    assert key_of("web1") == default_key() == "mine"


def test_no_boots_without_and_asks_again(lab, cms, answers):
    asked = answers("what", "n", "no")
    assert cms("boot web1")[0] == 0
    assert cms("boot web2")[0] == 0
    assert len(asked) == 3
    assert key_of("web1") == ""
    assert default_key() is None


def test_never_boots_without_and_asks_no_more(lab, cms, answers):
    asked = answers("never")
    assert cms("boot web1")[0] == 0
    assert NOTE not in cms("boot web2")[2]
    assert len(asked) == 1
    assert default_key() == ""


def test_nothing_is_asked_where_a_key_or_user_data_is_given(lab, cms, answers, own_home):
    file = own_key(own_home)
    with Cloud("lab") as cloud:
        cloud.add_key("mine", file.with_suffix(".pub").read_text().strip())
    (own_home / "data").write_text("#cloud-config\n")
    asked = answers()
    assert cms("boot web1 --key=mine")[0] == 0
    assert cms(f"boot web2 --userdata={own_home}/data")[0] == 0
    assert cms("boot web3 --dryrun")[0] == 0
    assert asked == []


def test_who_leaves_boots_nothing(lab, cms, answers):
    answers(None)
    assert cms("boot web1")[0] == 130
    assert cms("list web1 --refresh")[1] == ""


def test_nothing_is_said_of_simulated_clouds(lab, cms, answers, monkeypatch):
    monkeypatch.undo()
    assert NOTE not in cms("boot web1")[2]
