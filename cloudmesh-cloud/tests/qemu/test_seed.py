"""The seed is read back by another program, as a guest does."""

from __future__ import annotations

import email
import io
import json
import resource
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pycdlib.pycdlib import PyCdlib
from ruamel.yaml import YAML

from cloudmesh.cloud.errors import NoCapacity
from cloudmesh.cloud.providers.qemu.seed import write_seed

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB6/ me@laptop: #1"


def read(path: Path, name: str) -> str:
    iso = PyCdlib()
    iso.open(str(path))
    content = io.BytesIO()
    iso.get_file_from_iso_fp(content, rr_path=f"/{name}")
    iso.close()
    return content.getvalue().decode()


def load(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def test_a_seed_has_the_label_the_names_and_the_mode_that_cloud_init_looks_for(tmp_path: Path) -> None:
    path = tmp_path / "seed.iso"
    write_seed(
        path, instance_id="i-1", hostname="web01", user="debian", public_keys=[KEY], network={"version": 2}
    )
    assert path.stat().st_mode & 0o777 == 0o600
    if shutil.which("isoinfo"):
        told = subprocess.run(
            ["isoinfo", "-d", "-i", path], check=True, capture_output=True, text=True
        ).stdout
        assert "Volume id: cidata\n" in told
        for extension in ("-R", "-J"):
            listed = subprocess.run(
                ["isoinfo", extension, "-f", "-i", path], check=True, capture_output=True, text=True
            ).stdout
            assert sorted(listed.split()) == ["/meta-data", "/network-config", "/user-data", "/vendor-data"]
    assert load(read(path, "meta-data")) == {
        "instance-id": "i-1",
        "local-hostname": "web01",
        "public-keys": [KEY],
    }
    assert load(read(path, "network-config")) == {"version": 2}
    assert read(path, "user-data") == ""
    vendor = read(path, "vendor-data")
    assert vendor.startswith("#cloud-config\n")
    assert load(vendor) == {"user": {"name": "debian"}}


def test_a_guest_without_cloud_init_reads_the_meta_data_line_by_line(tmp_path: Path) -> None:
    write_seed(tmp_path / "seed", instance_id="i-1", hostname="web01.example", public_keys=["ssh-rsa AA x\n"])
    lines = read(tmp_path / "seed", "meta-data").splitlines()
    assert lines == [
        "instance-id: i-1",
        "local-hostname: web01.example",
        "public-keys:",
        '- "ssh-rsa AA x"',
    ]


@pytest.mark.parametrize("name", ["no", "1e3", "0123", "123456", "null", "On", "12:30:00"])
def test_a_host_name_that_yaml_takes_for_something_else_stays_a_text(tmp_path: Path, name: str) -> None:
    write_seed(tmp_path / "seed", instance_id=name, hostname=name)
    assert load(read(tmp_path / "seed", "meta-data")) == {"instance-id": name, "local-hostname": name}


@pytest.mark.parametrize(
    "userdata",
    [
        "#!/bin/sh\necho 'ä😀'\n",
        "#cloud-config\nusers: [{name: me}]\nssh_authorized_keys: [x]\n",
        "#include\nhttps://example.org/a\n",
        "Content-Type: multipart/mixed; boundary=b\nMIME-Version: 1.0\n\n--b\n\n--b--\n",
        "#cloud-config\r\n" + "# filling\r\n" * 100_000,
    ],
)
def test_user_data_is_handed_on_as_it_is_and_takes_nothing_from_ours(tmp_path: Path, userdata: str) -> None:
    write_seed(
        tmp_path / "seed", instance_id="i", hostname="h", user="alpine", public_keys=[KEY], userdata=userdata
    )
    assert read(tmp_path / "seed", "user-data") == userdata
    assert load(read(tmp_path / "seed", "meta-data"))["public-keys"] == [KEY]
    assert load(read(tmp_path / "seed", "vendor-data"))["user"] == {"name": "alpine"}


@pytest.mark.parametrize("value", ["me", '"me"', "'me'"])
def test_a_user_that_is_only_a_name_has_no_rival(tmp_path: Path, value: str) -> None:
    userdata = f"#cloud-config\nusers: [{{name: x}}]\nuser:  {value}\n"
    write_seed(tmp_path / "seed", instance_id="i", hostname="h", user="debian", userdata=userdata)
    assert load(read(tmp_path / "seed", "vendor-data")) == {}
    write_seed(
        tmp_path / "seed",
        instance_id="i",
        hostname="h",
        user="debian",
        userdata="#cloud-config\nuser: {name: me}\n",
    )
    assert load(read(tmp_path / "seed", "vendor-data")) == {"user": {"name": "debian"}}


def test_more_vendor_data_is_kept_beside_ours(tmp_path: Path) -> None:
    write_seed(
        tmp_path / "seed", instance_id="i", hostname="h", user="a", vendordata={"ntp": {"enabled": True}}
    )
    assert load(read(tmp_path / "seed", "vendor-data")) == {"ntp": {"enabled": True}, "user": {"name": "a"}}
    theirs = "#cloud-config\nruncmd: [[echo, é]]\n"
    write_seed(tmp_path / "seed", instance_id="i", hostname="h", user="a", vendordata=theirs)
    message = email.message_from_string(read(tmp_path / "seed", "vendor-data"))
    parts = [part for part in message.walk() if not part.is_multipart()]
    assert [part.get_content_type() for part in parts] == ["text/cloud-config"] * 2
    texts = [part.get_payload(decode=True).decode() for part in parts]  # type: ignore[union-attr]
    assert texts[0] == theirs
    assert json.loads(texts[1].partition("\n")[2]) == {"user": {"name": "a"}}


def test_root_is_let_in_where_it_is_the_login_user(tmp_path: Path) -> None:
    write_seed(tmp_path / "seed", instance_id="i", hostname="h", user="root")
    assert load(read(tmp_path / "seed", "vendor-data")) == {"disable_root": False}


def test_a_full_file_system_leaves_the_old_seed(tmp_path: Path) -> None:
    write_seed(tmp_path / "seed", instance_id="old", hostname="h")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(NoCapacity):
            write_seed(tmp_path / "seed", instance_id="new", hostname="h")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "old" in read(tmp_path / "seed", "meta-data")
    assert [path.name for path in tmp_path.iterdir()] == ["seed"]
