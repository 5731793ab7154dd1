"""The keys that a console shows, and the file of known ones, which OpenSSH reads and writes as well."""

from __future__ import annotations

import base64
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudmesh.cloud.access.console_keys import host_keys
from cloudmesh.cloud.access.host_keys import HostKeys, HostKeysUnusable
from cloudmesh.cloud.model.records import MachineRecord, State

BEGIN, END = "-----BEGIN SSH HOST KEY KEYS-----", "-----END SSH HOST KEY KEYS-----"


def string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def ed25519(seed: int) -> str:
    blob = string(b"ssh-ed25519") + string(seed.to_bytes(32, "big"))
    return f"ssh-ed25519 {base64.b64encode(blob).decode()}"


def ecdsa(seed: int) -> str:
    blob = string(b"ecdsa-sha2-nistp256") + string(b"nistp256") + string(b"\4" + seed.to_bytes(64, "big"))
    return f"ecdsa-sha2-nistp256 {base64.b64encode(blob).decode()}"


def rsa(seed: int) -> str:
    blob = string(b"ssh-rsa") + string(b"\1\0\1") + string(b"\0" + (seed + 2**2047).to_bytes(256, "big"))
    return f"ssh-rsa {base64.b64encode(blob).decode()}"


KEYS = [ecdsa(1), ed25519(2), rsa(3)]


def block(*keys: str, end: str = END) -> str:
    return "\n".join([BEGIN, *(f"{key} root@web1" for key in keys), end])


def vm(name: str = "web1") -> MachineRecord:
    return MachineRecord("uc", name, f"id-{name}", State.ACTIVE)


@pytest.fixture
def kept(tmp_path: Path) -> HostKeys:
    return HostKeys(tmp_path / "known_hosts")


@pytest.mark.parametrize(
    "console",
    [
        block(*KEYS),
        block(*KEYS).replace("\n", "\r\n"),
        "\n".join(f"[   12.345678] cloud-init[1234]: {line}" for line in block(*KEYS).split("\n")),
        "\n".join(f"<14>Jun  3 17:07:52 ec2: {line}" for line in block(*KEYS).split("\n")),
        f"{block(ed25519(9))}\nreboot\n{block(*KEYS)}\nlogin:",
        block(*KEYS[:1], "[ 3.2] random: crng init done", *KEYS[1:]),
        block(*KEYS, *KEYS),
        f"\x1b[0;32m{block(*KEYS)}\x1b[0m",
    ],
)
def test_the_newest_block_of_a_console_is_read(console: str) -> None:
    assert host_keys(console) == KEYS


@pytest.mark.parametrize(
    "console",
    [
        "",
        "login:",
        "\n".join(KEYS),
        block(*KEYS, end=""),
        f"{block(ed25519(9))}\n{block(*KEYS, end='')}",
        f"{END}\n{BEGIN}",
        block(
            "ssh-ed25519 AAAA", "ssh-dss AAAAB3NzaC1kc3M=", KEYS[1][:-6], "ssh-ed25519 " + KEYS[2].split()[1]
        ),
        f"sshd: Invalid user {BEGIN} from 192.0.2.1 {KEYS[1]} {END} port 22",
    ],
)
def test_nothing_is_read_of_half_blocks_and_broken_keys(console: str) -> None:
    assert host_keys(console) == []


NOISE = st.lists(
    st.one_of(
        st.text(max_size=40),
        st.sampled_from(
            [BEGIN, END, "ssh-rsa", "ssh-ed25519 AAAA", f"{KEYS[1]} root@x", KEYS[2][:200], "\r", "\n"]
        ),
    ),
    max_size=30,
)


@given(NOISE)
def test_whatever_a_console_shows_only_whole_keys_are_read(noise: list[str]) -> None:
    assert set(host_keys("\n".join(noise))) <= set(KEYS)


@given(NOISE, st.sampled_from(["", "[ 1.0] cloud-init[7]: ", "ec2: "]), st.sampled_from(["\n", "\r\n"]))
def test_a_whole_block_is_read_whatever_stood_before_it(noise: list[str], prefix: str, line_end: str) -> None:
    text = line_end.join([*noise, *(prefix + line for line in block(*KEYS).split("\n")), "login:"])
    assert host_keys(text) == KEYS


def test_keys_are_learnt_and_forgotten(kept: HostKeys) -> None:
    assert not kept.known(vm()) and not kept.learn(vm(), "login:")
    assert kept.learn(vm(), block(*KEYS)) and kept.learn(vm(), block(*KEYS))
    assert kept.learn(vm("web2"), block(ed25519(7)))
    assert kept.keys(vm()) == KEYS and kept.known(vm("web2"))
    assert stat.S_IMODE(kept.path.stat().st_mode) == 0o600
    kept.forget_gone([vm()])
    assert kept.keys(vm()) == [] and kept.known(vm("web2"))
    assert kept.alias(vm()) not in kept.path.read_text()


def test_what_is_known_is_not_replaced_by_other_keys_of_a_console(kept: HostKeys) -> None:
    assert kept.learn(vm(), block(ed25519(1)))
    assert not kept.learn(vm(), block(ed25519(2)))
    assert kept.keys(vm()) == [ed25519(1)]
    assert kept.learn(vm(), block(ed25519(1), rsa(1))), "a further kind of key"
    assert kept.keys(vm()) == [ed25519(1), rsa(1)]


def test_after_a_rebuild_the_console_of_before_is_not_believed(kept: HostKeys) -> None:
    before, after = block(ed25519(1), rsa(1)), block(ed25519(2), rsa(2))
    kept.path.write_text(f"{kept.alias(vm())} {ed25519(1)}\n")
    kept.forget(vm())
    assert not kept.known(vm())
    assert not kept.learn(vm(), before) and not kept.known(vm())
    assert kept.learn(vm(), f"{before}\n{after}")
    assert kept.keys(vm()) == [ed25519(2), rsa(2)]
    assert kept.learn(vm(), after), "nothing is retired any more"


def test_where_no_key_was_known_before_a_rebuild_only_the_first_use_tells(kept: HostKeys) -> None:
    kept.forget(vm())
    assert not kept.learn(vm(), block(ed25519(1)))
    with kept.path.open("a") as file:
        file.write(f"{kept.alias(vm())} {ed25519(2)}\n")
    assert kept.keys(vm()) == [ed25519(2)]


def test_lines_of_others_stay(kept: HostKeys) -> None:
    others = f"# mine\n@cert-authority *.example.org {rsa(5)}\nother,192.0.2.9 {rsa(6)}\n"
    kept.path.write_text(others)
    kept.learn(vm(), block(ed25519(1)))
    kept.forget(vm())
    kept.forget_gone([vm()])
    assert kept.path.read_text() == others


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "known_hosts").mkdir()
    with pytest.raises(HostKeysUnusable, match="known_hosts cannot be read"):
        HostKeys(tmp_path / "known_hosts").known(vm())


@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="needs ssh-keygen")
def test_openssh_finds_the_keys_and_hashed_names_are_found_here(kept: HostKeys) -> None:
    kept.learn(vm(), block(ed25519(1), rsa(2)))
    kept.learn(vm("web2"), block(ed25519(3)))
    found = subprocess.run(
        ["ssh-keygen", "-F", kept.alias(vm()), "-f", kept.path], capture_output=True, text=True, check=True
    )
    assert ed25519(1) in found.stdout and ed25519(3) not in found.stdout
    subprocess.run(["ssh-keygen", "-H", "-f", kept.path], capture_output=True, check=True)
    assert kept.alias(vm()) not in kept.path.read_text()
    assert kept.keys(vm()) == [ed25519(1), rsa(2)]
    kept.forget_gone([vm()])
    assert not kept.known(vm()) and kept.known(vm("web2"))
