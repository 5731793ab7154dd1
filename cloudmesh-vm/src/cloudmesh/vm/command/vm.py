"""``cms vm``: machines on all clouds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cloudmesh.plugin import Answer, command
from cloudmesh.plugin.signals import as_ctrl_c
from cloudmesh.shell.command import PluginCommand

if TYPE_CHECKING:
    from cloudmesh.config import Config
    from cloudmesh.vm.cli.progress import Progress
    from cloudmesh.vm.clouds.select import Selection
    from cloudmesh.vm.machines import Machines

ACTIONS = ("start", "stop", "suspend", "resume", "pause", "unpause", "reboot", "delete")
CHANGES = ("rebuild", "resize", "rename", "metadata")
VERBS = ("boot", *ACTIONS, *CHANGES, "list", "info", "wait", "console")
# Seconds, too few for any call.
_INSTANT = 0.0001


class VmCommand(PluginCommand):  # type: ignore[misc]
    """The command ``vm`` of the shell."""

    @as_ctrl_c()
    @command
    def do_vm(self, arguments: dict[str, Any]) -> Answer | None:
        """
        ::

          Usage:
            vm boot NAMES... [--cloud=CLOUDS] [--image=IMAGE] [--flavor=FLAVOR] [--key=KEY]
                    [--network=NETWORKS] [--secgroup=GROUPS] [--userdata=FILE]
                    [--metadata=PAIR]... [--public] [--wait] [--timeout=SECONDS]
                    [--parallel=N] [--call-timeout=SECONDS] [--quiet] [--output=FORMAT]
            vm (start|stop|suspend|resume|pause|unpause|reboot|delete)
                    (NAMES... | --all) [--hard] [--cloud=CLOUDS] [--dryrun] [--yes] [--wait]
                    [--timeout=SECONDS] [--parallel=N] [--call-timeout=SECONDS] [--quiet]
                    [--output=FORMAT]
            vm rebuild (NAMES... | --all) --image=IMAGE [--cloud=CLOUDS] [--dryrun] [--yes]
                    [--wait] [--timeout=SECONDS] [--parallel=N] [--call-timeout=SECONDS]
                    [--quiet] [--output=FORMAT]
            vm resize (NAMES... | --all) --flavor=FLAVOR [--cloud=CLOUDS] [--dryrun]
                    [--wait] [--timeout=SECONDS] [--parallel=N] [--call-timeout=SECONDS]
                    [--quiet] [--output=FORMAT]
            vm rename NAME NEWNAME [--cloud=CLOUDS] [--call-timeout=SECONDS] [--output=FORMAT]
            vm metadata (NAMES... | --all) [--set=PAIR]... [--unset=KEY]... [--cloud=CLOUDS]
                    [--timeout=SECONDS] [--parallel=N] [--call-timeout=SECONDS] [--quiet]
                    [--output=FORMAT]
            vm list [NAMES...] [--cloud=CLOUDS] [--refresh] [--output=FORMAT]
            vm info NAME [--cloud=CLOUDS] [--output=FORMAT]
            vm wait (NAMES... | --all) --state=STATE [--cloud=CLOUDS] [--timeout=SECONDS]
                    [--quiet] [--output=FORMAT]
            vm console NAME [--cloud=CLOUDS]

          Arguments:
            NAMES  machines: vm1  web[01-20],db1  web[1-9/2]  'web*'  uc:vm1
            NAME   one machine: vm1  uc:vm1
            IMAGE, FLAVOR, KEY, NETWORKS, GROUPS
                   a name, an id, or a glob that means one: 'ubuntu-24*'

          Options:
            --cloud=CLOUDS     clouds to look on, as in: uc,tacc  'uc*'; else the variable
                               cloud (cms set cloud=uc), else the configured defaults
            --image=IMAGE      what to boot from; else the cloud's default
            --flavor=FLAVOR    the size of the machine; else the cloud's default
            --key=KEY          the key pair to place on the machine; else the default
            --network=NETWORKS the networks to be on, parted by commas; else the default
            --secgroup=GROUPS  the security groups to be under; else the default
            --userdata=FILE    a file for cloud-init on the machine; else the default
            --metadata=PAIR    KEY=VALUE to write on the machine; may be given again
            --public           take a public address for each machine; it is given back
                               when cms deletes the machine
            --hard             reboot by cutting the power, in whatever state
            --set=PAIR         KEY=VALUE to write; may be given again
            --unset=KEY        a key to remove; may be given again
            --all              every machine of the clouds; no name never means all
            --dryrun           show what would be done, and do nothing
            --yes              delete or rebuild without asking
            --wait             wait until the machines are where the action leads
            --timeout=SECONDS  for all of it together; else calls take what they take, and
                               the waiting after them ends after 600
            --parallel=N       the most calls at once, 1 to 1000; else what is configured,
                               else 32
            --call-timeout=SECONDS
                               for one call; else what is configured
            --quiet            draw no progress on the terminal
            --state=STATE      active, stopped, suspended, paused, error, deleted, ...
            --refresh          ask the clouds before listing
            --output=FORMAT    table, json, yaml, csv or names [default: table]

          Description:
            vm boot      boots new machines, on each cloud that --cloud names
            vm start     powers machines on
            vm stop      shuts machines down; their disks stay
            vm suspend   keeps the memory on disk and frees the host
            vm resume    brings suspended machines back
            vm pause     lets machines stand still; their memory stays on the hosts
            vm unpause   lets paused machines go on
            vm reboot    restarts machines
            vm delete    removes machines and their disks for good, after asking
            vm rebuild   replaces their disks by new ones of an image, after asking
            vm resize    gives machines another size; they are restarted for it
            vm rename    gives one machine another name
            vm metadata  writes on machines, or shows what is written
            vm list      what is known of the machines, with the age of the knowledge
            vm info      everything about one machine, asked from its cloud
            vm wait      waits for a state; fails at once when it cannot come any more
            vm console   what a machine printed on its console

            One machine that fails does not stop the others. Exit codes: 0 all done,
            1 a machine failed (the table says which and why), 2 wrong usage or unknown
            name, 3 configuration or credentials, 4 a cloud could not be reached,
            130 interrupted.

            What is done to machines is a job. After Ctrl-C (once: what was begun ends;
            twice: at once), or if the process is killed, cms job resume finishes it.

          Examples:
            vm boot web[01-03] --wait
            vm suspend web01
            vm stop 'web*' --dryrun
            vm delete --all --cloud=local --yes
            vm boot db1 --network=private --secgroup=default,web --public
            vm metadata web[01-03] --set=role=web --unset=owner
            vm list --output=json
        """
        from cloudmesh.config import Config
        from cloudmesh.config.secrets.prompt import prompter_of

        verb = next(each for each in VERBS if arguments[each])
        config = Config.load(prompter=prompter_of(self))
        answer = _FACES.get(verb, _act)(config, verb, arguments)
        if verb != "list":
            from cloudmesh.vm.cli.interrupted import notes_from_store

            answer.notes = [*answer.notes, *notes_from_store(config)]
        return answer

    def complete_vm(self, text: str, line: str, begidx: int, endidx: int) -> list[str]:
        """Tab completion of the verbs."""
        return [verb for verb in VERBS if verb.startswith(text)]


def _list(config: Config, verb: str, arguments: dict[str, Any]) -> Answer:
    from cloudmesh.vm.cli.listing import list_machines, qualify

    # Names are for other commands, which find no machine that has vanished.
    only_names = arguments["--output"] == "names"
    names, clouds, refresh = arguments["NAMES"], arguments["--cloud"], arguments["--refresh"]
    answer = list_machines(config, names, clouds, refresh, gone=not only_names)
    if only_names:
        named = bool(arguments["--cloud"]) or any(":" in name for name in arguments["NAMES"])
        return qualify(answer, named)
    return answer


def _boot(config: Config, verb: str, arguments: dict[str, Any]) -> Answer:
    from pathlib import Path

    from cloudmesh.vm.cli.options import effort, read_pairs, seconds
    from cloudmesh.vm.cli.progress import Progress
    from cloudmesh.vm.cli.report import report
    from cloudmesh.vm.machines import Machines

    timeout = seconds(arguments, "--timeout")
    progress = Progress(arguments["--quiet"])
    metadata = read_pairs("--metadata", arguments["--metadata"])
    userdata = Path(arguments["--userdata"]).expanduser() if arguments["--userdata"] else None
    names, clouds = arguments["NAMES"], arguments["--cloud"]
    with Machines(names, clouds, config, **effort(arguments, progress)) as machines, progress:
        result = machines.boot(
            arguments["--image"],
            arguments["--flavor"],
            arguments["--key"],
            wait=arguments["--wait"],
            timeout=timeout,
            network=arguments["--network"],
            secgroup=arguments["--secgroup"],
            userdata=userdata,
            metadata=metadata,
            public=arguments["--public"],
        )
        return report(config, result, progress.seconds)


def _act(config: Config, verb: str, arguments: dict[str, Any]) -> Answer:
    from cloudmesh.plugin import UsageError

    if arguments["--hard"]:
        if verb != "reboot":
            raise UsageError(f"--hard is a way to reboot; leave it out to {verb}")
        verb = "hard_reboot"
    return _do(config, verb, arguments)


def _rebuild(config: Config, verb: str, arguments: dict[str, Any]) -> Answer:
    return _do(config, verb, arguments, arguments["--image"])


def _resize(config: Config, verb: str, arguments: dict[str, Any]) -> Answer:
    return _do(config, verb, arguments, arguments["--flavor"])


def _do(config: Config, verb: str, arguments: dict[str, Any], argument: Any = None) -> Answer:
    from cloudmesh.cloud.model.verbs import find_verb
    from cloudmesh.vm.cli.options import seconds
    from cloudmesh.vm.cli.progress import Progress
    from cloudmesh.vm.cli.report import dry_run, report

    timeout = seconds(arguments, "--timeout")
    progress = Progress(arguments["--quiet"])
    with _machines(config, arguments, progress) as machines:
        if arguments["--dryrun"]:
            with progress:
                return dry_run(machines, verb, argument, timeout)
        selection = None
        if find_verb(verb).destroys and not arguments["--yes"]:
            selection, timeout = _confirmed(machines, verb, timeout, progress)
        with progress:
            result = machines.act(verb, arguments["--wait"], timeout, selection, argument)
        return report(config, result, progress.seconds)


def _confirmed(
    machines: Machines, verb: str, timeout: float | None, progress: Progress
) -> tuple[Selection, float | None]:
    """The machines that the user agreed to, and what is left of the time without that for the question."""
    from cloudmesh.cloud.fanout.limits import Deadline
    from cloudmesh.vm.cli.options import confirm

    deadline = Deadline.after(timeout)
    with progress:
        selection = machines.select(timeout)
    left = deadline.left()
    confirm(verb, selection.machines)
    # Where nothing is left each machine fails with that reason, as where it is next to nothing.
    return selection, left if left is None else max(left, _INSTANT)


def _rename(config: Config, verb: str, arguments: dict[str, Any]) -> Answer:
    from cloudmesh.vm.cli.options import seconds
    from cloudmesh.vm.cli.report import report
    from cloudmesh.vm.machines import Machines

    limit = seconds(arguments, "--call-timeout")
    with Machines(arguments["NAME"], arguments["--cloud"], config, call_timeout=limit) as machines:
        return report(config, machines.rename(arguments["NEWNAME"]))


def _metadata(config: Config, verb: str, arguments: dict[str, Any]) -> Answer:
    from cloudmesh.vm.cli.info import machine_metadata
    from cloudmesh.vm.cli.options import read_changes

    changes = read_changes(arguments["--set"], arguments["--unset"])
    if changes:
        return _do(config, verb, {**arguments, "--wait": False}, changes)
    with _machines(config, arguments) as machines:
        return machine_metadata(config, machines)


def _wait(config: Config, verb: str, arguments: dict[str, Any]) -> Answer:
    from cloudmesh.vm.cli.options import seconds
    from cloudmesh.vm.cli.progress import Progress
    from cloudmesh.vm.cli.report import report

    timeout = seconds(arguments, "--timeout")
    progress = Progress(arguments["--quiet"])
    with _machines(config, arguments, progress) as machines, progress:
        return report(config, machines.wait(arguments["--state"], timeout), progress.seconds)


def _machines(config: Config, arguments: dict[str, Any], progress: Progress | None = None) -> Machines:
    from cloudmesh.vm.cli.options import effort
    from cloudmesh.vm.machines import Machines

    more = effort(arguments, progress) if progress else {}
    if arguments["--all"]:
        return Machines.all(arguments["--cloud"], config, **more)
    return Machines(arguments["NAMES"], arguments["--cloud"], config, **more)


def _info(config: Config, verb: str, arguments: dict[str, Any]) -> Answer:
    from cloudmesh.vm.cli.info import machine_info

    return machine_info(config, arguments["NAME"], arguments["--cloud"])


def _console(config: Config, verb: str, arguments: dict[str, Any]) -> Answer:
    from cloudmesh.vm.machine import Machine

    with Machine(arguments["NAME"], arguments["--cloud"], config) as machine:
        return Answer(text=machine.console())


_FACES: dict[str, Callable[[Config, str, dict[str, Any]], Answer]] = {
    "boot": _boot,
    "rebuild": _rebuild,
    "resize": _resize,
    "rename": _rename,
    "metadata": _metadata,
    "list": _list,
    "info": _info,
    "wait": _wait,
    "console": _console,
}
