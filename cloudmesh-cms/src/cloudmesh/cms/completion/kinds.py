"""What the placeholders of a usage stand for, so that values can be offered for them.

A kind is ``machine``, ``cloud``, ``image``, ``flavor``, ``key``, ``network``, ``secgroup``, ``lease``,
``job``, ``command``, ``setting``, ``file`` or ``folder``, or the choices themselves: ``ingress|egress``.
With a comma at its end it is a list, with ``|`` a single choice, with ``=`` a key before a value.
``?`` is any text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

ANY = "?"
# The types of clouds that are installed.
_TYPE = "type"
# The images of distributions that are added by name.
_LISTED_IMAGE = "catalog"
# What costs are told by.
_BY = "flavor|state|owner|key|zone|name,"
# Names that mean the same in the commands of everybody.
_EVERYWHERE = {
    "CLOUD": "cloud",
    "CLOUDS": "cloud,",
    "COMMAND": "command",
    "DIR": "folder",
    "DIRECTORY": "folder",
    "DURATION": "10s|1m|10m|1h",
    "FILE": "file",
    "FLAVOR": "flavor",
    "FOLDER": "folder",
    "IMAGE": "image",
    "MACHINE": "machine",
    "MACHINES": "machine,",
    "NETWORK": "network",
    "NETWORKS": "network,",
    "PATH": "file",
    "SCRIPT": "file",
    "SECGROUP": "secgroup",
    "SOURCE": "file",
    "GROUPS": "secgroup,",
}
# What a name means in one command, or one sub-command; those that are to be new mean nothing that exists.
_IN_COMMAND = {
    "cloud": {"NAME": "cloud", "NAMES": "cloud,", "TYPE": _TYPE, "--by": _BY},
    "cloud add": {"NAME": ANY, "TYPE": _TYPE},
    "config": {"KEY": "setting", "ASSIGNMENT": "setting=", "TYPE": _TYPE},
    "flavor": {"NAME": "flavor", "NAMES": "flavor,"},
    "image": {"NAME": "image", "NAMES": "image"},
    "image add": {"NAME": _LISTED_IMAGE, "FILE_OR_URL": "file"},
    "ip": {"NAME": "machine"},
    "job": {"ID": "job"},
    "key": {"NAMES": "key,"},
    "key generate": {"NAME": ANY},
    "lease": {"NAMES": "lease", "--amount": ANY, "DURATION": "1h|3h|1d|7d"},
    "lease create": {"NAME": ANY},
    "plugin check": {"NAME": _TYPE},
    "rest": {"--port": ANY, "--allow-host": ANY, "SCOPE": "read|act|destroy", "--expires": "1h|1d|30d"},
    "secgroup": {"NAME": "secgroup", "NAMES": "secgroup,"},
    "secgroup create": {"NAME": ANY},
    "ssh-config": {"NAMES": "machine,"},
    "vm": {"NAME": "machine", "NAMES": "machine,", "KEY": "key", "--unset": ANY, "--wait": "ready|"},
    "vm boot": {"NAMES": ANY, "--lease": "lease"},
}
# How columns are named by options of lists.
_OF_COLUMNS = {"--columns": ("{}",), "--sort": ("{}", "-{}"), "--filter": ("{}=",)}
# The lists that are called otherwise than their commands.
_LISTED = {"ip": "address", "secgroup": "group"}
_OF_LISTS = re.compile(r"a list also ([\w-]+(?: or [\w-]+)*)")
_WORD = r"[a-z0-9][\w.-]*"
_CHOICES = re.compile(rf"(?:^|: )(?P<words>{_WORD}(?:, {_WORD})*,? or {_WORD})(?=\s*(?:[;.\[(]|$))")


def kind_of(command: str, words: list[str], name: str, metavar: str, description: str = "") -> str:
    """The kind of a value.

    Args:
        command: the command.
        words: its sub-command.
        name: the option, or empty for a positional word.
        metavar: what the usage says in its place: ``NAMES``.
        description: the help of the option; where it is a list of words, these are the choices.
    """
    metavar = metavar.strip("<>").upper()
    for place in (" ".join([command, *words]), command):
        own = _IN_COMMAND.get(place, {})
        if found := own.get(name) or own.get(metavar):
            return _CHOICES_NOW[found]() if found in _CHOICES_NOW else found
    if metavar in _EVERYWHERE:
        return _EVERYWHERE[metavar]
    if metavar == "STATE":
        from cloudmesh.cloud.model.records import State

        return "|".join([*State, "ready"] if [command, *words] == ["vm", "wait"] else State)
    if words == ["list"] and name in _OF_COLUMNS and (columns := columns_of(command)):
        return "|".join(form.format(each) for form in _OF_COLUMNS[name] for each in columns) + ","
    if not (choices := _CHOICES.search(description)):
        return ANY
    more = _OF_LISTS.search(description) if words in (["list"], []) else None
    return "|".join(re.split(r",? or |, ", choices["words"] + (f" or {more[1]}" if more else "")))


def _types() -> str:
    from cloudmesh.cloud.provider.registry import provider_types

    return "|".join(sorted(provider_types()))


def _listed_images() -> str:
    from cloudmesh.cloud.providers.qemu.catalogue import CATALOGUE

    return "|".join(each.name for each in CATALOGUE)


_CHOICES_NOW = {_TYPE: _types, _LISTED_IMAGE: _listed_images}


def columns_of(command: str) -> Sequence[str]:
    """The columns of the list that a command shows; none if that is not known."""
    from cloudmesh.cloud.cli import lists, overview
    from cloudmesh.cloud.store import machine_rows
    from cloudmesh.vm.cli import job_report

    if command == "vm":
        return (*machine_rows.COLUMNS, *machine_rows.MORE_COLUMNS, *machine_rows.OTHER_COLUMNS)
    own = {"cloud": overview.COLUMNS, "job": job_report.COLUMNS}
    found = own.get(command) or lists.columns(_LISTED.get(command, command))
    return ["id" if name == "cloud_id" else name for name in found]


def is_careful(words: list[str]) -> bool:
    """Whether a sub-command deletes or replaces something: nothing is filled in there that was not begun."""
    from cloudmesh.cloud.model.verbs import VERBS

    destroying = {verb.words for verb in VERBS.values() if verb.destroys}
    return not destroying.union({"delete", "remove", "uninstall"}).isdisjoint(words)
