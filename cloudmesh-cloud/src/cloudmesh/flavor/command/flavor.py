"""``cms flavor``: the sizes of machines on offer."""

from __future__ import annotations

from typing import Any

from cloudmesh.plugin import Answer, command
from cloudmesh.shell.command import PluginCommand


class FlavorCommand(PluginCommand):  # type: ignore[misc]
    """The command ``flavor`` of the shell."""

    @command
    def do_flavor(self, arguments: dict[str, Any]) -> Answer | None:
        """
        ::

          Usage:
            flavor list [--cloud=CLOUDS] [--output=FORMAT]

          Options:
            --cloud=CLOUDS   clouds to ask, as in: uc,tacc  'uc*'; else the variable
                             cloud (cms set cloud=uc), else the configured defaults
            --output=FORMAT  table, json, yaml, csv or names [default: table]

          Description:
            flavor list    the sizes of machines on offer, asked from the clouds now
        """
        from cloudmesh.cloud.overview import list_flavors
        from cloudmesh.cloud.selection import chosen_clouds
        from cloudmesh.config import Config

        config = Config.load()
        return list_flavors(config, chosen_clouds(config, arguments["--cloud"]))

    def complete_flavor(self, text: str, line: str, begidx: int, endidx: int) -> list[str]:
        """Tab completion of the verbs."""
        return [verb for verb in ("list",) if verb.startswith(text)]
