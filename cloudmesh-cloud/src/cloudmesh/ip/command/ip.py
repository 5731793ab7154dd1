"""``cms ip``: public addresses that are taken, led to machines, and given back."""

from __future__ import annotations

from typing import Any

from cloudmesh.plugin import Answer, PluginCommand, command


class IpCommand(PluginCommand):
    """The command ``ip`` of the shell."""

    @command(reads="list", group="Clouds", summary="list, create, attach and delete floating IP addresses")
    def do_ip(self, arguments: dict[str, Any]) -> Answer | None:
        """
        ::

          Usage:
            ip list [--cloud=CLOUDS] [--filter=FILTER] [--sort=COLUMNS]
                    [--columns=COLUMNS] [--output=FORMAT]
            ip create [--pool=NETWORK] [--cloud=CLOUD] [--output=FORMAT]
            ip delete ADDRESSES... [--yes] [--cloud=CLOUD] [--output=FORMAT]
            ip attach ADDRESS NAME [--cloud=CLOUD] [--output=FORMAT]
            ip detach ADDRESS [--cloud=CLOUD] [--output=FORMAT]

          Arguments:
            ADDRESS  a floating IP: 203.0.113.7
            NAME     the machine to attach it to

          Options:
            --pool=NETWORK     the external network to create it in, if there are several
            --yes              delete also an address that is attached to a machine
            --cloud=CLOUD      the cloud, or for list the clouds; else the variable cloud
                               (cms set cloud=uc), else the configured defaults
            --filter=FILTER    only rows that meet all conditions: 'machine=,pool=public'
            --sort=COLUMNS     sort by these columns, - is descending: machine,-address
            --columns=COLUMNS  columns to show, or globs
            --output=FORMAT    table, json, yaml, csv or names [default: table]

          Description:
            ip list      list floating IPs, and the machines they are attached to
            ip create    create a floating IP; it may cost money until it is deleted
            ip delete    delete (release) floating IPs
            ip attach    attach a floating IP to a machine
            ip detach    detach a floating IP; it stays allocated

            An address that cms vm boot --public created is deleted by cms vm delete.
        """
        from cloudmesh.cloud.cli import changes
        from cloudmesh.cloud.cli.lists import list_things
        from cloudmesh.cloud.fanout.query import chosen_clouds
        from cloudmesh.config import Config
        from cloudmesh.config.secrets.prompt import prompter_of

        config = Config.load(prompter=prompter_of(self))
        option = arguments["--cloud"]
        if arguments["list"]:
            return list_things(config, chosen_clouds(config, option), "address", arguments)
        if arguments["create"]:
            return changes.create_address(config, option, arguments["--pool"] or "")
        if arguments["delete"]:
            return changes.delete_addresses(config, option, arguments["ADDRESSES"], arguments["--yes"])
        if arguments["attach"]:
            return changes.attach_address(config, option, arguments["ADDRESS"], arguments["NAME"])
        return changes.detach_address(config, option, arguments["ADDRESS"])
