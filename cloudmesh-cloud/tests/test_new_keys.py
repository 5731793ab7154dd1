"""``cms key generate``: files that only their owner reads, nothing overwritten, the public key at clouds."""

import os
import stat
import subprocess
from types import SimpleNamespace

import pytest

from cloudmesh.cloud.cli import new_keys
from cloudmesh.cloud.cli.new_keys import generate
from cloudmesh.cloud.client.cloud import Cloud
from cloudmesh.config.secrets import new_ssh_key
from cloudmesh.key.command.key import KeyCommand
from cloudmesh.plugin.errors import CloudmeshError, Interrupted, UsageError


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / ".ssh"


@pytest.fixture
def config(configure):
    return configure({"a": {}, "b": {}}, active=["a", "b"], default=["a", "b"])


def keygen(*words):
    return subprocess.run(["ssh-keygen", *map(str, words)], capture_output=True, text=True, check=False)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def types(monkeypatch, *lines):
    left = list(lines)
    monkeypatch.setattr(new_keys, "read_line", lambda question, hidden: left.pop(0))
    monkeypatch.setattr(new_keys.sys, "stdin", SimpleNamespace(isatty=lambda: True))


def test_the_first_pair_is_the_one_that_ssh_uses(config, folder):
    os.umask(0o022)
    answer = generate(config, ["a", "b"], "laptop", protected=False)
    assert [(row["cloud"], row["result"]) for row in answer.rows] == [("a", "done"), ("b", "done")]
    private = folder / "id_ed25519"
    assert (mode(folder), mode(private), mode(folder / "id_ed25519.pub")) == (0o700, 0o600, 0o644)
    told = keygen("-lf", private).stdout.split()
    assert told[0] == "256" and told[2:] == ["laptop", "(ED25519)"]
    assert any(told[1] in note for note in answer.notes)
    assert (
        keygen("-y", "-P", "", "-f", private).stdout.split()[:2]
        == ((folder / "id_ed25519.pub").read_text().split()[:2])
    )
    for name in ("a", "b"):
        with Cloud(name) as cloud:
            assert [(each.name, each.fingerprint) for each in cloud.key_pairs()] == [("laptop", told[1])]


def test_the_next_one_has_its_own_name_and_nothing_is_overwritten(config, folder):
    generate(config, ["a"], "one", protected=False)
    before = {each.name: each.read_bytes() for each in folder.iterdir()}
    generate(config, ["a"], "two", protected=False)
    assert {each.name for each in folder.iterdir()} == {*before, "cloudmesh_two", "cloudmesh_two.pub"}
    assert {name: (folder / name).read_bytes() for name in before} == before
    with pytest.raises(UsageError, match="exists already, and is not overwritten"):
        generate(config, ["b"], "two", protected=False)


@pytest.mark.parametrize("left", ["id_ed25519.pub", "id_rsa"])
def test_one_half_of_a_pair_counts_as_a_key(config, folder, left):
    folder.mkdir(mode=0o700)
    (folder / left).write_text("mine")
    generate(config, ["a"], "one", protected=False)
    assert (folder / left).read_text() == "mine"
    assert (folder / "cloudmesh_one").is_file()


def test_a_dangling_link_is_not_written_through(config, folder, tmp_path):
    folder.mkdir(mode=0o700)
    (folder / "id_rsa").write_text("mine")
    (folder / "cloudmesh_one").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="exists already"):
        generate(config, ["a"], "one", protected=False)
    assert not (tmp_path / "elsewhere").exists()


def test_a_passphrase_is_typed_twice(config, folder, monkeypatch):
    types(monkeypatch, "one thing", "another", "right one", "right one")
    generate(config, ["a"], "laptop", protected=True)
    private = folder / "id_ed25519"
    assert keygen("-y", "-P", "right one", "-f", private).returncode == 0
    assert keygen("-y", "-P", "", "-f", private).returncode != 0


def test_an_empty_passphrase_is_none(config, folder, monkeypatch):
    types(monkeypatch, "")
    generate(config, ["a"], "laptop", protected=True)
    assert keygen("-y", "-P", "", "-f", folder / "id_ed25519").returncode == 0


def test_nothing_is_made_where_nobody_can_be_asked(config, folder, monkeypatch):
    monkeypatch.setattr(new_keys.sys, "stdin", None)
    with pytest.raises(UsageError, match="--no-passphrase"):
        generate(config, ["a"], "laptop", protected=True)
    types(monkeypatch, None)
    with pytest.raises(Interrupted):
        generate(config, ["a"], "laptop", protected=True)
    assert not folder.exists()


def test_nothing_is_made_if_a_cloud_has_the_name(config, folder):
    generate(config, ["a"], "laptop", protected=False)
    before = sorted(folder.iterdir())
    with pytest.raises(UsageError, match="cloud a already has a key pair laptop"):
        generate(config, ["a", "b"], "laptop", protected=False)
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("name", ["../x", "a b", "", "-x", "x\n", "a/b"])
def test_a_name_that_is_none_of_a_file_is_refused(config, folder, name):
    with pytest.raises(UsageError, match="cannot be the name of a file"):
        generate(config, ["a"], name, protected=False)
    assert not folder.exists()


def test_nothing_is_left_where_the_public_key_cannot_be_written(folder, monkeypatch):
    original = new_ssh_key._write

    def write(path, content, mode):
        if path.suffix == ".pub":
            raise OSError(28, "No space left on device", str(path))
        original(path, content, mode)

    monkeypatch.setattr(new_ssh_key, "_write", write)
    with pytest.raises(CloudmeshError, match="No space left"):
        new_ssh_key.make(folder / "id_ed25519", "x", "")
    assert list(folder.iterdir()) == []


def test_a_cloud_that_fails_is_told_and_the_key_is_kept(config, folder, monkeypatch):
    from cloudmesh.cloud.errors import Refused
    from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider

    original = SimulatedProvider.add_key

    def refuse(self, name, public_key):
        if self.name == "b":
            raise Refused("no")
        return original(self, name, public_key)

    monkeypatch.setattr(SimulatedProvider, "add_key", refuse)
    answer = generate(config, ["a", "b"], "laptop", protected=False)
    assert answer.exit_code == 1
    assert (folder / "id_ed25519").is_file()
    assert any("cms key add laptop" in note for note in answer.notes)


def test_the_command_line(config, folder, capsys):
    shell = SimpleNamespace(one_shot_done=True)
    KeyCommand.do_key(shell, "generate laptop --no-passphrase --cloud=a --output=names")
    captured = capsys.readouterr()
    assert shell.last_exit_code == 0
    assert "laptop" in captured.out
    assert "PRIVATE" not in captured.out + captured.err
