"""``cms network``: the networks that machines can be on."""

from __future__ import annotations

from typing import Any

from cloudmesh.plugin import Answer, PluginCommand, command


class NetworkCommand(PluginCommand):
    """The command ``network`` of the shell."""

    @command(reads="list", group="Clouds", summary="list networks")
    def do_network(self, arguments: dict[str, Any]) -> Answer | None:
        """
        ::

          Usage:
            network list [--cloud=CLOUDS] [--filter=FILTER] [--sort=COLUMNS]
                    [--columns=COLUMNS] [--output=FORMAT]

          Options:
            --cloud=CLOUDS     clouds, comma-separated: uc,tacc  'uc*'; else the variable
                               cloud (cms set cloud=uc), else the configured defaults
            --filter=FILTER    only rows that meet all conditions: 'external=yes,name=pub*'
            --sort=COLUMNS     sort by these columns, - is descending: cloud,-name
            --columns=COLUMNS  columns to show, or globs
            --output=FORMAT    table, json, yaml, csv or names [default: table]

          Description:
            network list    list networks, with the external ones in which
                            floating IPs are created
        """
        from cloudmesh.cloud.cli.lists import list_things
        from cloudmesh.cloud.fanout.query import chosen_clouds
        from cloudmesh.config import Config
        from cloudmesh.config.secrets.prompt import prompter_of

        config = Config.load(prompter=prompter_of(self))
        return list_things(config, chosen_clouds(config, arguments["--cloud"]), "network", arguments)
