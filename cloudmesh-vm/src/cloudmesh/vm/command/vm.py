"""``cms vm``: machines on all clouds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudmesh.plugin import Answer, PluginCommand, command
from cloudmesh.vm.cli import usage

if TYPE_CHECKING:
    from collections.abc import Callable

_HELP = """
::

  Usage:
    <USAGE>

  Arguments:
    NAMES  machines, by name or id: vm1  uc:vm1  'web[01-20],db1'  'web[1-9/2]'
           'web*'; = is followed by an exact name, id= by an id: '=web*'
    NAME   one machine: vm1  uc:vm1
    SRC, DST
           a path here and one in the machine; get takes them the other way round
    PORT   a port of the machine
    COMMAND
           what to run: one word is a line for the shell there, several are words
    IMAGE, FLAVOR, KEY, NETWORKS, GROUPS
           a name, an id, or a glob that matches one: 'ubuntu-24*'

  Options:
    <OPTIONS>

  Description:
    <VERBS>

    If one machine fails, the others are continued. Exit codes: 0 all done, 1 a machine
    failed (the table shows which and why), 2 wrong usage or unknown name,
    3 configuration or credentials, 4 a cloud could not be reached,
    130 interrupted.

    With --output=names each machine that succeeded is printed as a word that
    means this machine alone: vm list --output=names | xargs -d '\\n' cms vm stop

    Each command that changes machines is a job. After Ctrl-C (once: running calls
    finish; twice: at once), or if the process is killed, cms job resume continues it.

  Examples:
    vm boot 'web[01-03]' --wait
    vm suspend web01
    vm stop 'web*' --dryrun
    vm delete --all --cloud=local --yes
    vm boot db1 --network=private --public --wait=ready
    vm metadata 'web[01-03]' --set=role=web --unset=stage
    vm boot 'n[1-4]' --lease=3h --wait
    vm snapshot 'web*' --name=before
    vm list --output=json
    vm run 'web*' -- uptime
    vm put 'web[01-03]' site.tar.gz /srv/
"""


def _documented(method: Callable[..., Any]) -> Callable[..., Any]:
    """The usage comes from the table of verbs, before the adapter of the shell reads it."""
    method.__doc__ = usage.help_text(_HELP)
    return method


VERBS = tuple(usage.verb_names())


class VmCommand(PluginCommand):
    """The command ``vm`` of the shell."""

    @command(
        reads="list info wait console metadata snapshots",
        unless="--set --unset",
        machines="list",
        group="Machines",
        literal="--command",
        summary="boot, list, start, stop and delete virtual machines, on one cloud or many",
    )
    @_documented
    def do_vm(self, arguments: dict[str, Any]) -> Answer | None:
        """Run a sub-command. The shell shows the help above in place of this sentence."""
        from cloudmesh.config.secrets.prompt import prompter_of
        from cloudmesh.config.settings.config import Config

        verb = next(each for each in VERBS if arguments[each])
        config = Config.load(prompter=prompter_of(self))
        if verb == "list":
            from cloudmesh.vm.cli.listing import list_machines

            return list_machines(
                config,
                arguments["NAMES"],
                arguments["--cloud"],
                arguments["--refresh"],
                arguments["--output"],
                cached=arguments["--cached"],
                options=arguments,
                mine=True if arguments["--mine"] else False if arguments["--everyone"] else None,
            )
        if verb in usage.INTO:
            from cloudmesh.vm.cli import remote

            return remote.answer(config, verb, arguments)
        from cloudmesh.vm.cli.actions import answer

        # A script is not to stop at what is only offered.
        return answer(config, verb, arguments, asks=not getattr(self, "batch_scripts", ()))
