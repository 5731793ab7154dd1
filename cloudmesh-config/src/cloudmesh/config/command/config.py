"""``cms config``: the configuration file from the shell."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloudmesh.plugin import Answer, PluginCommand, UsageError, command

if TYPE_CHECKING:
    from cloudmesh.config.secrets.prompt import Prompter

VERBS = ("check", "decrypt", "edit", "encrypt", "get", "import", "init", "list", "path", "rekey", "set")
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
            config encrypt [--key=PATH]... [--force]
            config decrypt
            config rekey (--key=PATH)... [--force]
            config check [--output=FORMAT]
            config edit
            config import FILE [--format=KIND] [--type=TYPE] [--name=NAME]
                          [--force] [--dryrun] [--output=FORMAT]

          Arguments:
            KEY         parts joined by dots, such as clouds.uc.host; the items of
                        a list are counted from 0; a part that holds a dot is in
                        double quotes: 'clouds."my.cloud".host'
            ASSIGNMENT  KEY=VALUE, or KEY alone: then the value is asked for
            FILE        a file of another program that names clouds, or ~/.aws

          Options:
            --secrets        show passwords, tokens and keys, which are *** else
            --format=KIND    what FILE is: clouds.yaml, openrc, aws or cloudmesh4;
                             else that is seen from what is in it
            --type=TYPE      the type of the clouds, in place of what FILE says
            --name=NAME      the name for the one cloud of FILE, or which one of
                             several to take
            --force          replace clouds that exist already; encrypt to keys of
                             which you have none
            --dryrun         show what would be added, write nothing
            --keyring        store the value in the system keyring, and TBD here
            --key=PATH       an ssh key of the type ed25519 or RSA, its private file
                             or its .pub; several may be given, each can decrypt
            --output=FORMAT  table, json, yaml, csv or names

          Description:
            config init
              writes a first class.yaml with one simulated cloud, never over an
              existing file

            config path
              prints which file is used: CLOUDMESH_CONFIG, else class.yaml in
              CLOUDMESH_CONFIG_DIR, else ~/.cloudmesh/class.yaml

            config list
              prints all keys and values in the order of the file

            config get
              prints one value as it is, or a section as rows

            config set
              changes one value and nothing else in the file: comments, order
              and quotes stay. A text stays a text (5.10, no), a list is written
              [a, b]. With KEY alone the value is asked for without showing it,
              or read as a line of stdin: so a secret is in no process list and
              in no history. A secret of an encrypted file is encrypted at once

            config encrypt
              encrypts all secrets in place, to the ssh keys given, else to
              ~/.ssh/id_ed25519 or ~/.ssh/id_rsa; every other line stays. Nothing
              is written before a key of yours has opened it again. Each secret
              is encrypted for its place, and refused at any other. The program
              age can decrypt a value too

            config decrypt
              writes all secrets back in clear text

            config rekey
              decrypts all secrets and encrypts them to other keys

            config check
              prints what is wrong, one finding a line; the exit code is 3 if
              there is an error, 0 if there are only warnings

            config edit
              opens a private copy in VISUAL, EDITOR, nano or vi, checks it and
              puts it in place if it has no more errors than before. At a
              terminal one may go on editing; a text that is not put in place
              is kept, and the message tells where

            config import
              adds the clouds of FILE, all or none, in one write: OpenStack's
              clouds.yaml (with the secure.yaml beside it), an openrc file
              (which is not run), Amazon's credentials and config, and the
              cloudmesh.yaml of cloudmesh 4. A cloud that exists already is
              replaced only with --force

          Examples:
            cms config get clouds.uc.host
            cms config set clouds.uc.default.flavor=m1.tiny
            cms config set clouds.uc.credentials.OS_PASSWORD
            cms config encrypt --key=~/.ssh/id_ed25519
            cms config list --output=json
            cms config import ~/.config/openstack/clouds.yaml --dryrun
            cms config import CH-818664-openrc.sh --name=uc
        """
        from cloudmesh.config.secrets.prompt import prompter_of
        from cloudmesh.config.settings.places import config_file
        from cloudmesh.config.yaml import leftovers
        from cloudmesh.plugin.report import tell

        verbs = {"init": _init, "list": _list, "get": _get, "set": _set, "check": _check}
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

    starter.write(path)
    return Answer(text=f"{path} is written, with one simulated cloud 'local', which runs no real machine")


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
    form = arguments["--output"] or "table"
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
    from cloudmesh.config.cli import answers
    from cloudmesh.config.editing import edit
    from cloudmesh.config.yaml import config_file, keys
    from cloudmesh.plugin import front

    word = arguments["ASSIGNMENT"]
    key, value = keys.split_assignment(word)
    parts = keys.split(key)
    notes = []
    if value is None:
        config_file.read(path)
        if arguments["--keyring"]:
            answers.check_keyring_key(path, key)
        value = _ask(key)
    elif keys.hidden(parts) and front.was_typed(word):
        notes.append(
            f"the value of {key} was visible in the process list and may be in your shell's history; "
            f"'cms config set {key}' asks for it instead"
        )
    if arguments["--keyring"]:
        return answers.set_in_keyring(path, key, value, notes)
    edit.set_value(path, key, value)
    return Answer(notes=[f"{keys.join(parts)} is set in {path}", *notes])


def _ask(key: str) -> str:
    """The value from the terminal, not shown there, or else one line of stdin."""
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
        raise UsageError(f"no value for {key} came; type one, or give a line on stdin")
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
