"""What connects machines to each other and to the world, in one form for all clouds."""

from __future__ import annotations

from dataclasses import dataclass, field

#: Every IPv4 address, and every IPv6 one.
ANYWHERE, ANYWHERE_6 = "0.0.0.0/0", "::/0"
# The names of protocols that clouds also call by number or otherwise.
_PROTOCOLS = {"": "any", "all": "any", "-1": "any", "1": "icmp", "6": "tcp", "17": "udp"}
_PROTOCOLS |= dict.fromkeys(("icmpv6", "58"), "ipv6-icmp")
_ALL_PORTS = ((0, 65535), (1, 65535), (-1, -1))


@dataclass(frozen=True)
class Network:
    """A network that machines can be booted on.

    Attributes:
        subnets: its address ranges, as ``10.0.0.0/24``.
        external: whether it leads out of the cloud and floating IPs are taken from it; users' machines are
            not booted on such a one.
        shared: whether it belongs to somebody else who lets this user use it.
    """

    cloud: str
    name: str
    cloud_id: str
    subnets: tuple[str, ...] = ()
    external: bool = False
    shared: bool = False


@dataclass(frozen=True)
class SecurityRule:
    """What a security group lets through; all that no rule lets through is dropped.

    Each rule has one spelling, whatever the cloud or the user wrote: 192.0.2.7 is 192.0.2.7/32, protocol 6 is
    tcp, the ports 1 to 65535 are all ports.

    Attributes:
        direction: ``ingress`` to the machine, or ``egress`` from it.
        protocol: ``tcp``, ``udp``, ``icmp``, a protocol's number, or ``any``.
        from_port, to_port: the range, both ends included; for icmp the type and the code. None is all.
        remote: the other side: an address range as ``10.0.0.0/8``, or the id of a security group, whose
            machines are meant. Empty, or ANYWHERE, becomes every address of the ethertype.
        ethertype: ``IPv4`` or ``IPv6``.
        cloud_id: the cloud's id of the rule; empty for one that is to be added, and on clouds that give
            none. It plays no part in comparing rules.
    """

    direction: str = "ingress"
    protocol: str = "tcp"
    from_port: int | None = None
    to_port: int | None = None
    remote: str = ANYWHERE
    ethertype: str = "IPv4"
    cloud_id: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        """Take on the one spelling."""
        protocol = self.protocol.strip().lower()
        protocol = _PROTOCOLS.get(protocol, protocol)
        first, last = self.from_port, self.to_port
        if (first, last) in _ALL_PORTS or protocol == "any":
            first = last = None
        remote, ethertype = _normal_range(self.remote.strip(), self.ethertype, protocol)
        normal = {
            "protocol": "ipv6-icmp" if (protocol, ethertype) == ("icmp", "IPv6") else protocol,
            "from_port": None if first == -1 else first,
            "to_port": None if last == -1 else last,
            "remote": remote,
            "ethertype": ethertype,
        }
        for name, value in normal.items():
            object.__setattr__(self, name, value)


def _normal_range(remote: str, ethertype: str, protocol: str) -> tuple[str, str]:
    """An address range as networks are written, and its kind; the id of a group stays as it is."""
    if remote in ("", ANYWHERE, ANYWHERE_6):
        six = ethertype == "IPv6" or remote == ANYWHERE_6 or protocol == "ipv6-icmp"
        return (ANYWHERE_6, "IPv6") if six else (ANYWHERE, ethertype)
    from ipaddress import ip_network

    try:
        network = ip_network(remote, strict=False)
    except ValueError:
        return remote, ethertype
    return str(network), f"IPv{network.version}"


@dataclass(frozen=True)
class SecurityGroup:
    """Rules by a name, that machines are put under."""

    cloud: str
    name: str
    cloud_id: str
    description: str = ""
    rules: tuple[SecurityRule, ...] = ()


@dataclass(frozen=True)
class FloatingIP:
    """A public address that is this user's until it is given back; it may cost money all the while.

    Attributes:
        address: the public address.
        pool: the name of the network it was taken from, empty where a cloud has only one.
        machine_id: the cloud's id of the machine it leads to; empty if it leads nowhere.
        description: what was said of it when it was taken, where the cloud keeps that.
    """

    cloud: str
    address: str
    cloud_id: str
    pool: str = ""
    machine_id: str = ""
    description: str = ""

    @property
    def name(self) -> str:
        """What a user calls it: the address."""
        return self.address
