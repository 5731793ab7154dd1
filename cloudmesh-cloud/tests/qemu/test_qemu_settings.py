"""What the configuration may say of a cloud on this computer; its network; and what is told without QEMU."""

import socket

import pytest

from cloudmesh.cloud.errors import NoCapacity, Refused
from cloudmesh.cloud.providers.qemu import programs
from cloudmesh.cloud.providers.qemu.networks import FILE, UNPLUGGED, Lan, free_address, macs, seed_network
from cloudmesh.cloud.providers.qemu.provider import QemuProvider
from cloudmesh.cloud.providers.qemu.settings import QemuSettings
from cloudmesh.cloud.providers.qemu.state import MachineState
from cloudmesh.plugin.errors import ConfigError


def state(number, address=""):
    uuid = f"{number:08x}-0000-4000-8000-000000000000"
    mac, lan_mac = macs(uuid)
    return MachineState(
        *(f"web{number}", uuid, "i", "image", "tiny", 1, 64, 1, uuid, mac, lan_mac), lan_address=address
    )


def test_settings_have_defaults(home):
    settings = QemuSettings.read("mine", {})
    assert settings.folder == home / "machines" / "mine"
    assert settings.flavors["tiny"] == (1, 256, 4)
    assert (settings.accel, settings.network, settings.grace) == ("auto", True, 60.0)


@pytest.mark.parametrize("cloud", ["..", ".", "a/b", ".hidden"])
def test_a_cloud_of_any_name_stays_in_its_folder(home, cloud):
    folder = QemuSettings.read(cloud, {}).folder
    assert folder.parent == home / "machines" and folder.name[0] != "."


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("accel", "xen", "clouds.mine.accel has an unknown value"),
        ("grace", "soon", "clouds.mine.grace is not a duration"),
        ("lock_wait", -1, "clouds.mine.lock_wait is not a duration"),
        ("network", "no", "clouds.mine.network must be true or false"),
        ("subnet", "10.0.0.0/30", "clouds.mine.subnet must be an IPv4 network"),
        ("subnet", "fd00::/64", "clouds.mine.subnet must be an IPv4 network"),
        ("cpu", "host -drive file=x", "clouds.mine.cpu must be a processor"),
        ("program", 3, "clouds.mine.program must be a text"),
        ("flavors", {"big": {"vcpus": 1}}, "clouds.mine.flavors needs vcpus, ram .* for big"),
        ("flavors", [], "clouds.mine.flavors must have lines"),
    ],
)
def test_a_wrong_setting_is_told(home, setting, value, told):
    with pytest.raises(ConfigError, match=told):
        QemuProvider("mine", {setting: value})


def test_a_missing_program_is_told_with_the_line_that_installs_it(home, monkeypatch):
    cloud = QemuProvider("mine", {"program": "qemu-system-pdp11"})
    with pytest.raises(Refused, match=r"qemu-system-pdp11 is not on PATH; install it with: .* install "):
        cloud.check()
    assert list(cloud.machines()) == [], "what is there can be seen without it"


def test_kvm_is_used_only_where_the_processor_has_it(home, tmp_path, monkeypatch):
    device, cpus = tmp_path / "kvm", tmp_path / "cpuinfo"
    device.write_bytes(b"")
    monkeypatch.setattr(programs, "_KVM", device)
    monkeypatch.setattr(programs, "_CPU_INFO", cpus)
    settings = QemuSettings.read("mine", {})
    for flags, expected in (("fpu sse2", "tcg"), ("fpu vmx", "kvm"), ("svm fpu", "kvm")):
        cpus.write_text(f"processor: 0\nflags\t\t: {flags}\n")
        programs._has_kvm.cache_clear()
        assert programs.accelerator(settings) == expected
    assert programs.accelerator(QemuSettings.read("mine", {"accel": "tcg"})) == "tcg"
    device.unlink()
    programs._has_kvm.cache_clear()
    assert programs.accelerator(settings) == "tcg", "the device is not there"
    programs._has_kvm.cache_clear()


def test_each_machine_has_an_address_of_its_own():
    subnet = QemuSettings.read("mine", {"subnet": "192.168.9.0/29"}).subnet
    taken = []
    for number in range(5):
        address = free_address(subnet, taken)
        taken.append(state(number, address))
    assert [each.lan_address for each in taken] == [f"192.168.9.{last}" for last in range(2, 7)]
    with pytest.raises(NoCapacity, match="192.168.9.0/29 are used"):
        free_address(subnet, taken)
    assert free_address(subnet, taken[1:]) == "192.168.9.2"


def test_the_seed_tells_the_cards_by_their_addresses():
    subnet = QemuSettings.read("mine", {}).subnet
    machine = state(7, "10.152.0.9")
    cards = seed_network(machine, subnet)["ethernets"]
    assert machine.mac != machine.lan_mac
    assert cards["nat"] == {"match": {"macaddress": machine.mac}, "dhcp4": True}
    assert cards["lan"]["match"] == {"macaddress": machine.lan_mac}
    assert cards["lan"]["addresses"] == ["10.152.0.9/16"]
    assert list(seed_network(state(7), subnet)["ethernets"]) == ["nat"]


def test_what_qemu_sends_to_the_group_reaches_the_others_on_this_computer(tmp_path):
    """Sockets as QEMU makes them; without the one that ``joined`` gives to QEMU nothing arrives."""
    lan = Lan(tmp_path)
    lan.prepare()
    with lan.joined() as (words, keep):
        if words == UNPLUGGED:
            pytest.skip("no network interface is up here, so QEMU cannot join a group")
        group, port = words.split("mcast=")[1].split(",")[0].split(":")
        assert words.endswith("localaddr=127.0.0.1") and len(keep) == 1
        first, second = (as_qemu(group, int(port)) for _ in "ab")
        with first, second:
            first.sendto(b"frame", (group, int(port)))
            assert second.recv(100) == b"frame"
    first, second = (as_qemu(group, int(port)) for _ in "ab")
    with first, second, pytest.raises(TimeoutError):
        second.settimeout(0.2)
        first.sendto(b"frame", (group, int(port)))
        second.recv(100)


def as_qemu(group, port):
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((group, port))
    wanted = socket.inet_aton(group) + socket.inet_aton("0.0.0.0")
    made.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, wanted)
    made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
    made.settimeout(5)
    return made


def test_without_a_route_a_machine_starts_with_the_cable_out(tmp_path, monkeypatch):
    lan = Lan(tmp_path)
    with lan.joined() as connected:
        assert connected == (UNPLUGGED, []), "nothing was prepared"
    lan.prepare()
    once = (tmp_path / FILE).read_bytes()
    lan.prepare()
    assert (tmp_path / FILE).read_bytes() == once, "the group stays"

    def no_route(*words):
        raise OSError(19, "No such device")

    monkeypatch.setattr("cloudmesh.cloud.providers.qemu.networks._join", no_route)
    with lan.joined() as connected:
        assert connected == (UNPLUGGED, [])
