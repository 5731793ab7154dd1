"""``cms key``: key pairs that clouds place on machines."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cloudmesh.plugin import Answer, command
from cloudmesh.shell.command import PluginCommand

if TYPE_CHECKING:
    from cloudmesh.config import Config

VERBS = ("list", "add", "delete")


class KeyCommand(PluginCommand):  # type: ignore[misc]
    """The command ``key`` of the shell."""

    @command
    def do_key(self, arguments: dict[str, Any]) -> Answer | None:
        """
        ::

          Usage:
            key list [--cloud=CLOUDS] [--output=FORMAT]
            key add NAME [FILE] [--cloud=CLOUDS] [--output=FORMAT]
            key delete NAMES... [--cloud=CLOUDS] [--output=FORMAT]

          Arguments:
            FILE   the public key; else ~/.ssh/id_ed25519.pub, id_ecdsa.pub or
                   id_rsa.pub

          Options:
            --cloud=CLOUDS   clouds to ask, as in: uc,tacc  'uc*'; else the variable
                             cloud (cms set cloud=uc), else the configured defaults
            --output=FORMAT  table, json, yaml, csv or names [default: table]

          Description:
            key list      the key pairs that the clouds keep
            key add       lets each of the clouds keep your public key under a name
            key delete    lets the clouds forget keys; machines that have them keep them

            No private key is ever read or sent. Exit codes: 1 a cloud failed (the table
            says which and why), 2 wrong usage or unknown name, 4 a cloud could not be
            reached.
        """
        from cloudmesh.config import Config
        from cloudmesh.config.secrets.prompt import prompter_of

        verb = next(each for each in VERBS if arguments[each])
        return _ACTIONS[verb](Config.load(prompter=prompter_of(self)), arguments)

    def complete_key(self, text: str, line: str, begidx: int, endidx: int) -> list[str]:
        """Tab completion of the verbs."""
        return [verb for verb in VERBS if verb.startswith(text)]


def _list(config: Config, arguments: dict[str, Any]) -> Answer:
    from cloudmesh.cloud.cli.lists import list_keys
    from cloudmesh.cloud.fanout.selection import chosen_clouds

    return list_keys(config, chosen_clouds(config, arguments["--cloud"]))


def _add(config: Config, arguments: dict[str, Any]) -> Answer:
    from cloudmesh.cloud.cli.changes import change_all, read_public_key
    from cloudmesh.cloud.fanout.selection import chosen_clouds

    clouds = chosen_clouds(config, arguments["--cloud"])
    text = read_public_key(arguments["FILE"])
    return change_all(
        config, clouds, "add", [arguments["NAME"]], lambda cloud, name: cloud.add_key(name, text)
    )


def _delete(config: Config, arguments: dict[str, Any]) -> Answer:
    from cloudmesh.cloud.cli.changes import change_all
    from cloudmesh.cloud.fanout.selection import chosen_clouds

    clouds = chosen_clouds(config, arguments["--cloud"])
    return change_all(
        config, clouds, "delete", arguments["NAMES"], lambda cloud, name: cloud.delete_key(name)
    )


_ACTIONS: dict[str, Callable[[Config, dict[str, Any]], Answer]] = {
    "list": _list,
    "add": _add,
    "delete": _delete,
}
