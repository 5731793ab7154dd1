"""``cms ip``: public addresses that are taken, led to machines, and given back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cloudmesh.plugin import Answer, command
from cloudmesh.shell.command import PluginCommand

if TYPE_CHECKING:
    from cloudmesh.config import Config

VERBS = ("list", "create", "delete", "attach", "detach")


class IpCommand(PluginCommand):  # type: ignore[misc]
    """The command ``ip`` of the shell."""

    @command
    def do_ip(self, arguments: dict[str, Any]) -> Answer | None:
        """
        ::

          Usage:
            ip list [--cloud=CLOUDS] [--output=FORMAT]
            ip create [--pool=NETWORK] [--cloud=CLOUD] [--output=FORMAT]
            ip delete ADDRESSES... [--yes] [--cloud=CLOUD] [--output=FORMAT]
            ip attach ADDRESS NAME [--cloud=CLOUD] [--output=FORMAT]
            ip detach ADDRESS [--cloud=CLOUD] [--output=FORMAT]

          Arguments:
            ADDRESS  a floating IP: 203.0.113.7
            NAME     the machine it is to lead to

          Options:
            --pool=NETWORK   the external network to take it from, if there are several
            --yes            give back also what leads to a machine
            --cloud=CLOUD    the cloud, or for list the clouds; else the variable cloud
                             (cms set cloud=uc), else the configured defaults
            --output=FORMAT  table, json, yaml, csv or names [default: table]

          Description:
            ip list      the floating IPs, and the machines that they lead to
            ip create    takes an address; it may cost money until it is given back
            ip delete    gives addresses back
            ip attach    lets an address lead to a machine
            ip detach    lets an address lead nowhere; it stays yours

            An address that cms vm boot --public took is given back by cms vm delete.
        """
        from cloudmesh.config import Config
        from cloudmesh.config.secrets.prompt import prompter_of

        verb = next(each for each in VERBS if arguments[each])
        return _ACTIONS[verb](Config.load(prompter=prompter_of(self)), arguments)

    def complete_ip(self, text: str, line: str, begidx: int, endidx: int) -> list[str]:
        """Tab completion of the verbs."""
        return [verb for verb in VERBS if verb.startswith(text)]


def _list(config: Config, arguments: dict[str, Any]) -> Answer:
    from cloudmesh.cloud.cli.lists import list_addresses
    from cloudmesh.cloud.fanout.selection import chosen_clouds

    return list_addresses(config, chosen_clouds(config, arguments["--cloud"]))


def _create(config: Config, arguments: dict[str, Any]) -> Answer:
    from cloudmesh.cloud.cli.addresses import create_address

    return create_address(config, arguments["--cloud"], arguments["--pool"] or "")


def _delete(config: Config, arguments: dict[str, Any]) -> Answer:
    from cloudmesh.cloud.cli.addresses import delete_addresses

    return delete_addresses(config, arguments["--cloud"], arguments["ADDRESSES"], arguments["--yes"])


def _attach(config: Config, arguments: dict[str, Any]) -> Answer:
    from cloudmesh.cloud.cli.addresses import attach_address

    return attach_address(config, arguments["--cloud"], arguments["ADDRESS"], arguments["NAME"])


def _detach(config: Config, arguments: dict[str, Any]) -> Answer:
    from cloudmesh.cloud.cli.addresses import detach_address

    return detach_address(config, arguments["--cloud"], arguments["ADDRESS"])


_ACTIONS: dict[str, Callable[[Config, dict[str, Any]], Answer]] = {
    "list": _list,
    "create": _create,
    "delete": _delete,
    "attach": _attach,
    "detach": _detach,
}
