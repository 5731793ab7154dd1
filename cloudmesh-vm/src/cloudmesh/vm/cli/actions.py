"""What ``cms vm`` does for each of its sub-commands but ``list``, and the values of their options."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloudmesh.cloud.cli.notes import age_text
from cloudmesh.cloud.client.booter import BootOptions
from cloudmesh.cloud.errors import NotFound
from cloudmesh.cloud.fanout.query import Deadline
from cloudmesh.cloud.model.parameters import Kind
from cloudmesh.cloud.model.verbs import Verb, find_verb
from cloudmesh.cloud.store.machine_rows import time_text
from cloudmesh.config import Config
from cloudmesh.plugin import durations
from cloudmesh.plugin.errors import CloudmeshError, UsageError
from cloudmesh.plugin.front import somebody_types
from cloudmesh.plugin.output import Answer
from cloudmesh.vm.cli.interrupted import notes_from_store
from cloudmesh.vm.cli.progress import Progress
from cloudmesh.vm.cli.question import confirm
from cloudmesh.vm.cli.report import Row, describe, dry_run, dry_run_boot, machine_rows, report
from cloudmesh.vm.cli.spared import without_locked
from cloudmesh.vm.clouds.select import Selection
from cloudmesh.vm.machine import Machine
from cloudmesh.vm.machines import Machines
from cloudmesh.vm.model.limits import RunKeywords
from cloudmesh.vm.model.wait import Wait
from cloudmesh.vm.queries import ask_each

if TYPE_CHECKING:
    from cloudmesh.vm.jobs.planning import GivenArgument

Arguments = Mapping[str, Any]
# More calls at once than any cloud takes from one user, and nearly what a process may have of open files.
_MOST = 1000


def answer(config: Config, verb: str, arguments: Arguments, asks: bool = True) -> Answer:
    """Run a sub-command; its answer ends with a note on each job that was interrupted.

    ``asks``: whether what is only offered may be asked of a person, if one is at a terminal.
    """
    others: Mapping[str, Callable[[Config, Arguments], Answer]] = {
        "boot": partial(_boot, asks=asks and somebody_types()),
        "info": _info,
        "wait": _wait,
        "console": _console,
        "snapshots": _snapshots,
    }
    given = others[verb](config, arguments) if verb in others else _act(config, verb, arguments)
    given.notes = [*given.notes, *notes_from_store(config)]
    return given


def _boot(config: Config, arguments: Arguments, asks: bool) -> Answer:
    timeout = seconds(arguments, "--timeout")
    progress = Progress(arguments["--quiet"])
    userdata = arguments["--userdata"]
    said = {key: arguments[f"--{key}"] for key in ("image", "flavor", "key", "network", "secgroup", "public")}
    said["metadata"] = read_pairs("--metadata", arguments["--metadata"])
    said["hint"] = read_hints(arguments["--hint"])
    said["lease"], said["lease_start"] = arguments["--lease"], arguments["--lease-start"]
    said["host"] = arguments["--host"]
    said["userdata"] = Path(userdata).expanduser() if userdata else None
    with machines_of(config, arguments, progress) as machines, progress:
        if arguments["--dryrun"]:
            return dry_run_boot(machines, BootOptions(**said), timeout, arguments["--output"])
        notes = (
            [] if said["key"] or said["userdata"] else _key_notes(machines, asks and not arguments["--yes"])
        )
        result = machines.boot(wait=_waited(arguments), timeout=timeout, **said)
        answer = report(config, result, progress.seconds, arguments["--output"])
        answer.notes = [*answer.notes, *notes]
        return answer


def _key_notes(machines: Machines, asks: bool) -> list[str]:
    """What to tell of machines that have no key pair; a person at a terminal is offered one instead."""
    from cloudmesh.vm.cli import key_note  # loaded after the words were understood

    if not (clouds := key_note.without_key(machines)):
        return []
    if not asks:
        return [key_note.note(clouds)]
    from cloudmesh.vm.cli import key_offer  # few people are asked

    key_offer.offer(machines, clouds)
    return []


def _act(config: Config, name: str, arguments: Arguments) -> Answer:
    """A verb of the table: what it takes is read, the user is asked where data is lost, and it is done."""
    timeout = seconds(arguments, "--timeout")
    progress = Progress(arguments["--quiet"])
    said = find_verb(name)
    verb, argument = _flagged(said, arguments), _argument(said, arguments)
    if verb.takes == Kind.METADATA and not argument:
        with machines_of(config, arguments) as machines:
            return _noted(_metadata(config, machines, arguments["--output"]), machines)
    with machines_of(config, arguments, progress) as machines:
        if arguments["--dryrun"]:
            with progress:
                rehearsed = dry_run(machines, verb.name, argument, timeout, arguments["--output"])
                return _noted(rehearsed, machines)
        selection, deadline = None, Deadline.after(timeout)
        if verb.destroys and not arguments["--yes"]:
            selection, deadline = _confirmed(machines, verb, argument, deadline, progress)
        with progress:
            result = machines.act(verb.name, _waited(arguments), deadline, selection, argument)
        return _noted(report(config, result, progress.seconds, arguments["--output"]), machines)


def _waited(arguments: Arguments) -> Wait:
    """What is waited for after the calls, as it was said."""
    said: Wait | None = arguments["--wait"]
    return False if said is None else said


def _noted(answer: Answer, machines: Machines) -> Answer:
    """The answer with notes on machines that were left out."""
    answer.notes = [*machines.notes, *answer.notes]
    return answer


def _flagged(verb: Verb, arguments: Arguments) -> Verb:
    """The verb that is meant with the flags that were given."""
    meant = (flag.verb for flag in verb.parameters if flag.verb and arguments[flag.options[0][0]])
    return find_verb(next(meant, verb.name))


def _argument(verb: Verb, arguments: Arguments) -> GivenArgument:
    """What was given for the value that the verb takes; None if it takes none."""
    if verb.value is None:
        return None
    given = [arguments[option.partition("=")[0]] for option, _ in verb.value.options]
    if verb.value.kind is Kind.METADATA:
        return read_changes(*given)
    return str(given[0])


def _confirmed(
    machines: Machines, verb: Verb, argument: GivenArgument, deadline: Deadline, progress: Progress
) -> tuple[Selection, Deadline]:
    """The machines that the user agreed to, and the deadline without the time that the question took."""
    with progress:
        selection = without_locked(machines, verb, machines.select(deadline.seconds))
    clouds = {each.cloud for each in selection.machines}
    known = (each.machine for cloud in clouds for each in machines.session.inventory.known(cloud))
    places = Counter(each.qualified_name for each in known)
    asked = time.monotonic()
    alike = {place for place, count in places.items() if count > 1}
    confirm(verb.name, selection.machines, alike, argument)
    return selection, deadline.postponed(time.monotonic() - asked)


def _wait(config: Config, arguments: Arguments) -> Answer:
    timeout = seconds(arguments, "--timeout")
    progress = Progress(arguments["--quiet"])
    with machines_of(config, arguments, progress) as machines, progress:
        result = machines.wait(arguments["--state"], timeout)
        return _noted(report(config, result, progress.seconds, arguments["--output"]), machines)


def _console(config: Config, arguments: Arguments) -> Answer:
    with Machine(arguments["NAME"], arguments["--cloud"], config, mine=False) as machine:
        return Answer(text=machine.console())


def _info(config: Config, arguments: Arguments) -> Answer:
    """Everything about a machine. If its cloud does not answer, what was last known, with the error."""
    with Machines(arguments["NAME"], arguments["--cloud"], config, mine=False) as machines:
        machine = machines.select().machine()
        try:
            now = machines.session.ask(machine.cloud, lambda cloud: cloud.refresh(machine))
        except NotFound:
            raise
        except CloudmeshError as error:
            known = machines.session.inventory.find(machine)
            if known is None:
                raise
            note = f"error: {error}; the record shown is cached, {age_text(known.age)} old"
            answer = describe(config, machine, known.refreshed, [note], arguments["--output"])
            answer.exit_code = error.exit_code
            return answer
        return describe(config, now, time.time(), form=arguments["--output"])


def _metadata(config: Config, machines: Machines, form: str) -> Answer:
    """What is written on the machines, asked from their clouds now; one that fails is named."""
    told, errors = ask_each(machines, lambda cloud, machine: cloud.refresh(machine))
    rows: list[Row] = [
        {"cloud": now.cloud, "name": now.name, "key": key, "value": value}
        for _, now in told
        for key, value in now.metadata.items()
    ]
    if form == "names":
        rows = machine_rows(config, [now for _, now in told])
    return _answer_with(errors, rows, ("cloud", "name", "key", "value"))


def _snapshots(config: Config, arguments: Arguments) -> Answer:
    """The snapshots of machines, asked from their clouds now; a machine that fails is named."""
    with machines_of(config, arguments) as machines:
        told, errors = ask_each(machines, lambda cloud, machine: cloud.snapshots(machine))
        rows: list[Row] = [
            {
                "cloud": machine.cloud,
                "name": machine.name,
                "snapshot": each.name,
                "created": time_text(each.created),
                "memory": each.memory,
            }
            for machine, snapshots in told
            for each in snapshots
        ]
        if arguments["--output"] == "names":
            rows = [{"name": name} for name in dict.fromkeys(row["snapshot"] for row in rows)]
        columns = ("cloud", "name", "snapshot", "created", "memory")
        return _noted(_answer_with(errors, rows, columns), machines)


def _answer_with(errors: Sequence[CloudmeshError], rows: Sequence[Row], columns: Sequence[str]) -> Answer:
    """The rows of what was asked of machines, with a note on each that failed, and its exit code."""
    return Answer(
        rows,
        columns=columns,
        notes=[f"error: {error}" for error in errors],
        errors=list(errors),
        exit_code=max((error.exit_code for error in errors), default=0),
    )


def machines_of(config: Config, arguments: Arguments, progress: Progress | None = None) -> Machines:
    """The machines of NAMES, NAME or --all, with the options for a job if there is progress to show."""
    more = run_options(arguments, progress) if progress else {}
    mine, cloud = whose(arguments), arguments["--cloud"]
    if arguments["--all"]:
        return Machines.all(cloud, config, mine, **more)
    return Machines(arguments["NAMES"] or arguments["NAME"], cloud, config, mine=mine, **more)


def whose(arguments: Arguments) -> bool | None:
    """Whether only machines of our own are meant, or those of everyone; None if that was not said."""
    return True if arguments["--mine"] else False if arguments["--everyone"] else None


def seconds(arguments: Arguments, option: str) -> float | None:
    """The seconds of an option; None if it was not given. Raises UsageError."""
    text = arguments[option]
    if text is None:
        return None
    try:
        return durations.positive_seconds(text)
    except ValueError as error:
        raise UsageError(f"{option}={text} {error}") from None


def run_options(arguments: Arguments, progress: Progress) -> RunKeywords:
    """What ``Machines`` and ``RunOptions`` take of all this. Raises UsageError."""
    text, parallel = arguments["--parallel"], None
    if text is not None:
        parallel = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
        if not 1 <= parallel <= _MOST:
            raise UsageError(f"--parallel={text} must be a whole number from 1 to {_MOST}; use --parallel=32")
    return {
        "parallel": parallel,
        "call_timeout": seconds(arguments, "--call-timeout"),
        "watch": progress.update,
    }


def read_pairs(option: str, pairs: Sequence[str]) -> dict[str, str]:
    """The values by their keys. Raises UsageError: one has no ``=``, or no key, or a key is given twice."""
    found: dict[str, str] = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign or not key:
            raise UsageError(f"{option}={pair} must be KEY=VALUE")
        if key in found:
            raise UsageError(f"{option} sets {key} twice; set it once")
        found[key] = value
    return found


def read_hints(pairs: Sequence[str]) -> dict[str, str | list[str]]:
    """The values by their keys; those of a key that is given several times are a list. Raises UsageError."""
    found: dict[str, list[str]] = {}
    for pair in pairs:
        ((key, value),) = read_pairs("--hint", [pair]).items()
        found.setdefault(key, []).append(value)
    return {key: values if len(values) > 1 else values[0] for key, values in found.items()}


def read_changes(to_set: Sequence[str], to_remove: Sequence[str]) -> dict[str, str | None]:
    """What is to be set, and None for what is to be removed; raises UsageError as ``read_pairs``."""
    changes: dict[str, str | None] = {**read_pairs("--set", to_set)}
    for key in to_remove:
        if key in changes:
            raise UsageError(f"{key} is both set and removed; use one of them")
        changes[key] = None
    return changes
