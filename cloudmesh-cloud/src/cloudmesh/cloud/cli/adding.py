"""``cms cloud add`` and ``cms cloud remove``: a new cloud is checked before it is written."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloudmesh.cloud.cli.checking import check_unsaved
from cloudmesh.cloud.cli.new_cloud import NewCloud, ask_type, require_name
from cloudmesh.cloud.model.verbs import Capability
from cloudmesh.cloud.provider.registry import provider_types
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.config import Config
from cloudmesh.config.check.findings import check_text
from cloudmesh.config.editing import clouds, encryption
from cloudmesh.config.secrets import age, prompt, ssh_keys
from cloudmesh.config.secrets.prompt import Prompter, read_line
from cloudmesh.config.yaml import keys, reader
from cloudmesh.db import open_store
from cloudmesh.plugin import front
from cloudmesh.plugin.asking import agrees, require_terminal
from cloudmesh.plugin.errors import CloudmeshError, ConfigError, Interrupted, UsageError, suggest
from cloudmesh.plugin.names import fold
from cloudmesh.plugin.output import Answer
from cloudmesh.plugin.report import tell

ASK, KEYRING, ENCRYPT, FILE = "ask", "keyring", "encrypt", "file"
_WAYS = {
    ASK: "prompt for it when it is needed",
    KEYRING: "system keyring",
    ENCRYPT: "in the file, encrypted with your SSH key",
    FILE: "in the file, in clear text (mode 0600)",
}


@dataclass(frozen=True)
class AddOptions:
    """What the words of ``cms cloud add`` say.

    Attributes:
        kind: the type of the cloud; None to be asked for it.
        words: settings as ``KEY=VALUE``.
        check: whether to sign in before the cloud is written; None for only at a terminal.
    """

    kind: str | None
    words: Sequence[str]
    check: bool | None = None


def add_cloud(path: Path, name: str, options: AddOptions, prompter: Prompter) -> Answer:
    """Add a cloud to the configuration, which is created if there is none.

    At a terminal the user is asked for what is missing, and what to do if the cloud cannot be used.

    Raises:
        UsageError: the name, the type or a setting is wrong, or one is missing and there is no terminal.
        ConfigError: the settings or the configuration cannot be used.
        CloudError: the cloud cannot be reached, or refuses the sign-in.
        Interrupted: the user ended the questions.
    """
    require_name(name)
    _require_new(clouds.current_text(path), name, path)
    interactive = sys.stdin is not None and sys.stdin.isatty()
    if options.kind is None and not interactive:
        raise UsageError(
            f"the type of cloud {name} is missing; use --type=TYPE; {suggest('', provider_types())}"
        )
    kind = options.kind or ask_type()
    notes = _visible_secrets(options.words)
    answers: dict[str, str] = {}
    while True:
        new = NewCloud(name, kind, options.words)
        if interactive:
            new.ask(answers)
            answers = new.answers
        else:
            new.require_complete()
        wanted = interactive and not new.skipped if options.check is None else options.check
        try:
            rows = _tried(new, path, wanted, prompter)
            break
        except CloudmeshError as error:
            if not interactive:
                raise
            tell(f"error: {error}")
            rows = []
            if _decide() == "keep":
                break
    way = _way(new, path)
    _keep_in_keyring(new, way)
    created = clouds.write(path, _writer(new, path, way, prompter))
    head = [f"{path} was created: there was no configuration yet"] if created else []
    if way == ENCRYPT:
        notes = [*notes, f"all secrets in {path} are encrypted"]
    return Answer(rows, notes=[*head, f"cloud {name} was added to {path}", *notes, *_next_steps(new)])


def _require_new(text: str, name: str, path: Path) -> None:
    """Raise UsageError if there is such a cloud already, ConfigError if the configuration cannot be read."""
    if name in clouds.clouds_of(reader.parse(text, path), path):
        raise UsageError(
            f"cloud {name} already exists in {path}; change it with 'cms config set' or 'cms config edit', "
            "or use another name"
        )


def _visible_secrets(words: Sequence[str]) -> list[str]:
    """A warning that names the secrets which the command line shows to others."""
    shown = []
    for word in filter(front.was_typed, words):
        key, value = keys.split_assignment(word)
        elsewhere = keys.is_to_be_defined(value) or keys.variable(value)
        if value and not elsewhere and keys.hidden(["clouds", "", *keys.split(key)]):
            shown.append(key)
    if not shown:
        return []
    return [
        f"warning: {', '.join(shown)} was visible in the process list and may be in the shell history; "
        "with KEY=TBD or at a terminal you are prompted for it"
    ]


def _writer(new: NewCloud, path: Path, way: str, prompter: Prompter) -> Callable[[str], str]:
    """What makes the new text of the configuration from the old one."""

    def change(text: str) -> str:
        _require_new(text, new.name, path)
        block = new.block(without=tuple(new.typed) if way in (ASK, KEYRING) else ())
        text = clouds.activated(clouds.added(text, [block], path), [new.name], path)
        return encryption.encrypted(text, path, (), prompter)[0] if way == ENCRYPT else text

    return change


def _tried(new: NewCloud, path: Path, sign_in: bool, prompter: Prompter) -> list[dict[str, Any]]:
    """The rows of the checks; raises the first error. Nothing is written."""
    before = clouds.current_text(path)
    text = _writer(new, path, FILE, prompter)(before)
    known = {finding.message for finding in check_text(before, path)}
    for finding in check_text(text, path):
        if finding.level == "error" and finding.message not in known:
            # What would be corrected in the file is not there yet.
            remedies = [each for each in finding.remedy.split("; ") if "cms config" not in each]
            raise ConfigError("; ".join([finding.message, *remedies]))
    if not sign_in:
        return []
    data = reader.parse(text, path)
    # The secrets as they were typed, also where the file has them encrypted.
    data["clouds"][new.name] = new.plain()
    answer = check_unsaved(Config(path, data, prompter), new.name)
    if answer.errors:
        raise answer.errors[0]
    return [dict(row) for row in answer.rows]


def _decide() -> str:
    """Whether the user types the values again or keeps the cloud; raises CloudmeshError for neither."""
    while True:
        line = read_line(
            "retry with other values, keep the cloud as it is, or abandon it? "
            "(retry, keep, abandon) [retry]: "
        )
        word = "abandon" if line is None else line.strip().lower() or "retry"
        found = [each for each in ("retry", "keep", "abandon") if each.startswith(word)]
        if found == ["abandon"]:
            raise CloudmeshError("no cloud was added")
        if found:
            return found[0]


def _way(new: NewCloud, path: Path) -> str:
    """Where the secrets that were typed are kept, as the user chooses."""
    if not new.typed:
        return FILE
    is_encrypted = bool(age.recipients(reader.parse(clouds.current_text(path), path), path))
    ways = {
        ASK: True,
        KEYRING: prompt.has_keyring(),
        ENCRYPT: is_encrypted or any(Path(each).expanduser().exists() for each in ssh_keys.USUAL),
        FILE: not is_encrypted,
    }
    named = ", ".join(key.rpartition(".")[2] for key in new.typed)
    tell(f"where to keep {named}:")
    for way in (known := [way for way, usable in ways.items() if usable]):
        tell(f"  {way:8} {_WAYS[way]}")
    while True:
        line = read_line(f"{'/'.join(known)} [{ASK}]: ")
        if line is None:
            raise Interrupted("interrupted: no cloud was added")
        if (word := line.strip().lower() or ASK) in known:
            return word


def _keep_in_keyring(new: NewCloud, way: str) -> None:
    """Store the secrets in the system keyring, if that was chosen. Raises ConfigError."""
    for key, value in new.typed.items() if way == KEYRING else ():
        prompt.to_keyring(keys.join(["clouds", new.name, *key.split(".")]), value)


def _next_steps(new: NewCloud) -> list[str]:
    """What is left to do before the first machine."""
    default = new.plain().get("default") or {}
    lacking = [kind for kind in ("image", "flavor") if kind not in default]
    steps = [f"'cms cloud check {new.name}' signs in"] if new.skipped else []
    for kind in lacking:
        place = keys.join(["clouds", new.name, "default", kind])
        if kind == "image" and Capability.ADD_IMAGE in new.provider.capabilities:
            steps.append(
                f"'cms image add debian-12 --cloud={new.name}' gets an image; 'cms image catalog' more"
            )
        steps.append(f"choose from 'cms {kind} list --cloud={new.name}' with 'cms config set {place}=NAME'")
    return [f"next: {step}" for step in steps]


def remove_cloud(config: Config, name: str, sure: bool) -> Answer:
    """Remove a cloud from the configuration, and its tokens; its machines are neither deleted nor forgotten.

    Raises:
        UnknownName: there is none.
        UsageError: the user must confirm, and there is no terminal.
        CloudmeshError: the user did not confirm.
        ConfigError: other lines would change.
    """
    from cloudmesh.cloud.providers.openstack.tokens import forget_tokens

    config.cloud(name)
    with Inventory(open_store(config)) as inventory:
        machines = [each.machine.name for each in inventory.known(name)]
    told = ""
    if machines:
        count = "1 machine is" if len(machines) == 1 else f"{len(machines)} machines are"
        told = f"{count} known on cloud {name}, not deleted, and may cost money: {','.join(fold(machines))}"
    if not sure:
        require_terminal(f"remove cloud {name}")
        if told:
            tell(told)
        if not agrees(f"Remove cloud {name} from {config.path}"):
            raise CloudmeshError(f"cloud {name} was not removed")
    clouds.write(config.path, lambda text: clouds.removed(text, name, config.path))
    with contextlib.suppress(OSError):
        # They end by themselves within hours.
        forget_tokens(name)
    return Answer(notes=[f"cloud {name} was removed from {config.path}", *([told] if told and sure else [])])
