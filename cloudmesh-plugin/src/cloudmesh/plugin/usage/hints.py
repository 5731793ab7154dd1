"""What somebody may have meant by a wrong word: the words of other programs, and slips of the keyboard.

A hint is only shown, never executed, and names only what the command really has. It never leads from a word
that is harmless, or means nothing, to something that destroys or changes more: the words of other programs
stand in a table by their meaning, and a slip leads to what changes something only if one letter is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping, Sequence

# Right words in order of preference, and the words of other programs for the same. The first right word that
# the command has is the hint.
_COMMANDS: Mapping[str, str] = {
    "boot create add init generate": "create launch run new spawn provision deploy make build setup",
    "add attach boot create install": "add append insert",
    "import add": "import upload register convert migrate",
    "attach": "associate assign link",
    "detach": "disassociate unassign unlink unattach",
    "create": "allocate alloc reserve",
    "info show get list": "info show get describe inspect view display details detail cat print read",
    "list": "ls ps dir index all top stat stats status state states search query "
    "active running created stopped suspended paused resumed resized renamed deleted removed",
    "find list": "grep select where filter lookup",
    "check": "test verify validate ping lint doctor health",
    "delete remove unset": "delete rm remove terminate destroy del erase purge drop uninstall",
    "reboot": "restart reset bounce powercycle power-cycle cycle",
    "start": "poweron power-on turn-on up unhalt unstop",
    "stop": "halt shutdown shut-down poweroff power-off turn-off down off shut",
    "cancel stop": "kill abort interrupt",
    "pause": "freeze hold",
    "unpause": "unfreeze thaw",
    "suspend": "hibernate sleep",
    "resume": "unsuspend wake wakeup continue retry rerun",
    "shelve": "offload shelve-offload",
    "lock": "protect",
    "unlock": "unprotect",
    "confirm-resize": "confirm resize-confirm",
    "revert-resize": "revert resize-revert",
    "extend": "renew prolong lengthen update",
    "cost": "price prices bill",
    "rebuild": "reinstall reimage reprovision",
    "resize": "scale flavor",
    "rename": "mv move",
    "snapshot": "save checkpoint backup snapshot-create create-snapshot",
    "snapshots": "snapshot-list list-snapshots",
    "restore": "rollback revert snapshot-revert revert-snapshot",
    "delete-snapshot": "snapshot-delete",
    "clone": "copy cp duplicate",
    "metadata": "meta tag tags label labels property properties annotate set unset",
    "console": "log logs output",
    "activate": "enable reactivate",
    "deactivate": "disable inactivate",
    "default": "use switch choose",
    "export": "dump",
    "backup": "save copy cp snapshot",
    "edit set": "edit vi vim modify change",
    "set": "put write assign",
    "path": "file location which",
    "update": "upgrade",
}
_OPTIONS: Mapping[str, str] = {
    "--output": "--format --out",
    "--output=json": "--json",
    "--output=yaml": "--yaml",
    "--output=csv": "--csv",
    "--yes": "--assume-yes --assumeyes --non-interactive --no-confirm",
    "--quiet": "--silent",
    "--dryrun": "--dry-run --noop --no-op --simulate --what-if --whatif",
    "--cloud": "--region --provider --os-cloud --context --profile",
    "--flavor": "--size --instance-type --machine-type",
    "--key": "--key-name --keypair --ssh-key",
    "--network": "--nic --net --networks --subnet",
    "--secgroup": "--security-group --security-groups --sg --firewall",
    "--userdata": "--user-data --cloud-init",
    "--metadata --set": "--property --tag --tags --label --meta",
    "--public": "--public-ip --floating-ip",
    "--hint": "--scheduler-hint",
    "--lease": "--reservation --duration",
    "--duration": "--lease --for --length",
    "--by": "--duration --for",
    "--lease-start --start": "--start --start-date --start-time --lease-start",
    "--until": "--end --end-date --end-time",
    "--amount": "--count --number --min --max",
    "--mine": "--owner --user --my",
    "--everyone": "--all-projects --all-users --all-tenants",
    "--parallel": "--jobs --workers --threads --concurrency",
    "--state": "--status",
    "--sort --order": "--sort-by --sort-column --order-by",
    "--columns": "--column --fields",
    "--keep-going": "--continue --ignore-errors",
    "--name": "--names",
}
# Commands by what people call their objects, and sub-commands that were written without their command.
_PROGRAM: Mapping[str, str] = {
    "vm": "instance instances server servers machine machines vms node nodes compute virtualmachine",
    "vm list": "list ls ps status",
    "vm info": "show get describe",
    "vm boot": "boot create launch new",
    "vm start": "start",
    "vm stop": "stop halt shutdown poweroff",
    "vm suspend": "suspend",
    "vm resume": "resume",
    "vm reboot": "reboot restart",
    "vm delete": "delete rm remove terminate destroy",
    "image": "images ami amis",
    "flavor": "flavors size sizes",
    "key": "keys keypair keypairs key-pair sshkey ssh-key",
    "lease": "leases reservation reservations blazar advance-reservation",
    "secgroup": "secgroups security-group securitygroup firewall sg",
    "network": "networks net nets subnet vpc",
    "ip": "ips floatingip floating-ip eip address addresses",
    "cloud": "clouds provider providers region regions",
    "cloud cost": "cost costs price prices",
    "config": "configure configuration settings",
    "job": "jobs tasks",
    "db": "database store",
    "plugin": "plugins extension extensions",
}
_STATES: Mapping[str, str] = {
    "active": "running up on started poweredon",
    "stopped": "shutoff off down poweredoff shutdown halted",
    "building": "build booting pending spawning creating",
    "deleted": "terminated gone removed destroyed",
    "suspended": "saved hibernated",
    "error": "failed errored fault",
}
# Those that change nothing. A word that is not here may change or destroy something.
_READING = frozenset(
    ("list", "info", "show", "get", "check", "find", "tables", "columns", "export", "path", "wait", "console")
)
# In a word of so many letters two may be wrong.
_LONG = 6
# Options that make a command reach farther.
_FAR = frozenset({"--all", "--yes", "--force", "--hard"})


def command_hint(word: str, known: Sequence[str]) -> str | None:
    """The sub-command that was probably meant by a word that is none of them; None if nobody can say."""
    return _meant(word, known, _COMMANDS, frozenset(known) - _READING)


def option_hint(typed: str, known: Sequence[str]) -> str | None:
    """The same for an option, with its dashes and without its value."""
    # One wrong letter of one is no slip.
    return None if len(typed) == len("-x") else _meant(typed, known, _OPTIONS, _FAR)


def state_hint(word: str, known: Sequence[str]) -> str | None:
    """The same for the state of a machine."""
    return _meant(word, known, _STATES, frozenset())


def program_hint(word: str, known: Sequence[str]) -> str | None:
    """The same for a command of the program, which may be named with one of its sub-commands."""
    return _meant(word, known, _PROGRAM, frozenset())


def _meant(word: str, known: Sequence[str], table: Mapping[str, str], careful: Container[str]) -> str | None:
    """What the command has for a word of another program, else the word that a slip made it of."""
    word = word.lower().replace("_", "-")
    # What consists of two words is one hint.
    wanted = [
        [right] if table is _PROGRAM else right.split()
        for right, brought in table.items()
        if word in brought.split()
    ]
    if word in known or not wanted:
        return _slip(word, known, careful)
    return next((each for words in wanted for each in words if re.split("[= ]", each)[0] in known), None)


def _slip(word: str, known: Iterable[str], careful: Container[str]) -> str | None:
    """The one known word that is nearest, if so few letters are wrong that it must be meant."""
    distances = {each: distance(word.lower(), each.lower()) for each in known}
    least = min(distances.values(), default=0)
    near, *others = [each for each, found in distances.items() if found == least] or [""]
    allowed = 1 if near in careful or len(near.lstrip("-")) < _LONG else 2
    return near if near and not others and least <= allowed else None


def distance(one: str, other: str) -> int:
    """How many letters are missing, too many, wrong or exchanged with the next one."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        row = [at]
        for place, wanted in enumerate(other, 1):
            cost = min(last[place] + 1, row[-1] + 1, last[place - 1] + (letter != wanted))
            if at > 1 and place > 1 and letter == other[place - 2] and wanted == one[at - 2]:
                cost = min(cost, before[place - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]
