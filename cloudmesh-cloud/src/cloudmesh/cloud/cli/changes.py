"""Making and removing what clouds have beside machines: keys, groups, rules and floating IPs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cloudmesh.cloud.client.cloud import Cloud, ask_each, ask_one
from cloudmesh.cloud.errors import CloudTimeout, failed_task, given_up
from cloudmesh.cloud.fanout.query import one_cloud
from cloudmesh.cloud.model.networks import ANYWHERE, SecurityRule
from cloudmesh.cloud.provider import visits
from cloudmesh.config import Config
from cloudmesh.plugin.errors import CloudmeshError, UsageError
from cloudmesh.plugin.output import Answer

COLUMNS = ("cloud", "name", "action", "result", "reason")
_PUBLIC_KEYS = ("id_ed25519.pub", "id_ecdsa.pub", "id_rsa.pub")
_LAST_PORT = 65535


def change_all(
    config: Config, clouds: Sequence[str], action: str, names: Sequence[str], do: Callable[[Cloud, str], Any]
) -> Answer:
    """Do something to each name on each cloud: a row each, exit code 1 if one failed.

    A single one that failed is raised.
    """
    visits.prepare(config, clouds)

    def work(cloud: Cloud) -> list[CloudmeshError | None]:
        return [_error_of(do, cloud, thing) for thing in names]

    rows: list[dict[str, str]] = []
    errors: list[CloudmeshError] = []
    for cloud, answer in ask_each(config, clouds, work, calls=len(names)).items():
        broken = given_up(answer) if isinstance(answer, CloudTimeout) else answer
        ended = [broken] * len(names) if isinstance(broken, CloudmeshError) else broken
        errors += [error for error in ended if error]
        for thing, error in zip(names, ended, strict=True):
            result = ("failed", str(error)) if error else ("done", "")
            rows.append(dict(zip(COLUMNS, (cloud, thing, action, *result), strict=True)))
    if len(rows) == len(errors) == 1:
        raise failed_task(errors[0])
    return Answer(rows, columns=COLUMNS, errors=errors, exit_code=int(bool(errors)))


def _error_of(do: Callable[[Cloud, str], Any], cloud: Cloud, thing: str) -> CloudmeshError | None:
    try:
        do(cloud, thing)
    except CloudmeshError as error:
        cloud.forget_if_refused(error)
        return error
    return None


def create_address(config: Config, option: str | None, pool: str) -> Answer:
    """Take a floating IP on the only cloud that is meant; the row tells which it is."""
    name = one_cloud(config, option)
    visits.prepare(config, [name])
    try:
        made = ask_one(config, name, lambda cloud: cloud.create_floating_ip(pool), changes=True)
    except CloudmeshError as error:
        raise failed_task(error) from error
    row = {"cloud": name, "address": made.address, "pool": made.pool, "id": made.cloud_id}
    return Answer([row], columns=list(row), names="address")


def delete_addresses(config: Config, option: str | None, addresses: Sequence[str], sure: bool) -> Answer:
    """Give floating IPs back; one that leads to a machine only if the user is sure."""

    def delete(cloud: Cloud, address: str) -> None:
        found = cloud.floating_ip(address)
        if found.machine_id and not sure:
            raise UsageError(
                f"{found.address} is attached to machine {found.machine_id} on cloud {cloud.name}; "
                f"detach it first: cms ip detach {found.address}, or use --yes"
            )
        cloud.delete_floating_ip(found.address)

    return change_all(config, [one_cloud(config, option)], "delete", list(dict.fromkeys(addresses)), delete)


def attach_address(config: Config, option: str | None, address: str, machine: str) -> Answer:
    """Let a floating IP lead to a machine; a machine given as cloud:name says the cloud.

    Raises:
        UsageError: the words mean several machines.
    """
    from cloudmesh.plugin.names import expand

    own, *others = expand([machine])
    if others or own.is_glob:
        raise UsageError(
            f"{machine} can mean several machines, and an address is attached to one; use its name or id"
        )

    def attach(cloud: Cloud, address: str) -> None:
        found = cloud.find(own.name, own.sign)
        user = cloud.user_id() if config.mine(cloud.name) else ""
        if user and found.owner not in ("", user):
            raise UsageError(
                f"{found.qualified_name} belongs to someone else (owner {found.owner}), and only your own "
                f"machines are meant: clouds.{cloud.name}.mine is true; use one of yours, or set it to false"
            )
        cloud.attach_floating_ip(address, found)
        cloud.refresh(found)

    return change_all(
        config, [one_cloud(config, own.cloud or option)], f"attach to {own.name}", [address], attach
    )


def detach_address(config: Config, option: str | None, address: str) -> Answer:
    """Let a floating IP lead nowhere."""
    return change_all(config, [one_cloud(config, option)], "detach", [address], Cloud.detach_floating_ip)


def read_public_key(given: str | None) -> str:
    """The text of a public key file; without a name the user's own from ``~/.ssh``.

    Raises:
        UsageError: there is none, it cannot be read, or it holds a private key.
    """
    path = Path(given).expanduser() if given else _own_key()
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(f"the key file {path} cannot be read: {reason}") from error
    if "PRIVATE KEY" in text:
        raise UsageError(
            f"{path} holds a private key, which must stay secret; use the public key, {path.name}.pub"
        )
    return text


def _own_key() -> Path:
    directory = Path.home() / ".ssh"
    for name in _PUBLIC_KEYS:
        if (directory / name).is_file():
            return directory / name
    known = ", ".join(_PUBLIC_KEYS)
    raise UsageError(f"{directory} has none of {known}; give the file of a public key: cms key add NAME FILE")


def read_rule(protocol: str, ports: str | None, remote: str | None, direction: str) -> SecurityRule:
    """The security rule that the words of a command line mean.

    Raises:
        UsageError: the protocol, the ports, the address range or the direction is none.
    """
    if direction not in ("ingress", "egress"):
        raise UsageError(f"--direction={direction} is not a direction; use ingress or egress")
    if not (protocol.isalnum() or protocol == "ipv6-icmp"):
        raise UsageError(f"--protocol={protocol} is not a protocol; use tcp, udp, icmp, any or a number")
    rule = SecurityRule(direction, protocol, *_ports(ports), _range(remote))
    if ports and rule.protocol not in ("tcp", "udp"):
        raise UsageError(f"--port={ports} is for tcp and udp only, not for {protocol}")
    return rule


def _ports(text: str | None) -> tuple[int | None, int | None]:
    if text is None or text == "any":
        return None, None
    first, sign, last = text.partition("-")
    numbers = [int(each) if each.isdecimal() else 0 for each in ([first, last] if sign else [first, first])]
    if not 0 < numbers[0] <= numbers[1] <= _LAST_PORT:
        raise UsageError(
            f"--port={text} is not a port; use a number such as 22, or a range such as 8000-8080"
        )
    return numbers[0], numbers[1]


def _range(text: str | None) -> str:
    import ipaddress

    try:
        return str(ipaddress.ip_network(text or ANYWHERE))
    except ValueError as error:
        raise UsageError(
            f"--remote={text} is not an address range ({error}); use CIDR such as 192.0.2.0/24"
        ) from None
