"""``cms ip``: what is done with floating IPs, on one cloud at a time."""

from __future__ import annotations

from collections.abc import Sequence

from cloudmesh.cloud.cli.changes import change_all, one_cloud
from cloudmesh.cloud.cli.notes import simulated_notes
from cloudmesh.cloud.client.cloud import Cloud
from cloudmesh.config import Config
from cloudmesh.plugin.errors import UsageError
from cloudmesh.plugin.output import Answer


def create_address(config: Config, option: str | None, pool: str) -> Answer:
    """Take a floating IP on the only cloud that is meant; the row tells which it is."""
    name = one_cloud(config, option)
    config.resolve([name])
    with Cloud(name, config) as cloud:
        made = cloud.create_floating_ip(pool)
    row = {"cloud": name, "address": made.address, "pool": made.pool, "cloud_id": made.cloud_id}
    return Answer([row], columns=list(row), names="address", notes=simulated_notes(config, [name]))


def delete_addresses(config: Config, option: str | None, addresses: Sequence[str], sure: bool) -> Answer:
    """Give floating IPs back; one that leads to a machine only if the user is sure."""

    def delete(cloud: Cloud, address: str) -> None:
        found = cloud.floating_ip(address)
        if found.machine_id and not sure:
            raise UsageError(
                f"{found.address} leads to machine {found.machine_id} on cloud {cloud.name}; "
                f"cms ip detach {found.address} first, or say --yes"
            )
        cloud.delete_floating_ip(found.address)

    return change_all(config, [one_cloud(config, option)], "delete", list(dict.fromkeys(addresses)), delete)


def attach_address(config: Config, option: str | None, address: str, machine: str) -> Answer:
    """Let a floating IP lead to a machine; a machine given as cloud:name says the cloud."""
    prefix, _, own = machine.rpartition(":")
    name = one_cloud(config, prefix or option)

    def attach(cloud: Cloud, address: str) -> None:
        found = cloud.find(own)
        cloud.attach_floating_ip(address, found)
        cloud.refresh(found)

    return change_all(config, [name], f"attach to {own}", [address], attach)


def detach_address(config: Config, option: str | None, address: str) -> Answer:
    """Let a floating IP lead nowhere."""
    return change_all(config, [one_cloud(config, option)], "detach", [address], Cloud.detach_floating_ip)
