"""What ``cms help`` shows: all commands in groups, and the help of one."""

from __future__ import annotations

import re
import shutil
import textwrap
from typing import Any

from cloudmesh.plugin import Answer, catalogue, commands
from cloudmesh.plugin.errors import CloudmeshError, UnknownName
from cloudmesh.plugin.usage import help_text, subcommand

GROUPS = ("Machines", "Clouds", "Configuration and data", "Shell")
OTHERS = "Commands of other packages"
_CMD5 = "Commands of cmd5"
# The commands of cmd5, which say of themselves little that fits in a line.
_OF_CMD5 = {
    "banner": "print text in a frame",
    "clear": "clear the screen",
    "commands": "list the commands that cmd5 has loaded",
    "debug": "switch cmd5's debug output on or off",
    "default": "set, list and delete default values, used as default.NAME",
    "dryrun": "on or off: only show what commands would do",
    "echo": "print text",
    "info": "print information about cmd5's shell",
    "man": "print the help of cmd5's commands as manual pages",
    "pause": "wait for the Enter key",
    "py": "run a line of Python",
    "set": "set, list and delete variables, used as $NAME",
    "shell": "run a program of the operating system",
    "sleep": "wait for a number of seconds",
    "stopwatch": "start and stop timers",
    "sysinfo": "print information about this computer",
    "term": "run a program in a new terminal window",
    "var": "set, list and delete variables, used as var.NAME",
}


def all_commands() -> Answer:
    """All commands in groups, with a phrase each; those that cannot be loaded are named with the reason."""
    groups: dict[str, dict[str, str]] = {}
    notes = []
    for name, (place, *_) in catalogue.places().items():
        try:
            method = getattr(commands.load(place), place.method)
        except UnknownName:
            # It only looked like one.
            continue
        except CloudmeshError as error:
            notes.append(f"note: {error}")
            continue
        own = getattr(method, "cloudmesh_group", "")
        group = own or (_CMD5 if name in _OF_CMD5 else OTHERS)
        groups.setdefault(group, {})[name] = summary(name, method)
    order = [*GROUPS, *sorted(groups.keys() - {*GROUPS, OTHERS, _CMD5}), OTHERS, _CMD5]
    width = max((len(name) for group in groups.values() for name in group), default=0)
    text = "\n\n".join(_section(group, groups[group], width) for group in order if group in groups)
    end = "'cms help COMMAND' or 'cms COMMAND --help' shows the help of a command."
    return Answer(text=f"{text}\n\n{end}", notes=notes)


def _section(title: str, members: dict[str, str], width: int) -> str:
    columns = shutil.get_terminal_size().columns
    lines = [title + ":"]
    for name, summary in members.items():
        first = f"  {name:{width}}  "
        lines += textwrap.wrap(
            summary, max(columns, 60), initial_indent=first, subsequent_indent=" " * len(first)
        ) or [first.rstrip()]
    return "\n".join(lines)


def summary(name: str, method: Any) -> str:
    """A phrase for a command: its own, else the first sentence of its help that is not about its usage."""
    if own := getattr(method, "cloudmesh_summary", "") or _OF_CMD5.get(name, ""):
        return str(own)
    text = help_text(method.__doc__ or "")
    described = re.search(r"^\s*Description:?\s*\n(?P<text>(?:.*\n?)+)", text, re.MULTILINE)
    paragraphs = re.split(r"\n\s*\n", described["text"] if described else text)
    for each in paragraphs:
        words = " ".join(each.split())
        prose = not re.match(r"(Usage|Options|Arguments|Examples?|Limitations)\b", words)
        if prose and not words.startswith(("-", name + " ", "cms ", ">")) and " " in words:
            return re.split(r"(?<=[.!?])\s", words)[0].rstrip(".:")[:200]
    return ""


def one_command(shell: Any, name: str, words: list[str]) -> str:
    """The help of a command; with words of it, only that of this sub-command.

    Raises UsageError if there is no such command, or no such sub-command of it.
    """
    method = commands.find(shell, name)
    doc = method.__doc__ or ""
    if not doc.strip():
        return f"The command {name!r} has no help."
    if not words or not getattr(method, "cloudmesh_command", False):
        return help_text(doc)
    return subcommand.help_of(doc, words, name, strict=True)
