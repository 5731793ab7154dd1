"""The shell file that OpenStack's dashboard gives out (``openrc.sh``): followed as bash would, never run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from cloudmesh.config.check import auth_types
from cloudmesh.config.importers import clouds_yaml
from cloudmesh.config.importers.clouds_yaml_rules import RefusedCloud
from cloudmesh.config.importers.shell.evaluation import outcome
from cloudmesh.config.importers.shell.syntax import ScriptError
from cloudmesh.config.importers.shell.values import Outcome, Value
from cloudmesh.config.importers.source import FoundCloud, ImportedClouds, openstack_section
from cloudmesh.config.yaml.config_file import FileError
from cloudmesh.config.yaml.keys import TO_BE_DEFINED

_REMEDY = "source it in a new shell, and import what 'export -p' prints there"
_NAME = re.compile(r"OS_[A-Z0-9_]+")
_LOOKS_SO = re.compile(
    r"^[ \t]*(?:(?:export|readonly|(?:declare|typeset)[ \t]+-\w*x\w*)[ \t]+)?['\"]?OS_[A-Z0-9_]+=",
    re.MULTILINE,
)
_FOREIGN = {
    "PowerShell": re.compile(r"^[ \t]*\$env:OS_\w+[ \t]*=", re.MULTILINE | re.IGNORECASE),
    "csh": re.compile(r"^[ \t]*setenv[ \t]+OS_\w+", re.MULTILINE),
    "fish": re.compile(r"^[ \t]*set(?:[ \t]+-{1,2}[a-z]+){1,4}[ \t]+OS_\w+", re.MULTILINE),
    "Windows' cmd": re.compile(r"^[ \t]*@?set[ \t]+\"?OS_\w+=", re.MULTILINE | re.IGNORECASE),
}
# They say where other clouds are described, and nothing of this one.
_ELSEWHERE = ("OS_CLOUD", "OS_CLOUD_NAME", "OS_CLIENT_CONFIG_FILE", "OS_CLIENT_SECURE_FILE")
_PATHS = ("OS_CACERT", "OS_CERT", "OS_KEY")
# A byte order mark in UTF-8.
_MARK = b"\xef\xbb\xbf"


def recognises(text: str, data: Any) -> bool:
    """Whether this is such a file: a line sets a variable of OpenStack, be it for another shell than ours."""
    return bool(_LOOKS_SO.search(text)) or any(pattern.search(text) for pattern in _FOREIGN.values())


def read_clouds(path: Path, text: str) -> ImportedClouds:
    """The one cloud of the file, named by its project; raises FileError for a file that is not understood."""
    notes = list[str]()
    text = _plain_lines(path, text, notes)
    for shell, pattern in _FOREIGN.items():
        if found := pattern.search(text):
            line = text.count("\n", 0, found.start()) + 1
            message = f"this is a file for {shell}, which is not read"
            raise FileError(path, line, message, "give the file for bash, or write export NAME=VALUE lines")
    try:
        left = outcome(text)
    except ScriptError as error:
        if not recognises(text, None):
            return ImportedClouds([])
        raise FileError(path, error.line, error.message, error.remedy or _REMEDY) from None
    values = _environment(left, notes)
    _note_what_decided(left, notes)
    values = {key: value for key, value in values.items() if value.strip()}
    return _cloud(path, values, notes)


def _plain_lines(path: Path, text: str, notes: list[str]) -> str:
    """The text as it was before an editor of Windows wrote it."""
    with path.open("rb") as file:
        marked = file.read(3) == _MARK
    if returns := text.count("\r\n"):
        if returns != text.count("\n"):
            line = text[: text.index("\r")].count("\n") + 1
            message = "some lines end as those of Windows do, and some do not"
            raise FileError(path, line, message, "convert it with: sed -i 's/\\r$//' FILE")
        text = text.replace("\r\n", "\n")
    if marked or returns:
        notes.append(
            "the file was written by an editor of Windows; its line ends and byte order mark are ignored"
        )
    return text


def _environment(left: Outcome, notes: list[str]) -> dict[str, str]:
    """The variables of OpenStack that the script exports; all of them if it exports none."""
    given = {
        name: variable
        for name, variable in left.variables.items()
        if _NAME.fullmatch(name) and variable.value is not None
    }
    exported = {name for name, variable in given.items() if variable.exported}
    if given and not exported:
        notes.append("the file exports nothing; its variables were taken as if it did")
        exported = set(given)
    kept = [name for name in given if name not in exported and _is_known(name)]
    if kept:
        notes.append(f"not exported by the file, and so not taken over: {', '.join(kept)}")
    for name, how in left.left_out.items():
        if name not in given and _is_known(name):
            notes.append(f"{name} {how}, and was not taken over")
    values = {name: given[name].outside or given[name].value or Value() for name in given if name in exported}
    return {name: _text(name, value, left, notes) for name, value in values.items()}


def _is_known(name: str) -> bool:
    """Whether the variable means something for any way to sign in."""
    return any(way.knows(name) for way in auth_types.TYPES)


def _text(name: str, value: Value, left: Outcome, notes: list[str]) -> str:
    """The value as a text: TBD for what is not known, with a note unless it would be typed in."""
    set_to = f"it was set to {TO_BE_DEFINED}"
    if value.unknown:
        if not value.unknown.typed:
            origin = f"from {value.unknown.what} (line {value.unknown.line})"
            notes.append(f"{name} is computed by the shell {origin}, which is not executed; {set_to}")
        return TO_BE_DEFINED
    if value.lacking:
        lacking = ", ".join(sorted(value.lacking - {""})) or "a variable"
        notes.append(f"{name} needs {lacking}, which the file does not set; {set_to}")
        return TO_BE_DEFINED
    left.names.update(value.assumed)
    return value.text


def _note_what_decided(left: Outcome, notes: list[str]) -> None:
    if names := sorted(left.names - {""}):
        notes.append(f"taken as not set, as in a new shell: {', '.join(names)}")
    if left.early:
        lines = ", ".join(str(line) for line in sorted(set(left.early)))
        notes.append(f"taken not to end early, which depends on the shell that reads it: line {lines}")


def _cloud(path: Path, values: dict[str, str], notes: list[str]) -> ImportedClouds:
    """The cloud of these variables, as far as its way to sign in knows them."""
    elsewhere = [key for key in _ELSEWHERE if values.pop(key, "")]
    if elsewhere and "OS_AUTH_URL" not in values:
        message = f"this file sets {elsewhere[0]}, so its cloud is described in a clouds.yaml"
        raise FileError(path, None, message, "import that file")
    if elsewhere:
        told = f"{elsewhere[0]} was not taken over: with it, openstack signs in as a clouds.yaml says"
        notes.append(f"{told}; import that file instead if you use it")
    _leave_out_verify(values, notes)
    if not values:
        return ImportedClouds([])
    name = next((values[key] for key in ("OS_PROJECT_NAME", "OS_TENANT_NAME") if key in values), "")
    section = openstack_section(_as_openstacksdk(path, values, notes))
    return ImportedClouds([FoundCloud("" if name == TO_BE_DEFINED else name, section, notes=notes)])


def _leave_out_verify(values: dict[str, str], notes: list[str]) -> None:
    """A text is a path for openstacksdk, so that neither true nor false mean anything there."""
    if values.pop("OS_VERIFY", ""):
        told = "OS_VERIFY was left out: openstacksdk takes it for the path of certificates"
        notes.append(f"{told}; set OS_CACERT or OS_INSECURE")


def _as_openstacksdk(path: Path, values: dict[str, str], notes: list[str]) -> dict[str, str]:
    """The credentials, with old names renamed, and what else openstacksdk makes of an environment.

    It takes the variables for a cloud of a clouds.yaml in which nothing stands under ``auth``.
    """
    settings = {name.removeprefix("OS_").lower(): value for name, value in values.items()}
    if "endpoint_type" in settings:
        # It wins over the default, which has the new name, and with that over OS_INTERFACE.
        old = settings.pop("endpoint_type")
        if settings.setdefault("interface", old) != old:
            notes.append("OS_ENDPOINT_TYPE is taken, and not OS_INTERFACE, as openstacksdk does")
            settings["interface"] = old
    if "default_domain" in settings:
        domain = settings.pop("default_domain")
        if settings.setdefault("default_domain_id", domain) == domain:
            notes.append("OS_DEFAULT_DOMAIN is taken as the command openstack does; openstacksdk ignores it")
    # A file that is not known is no path below the directory of this one.
    asked = {name: TO_BE_DEFINED for name in _PATHS if values.get(name) == TO_BE_DEFINED}
    settings = {key: value for key, value in settings.items() if f"OS_{key.upper()}" not in asked}
    told = list[str]()
    try:
        found = clouds_yaml.credentials("openrc", settings, path, told)
    except (FileError, RefusedCloud) as error:
        _, _, reason = error.message.partition(": ") if isinstance(error, FileError) else ("", "", str(error))
        message = f"openstacksdk cannot use what it sets: {_with_names(reason, settings)}"
        raise FileError(path, None, message, "correct it") from None
    notes += [_with_names(note, settings) for note in told]
    return {**found, **asked}


def _with_names(text: str, settings: dict[str, str]) -> str:
    """The text with the names of variables in place of those of settings."""
    text = text.replace(" under auth", "")
    names = "|".join(sorted(settings, key=len, reverse=True))
    return re.sub(rf"\b(?:{names})\b(?!_)", lambda found: f"OS_{found[0].upper()}", text)
