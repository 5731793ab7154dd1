"""``cms image``: what machines can boot from."""

from __future__ import annotations

from typing import Any

from cloudmesh.plugin import Answer, PluginCommand, command


class ImageCommand(PluginCommand):
    """The command ``image`` of the shell."""

    @command(reads="list", group="Clouds", summary="list images")
    def do_image(self, arguments: dict[str, Any]) -> Answer | None:
        """
        ::

          Usage:
            image list [--cloud=CLOUDS] [--refresh] [--filter=PATTERN] [--output=FORMAT]

          Options:
            --cloud=CLOUDS   clouds to ask, as in: uc,tacc  'uc*'; else the variable
                             cloud (cms set cloud=uc), else the configured defaults
            --refresh        ask the clouds now, not only those never asked before
            --filter=PATTERN only that of this name or id, or those of a glob: 'ubuntu*'
            --output=FORMAT  table, json, yaml, csv or names [default: table]

          Description:
            image list    what machines can boot from, and how long ago their
                          clouds told of them

            A cloud that does not answer keeps its old rows, is named on stderr, and
            makes the exit code 4 (3 if it does not accept the credentials).
        """
        from cloudmesh.cloud.cli.lists import list_catalog
        from cloudmesh.cloud.fanout.query import chosen_clouds
        from cloudmesh.config import Config
        from cloudmesh.config.secrets.prompt import prompter_of

        config = Config.load(prompter=prompter_of(self))
        clouds = chosen_clouds(config, arguments["--cloud"])
        return list_catalog(config, clouds, "image", arguments["--refresh"], arguments["--filter"])
