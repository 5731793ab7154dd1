"""As whom, to which address, by which way and with which key one signs in to a machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cloudmesh.cloud.access.find import ImageNote, RouteFinder, find_route
from cloudmesh.cloud.access.route import NoRoute, Route
from cloudmesh.cloud.access.users import user_of_image, user_of_properties, user_told
from cloudmesh.cloud.model.records import MachineRecord, State

PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJFzgips94nJNoR4QumiyqlJoSlZ48P+NVrd7zgD5k4T me@laptop"
FINGERPRINT = "SHA256:LVPrCnAZAD2zKGbNS6vDfkcfpMxkb8kuQ6Zh3xF1Xhg"


def vm(name: str = "web1", **more: Any) -> MachineRecord:
    return MachineRecord(
        **{"cloud": "uc", "name": name, "cloud_id": f"id-{name}", "state": State.ACTIVE, **more}
    )


def finder(settings: dict[str, Any], *machines: MachineRecord, **more: Any) -> RouteFinder:
    known = {each.qualified_name: each for each in machines}
    return RouteFinder({"uc": settings, "other": {}}.get, known.get, **more)


@pytest.mark.parametrize(
    ("public", "private", "address"),
    [
        (["2001:470::1", "198.51.100.7"], ["10.0.0.5"], "198.51.100.7"),
        ([], ["10.0.0.5", "2a01:4f8::5"], "2a01:4f8::5"),
        ([], ["fd00::5", "10.0.0.5"], "fd00::5"),
        (["127.0.0.1"], ["10.0.2.15"], "127.0.0.1"),
        (["172.24.4.9"], ["10.0.0.5"], "172.24.4.9"),
    ],
)
def test_the_address_is_public_else_global_else_private(
    public: list[str], private: list[str], address: str
) -> None:
    assert find_route(vm(public_ips=public, private_ips=private), {}).address == address


def test_a_private_address_is_tried_and_its_hint_says_what_to_set() -> None:
    route = find_route(vm(private_ips=["10.0.0.5"]), {})
    assert (route.address, route.jumps) == ("10.0.0.5", ())
    assert "10.0.0.5 is a private address" in route.hint
    assert "clouds.uc.ssh.jump" in route.hint
    assert find_route(vm(public_ips=["127.0.0.1"], private_ips=["10.0.2.15"]), {}).hint == ""


def test_what_nobody_can_sign_in_to_is_said_instead() -> None:
    route = find_route(vm(private_ips=["10.0.0.5"]), {"type": "simulated"})
    assert route.hint == "uc is a simulated cloud: signing in to its machines is impossible"


def test_without_an_address_the_error_says_the_state() -> None:
    with pytest.raises(NoRoute, match=r"uc:web1 has no address; it is building") as raised:
        find_route(vm(state=State.BUILDING), {})
    assert raised.value.exit_code == 1


def test_a_jump_is_gone_through_only_to_private_addresses() -> None:
    settings = {"ssh": {"jump": "me@bastion.example.org:2222, inner"}}
    route = find_route(vm(private_ips=["10.0.0.5"]), settings)
    assert route.jumps == ("me@bastion.example.org:2222", "inner")
    assert "through me@bastion.example.org:2222, inner, which your OpenSSH configuration" in route.hint
    assert find_route(vm(public_ips=["198.51.100.7"]), settings).jumps == ()


@pytest.mark.parametrize("word", ["gateway", "uc:gateway"])
def test_a_jump_may_be_a_machine_of_ours(word: str) -> None:
    gateway = vm("gateway", public_ips=["198.51.100.7"], login_user="debian", ssh_port=2222)
    route = finder({"ssh": {"jump": word}}, gateway).find(vm(private_ips=["10.0.0.5"]))
    (jump,) = route.jumps
    assert isinstance(jump, Route)
    assert (jump.user, jump.address, jump.port) == ("debian", "198.51.100.7", 2222)
    assert jump.host_key_alias not in ("", route.host_key_alias)


def test_the_jumps_of_a_machine_in_a_way_are_those_before_it() -> None:
    outer = vm("outer", cloud="other", public_ips=["198.51.100.7"])
    inner, last = vm("inner", private_ips=["10.0.0.2"]), vm("last", private_ips=["10.0.0.3"])
    ssh = {"jump": ["other:outer", "host.example.org", "inner", "last"]}
    route = finder({"ssh": ssh}, outer, inner, last).find(vm(private_ips=["10.0.0.5"]))
    names = [each if isinstance(each, str) else each.machine.name for each in route.jumps]
    assert names == ["outer", "host.example.org", "inner", "last"]
    for place, each in enumerate(route.jumps):
        assert isinstance(each, str) or each.jumps == route.jumps[:place]


def test_a_machine_that_is_to_be_reached_through_itself_is_an_error() -> None:
    gateway = vm("gateway", private_ips=["10.0.0.1"])
    with pytest.raises(
        NoRoute, match=r"uc:web1 -> uc:gateway -> uc:gateway\); correct clouds\.uc\.ssh\.jump"
    ):
        finder({"ssh": {"jump": "gateway"}}, gateway).find(vm(private_ips=["10.0.0.5"]))


def test_two_machines_that_are_to_be_reached_through_each_other_are_an_error() -> None:
    one, two = vm("one", private_ips=["10.0.0.1"]), vm("two", private_ips=["10.0.0.2"])
    images = {"a": {"jump": "two"}, "b": {"jump": "one"}}
    one, two = (
        vm("one", image="a", private_ips=["10.0.0.1"]),
        vm("two", image="b", private_ips=["10.0.0.2"]),
    )
    with pytest.raises(NoRoute, match="through itself"):
        finder({"ssh": {"images": images}}, one, two).find(one)


def test_a_machine_to_go_through_that_is_not_known_is_an_error() -> None:
    with pytest.raises(NoRoute, match="leads through uc:gatewya, and no such machine is known"):
        finder({"ssh": {"jump": "uc:gatewya"}}).find(vm(private_ips=["10.0.0.5"]))


def test_of_several_sources_of_the_user_the_nearest_counts() -> None:
    machine = vm(public_ips=["198.51.100.7"], image="ubuntu-22.04", login_user="told")
    images = {"*-20.04": {"user": "old"}, "UBUNTU-*": {"user": "image"}, "*": {"user": "last"}}
    assert find_route(machine, {"ssh": {"user": "cloud", "images": images}}).user == "image"
    assert find_route(machine, {"ssh": {"user": "cloud"}}).user == "cloud"
    assert find_route(machine, {}).user == "told"
    plain = vm(public_ips=["198.51.100.7"], image="3b1c", key="laptop")
    noted = finder({}, image=lambda _: ImageNote("ubuntu-22.04", "cloud"))
    assert noted.find(plain).user == "cloud"
    assert finder({}, image=lambda _: ImageNote("ubuntu-22.04")).find(plain).user == "ubuntu"
    assert find_route(plain, {}).user == ""


def test_what_a_machine_said_goes_before_the_name_of_its_image_and_is_no_last_word() -> None:
    machine = vm(public_ips=["198.51.100.7"], image="ubuntu-22.04")
    found = finder({}, told_user=lambda _: "alice").find(machine)
    assert (found.user, found.guessed) == ("alice", True)
    found = finder({}, told_user=lambda _: "alice", image=lambda _: ImageNote("x", "bob")).find(machine)
    assert (found.user, found.guessed) == ("bob", False)


def test_a_glob_under_images_may_mean_the_id_too() -> None:
    machine = vm(public_ips=["198.51.100.7"], image="3b1c")
    assert find_route(machine, {"ssh": {"images": {"3B1C": {"user": "x"}}}}).user == "x"


@pytest.mark.parametrize(
    ("name", "kind", "user"),
    [
        ("Ubuntu 24.04 LTS (Noble)", "openstack", "ubuntu"),
        ("debian-12-genericcloud-amd64", "openstack", "debian"),
        ("debian-12-amd64-20260101", "aws", "admin"),
        ("CentOS-7-x86_64-GenericCloud", "openstack", "centos"),
        ("CentOS Stream 8", "openstack", "centos"),
        ("CentOS-Stream-GenericCloud-9", "openstack", "cloud-user"),
        ("CentOS Stream 10", "openstack", "cloud-user"),
        ("CentOS Stream 9 x86_64", "ec2", "ec2-user"),
        ("Rocky-9-GenericCloud", "openstack", "rocky"),
        ("AlmaLinux-9-GenericCloud", "openstack", "almalinux"),
        ("Fedora-Cloud-Base-40", "openstack", "fedora"),
        ("openSUSE Leap 15.6", "openstack", "opensuse"),
        ("al2023-ami-2023.6", "aws", "ec2-user"),
        ("amzn2-ami-hvm", "ec2", "ec2-user"),
        ("cirros-0.6.2-x86_64-disk", "openstack", "cirros"),
        ("FreeBSD 14.1", "openstack", "freebsd"),
        ("rhel-9.4", "openstack", "cloud-user"),
        ("Arch Linux", "openstack", "arch"),
        ("research-data", "openstack", ""),
        ("windows-2022", "openstack", ""),
        ("ubuntu-24-04-x64", "digitalocean", "root"),
        ("ubuntu-2404-noble", "google", ""),
        ("Canonical:ubuntu", "azure", "azureuser"),
    ],
)
def test_the_name_of_an_image_tells_its_user(name: str, kind: str, user: str) -> None:
    assert user_of_image(name, {"type": kind}) == user


def test_azure_has_the_user_of_its_own_settings() -> None:
    assert user_of_image("x", {"type": "azure", "user": "alice"}) == "alice"


def test_the_properties_of_an_image_tell_its_user() -> None:
    assert user_of_properties({"image_original_user": "rocky", "os_admin_user": "root"}) == "rocky"
    assert user_of_properties({"image_original_user": "none", "os_admin_user": "root"}) == "root"
    assert user_of_properties({"default_user": "-oProxyCommand=x"}) == ""
    assert user_of_properties({"default_user": 7}) == ""


@pytest.mark.parametrize(
    ("output", "user"),
    [
        ('Please login as the user "ubuntu" rather than the user "root".\n\n', "ubuntu"),
        ("\r\nPlease login as the user 'cloud-user' rather than the user 'root'.", "cloud-user"),
        ("Please login as the user ec2-user rather than root user.", "ec2-user"),
        ('Please login as the user "root" rather than the user "x".', ""),
        ('Please login as the user "-oProxyCommand=x" rather than the user "root".', ""),
        ("Permission denied (publickey).", ""),
        ("", ""),
    ],
)
def test_what_a_machine_says_to_root_names_its_user(output: str, user: str) -> None:
    assert user_told(output) == user


def test_the_key_is_the_configured_one_else_that_of_the_key_pair(tmp_path: Path) -> None:
    machine = vm(public_ips=["198.51.100.7"], key="laptop")
    route = finder({"ssh": {"key": "~/x"}}, ssh_folder=tmp_path).find(machine)
    assert route.key_file == Path("~/x").expanduser()
    assert finder({}, ssh_folder=tmp_path).find(machine).key_file is None
    (tmp_path / "laptop").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert finder({}, ssh_folder=tmp_path).find(machine).key_file == tmp_path / "laptop"


def test_a_fingerprint_goes_before_a_name(tmp_path: Path) -> None:
    machine = vm(public_ips=["198.51.100.7"], key="laptop")
    from cloudmesh.cloud.access.keys import fingerprints

    (tmp_path / "id_ed25519.pub").write_text(PUBLIC)
    other = PUBLIC.replace("5k4T", "5k4U")
    (tmp_path / "laptop.pub").write_text(other)
    for told in sorted(fingerprints(PUBLIC)):
        found = finder({}, ssh_folder=tmp_path, fingerprint=lambda _, told=told: told)
        # The agent is to have it.
        assert found.find(machine).key_file == tmp_path / "id_ed25519.pub"
        (tmp_path / "id_ed25519").touch()
        found = finder({}, ssh_folder=tmp_path, fingerprint=lambda _, told=told: told)
        assert found.find(machine).key_file == tmp_path / "id_ed25519"
        (tmp_path / "id_ed25519").unlink()
    # The file of its name is another key, and no other is there.
    (tmp_path / "id_ed25519.pub").unlink()
    found = finder({}, ssh_folder=tmp_path, fingerprint=lambda _: FINGERPRINT)
    assert found.find(machine).key_file is None


@pytest.mark.parametrize("name", ["../id", ".hidden", "a/b", ""])
def test_the_name_of_a_key_pair_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "ssh"
    folder.mkdir()
    (tmp_path / "id").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    (folder / ".hidden").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    machine = vm(public_ips=["198.51.100.7"], key=name)
    assert finder({}, ssh_folder=folder).find(machine).key_file is None
