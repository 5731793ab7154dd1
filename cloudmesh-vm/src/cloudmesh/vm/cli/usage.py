"""The help of ``cms vm``, made from the table of verbs.

Loaded with the shell, which keeps the help of each command: it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from cloudmesh.cloud.model.boot_verb import BOOT
from cloudmesh.cloud.model.parameters import Kind, Parameter
from cloudmesh.cloud.model.verbs import VERBS, Verb

_WIDTH = 80
# After so many characters the blank and the help of an option follow.
_COLUMN = 18
_MANY = "(NAMES... | --all)"
_CLOUD = "[--cloud=CLOUDS]"
_WHOSE = "[--mine | --everyone]"
# What scripts say with --yes is the same for all verbs, though few of them ask.
_CHOICES = ("[--dryrun]", "[--yes]", "[--wait[=STATE]]")
_LIMITS = ("[--timeout=DURATION]", "[--parallel=N]", "[--call-timeout=DURATION]")
_LIST = ("[--filter=FILTER]", "[--sort=COLUMNS]", "[--columns=COLUMNS]")
_OUTPUT, _QUIET = "[--output=FORMAT]", "[--quiet]"
_AFTER_VERBS = (
    ("--all", "all machines of the clouds; never assumed when names are missing"),
    ("--mine", "only machines that you made, by your user id there or by cms here"),
    ("--everyone", "machines of all users of the project (default, unless mine: true is configured)"),
    ("--dryrun", "show what would be done, change nothing"),
    ("--yes", "{destroying} without asking"),
    (
        "--wait[=STATE]",
        "wait until the machines are in the new state; 'ready': until one can sign in by ssh and cloud-init "
        "has ended",
    ),
    (
        "--timeout=DURATION",
        "time limit for the whole command: 10s, 5m, 1h, or 90 (seconds); without it only waiting has a "
        "limit: the wait_timeout of the cloud, else 10m",
    ),
    (
        "--parallel=N",
        "calls at the same time, 1 to 1000; else the configured number, else 32; of run, put and get 64",
    ),
    ("--call-timeout=DURATION", "time limit for one call; else the configured one"),
    ("--command=CMD", "run this line in the machine, and end with its exit code"),
    ("--outdir=DIR", "write the output of each machine to DIR/NAME.out and DIR/NAME.err"),
    ("--no-stdin", "hand on nothing that is piped in"),
    ("--local=PORT", "the port of this computer; else the same one, or a free one if it is taken"),
    ("--state=STATE", "active, stopped, suspended, paused, error, deleted, ...; or ready: one can sign in"),
    ("--refresh", "ask the clouds now, and fail if one does not answer"),
    (
        "--cached",
        "ask no cloud, however old the rows are (default: ask if older than refresh_after, 60 s)",
    ),
    ("--filter=FILTER", "only machines that meet all conditions: 'state=active,cloud=uc|tacc,age>1h'"),
    ("--sort=COLUMNS", "sort by these columns, - is descending: cloud,-created"),
    ("--columns=COLUMNS", "columns to show, or globs; also id, key, created, metadata, zone, fault, ..."),
    (
        "--output=FORMAT",
        "table, json, yaml, csv or names; a list also ansible or ssh-config [default: table]",
    ),
)
_CLOUD_HELP = (
    "clouds, comma-separated: uc,tacc  'uc*'; else the variable cloud (cms set cloud=uc), else the "
    "configured defaults"
)


class Pattern(NamedTuple):
    """One pattern of the usage: verbs that take the same, and what that is."""

    verbs: tuple[str, ...]
    items: tuple[str, ...]


# Options of these can be given several times.
_REPEATED = (Kind.METADATA, Kind.HINTS)
# What is asked, and changes nothing.
_QUERIES = (
    (
        Pattern(("list",), ("[NAMES...]", _CLOUD, _WHOSE, "[--refresh | --cached]", *_LIST, _OUTPUT)),
        "list machines (cached; --refresh asks the clouds)",
    ),
    (Pattern(("info",), ("NAME", _CLOUD, _OUTPUT)), "show one machine, asked from its cloud"),
    (
        Pattern(("wait",), (_MANY, "--state=STATE", _CLOUD, _WHOSE, "[--timeout=DURATION]", _OUTPUT)),
        "wait for a state; fails at once if it cannot be reached any more",
    ),
    (Pattern(("console",), ("NAME", _CLOUD)), "show the console output of a machine"),
    (Pattern(("snapshots",), (_MANY, _CLOUD, _WHOSE, _OUTPUT)), "list the snapshots of machines"),
)


# What goes into the machines.
_INTO = (
    (
        Pattern(("ssh",), ("NAME", "[--command=CMD]", _CLOUD)),
        "sign in to a machine, or run one command there",
    ),
    (
        Pattern(
            ("run",),
            (_MANY, _CLOUD, _WHOSE, "[--outdir=DIR]", "[--no-stdin]", *_LIMITS, _OUTPUT, "-- COMMAND..."),
        ),
        "run a command on many machines; equal outputs are shown once",
    ),
    (
        Pattern(("put",), ("NAMES", "SRC", "DST", _CLOUD, _WHOSE, *_LIMITS, _OUTPUT)),
        "copy a file or folder to machines",
    ),
    (
        Pattern(("get",), ("NAMES", "SRC", "DST", _CLOUD, _WHOSE, *_LIMITS, _OUTPUT)),
        "copy a file or folder from machines, to DST/NAME/ for each",
    ),
    (
        Pattern(("tunnel",), ("NAME", "PORT", "[--local=PORT]", _CLOUD)),
        "lead a port of this computer to one of a machine, until Ctrl-C",
    ),
)


#: The sub-commands that go into the machines.
INTO = tuple(name for pattern, _ in _INTO for name in pattern.verbs)


def patterns(verbs: Mapping[str, Verb] = VERBS) -> list[Pattern]:
    """The patterns of the usage; verbs that take nothing beside the machines share one."""
    boot = ("NAMES...", _CLOUD, *_items(BOOT.parameters), *_CHOICES, *_LIMITS, _OUTPUT)
    said = [verb for verb in verbs.values() if not verb.said]
    plain = [verb for verb in said if not verb.parameters]
    groups = [
        [verb for verb in plain if verb.passing and not verb.returns_anywhere],
        [verb for verb in plain if verb.returns_anywhere],
        [verb for verb in plain if not verb.passing],
        *([verb] for verb in said if verb.parameters),
    ]
    others = [pattern for pattern, _ in (*_INTO, *_QUERIES)]
    every = [Pattern((BOOT.name,), boot), *map(_pattern, groups), *others]
    return [Pattern(pattern.verbs, _with_quiet(pattern.items)) for pattern in every]


def _with_quiet(items: Sequence[str]) -> tuple[str, ...]:
    """The items with ``--quiet``, which stands before a command that follows ``--``."""
    end = next((at for at, item in enumerate(items) if item.startswith("-- ")), len(items))
    return (*items[:end], _QUIET, *items[end:])


def verb_names(verbs: Mapping[str, Verb] = VERBS) -> list[str]:
    """All sub-commands, in the order of the help."""
    return [name for pattern in patterns(verbs) for name in pattern.verbs]


def _pattern(verbs: Sequence[Verb]) -> Pattern:
    """What these verbs take beside their own parameters."""
    names = tuple(verb.words for verb in verbs)
    own = _items([each for verb in verbs for each in verb.parameters])
    if any(verb.single for verb in verbs):
        more = (*_CHOICES, _LIMITS[0]) if any(verb.makes for verb in verbs) else ()
        return Pattern(names, ("NAME", *own, _CLOUD, _WHOSE, *more, "[--call-timeout=DURATION]", _OUTPUT))
    # Without a change metadata are shown, so that there is nothing to rehearse.
    shows = any(verb.takes == Kind.METADATA for verb in verbs)
    choices = _CHOICES if any(verb.passing for verb in verbs) else () if shows else _CHOICES[:2]
    return Pattern(names, (_MANY, *own, _CLOUD, _WHOSE, *choices, *_LIMITS, _OUTPUT))


def _items(parameters: Sequence[Parameter]) -> tuple[str, ...]:
    """The options of these parameters, in brackets where they may be left out."""
    return tuple(
        f"[{option}]..." if each.kind in _REPEATED else option if each.required else f"[{option}]"
        for each in parameters
        for option, _ in each.options
    )


def _filled(line: str, words: Iterable[str], width: int, indent: int) -> Iterator[str]:
    """The line with these words after it, broken where it would become too long."""
    for word in words:
        if len(line) + 1 + len(word) > width:
            yield line
            line = " " * indent
        line = f"{line} {word}"
    yield line


def usage_lines(verbs: Mapping[str, Verb] = VERBS) -> Iterator[str]:
    """The lines of the Usage section."""
    for pattern in patterns(verbs):
        names = "|".join(pattern.verbs)
        line = f"vm ({names})" if len(pattern.verbs) > 1 else f"vm {names}"
        yield from _filled(line, pattern.items, _WIDTH, 7)


def option_lines(verbs: Mapping[str, Verb] = VERBS) -> Iterator[str]:
    """The lines of the Options section. An option that several verbs take is told as the first tells it."""
    own = [pair for verb in (BOOT, *verbs.values()) for each in verb.parameters for pair in each.options]
    *others, last = (verb.words for verb in verbs.values() if verb.destroys)
    destroying = f"{', '.join(others)} or {last}"
    told: set[str] = set()
    for option, help in (("--cloud=CLOUDS", _CLOUD_HELP), *own, *_AFTER_VERBS):
        if not option.startswith("--") or option in told:
            continue
        told.add(option)
        start = option
        # docopt needs two blanks between an option and its help.
        if len(option) > _COLUMN - 1:
            yield option
            start = ""
        words = help.format(destroying=destroying).split(" ")
        yield from _filled(start.ljust(_COLUMN), words, _WIDTH + 1, _COLUMN)


def description_lines(verbs: Mapping[str, Verb] = VERBS) -> Iterator[str]:
    """A line for each sub-command: what it does."""
    told = {pattern.verbs[0]: help for pattern, help in (*_INTO, *_QUERIES)}
    for verb in (BOOT, *verbs.values()):
        told[verb.words] = verb.help + (" (asks first)" if verb.destroys else "")
    names = verb_names(verbs)
    width = max(map(len, names)) + 2
    for name in names:
        yield f"vm {name.ljust(width)}{told[name]}"


def help_text(template: str, verbs: Mapping[str, Verb] = VERBS) -> str:
    """The template with its lines ``<USAGE>``, ``<OPTIONS>`` and ``<VERBS>`` filled in from the table."""
    made = {
        "<USAGE>": usage_lines(verbs),
        "<OPTIONS>": option_lines(verbs),
        "<VERBS>": description_lines(verbs),
    }
    lines: list[str] = []
    for line in template.split("\n"):
        place = line.lstrip()
        indent = line[: len(line) - len(place)]
        lines += [indent + each for each in made[place]] if place in made else [line]
    return "\n".join(lines)
