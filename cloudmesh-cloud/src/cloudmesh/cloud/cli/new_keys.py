"""``cms key generate``: a new pair of ssh keys for the user, of which clouds get the public one."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cloudmesh.cloud.cli.changes import change_all
from cloudmesh.cloud.client.cloud import ask_each
from cloudmesh.cloud.provider import visits
from cloudmesh.config import Config
from cloudmesh.config.secrets import new_ssh_key
from cloudmesh.config.secrets.new_ssh_key import NewKey
from cloudmesh.config.secrets.prompt import read_line
from cloudmesh.plugin.errors import CloudmeshError, Interrupted, UsageError
from cloudmesh.plugin.output import Answer
from cloudmesh.plugin.report import tell


def generate(config: Config, clouds: Sequence[str], name: str, protected: bool) -> Answer:
    """Make the pair in ``~/.ssh`` and add the public key to each of the clouds; a row each.

    Args:
        protected: whether to ask for a passphrase.

    Raises:
        UsageError: the name cannot be used here, a cloud has it already, or nobody can be asked for a
            passphrase; nothing was made.
        CloudmeshError: none of the clouds can take a key, or a file cannot be written.
    """
    _require_free(config, clouds, name)
    made = new_pair(name, protected)
    add = [
        f"note: new key pair: {made.private} (private: keep it on this computer), {made.public}",
        f"note: fingerprint {made.fingerprint}",
    ]
    try:
        answer = change_all(config, clouds, "add", [name], lambda cloud, each: cloud.add_key(each, made.line))
    except CloudmeshError:
        for note in add:
            tell(note)
        raise
    if answer.exit_code:
        add.append(f"note: where it failed, add it later: cms key add {name} {made.public} --cloud=CLOUD")
    else:
        add.append(f"note: machines get it with cms vm boot --key={name}")
    answer.notes = [*answer.notes, *add]
    return answer


def new_pair(name: str, protected: bool) -> NewKey:
    """A new pair in ``~/.ssh``; raises as ``generate``."""
    path = new_ssh_key.place_for(name)
    passphrase = _passphrase(path.name) if protected else ""
    return new_ssh_key.make(path, name, passphrase)


def _require_free(config: Config, clouds: Sequence[str], name: str) -> None:
    """Raise UsageError if a cloud has a key pair of this name, and the error if no cloud can take one."""
    visits.prepare(config, clouds)
    told = ask_each(config, clouds, lambda cloud: [each.name for each in cloud.key_pairs()])
    errors = [each for each in told.values() if isinstance(each, CloudmeshError)]
    for cloud, names in told.items():
        if not isinstance(names, CloudmeshError) and name in names:
            raise UsageError(
                f"cloud {cloud} already has a key pair {name}; choose another name, or delete it first: "
                f"cms key delete {name} --cloud={cloud}"
            )
    if len(errors) == len(told) and errors:
        raise errors[0]


def _passphrase(file: str) -> str:
    """A passphrase that the user typed twice; empty for none."""
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask for a passphrase at; use --no-passphrase")
    while True:
        first = read_line(f"passphrase for {file} (empty for none): ", hidden=True)
        again = read_line("the same again: ", hidden=True) if first else first
        if first is None or again is None:
            raise Interrupted("interrupted: no key pair was made")
        if first == again:
            return first
        tell("the two are not the same; try again")
