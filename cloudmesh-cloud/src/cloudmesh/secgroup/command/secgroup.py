"""``cms secgroup``: security groups, which say what reaches machines."""

from __future__ import annotations

from typing import Any

from cloudmesh.plugin import Answer, PluginCommand, command


class SecgroupCommand(PluginCommand):
    """The command ``secgroup`` of the shell."""

    @command(reads="list", group="Clouds", summary="list and change security groups and their rules")
    def do_secgroup(self, arguments: dict[str, Any]) -> Answer | None:
        """
        ::

          Usage:
            secgroup list [NAME] [--cloud=CLOUDS] [--filter=FILTER] [--sort=COLUMNS]
                    [--columns=COLUMNS] [--output=FORMAT]
            secgroup create NAME [--description=TEXT] [--cloud=CLOUDS] [--output=FORMAT]
            secgroup delete NAMES... [--yes] [--cloud=CLOUDS] [--output=FORMAT]
            secgroup rule (add|remove) NAME [--protocol=PROTOCOL] [--port=PORTS]
                    [--remote=RANGE] [--direction=DIRECTION] [--cloud=CLOUDS]
                    [--output=FORMAT]

          Arguments:
            NAME   a group: its name, its id, or a glob that matches one

          Options:
            --description=TEXT     what the group is for
            --protocol=PROTOCOL    tcp, udp, icmp, any, or a number [default: tcp]
            --port=PORTS           a port, or a range such as 8000-8080; else all
            --remote=RANGE         the remote network, such as 192.0.2.0/24; else any
            --direction=DIRECTION  ingress or egress [default: ingress]
            --cloud=CLOUDS         clouds, comma-separated: uc,tacc  'uc*'; else the variable
                                   cloud (cms set cloud=uc), else the configured defaults
            --filter=FILTER        only rows that meet all conditions: 'name=web*,rules>0'
            --sort=COLUMNS         sort by these columns, - is descending: -rules
            --columns=COLUMNS      columns to show, or globs
            --yes                  accepted for scripts; nothing is asked
            --output=FORMAT        table, json, yaml, csv or names [default: table]

          Description:
            secgroup list     list security groups, or the rules of one
            secgroup create   create a group on each of the clouds
            secgroup delete   delete groups that no machine uses
            secgroup rule     add or remove a rule that allows traffic

            Exit codes: 1 a cloud failed (the table says which and why), 2 wrong usage or
            unknown name, 4 a cloud could not be reached.

          Examples:
            secgroup create web --description='web servers'
            secgroup rule add web --port=443
            secgroup rule add web --port=22 --remote=192.0.2.0/24
        """
        from cloudmesh.cloud.cli.changes import change_all, read_rule
        from cloudmesh.cloud.cli.lists import list_rules, list_things
        from cloudmesh.cloud.client.cloud import Cloud
        from cloudmesh.cloud.fanout.query import chosen_clouds
        from cloudmesh.config import Config
        from cloudmesh.config.secrets.prompt import prompter_of

        config = Config.load(prompter=prompter_of(self))
        name = arguments["NAME"]
        if arguments["rule"]:
            words = (arguments[f"--{each}"] for each in ("protocol", "port", "remote", "direction"))
            rule = read_rule(*words)
        clouds = chosen_clouds(config, arguments["--cloud"])
        if arguments["list"]:
            if name:
                return list_rules(config, clouds, name, arguments)
            return list_things(config, clouds, "group", arguments)
        if arguments["delete"]:
            return change_all(config, clouds, "delete", arguments["NAMES"], Cloud.delete_security_group)
        if arguments["create"]:
            text = arguments["--description"] or ""
            return change_all(
                config,
                clouds,
                "create",
                [name],
                lambda cloud, group: cloud.create_security_group(group, text),
            )
        action, change = ("add", Cloud.add_rule) if arguments["add"] else ("remove", Cloud.remove_rule)
        return change_all(
            config, clouds, f"rule {action}", [name], lambda cloud, group: change(cloud, group, rule)
        )
