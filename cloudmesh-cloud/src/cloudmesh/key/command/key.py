"""``cms key``: key pairs that clouds place on machines."""

from __future__ import annotations

from typing import Any

from cloudmesh.plugin import Answer, PluginCommand, command


class KeyCommand(PluginCommand):
    """The command ``key`` of the shell."""

    @command(reads="list", group="Clouds", summary="list, generate, add and delete SSH key pairs")
    def do_key(self, arguments: dict[str, Any]) -> Answer | None:
        """
        ::

          Usage:
            key list [--cloud=CLOUDS] [--filter=FILTER] [--sort=COLUMNS]
                    [--columns=COLUMNS] [--output=FORMAT]
            key add NAME [FILE] [--cloud=CLOUDS] [--output=FORMAT]
            key generate NAME [--no-passphrase] [--cloud=CLOUDS] [--output=FORMAT]
            key delete NAMES... [--yes] [--cloud=CLOUDS] [--output=FORMAT]

          Arguments:
            FILE   the public key; else ~/.ssh/id_ed25519.pub, id_ecdsa.pub or
                   id_rsa.pub

          Options:
            --cloud=CLOUDS     clouds, comma-separated: uc,tacc  'uc*'; else the variable
                               cloud (cms set cloud=uc), else the configured defaults
            --filter=FILTER    only rows that meet all conditions: 'name=laptop*'
            --sort=COLUMNS     sort by these columns, - is descending: cloud,-name
            --columns=COLUMNS  columns to show, or globs
            --no-passphrase    do not ask for a passphrase; the private key is not protected
            --yes              accepted for scripts; nothing is asked
            --output=FORMAT    table, json, yaml, csv or names [default: table]

          Description:
            key list      list the key pairs of the clouds
            key add       add your public key to each of the clouds
            key generate  make a new key pair in ~/.ssh (id_ed25519 if you have none, else
                          cloudmesh_NAME) and add the public key to each of the clouds
            key delete    delete key pairs from the clouds; machines keep the key

            No private key is ever read or sent, and none leaves ~/.ssh. Exit codes:
            1 a cloud failed (the table says which and why), 2 wrong usage or unknown
            name, 4 a cloud could not be reached.
        """
        from cloudmesh.cloud.cli.changes import change_all, read_public_key
        from cloudmesh.cloud.cli.lists import list_things
        from cloudmesh.cloud.client.cloud import Cloud
        from cloudmesh.cloud.fanout.query import chosen_clouds
        from cloudmesh.config import Config
        from cloudmesh.config.secrets.prompt import prompter_of

        config = Config.load(prompter=prompter_of(self))
        clouds = chosen_clouds(config, arguments["--cloud"])
        if arguments["list"]:
            return list_things(config, clouds, "key", arguments)
        if arguments["generate"]:
            from cloudmesh.cloud.cli.new_keys import generate

            return generate(config, clouds, arguments["NAME"], not arguments["--no-passphrase"])
        if arguments["delete"]:
            return change_all(config, clouds, "delete", arguments["NAMES"], Cloud.delete_key)
        text = read_public_key(arguments["FILE"])
        return change_all(
            config, clouds, "add", [arguments["NAME"]], lambda cloud, name: cloud.add_key(name, text)
        )
