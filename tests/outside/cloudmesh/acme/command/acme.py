"""``cms acme``: a command of somebody else."""

from __future__ import annotations

from typing import Any

from cloudmesh.plugin import Answer, PluginCommand, command


class AcmeCommand(PluginCommand):
    """The command ``acme`` of the shell."""

    @command
    def do_acme(self, arguments: dict[str, Any]) -> Answer:
        """
        ::

          Usage:
            acme greet NAME [--output=FORMAT]

          Options:
            --output=FORMAT  table, json, yaml, csv or names [default: table]
        """
        return Answer([{"name": arguments["NAME"], "greeting": "good day"}])
