"""Answers of ``cms config`` that take more than a few lines: edit, import, encryption, the keyring."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cloudmesh.config.check.findings import Finding
from cloudmesh.config.editing import encryption
from cloudmesh.config.editing.edit import set_value
from cloudmesh.config.editing.in_editor import edit_file
from cloudmesh.config.importers.importing import ImportOptions, import_file
from cloudmesh.config.secrets import prompt, show
from cloudmesh.config.secrets.prompt import Prompter
from cloudmesh.config.settings.config import Config
from cloudmesh.config.yaml import config_file, keys
from cloudmesh.plugin import Answer, UsageError
from cloudmesh.plugin.errors import ConfigError
from cloudmesh.plugin.report import tell

Arguments = Mapping[str, Any]


def edit(path: Path, arguments: Arguments, prompter: Prompter) -> Answer:
    """Let the user edit the file; what is still wrong with it is told by number."""
    edited = edit_file(path, _again)
    if not edited.changed:
        return Answer(notes=[f"nothing was changed in {path}"])
    count = len(edited.findings)
    rest = f"; 'cms config check' reports {count} finding{'s' if count != 1 else ''}" if count else ""
    return Answer(notes=[f"{path} was changed{rest}"])


def _again(errors: list[Finding]) -> bool:
    """Tell the errors, and ask at a terminal whether to go on; without one there is nobody to go on."""
    for error in errors:
        tell(str(error))
    if sys.stdin is None or not sys.stdin.isatty():
        return False
    print("edit again? [Y/n] ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline()
    return answer.strip().lower() in ("", "y", "yes") and answer.endswith("\n")


def import_clouds(path: Path, arguments: Arguments, prompter: Prompter) -> Answer:
    """Import the clouds of a file; a row a cloud."""
    options = ImportOptions(
        form=arguments["--format"],
        kind=arguments["--type"],
        name=arguments["--name"],
        region=arguments["--region"],
        force=arguments["--force"],
        dryrun=arguments["--dryrun"],
    )
    done = import_file(Path(arguments["FILE"]).expanduser(), path, options)
    if (form := arguments["--output"] or "table") not in ("table", "csv"):
        # A name that is printed is that of a cloud which can be used from now on.
        rows = [row for row in done.rows if form != "names" or row["action"] != "skip"]
        return Answer(rows=rows, names="cloud", notes=done.notes)
    # A row a cloud would be too wide.
    rows = [
        {**row, "key": key, "value": value}
        for row in done.rows
        for key, value in (row["keys"] or {None: None}).items()
    ]
    columns = ("cloud", "type", "key", "value", "action")
    return Answer(rows=rows, columns=columns, formats={"value": show.scalar}, notes=done.notes)


def change_secrets(path: Path, arguments: Arguments, prompter: Prompter) -> Answer:
    """Encrypt, decrypt or encrypt anew all secrets of the file, and tell how many there were."""
    force = arguments["--force"]
    if arguments["encrypt"]:
        count, done = encryption.encrypt(path, arguments["--key"], prompter, force=force), "encrypted"
    elif arguments["rekey"]:
        count, done = (
            encryption.rekey(path, arguments["--key"], prompter, force=force),
            "encrypted with other keys",
        )
    else:
        count = encryption.decrypt(path, prompter)
        done = "decrypted: all its secrets are in clear text now"
    secrets = "1 secret" if count == 1 else f"{count or 'no'} secrets"
    notes = [f"{secrets} in {path} {done}"]
    if force:
        try:
            encryption.require_key(config_file.read(path), path, prompter)
        except ConfigError as error:
            notes.append(f"warning: only others can decrypt these secrets: {str(error).partition(';')[0]}")
    return Answer(notes=notes)


# Each gets the file, the words of the command, and whom to ask for a passphrase.
VERBS: Mapping[str, Callable[[Path, Arguments, Prompter], Answer]] = {
    "edit": edit,
    "import": import_clouds,
    **dict.fromkeys(("encrypt", "decrypt", "rekey"), change_secrets),
}


def set_in_keyring(path: Path, key: str, value: str, notes: list[str]) -> Answer:
    """Store a value in the system keyring, and ``TBD`` in the file."""
    check_keyring_key(path, key)
    prompt.to_keyring(keys.join(keys.split(key)), value)
    set_value(path, key, keys.TO_BE_DEFINED)
    return Answer(notes=[f"{key} is in the system keyring; in {path} it is {keys.TO_BE_DEFINED}", *notes])


def check_keyring_key(path: Path, key: str) -> None:
    """Raise UsageError for a key that is not looked for in the keyring, UnknownName for an unknown cloud."""
    parts = keys.split(key)
    if len(parts) < 4 or parts[0] != "clouds" or parts[2] != "credentials":
        raise UsageError("the keyring stores only credentials; use clouds.NAME.credentials.KEY")
    Config.load(path).cloud(parts[1])
