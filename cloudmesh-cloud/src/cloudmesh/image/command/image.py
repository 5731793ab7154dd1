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
            image list [--cloud=CLOUDS] [--refresh | --cached] [--filter=FILTER]
                    [--sort=COLUMNS] [--columns=COLUMNS] [--output=FORMAT]

          Options:
            --cloud=CLOUDS     clouds, comma-separated: uc,tacc  'uc*'; else the variable
                               cloud (cms set cloud=uc), else the configured defaults
            --refresh          ask the clouds now, and fail if one does not answer
            --cached           ask no cloud, however old the rows are (default: ask if they
                               are older than refresh_after, 60 s)
            --filter=FILTER    only rows that meet all conditions: 'name=ubuntu*,size<4G';
                               a value alone is a name or an id: 'ubuntu*'
            --sort=COLUMNS     sort by these columns, - is descending: cloud,-size
            --columns=COLUMNS  columns to show, or globs
            --output=FORMAT    table, json, yaml, csv or names [default: table]

          Description:
            image list    list images, from which machines boot (cached; --refresh
                          asks the clouds)

            A cloud that does not answer is named on stderr, its cached rows are shown,
            and the exit code is 4 (3 if it rejects the credentials).
        """
        from cloudmesh.cloud.cli.lists import list_catalog
        from cloudmesh.cloud.fanout.query import chosen_clouds
        from cloudmesh.config import Config
        from cloudmesh.config.secrets.prompt import prompter_of

        config = Config.load(prompter=prompter_of(self))
        clouds = chosen_clouds(config, arguments["--cloud"])
        return list_catalog(config, clouds, "image", arguments["--refresh"], arguments, arguments["--cached"])
