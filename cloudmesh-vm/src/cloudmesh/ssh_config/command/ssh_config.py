"""``cms ssh-config``: machines as hosts of OpenSSH, so that other programs reach them by name."""

from __future__ import annotations

from typing import Any

from cloudmesh.plugin import Answer, PluginCommand, command


class SshConfigCommand(PluginCommand):
    """The command ``ssh-config`` of the shell."""

    @command(
        word="ssh-config",
        machines="--output",
        group="Machines",
        summary="let ssh, rsync and Ansible reach machines by name",
    )
    def do_ssh_config(self, arguments: dict[str, Any]) -> Answer | None:
        """
        ::

          Usage:
            ssh-config [--install] [--refresh] [--output=FORMAT]
            ssh-config forget NAMES... [--cloud=CLOUDS] [--output=FORMAT]

          Arguments:
            NAMES  machines: web1  web[01-20]  'web*'  uc:web1

          Options:
            --install        add the line Include to ~/.ssh/config, if it is not there
            --refresh        ask the clouds first
            --cloud=CLOUDS   clouds, comma-separated: uc,tacc  'uc*'; else the variable
                             cloud (cms set cloud=uc), else the configured defaults
            --output=FORMAT  table, json, yaml, csv or names; a list also ssh-config or
                             ansible [default: table]

          Description:
            Writes an entry for each known machine into the file ssh_config beside the
            configuration, and lists the entries: a machine web01 of the cloud uc is
            the host uc.web01. From then on each command of cms that learns an address
            or loses a machine keeps the file up to date. OpenSSH reads it by a line at
            the top of ~/.ssh/config, which --install adds:

              Include ~/.cloudmesh/ssh_config

            The user, the address, the key and the way are those of cms vm ssh. Host
            keys are kept for each machine by its id on its cloud, in the file
            known_hosts beside the configuration; a machine whose key has changed is
            refused. --output=ssh-config shows the entries, --output=ansible an
            inventory with groups for clouds and tags.

            ssh-config forget  forget the host keys of machines, after you have made
                               sure that they were changed rightly; the next sign-in
                               takes the one that it meets

            Exit codes: 1 a file could not be written, 2 wrong usage or unknown name,
            3 configuration or credentials, 4 a cloud could not be reached.

          Examples:
            ssh-config --install
            ssh-config --output=ansible > inventory.yaml
            ssh-config forget uc:web01
        """
        from cloudmesh.config import Config
        from cloudmesh.config.secrets.prompt import prompter_of
        from cloudmesh.plugin.output import require_format
        from cloudmesh.vm.cli import ssh_config

        if arguments["forget"]:
            require_format(arguments["--output"])
        config = Config.load(prompter=prompter_of(self))
        if arguments["forget"]:
            return ssh_config.forget(config, arguments["NAMES"], arguments["--cloud"])
        return ssh_config.write(
            config, arguments["--install"], arguments["--refresh"], arguments["--output"] or "table"
        )
