"""The profiles of Amazon's command line: what ``~/.aws/credentials`` and ``~/.aws/config`` hold.

They are read by the rules of botocore, Amazon's own library, so that a profile means the same here; it is
needed itself only for profiles that sign in otherwise than by an access key that stands in a file.
"""

from __future__ import annotations

import configparser
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cloudmesh.config.yaml import config_file
from cloudmesh.config.yaml.config_file import FileError

FILES = ("credentials", "config")
VARIABLES = ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE")
# What has to be installed to sign in otherwise than by a key.
EXTRA = "pip install 'cloudmesh-cms[aws]'"
ACCESS, SECRET = "aws_access_key_id", "aws_secret_access_key"
# Of two tokens the old name's is used.
TOKENS = ("aws_security_token", "aws_session_token")
# Signs of IAM Identity Center; whether the first alone, without an account, is one, botocore decides.
_SSO = ("sso_session", "sso_account_id", "sso_role_name")
# Before the key of the file ``config``, and after that of ``credentials``.
_BETWEEN = ("login_session", "credential_process")
# Sections of ``config`` that are no profiles, and belong there.
_OTHERS = ("preview", "plugins")
# Kinds of sections of ``config`` whose header has a name behind it.
_KINDS = ("profile", "sso-session", "services")

Keys = Mapping[str, str | Mapping[str, str]]
Sections = dict[str, Keys]


@dataclass(frozen=True)
class Profile:
    """One profile.

    Attributes:
        name: its name, as after ``--profile``.
        keys: those of both files; where both have one, that of ``credentials``.
        key_file: what the file has whose access key is used; None if none is.
        way: the key by which it signs in otherwise, such as ``role_arn``; empty for by an access key, or not
            at all.
    """

    name: str
    keys: Keys = field(repr=False)
    key_file: Keys | None = field(repr=False)
    way: str

    @property
    def access_key(self) -> str:
        """The access key id; empty if there is none in a file."""
        return _text(self.key_file, ACCESS)

    @property
    def secret_key(self) -> str:
        """What belongs to the access key: it stands in the same file."""
        return _text(self.key_file, SECRET)

    @property
    def token(self) -> str:
        """The session token of the same file; empty if there is none."""
        return next((_text(self.key_file, name) for name in TOKENS if name in (self.key_file or ())), "")


@dataclass(frozen=True)
class AwsFiles:
    """Both files.

    Attributes:
        credentials: the sections of the first, each a profile.
        config: the profiles of the second.
        services: its sections of that kind, by name.
        strays: headers of the second file that begin no profile, though they look so.
    """

    credentials: Sections = field(default_factory=dict, repr=False)
    config: Sections = field(default_factory=dict, repr=False)
    services: Sections = field(default_factory=dict, repr=False)
    strays: tuple[str, ...] = ()

    def names(self) -> list[str]:
        """The names of all profiles."""
        return list({**self.credentials, **self.config})

    def profile(self, name: str) -> Profile:
        """The profile of this name; KeyError if there is none.

        Which of several ways to sign in is used is what botocore does: a key never wins over a role or over
        IAM Identity Center; over a process it does in ``credentials``, and does not in ``config``.
        """
        if name not in self.credentials and name not in self.config:
            raise KeyError(name)
        first, second = self.credentials.get(name, {}), self.config.get(name, {})
        keys = {**second, **first}
        way = next((each for each in _SSO if each in keys), "")
        if keys.get("web_identity_token_file"):
            way = "web_identity_token_file"
        elif "role_arn" in keys and "web_identity_token_file" not in keys:
            way = "role_arn"
        if not way and ACCESS not in first:
            way = next((each for each in _BETWEEN if each in keys), "")
        file = None if way else next((each for each in (first, second) if ACCESS in each), None)
        return Profile(name, keys, file, way)


def _text(keys: Keys | None, name: str) -> str:
    value = (keys or {}).get(name)
    return value if isinstance(value, str) else ""


def in_use(environment: Mapping[str, str] = os.environ) -> tuple[Path, Path]:
    """Where Amazon's programs read ``credentials`` and ``config``."""
    return (_place(environment, 0), _place(environment, 1))


def _place(environment: Mapping[str, str], index: int) -> Path:
    given = environment.get(VARIABLES[index])
    if given is None:
        return Path.home() / ".aws" / FILES[index]
    return Path(os.path.expandvars(given)).expanduser()


def read(credentials: Path, config: Path) -> AwsFiles:
    """What both files hold; one that is not there holds nothing. Raises FileError."""
    return from_texts(*((text_of(path), path) for path in (credentials, config)))


def asks_for_code(name: str) -> bool:
    """Whether a profile, or one that it takes its role with, needs a code of the user's MFA device."""
    try:
        files = read(*in_use())
    except FileError:
        # It is told where the profile is used.
        return False
    seen: set[str] = set()
    while name not in seen and name in files.names():
        seen.add(name)
        profile = files.profile(name)
        if profile.way != "role_arn":
            return False
        if "mfa_serial" in profile.keys:
            return True
        name = str(profile.keys.get("source_profile"))
    return False


def text_of(path: Path) -> str:
    """The text of one of the files, empty if there is none; raises FileError."""
    return config_file.read(path, private=False) if path.is_file() else ""


def from_texts(credentials: tuple[str, Path], config: tuple[str, Path]) -> AwsFiles:
    """The same of texts, each with the path that an error tells. Raises FileError."""
    profiles: Sections = {}
    services: Sections = {}
    strays = []
    for header, keys in parse(*config).items():
        kind = next((each for each in _KINDS if header.startswith(each)), "")
        if header == "default":
            profiles[header] = keys
        elif not kind:
            strays += [header] if keys and header not in _OTHERS else []
        elif (name := _named(header)) is not None:
            {"profile": profiles, "services": services}.get(kind, {})[name] = keys
    return AwsFiles(parse(*credentials), profiles, services, tuple(strays))


def _named(header: str) -> str | None:
    """The name behind the kind of a section, in quotes or not; None if there is none, or more."""
    try:
        words = shlex.split(header)
    except ValueError:
        return None
    return words[1] if len(words) == 2 else None


def parse(text: str, path: Path) -> Sections:
    """The sections of one file, each with its keys; an indented block of keys is a section of its own.

    Raises FileError, which tells the line and never its text, for what is no INI file.
    """
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
        return {
            name: {key: _nested(value) for key, value in parser.items(name)} for name in parser.sections()
        }
    except configparser.Error as error:
        sentence = (
            "this is not a valid line of an INI file",
            "write '[profile]' lines, and 'key = value' lines under them",
        )
        if isinstance(error, configparser.DuplicateSectionError | configparser.DuplicateOptionError):
            sentence = ("this is a duplicate", "remove one of the two")
        errors = getattr(error, "errors", None)
        line = errors[0][0] if errors else getattr(error, "lineno", None)
        raise FileError(path, line, *sentence) from None
    except ValueError:
        message = "a line of an indented block is not 'key = value'"
        raise FileError(path, None, message, "correct it, or remove the block") from None


def _nested(value: str) -> str | dict[str, str]:
    """The value, or the keys of an indented block; ValueError if a line of that is none."""
    if not value.startswith("\n"):
        return value
    pairs = [line.split("=", 1) for line in value.splitlines() if line.strip()]
    return {key.strip(): inner.strip() for key, inner in pairs}
