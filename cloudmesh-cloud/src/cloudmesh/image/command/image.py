"""``cms image``: what machines can boot from."""

from __future__ import annotations

from typing import Any

from cloudmesh.plugin import Answer, PluginCommand, command


class ImageCommand(PluginCommand):
    """The command ``image`` of the shell."""

    @command(reads="list catalog", group="Clouds", summary="list, add and delete images")
    def do_image(self, arguments: dict[str, Any]) -> Answer | None:
        """
        ::

          Usage:
            image list [--cloud=CLOUDS] [--refresh | --cached] [--filter=FILTER]
                    [--sort=COLUMNS] [--columns=COLUMNS] [--output=FORMAT]
            image catalog [--filter=FILTER] [--sort=COLUMNS] [--columns=COLUMNS]
                    [--output=FORMAT]
            image add NAME [FILE_OR_URL] [--sha256=DIGEST] [--user=LOGIN]
                    [--format=FORMAT] [--cloud=CLOUDS] [--output=FORMAT]
            image delete NAMES... [--yes] [--cloud=CLOUDS] [--output=FORMAT]

          Arguments:
            NAME         of the new image; without FILE_OR_URL one of the catalog
            FILE_OR_URL  a disk image, qcow2 or raw: a file, or where it is downloaded
                         from (https)
            NAMES        images: the name or the id of each, or a glob that matches one

          Options:
            --cloud=CLOUDS     clouds, comma-separated: uc,tacc  'uc*'; else the variable
                               cloud (cms set cloud=uc), else the configured defaults
            --sha256=DIGEST    what the SHA-256 of the image must be, in hexadecimal (or
                               its SHA-512); needed to download by http
            --user=LOGIN       the user to sign in as on its machines (default: the
                               catalog's, else that of its cloud)
            --format=FORMAT    qcow2 or raw (default: told by its first bytes)
            --yes              delete without asking
            --refresh          ask the clouds now, and fail if one does not answer
            --cached           ask no cloud, however old the rows are (default: ask if they
                               are older than refresh_after, 60 s)
            --filter=FILTER    only rows that meet all conditions: 'name=ubuntu*,size<4G';
                               a value alone is a name or an id: 'ubuntu*'
            --sort=COLUMNS     sort by these columns, - is descending: cloud,-size
            --columns=COLUMNS  columns to show, or globs
            --output=FORMAT    table, json, yaml, csv or names [default: table]

          Description:
            image list      list images, from which machines boot (cached; --refresh
                            asks the clouds)
            image catalog   list the distributions whose images are added by name
            image add       add an image to clouds that take one, such as type qemu
            image delete    delete images (asks first); one that a machine stands on stays

            A download that breaks off, also by Ctrl-C, goes on where it ended when the
            command is repeated. An image of the catalog is checked against the digest
            that its distribution publishes.

            A cloud that does not answer is named on stderr, its cached rows are shown,
            and the exit code is 4 (3 if it rejects the credentials). Other exit codes: 1 a
            cloud or a server refused, 2 wrong usage or unknown name, 130 interrupted.

          Examples:
            image add debian-12 --cloud=qemu
            image add mine disk.qcow2 --user=me --cloud=qemu
        """
        if arguments["catalog"]:
            from cloudmesh.cloud.cli.images import list_catalogue

            return list_catalogue(arguments)
        from cloudmesh.cloud.fanout.query import chosen_clouds
        from cloudmesh.config import Config
        from cloudmesh.config.secrets.prompt import prompter_of

        config = Config.load(prompter=prompter_of(self))
        clouds = chosen_clouds(config, arguments["--cloud"])
        if arguments["list"]:
            from cloudmesh.cloud.cli.lists import list_catalog

            return list_catalog(
                config, clouds, "image", arguments["--refresh"], arguments, arguments["--cached"]
            )
        from cloudmesh.cloud.cli import images

        if arguments["add"]:
            return images.add_image(config, clouds, arguments)
        return images.delete_images(config, clouds, arguments["NAMES"], arguments["--yes"])
