"""``cms lease``: leases, which keep hosts for a time."""

from __future__ import annotations

from typing import Any

from cloudmesh.plugin import Answer, PluginCommand, command


class LeaseCommand(PluginCommand):
    """The command ``lease`` of the shell."""

    @command(reads="list", group="Clouds", summary="lease hosts for a time; extend and delete leases")
    def do_lease(self, arguments: dict[str, Any]) -> Answer | None:
        """
        ::

          Usage:
            lease list [--cloud=CLOUDS] [--filter=FILTER] [--sort=COLUMNS]
                    [--columns=COLUMNS] [--output=FORMAT]
            lease create NAME --duration=DURATION [--start=TIME] [--amount=N]
                    [--flavor=FLAVOR | --host=PROPERTIES] [--cloud=CLOUD]
                    [--output=FORMAT]
            lease extend NAMES... (--by=DURATION | --until=TIME) [--cloud=CLOUDS]
                    [--output=FORMAT]
            lease delete NAMES... [--yes] [--cloud=CLOUDS] [--output=FORMAT]

          Arguments:
            NAME   of the new lease
            NAMES  leases: the name or the id of each, or a glob that matches one

          Options:
            --duration=DURATION    how long the lease lasts: 90m, 3h, 2d; in full minutes
            --start=TIME           when it starts: '2026-12-24 14:00' (local time),
                                   2026-12-24T14:00Z, +2h [default: now]
            --amount=N             how many machines or hosts [default: 1]
            --flavor=FLAVOR        lease room on hosts for machines of this flavor
            --host=PROPERTIES      lease whole hosts with these properties:
                                   'node_type=compute_skylake,gpu.gpu=True', with =, !=,
                                   >=, <=, > or <; or any
            --by=DURATION          end this much later: 90m, 3h, 2d
            --until=TIME           end at this time, written as for --start
            --cloud=CLOUDS         clouds, comma-separated: uc,tacc  'uc*'; else the variable
                                   cloud (cms set cloud=uc), else the configured defaults
            --filter=FILTER        only rows that meet all conditions: 'status=active,ends<2026-12-24'
            --sort=COLUMNS         sort by these columns, - is descending: -amount
            --columns=COLUMNS      columns to show, or globs; also id, reservation
            --yes                  delete without asking
            --output=FORMAT        table, json, yaml, csv or names [default: table]

          Description:
            lease list     list leases, with the machines that are on them
            lease create   lease hosts; boot on them with cms vm boot --lease=NAME
            lease extend   let leases end later; the note says when
            lease delete   delete leases; the machines on them are deleted (asks first)

            Times are shown in UTC. When a lease ends, its cloud deletes the machines that are
            on it.

            Exit codes: 1 a cloud failed (the table says which and why), 2 wrong usage or
            unknown name, 4 a cloud could not be reached, or has no leases.

          Examples:
            lease create exp1 --duration=3h --amount=4 --host=node_type=compute_skylake
            lease extend exp1 --by=1h
            lease delete exp1
        """
        from cloudmesh.cloud.cli import leases
        from cloudmesh.cloud.cli.lists import list_things
        from cloudmesh.cloud.fanout.query import chosen_clouds
        from cloudmesh.config import Config
        from cloudmesh.config.secrets.prompt import prompter_of

        config = Config.load(prompter=prompter_of(self))
        if arguments["create"]:
            return leases.create_lease(config, arguments)
        clouds = chosen_clouds(config, arguments["--cloud"])
        if arguments["list"]:
            return list_things(config, clouds, "lease", arguments)
        if arguments["extend"]:
            return leases.extend_leases(config, clouds, arguments)
        return leases.delete_leases(config, clouds, arguments["NAMES"], arguments["--yes"])
