"""What connects machines to each other and to the world, in one form for all clouds."""

from __future__ import annotations

from dataclasses import dataclass, field

#: Every IPv4 address.
ANYWHERE = "0.0.0.0/0"


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

    Attributes:
        direction: ``ingress`` to the machine, or ``egress`` from it.
        protocol: ``tcp``, ``udp``, ``icmp``, a protocol's number, or ``any``.
        from_port, to_port: the range, both ends included; for icmp the type and the code. None is all.
        remote: the other side: an address range as ``10.0.0.0/8``, empty for anywhere, or the id of a
            security group, whose machines are meant.
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
