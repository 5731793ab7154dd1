"""``cms config``: the configuration file from the shell."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloudmesh.plugin import Answer, PluginCommand, UsageError, command

if TYPE_CHECKING:
    from cloudmesh.config.secrets.prompt import Prompter

VERBS = (
    "check",
    "decrypt",
    "edit",
    "encrypt",
    "get",
    "import",
    "init",
    "list",
    "path",
    "rekey",
    "set",
    "unset",
)
Arguments = Mapping[str, Any]


class ConfigCommand(PluginCommand):
    """The command ``config``."""

    @command(
        reads="path list get check",
        braces=True,
        group="Configuration and data",
        summary="create, check, edit and import the configuration of clouds",
    )
    def do_config(self, arguments: dict[str, Any]) -> Answer | None:
        """
        ::

          Usage:
            config init
            config path
            config list [--secrets] [--output=FORMAT]
            config get KEY [--secrets] [--output=FORMAT]
            config set [--keyring] ASSIGNMENT
            config unset KEY
            config encrypt [--key=PATH]... [--force]
            config decrypt
            config rekey (--key=PATH)... [--force]
            config check [--output=FORMAT]
            config edit
            config import FILE [--format=KIND] [--type=TYPE] [--name=NAME]
                          [--region=REGION] [--force] [--dryrun] [--output=FORMAT]

          Arguments:
            KEY         dotted path of a setting, such as clouds.uc.host; items of
                        a list are numbered from 0; quote a part that contains a
                        dot: 'clouds."my.cloud".host'
            ASSIGNMENT  KEY=VALUE; with KEY alone, the value is prompted for
            FILE        clouds.yaml, openrc.sh, a cloudmesh.yaml of cloudmesh 4,
                        or the directory ~/.aws or ~/.config/openstack

          Options:
            --secrets        show passwords, tokens and keys instead of ***
            --format=KIND    format of FILE: clouds.yaml, openrc, aws or cloudmesh4
                             (default: detected from its content)
            --type=TYPE      set this type for the clouds, instead of that in FILE
            --name=NAME      name of the cloud if FILE has one; which one to import
                             if it has several
            --region=REGION  the one region to take of a clouds.yaml (default: each
                             region of a cloud becomes a cloud, named NAME-REGION)
            --force          import: replace existing clouds; encrypt, rekey: allow
                             keys of which you have no private key
            --dryrun         show what would be added, write nothing
            --keyring        store the value in the system keyring, and TBD in the file
            --key=PATH       SSH key (ed25519 or RSA), private file or .pub; repeat it
                             to allow several keys to decrypt
            --output=FORMAT  table, json, yaml, csv or names

          Description:
            config init
              create class.yaml with a simulated cloud, and with one of real
              machines on this computer if QEMU is found; never overwrites a file

            config path
              print the path of the configuration file: CLOUDMESH_CONFIG, else
              class.yaml in CLOUDMESH_CONFIG_DIR, else ~/.cloudmesh/class.yaml

            config list
              list all keys and values in file order

            config get
              print one value, or the keys below a section

            config set
              change one value; comments, order and quotes of the rest are kept.
              A string stays a string (5.10, no); a list is written [a, b].
              With KEY alone the value is prompted for without echo, or read from
              stdin, so that a secret is not in the process list or the shell
              history. In an encrypted file a secret is encrypted

            config unset
              remove a key, a section or an item of a list; comments on other
              lines are kept. To remove a cloud use: cms cloud remove NAME

            config encrypt
              encrypt all secrets in place with SSH keys (default:
              ~/.ssh/id_ed25519 or ~/.ssh/id_rsa), in the format of age. Other
              lines are unchanged. The file is written only after decryption
              with one of your keys was tested. A secret is bound to its key in
              the file and refused elsewhere

            config decrypt
              decrypt all secrets in place

            config rekey
              decrypt all secrets and encrypt them with other keys

            config check
              check syntax, permissions, names, types, URLs, credentials and the
              settings of each cloud's type; no cloud is contacted. One finding a
              line; exit code 3 if there are errors, 0 for warnings only

            config edit
              edit a private copy with VISUAL, EDITOR, nano or vi; it replaces the
              file if it has no more errors than before. Otherwise you can edit
              again, or the copy is kept and its path is shown

            config import
              add the clouds of FILE, all or none; the configuration is created if
              there is none. Reads OpenStack clouds.yaml (with secure.yaml), openrc
              files (not executed), the AWS files credentials and config, and
              cloudmesh.yaml of cloudmesh 4. An existing cloud is replaced only
              with --force

          Examples:
            cms config get clouds.uc.host
            cms config set clouds.uc.default.flavor=m1.tiny
            cms config set clouds.uc.credentials.OS_PASSWORD
            cms config unset clouds.uc.default.key
            cms config encrypt --key=~/.ssh/id_ed25519
            cms config list --output=json
            cms config import ~/.config/openstack/clouds.yaml --dryrun
            cms config import CH-818664-openrc.sh --name=uc
        """
        from cloudmesh.config.secrets.prompt import prompter_of
        from cloudmesh.config.settings.places import config_file
        from cloudmesh.config.yaml import leftovers
        from cloudmesh.plugin.report import tell

        verbs = {"init": _init, "list": _list, "get": _get, "set": _set, "unset": _unset, "check": _check}
        path, verb = config_file(), next(verb for verb in VERBS if arguments[verb])
        for sentence in leftovers.sweep(path):
            tell(sentence)
        if verb == "path":
            return Answer(text=str(path))
        if verb in verbs:
            return verbs[verb](path, arguments, prompter_of(self))
        from cloudmesh.config.cli import answers

        return answers.VERBS[verb](path, arguments, prompter_of(self))


def _init(path: Path, arguments: Arguments, prompter: Prompter) -> Answer:
    from cloudmesh.config.editing import starter

    if not starter.has_qemu():
        starter.write(path)
        return Answer(
            text=f"{path} was created with one simulated cloud, 'local', which runs no real machines"
        )
    starter.write(path, starter.text_with_qemu())
    return Answer(
        text=f"{path} was created with a simulated cloud, 'local', which runs no real machines, and with "
        "'qemu', of real machines on this computer, since QEMU was found; it needs an image first: "
        "cms image add debian-12 --cloud=qemu"
    )


def _list(path: Path, arguments: Arguments, prompter: Prompter) -> Answer:
    from cloudmesh.config import Config

    config = Config.load(path, prompter)
    secrets = arguments["--secrets"]
    return _rows(config.decrypted(config.data) if secrets else config.data, (), secrets)


def _get(path: Path, arguments: Arguments, prompter: Prompter) -> Answer:
    from cloudmesh.config import Config
    from cloudmesh.config.secrets import show
    from cloudmesh.config.yaml import keys

    parts = tuple(keys.split(arguments["KEY"]))
    config = Config.load(path, prompter)
    value, secrets = config.get(arguments["KEY"]), arguments["--secrets"]
    if secrets:
        value = config.decrypted(value, parts)
    form = "table" if arguments["--quiet"] else arguments["--output"] or "table"
    if form in ("json", "yaml"):
        return Answer(text=show.document(show.masked(parts, value, secrets), form))
    if form == "table" and not isinstance(value, dict | list):
        return Answer(text=show.scalar(show.masked(parts, value, secrets)))
    return _rows(value, parts, secrets)


def _rows(value: Any, parts: tuple[str, ...], secrets: bool) -> Answer:
    from cloudmesh.config.secrets import show
    from cloudmesh.config.yaml import keys

    rows = [
        {"key": keys.join(below), "value": show.masked(below, item, secrets)}
        for below, item in keys.flatten(value, parts)
    ]
    return Answer(rows=rows, columns=("key", "value"), names="key", formats={"value": show.scalar})


def _set(path: Path, arguments: Arguments, prompter: Prompter) -> Answer:
    from cloudmesh.config.check import findings
    from cloudmesh.config.cli import answers
    from cloudmesh.config.editing import edit
    from cloudmesh.config.yaml import config_file, keys
    from cloudmesh.plugin import front
    from cloudmesh.plugin.errors import suggest

    word = arguments["ASSIGNMENT"]
    key, value = keys.split_assignment(word)
    parts = keys.split(key)
    notes, hidden = [], value is None
    if value is None:
        config_file.read(path)
        if arguments["--keyring"]:
            answers.check_keyring_key(path, key)
        value = _ask(key)
    elif keys.hidden(parts) and front.was_typed(word):
        notes.append(
            f"warning: the value of {key} was visible in the process list and may be in the shell history; "
            f"'cms config set {key}' prompts for it instead"
        )
    if arguments["--keyring"]:
        return answers.set_in_keyring(path, key, value, notes)
    before = findings.clouds(path) if parts[0] == "clouds" else []
    edit.set_value(path, key, value)
    if parts[0] == "clouds" and len(parts) > 2 and parts[1] not in before:
        notes.append(f"note: {parts[1]!r} is a new cloud; {suggest(parts[1], before)}")
    # It is set all the same: what makes it right may be set next.
    told = findings.of_key(path, parts, hidden=hidden)
    return Answer(notes=[f"{keys.join(parts)} was set in {path}", *notes, *told])


def _unset(path: Path, arguments: Arguments, prompter: Prompter) -> Answer:
    from cloudmesh.config.editing import edit

    edit.unset_value(path, arguments["KEY"])
    return Answer(notes=[f"{arguments['KEY']} was removed from {path}"])


def _ask(key: str) -> str:
    """The value from the terminal, without echo, or else one line of stdin."""
    import getpass
    import sys

    if sys.stdin is not None and sys.stdin.isatty():
        try:
            return getpass.getpass(f"{key}: ")
        except EOFError:
            line = ""
    else:
        line = sys.stdin.readline()
    if not line:
        raise UsageError(f"no value for {key} was given; type one, or give a line on stdin")
    return line.removesuffix("\n").removesuffix("\r")


def _check(path: Path, arguments: Arguments, prompter: Prompter) -> Answer:
    from dataclasses import asdict

    from cloudmesh.config.check.findings import check

    findings = check(path)
    code = 3 if any(finding.level == "error" for finding in findings) else 0
    if (arguments["--output"] or "table") == "table":
        text = "\n".join(str(finding) for finding in findings) or f"{path}: no findings"
        return Answer(text=text, exit_code=code)
    rows = [asdict(finding) for finding in findings]
    columns = ("level", "path", "line", "message", "remedy")
    return Answer(rows=rows, columns=columns, names="message", exit_code=code)
