"""The file for OpenSSH, read by the real one, which signs in to real servers by it."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cloudmesh.cloud.access.host_keys import HostKeys
from cloudmesh.cloud.access.hosts import (
    Host,
    aliases_of,
    ansible_lines,
    is_address,
    quoted_path,
    ssh_lines,
    user_or_none,
)
from cloudmesh.cloud.access.route import alias_of
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.store import ssh_file
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.cloud.store.routes import keep_users
from cloudmesh.config import Config
from cloudmesh.db import open_store

needs_ssh = pytest.mark.skipif(not shutil.which("ssh"), reason="needs ssh")
CONFIG = """
clouds:
  uc:
    type: simulated
    ssh: {user: %s, key: %s, jump: gateway}
"""


def vm(name: str = "web1", **more: Any) -> MachineRecord:
    return MachineRecord(
        **{"cloud": "uc", "name": name, "cloud_id": f"id-{name}", "state": State.ACTIVE, **more}
    )


@pytest.fixture
def configured(home: Path) -> Callable[..., Path]:
    """Writes the configuration and the machines of the store, makes the file, and gives its path."""

    def make(*machines: MachineRecord, user: str = "me", key: Path | None = None) -> Path:
        file = home / ".cloudmesh" / "class.yaml"
        file.write_text(CONFIG % (user, key or home / "no-key"))
        file.chmod(0o600)
        with Inventory() as inventory:
            inventory.save_many(machines)
            ssh_file.write(inventory.database, ssh_file.entries(Config.load(), inventory))
        return ssh_file.path()

    return make


def ssh(file: Path, *words: str, check: bool = False) -> subprocess.CompletedProcess[str]:
    line = ["ssh", "-F", file, "-oBatchMode=yes", *words]
    return subprocess.run(line, capture_output=True, text=True, timeout=60, check=check)


def told(file: Path, alias: str) -> dict[str, str]:
    """What OpenSSH makes of an alias, by its own words."""
    lines = ssh(file, "-G", alias, check=True).stdout.splitlines()
    return dict(line.split(" ", 1) for line in lines if " " in line)


@needs_ssh
def test_openssh_reads_what_was_meant(configured: Callable[..., Path], home: Path) -> None:
    gateway = vm("gateway", public_ips=["2001:470::1"], ssh_port=2222)
    file = configured(vm(private_ips=["10.0.0.5"]), gateway, vm("new", state=State.BUILDING))
    assert file.stat().st_mode & 0o777 == 0o600
    seen = told(file, "uc.web1")
    assert (seen["hostname"], seen["user"], seen["port"]) == ("10.0.0.5", "me", "22")
    assert seen["proxyjump"] == "uc.gateway" and seen["hostkeyalias"] == alias_of(vm())
    assert seen["userknownhostsfile"] == str(home / ".cloudmesh" / "known_hosts")
    assert seen["identityfile"] == str(home / "no-key")
    assert seen["stricthostkeychecking"] == "accept-new"
    other = told(file, "uc.gateway")
    assert (other["hostname"], other["port"]) == ("2001:470::1", "2222") and "proxyjump" not in other
    assert told(file, "uc.new")["hostname"] == "uc.new", "it has no address"


@needs_ssh
def test_a_machine_is_signed_in_to_and_its_key_is_kept_by_its_id(
    configured: Callable[..., Path], start_sshd: Callable[..., Any]
) -> None:
    server = start_sshd()
    machine = vm(public_ips=["127.0.0.1"], ssh_port=server.port)
    file = configured(machine, user=server.user, key=server.key)
    assert ssh(file, "uc.web1", "echo in").stdout == "in\n"
    assert HostKeys().keys(machine) == [server.host_key()]
    found = subprocess.run(
        ["ssh-keygen", "-F", alias_of(machine), "-f", HostKeys().path],
        capture_output=True,
        text=True,
        check=True,
    )
    assert server.host_key() in found.stdout


@needs_ssh
@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_another_key_is_refused_until_it_is_forgotten(
    configured: Callable[..., Path], start_sshd: Callable[..., Any], kind: str
) -> None:
    first, second = start_sshd(), start_sshd(kind=kind)
    machine = vm(public_ips=["127.0.0.1"], ssh_port=first.port)
    file = configured(machine, user=first.user, key=first.key)
    assert ssh(file, "uc.web1", "echo in").stdout == "in\n"
    file = configured(replace(machine, ssh_port=second.port), user=first.user, key=first.key)
    refused = ssh(file, "uc.web1", "echo in")
    assert refused.returncode == 255 and "HOST IDENTIFICATION HAS CHANGED" in refused.stderr
    HostKeys().forget(machine)
    assert ssh(file, "uc.web1", "echo in").stdout == "in\n"
    assert HostKeys().keys(machine) == [second.host_key()]


@needs_ssh
def test_a_key_of_the_console_is_enough_and_a_false_one_refuses(
    configured: Callable[..., Path], start_sshd: Callable[..., Any]
) -> None:
    server = start_sshd()
    machine = vm(public_ips=["127.0.0.1"], ssh_port=server.port)
    file = configured(machine, user=server.user, key=server.key)
    block = "-----BEGIN SSH HOST KEY KEYS-----\n{} root@web1\n-----END SSH HOST KEY KEYS-----\n"
    assert HostKeys().learn(machine, block.format(server.host_key()))
    assert ssh(file, "-oStrictHostKeyChecking=yes", "uc.web1", "echo in").stdout == "in\n"
    HostKeys().forget_gone([machine])
    assert HostKeys().learn(
        machine, block.format(" ".join((server.key.with_suffix(".pub")).read_text().split()[:2]))
    )
    assert ssh(file, "uc.web1", "echo in").returncode == 255


class Behind(NamedTuple):
    """A machine that is reached through another one, the file for ssh, and the servers of both."""

    file: Path
    gateway: MachineRecord
    machine: MachineRecord
    outer: Any
    inner: Any


@pytest.fixture
def behind(configured: Callable[..., Path], start_sshd: Callable[..., Any]) -> Behind:
    outer, inner = start_sshd(), start_sshd()
    gateway = vm("gateway", public_ips=["127.0.0.1"], ssh_port=outer.port)
    machine = vm(private_ips=["10.0.0.5"], ssh_port=inner.port)
    file = configured(gateway, machine, user=inner.user, key=inner.key)
    return Behind(file, gateway, machine, outer, inner)


@needs_ssh
def test_a_machine_behind_another_one_is_reached_through_it(behind: Behind) -> None:
    file, gateway, machine, outer, inner = behind
    # As seen from the gateway.
    done = ssh(file, "-oHostName=127.0.0.1", "uc.web1", "echo in")
    assert done.stdout == "in\n", done.stderr
    assert HostKeys().keys(gateway) == [outer.host_key()] and HostKeys().keys(machine) == [inner.host_key()]


@needs_ssh
def test_what_ansible_hands_on_leads_there_too(behind: Behind) -> None:
    file, gateway, machine, outer, inner = behind
    with Inventory(open_store()) as inventory:
        hosts = ssh_file.entries(Config.load(), inventory).hosts
    inventory = yaml.safe_load("\n".join(ansible_lines(hosts, file)))["all"]["hosts"]
    host = inventory["uc.web1"]
    assert host["ansible_host"] == "10.0.0.5"
    # As Ansible does it; the address is as seen from the gateway.
    words = [*shlex.split(host["ansible_ssh_common_args"]), f"-oPort={host['ansible_port']}"]
    done = ssh(Path("/dev/null"), *words, f"-oUser={host['ansible_user']}", "127.0.0.1", "echo in")
    assert done.stdout == "in\n", done.stderr
    assert HostKeys().keys(gateway) == [outer.host_key()] and HostKeys().keys(machine) == [inner.host_key()]


@needs_ssh
@pytest.mark.skipif(not shutil.which("rsync"), reason="needs rsync")
def test_rsync_takes_the_names(
    configured: Callable[..., Path], start_sshd: Callable[..., Any], tmp_path: Path
) -> None:
    server = start_sshd()
    file = configured(vm(public_ips=["127.0.0.1"], ssh_port=server.port), user=server.user, key=server.key)
    (tmp_path / "from").write_text("data")
    target = tmp_path / "to"
    subprocess.run(
        ["rsync", "-e", f"ssh -F {file} -oBatchMode=yes", tmp_path / "from", f"uc.web1:{target}"],
        check=True,
        timeout=60,
    )
    assert target.read_text() == "data"


def test_the_file_follows_the_store_once_it_is_there(configured: Callable[..., Path]) -> None:
    file = configured(vm(public_ips=["198.51.100.7"]), vm("web2", public_ips=["198.51.100.8"]))
    with Inventory() as inventory:
        inventory.save(vm("web3", public_ips=["198.51.100.9"]))
    assert "Host uc.web3\n" in file.read_text()
    before = file.stat().st_mtime_ns
    with Inventory() as inventory:
        inventory.save(vm("web3", public_ips=["198.51.100.9"], state=State.STOPPED))
    assert file.stat().st_mtime_ns == before, "nothing that matters has changed"
    with Inventory() as inventory:
        inventory.save(vm("web3", public_ips=["198.51.100.10"]))
        inventory.forget(vm("web2"))
        inventory.save(vm(state=State.DELETING, public_ips=["198.51.100.7"]))
    lines = [line for line in file.read_text().splitlines() if line.startswith(("Host ", "    HostName"))]
    assert lines == ["Host uc.web3", "    HostName 198.51.100.10"]


def test_no_file_is_made_unasked(home: Path) -> None:
    with Inventory() as inventory:
        inventory.save(vm(public_ips=["198.51.100.7"]))
    assert not ssh_file.path().exists()


def test_the_keys_of_a_machine_go_with_it(configured: Callable[..., Path]) -> None:
    machines = [vm(name, public_ips=["198.51.100.7"]) for name in ("web1", "web2", "web3", "web4")]
    configured(*machines)
    kept = HostKeys()
    kept.path.write_text("".join(f"{kept.alias(each)} ssh-x AAAA\n" for each in machines))
    with Inventory() as inventory:
        inventory.forget(machines[0])
        inventory.forget_host_keys(replace(machines[1], state=State.DELETING))
        # A listing that lacks the third.
        inventory.replace("uc", [machines[3]], time.time())
    assert [kept.known(each) for each in machines] == [False, False, False, True]


def test_the_user_that_a_machine_named_is_kept_until_it_is_gone(configured: Callable[..., Path]) -> None:
    machine = vm(public_ips=["198.51.100.7"], image="ubuntu-22.04")
    file = configured(machine, vm("web2", public_ips=["198.51.100.8"]), user="''")
    assert "    User ubuntu\n" in file.read_text()
    with Inventory(open_store()) as inventory:
        keep_users(inventory.database, {("uc", machine.cloud_id): "bob"})
        keep_users(inventory.database, {("uc", machine.cloud_id): "alice"})
        ssh_file.keep(inventory)
        assert "    User alice\n" in file.read_text()
        inventory.forget_host_keys(machine)
        ssh_file.keep(inventory)
    assert "    User ubuntu\n" in file.read_text()


def test_two_machines_of_one_name_have_hosts_of_their_own(configured: Callable[..., Path]) -> None:
    one, two = vm(public_ips=["198.51.100.7"]), vm(cloud_id="other", public_ips=["198.51.100.8"])
    text = configured(one, two).read_text()
    assert "Host uc.web1-id-web1\n" in text and "Host uc.web1-other\n" in text


WORDS = ("Host", "HostName", "User", "Port", "IdentityFile", "HostKeyAlias", "UserKnownHostsFile")
WORDS += ("StrictHostKeyChecking", "HashKnownHosts", "ProxyJump")


@given(st.lists(st.tuples(st.text(), st.text()), max_size=5), st.text(), st.text())
def test_nothing_of_a_cloud_acts_in_the_file(names: list[tuple[str, str]], user: str, path: str) -> None:
    aliases = aliases_of([(f"uc.{name}", f"uc.{name}-{own}") for name, own in names])
    key = Path(path.replace("\0", ""))
    hosts = [Host(each, "192.0.2.1", user_or_none(user), key_file=key) for each in aliases]
    for line in "\n".join(ssh_lines(hosts)).split("\n") if hosts else ():
        word, _, value = line.strip(" ").partition(" ")
        assert word in WORDS and value
        assert word != "Host" or not set(value) & set(" *?!,\"'#")


@pytest.mark.parametrize(
    "text", ["fe80::1%x", "fe80::1%a\nProxyCommand x", "example.org", "", "127.1", "::1 "]
)
def test_an_address_is_nothing_but_an_address(text: str) -> None:
    assert not is_address(text)


def test_a_path_is_quoted_where_it_must_be() -> None:
    assert quoted_path(Path("/a/b")) == "/a/b"
    assert quoted_path(Path("/a b/50%")) == '"/a b/50%%"'
    assert quoted_path(Path('/a"b')) == "" and quoted_path(Path("/a\nHost *")) == ""
    assert quoted_path(Path("/a/${HOME}")) == ""
