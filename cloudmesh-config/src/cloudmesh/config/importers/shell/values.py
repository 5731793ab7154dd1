"""Values of variables, known or not, and the state of a shell between two commands."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from cloudmesh.config.importers.shell.syntax import Command, ScriptError

# No value of a variable is longer, and all expansions together make no more characters.
LONGEST = 2**15
MOST_WORK = 600_000


@dataclass(frozen=True)
class Cause:
    """Why a value is not known.

    Attributes:
        what: what it depends on, for users.
        line: where the script says so.
        typed: whether it is what the user would type in, and nothing else.
    """

    what: str
    line: int
    typed: bool = False


@dataclass(frozen=True)
class Value:
    """What a variable or a word holds.

    Attributes:
        text: its text; meaningless if it is not known.
        unknown: why it is not known; None if it is.
        lacking: the variables that it uses as they are and that nothing sets.
        assumed: the variables that decided it because nothing sets them.
    """

    text: str = field(default="", repr=False)
    unknown: Cause | None = None
    lacking: frozenset[str] = frozenset()
    assumed: frozenset[str] = frozenset()

    @property
    def names(self) -> frozenset[str]:
        """All variables that were taken as not set."""
        return self.lacking | self.assumed


EMPTY = Value()


def joined(values: Iterable[Value], line: int) -> Value:
    """The values one after another; raises ScriptError if they are too long."""
    parts = [value for value in values if value != EMPTY]
    if len(parts) == 1:
        return parts[0]
    text = "".join(value.text for value in parts)
    if len(text) > LONGEST:
        raise ScriptError(line, f"a value has more than {LONGEST} characters")
    unknown = next((value.unknown for value in parts if value.unknown), None)
    return Value(
        text,
        replace(unknown, typed=False) if unknown else None,
        frozenset().union(*(value.lacking for value in parts)),
        frozenset().union(*(value.assumed for value in parts)),
    )


@dataclass(frozen=True)
class Variable:
    """A variable; without a value it has only been declared.

    Attributes:
        value: what it holds.
        exported: whether programs get it.
        readonly: whether it cannot be set again.
        unclear: why it is not known whether it is exported; None if that is known.
    """

    value: Value | None = None
    exported: bool = False
    readonly: bool = False
    unclear: Cause | None = None

    @property
    def outside(self) -> Value | None:
        """Its value for programs, not known if it is not known whether they get it; None if they do not."""
        if self.unclear and self.value is not None:
            return Value(unknown=self.unclear)
        return self.value if self.exported else None


@dataclass
class State:
    """The variables, functions and options of a shell."""

    variables: dict[str, Variable] = field(default_factory=dict)
    functions: dict[str, Command] = field(default_factory=dict)
    options: frozenset[str] = frozenset()

    def copy(self) -> State:
        """A state of its own that begins like this one."""
        return State(dict(self.variables), dict(self.functions), self.options)

    def set(self, name: str, value: Value | None, line: int, exported: bool | None = None) -> None:
        """Give the variable a value, or with None keep the one it has; so for ``exported``."""
        old = self.variables.get(name, Variable(exported="allexport" in self.options))
        if value is not None:
            if old.readonly or name in _FIXED:
                raise ScriptError(line, f"{name} is set again, although it is read-only")
            if name in _SPECIAL:
                raise ScriptError(line, f"setting {name} is not understood")
            if value.lacking and _SECRET.search(name):
                # It may be a part of a password in the wrong quotes, so its name is not told.
                value = replace(value, lacking=frozenset([""]), assumed=frozenset())
            old = replace(old, value=value)
            exported = True if exported is None and "allexport" in self.options else exported
        self.variables[name] = old if exported is None else replace(old, exported=exported, unclear=None)

    def unset(self, name: str, line: int) -> None:
        """Forget the variable, or if there is none the function of this name."""
        if name not in self.variables:
            self.functions.pop(name, None)
        elif self.variables[name].readonly:
            raise ScriptError(line, f"{name} is unset, although it is read-only")
        else:
            del self.variables[name]

    def merge(self, other: State, cause: Cause) -> None:
        """Become what is true of both: what differs is not known any more, because of the cause."""
        if self.functions != other.functions or self.options != other.options:
            raise ScriptError(cause.line, f"which functions or options are set depends on {cause.what}")
        for name in self.variables.keys() | other.variables.keys():
            mine, theirs = self.variables.get(name), other.variables.get(name)
            if mine != theirs:
                known = [each.value for each in (mine, theirs) if each and each.value]
                why = next((value.unknown for value in known if value.unknown), None)
                only = cause if not why or any(not value.unknown for value in known) else why
                either = [each for each in (mine, theirs) if each]
                exported = {bool(each and each.exported) for each in (mine, theirs)}
                unclear = next((each.unclear for each in either if each.unclear), None)
                same = mine and theirs and mine.value == theirs.value
                unknown = Value(unknown=replace(only, typed=only.typed and len(known) == 2))
                self.variables[name] = Variable(
                    mine.value if mine and same else unknown,
                    True in exported,
                    any(each.readonly for each in either),
                    unclear or (cause if len(exported) > 1 else None),
                )


@dataclass
class Outcome:
    """What a script leaves behind.

    Attributes:
        variables: by name.
        names: the variables that decided a condition because nothing sets them.
        left_out: the variables that are set where it has no effect, with how.
        early: the lines that may end the script early, which was taken not to happen.
    """

    variables: dict[str, Variable] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    left_out: dict[str, str] = field(default_factory=dict)
    early: list[int] = field(default_factory=list)


# Setting these changes how a shell works, or is not what it seems.
_SPECIAL = frozenset(
    [
        "IFS",
        "RANDOM",
        "SECONDS",
        "LINENO",
        "EPOCHSECONDS",
        "SRANDOM",
        "OPTIND",
        "DIRSTACK",
        "GROUPS",
        "FUNCNAME",
        "POSIXLY_CORRECT",
        "BASH_COMPAT",
        "BASH_ARGV0",
        "GLOBIGNORE",
        "_",
    ]
)
_FIXED = frozenset(("UID", "EUID", "PPID", "BASHOPTS", "SHELLOPTS", "BASH_VERSINFO"))
_SECRET = re.compile(r"PASS|SECRET|TOKEN|KEY|CODE", re.IGNORECASE)
_FROM_SURROUNDINGS = frozenset(
    [
        "HOME",
        "USER",
        "LOGNAME",
        "SHELL",
        "PATH",
        "PWD",
        "OLDPWD",
        "TERM",
        "LANG",
        "LANGUAGE",
        "TZ",
        "SHLVL",
        "EDITOR",
        "VISUAL",
        "PAGER",
        "DISPLAY",
        "TMPDIR",
        "TMP",
        "TEMP",
        "HOSTNAME",
        "HOST",
        "HOSTTYPE",
        "MACHTYPE",
        "OSTYPE",
        "PPID",
        "UID",
        "EUID",
        "MAIL",
        "PS1",
        "PS2",
        "PS3",
        "PS4",
        "PROMPT",
        "COLUMNS",
        "LINES",
        "RANDOM",
        "SECONDS",
        "LINENO",
        "SRANDOM",
        "OPTIND",
        "OPTERR",
        "OPTARG",
        "DIRSTACK",
        "GROUPS",
        "FUNCNAME",
        "PIPESTATUS",
        "BASHPID",
        "BASHOPTS",
        "SHELLOPTS",
        "PROMPT_COMMAND",
        "REPLY",
        "_",
        "http_proxy",
        "https_proxy",
        "no_proxy",
        "all_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "VIRTUAL_ENV",
        "PYTHONPATH",
        "PYTHONWARNINGS",
        "SUDO_USER",
        "IFS",
        "BASH",
        "EPOCHSECONDS",
        "EPOCHREALTIME",
        "HISTFILE",
        "CONDA_PREFIX",
        "PROMPT_DIRTRIM",
        "HISTSIZE",
        "MANPATH",
        "INFOPATH",
        "LD_LIBRARY_PATH",
    ]
)
_FAMILIES = ("LC_", "XDG_", "SSH_", "BASH_", "ZSH_", "COMP_")


def is_from_surroundings(name: str) -> bool:
    """Whether a shell has a value for this variable even where no file sets it."""
    return name in _FROM_SURROUNDINGS or name.startswith(_FAMILIES)


class Work:
    """Counts what is done for a script, so that none can keep us busy."""

    def __init__(self) -> None:
        self.done = 0

    def spend(self, amount: int, line: int) -> None:
        """Count this much; raises ScriptError if it was too much."""
        self.done += amount
        if self.done > MOST_WORK:
            raise ScriptError(line, "following this script takes too many steps")
