"""Values that are not stored in the file, but elsewhere: ``TBD``, ``${NAME}``, ``!env NAME``.

``TBD`` means that the value is asked for, unless the keyring of the system has it. ``${NAME}`` as the whole
value, and the tag ``!env NAME``, mean an environment variable; nothing in its value is expanded further.
"""

from __future__ import annotations

import os
import re

from cloudmesh.plugin.errors import ConfigError, CredentialsError

TO_BE_DEFINED = "TBD"
ENVIRONMENT_TAG = "!env"
# The name under which the keyring of the system keeps our entries.
SERVICE = "cloudmesh"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_REFERENCE = re.compile(rf"\$\{{({_NAME.pattern})\}}", re.ASCII)


def is_to_be_defined(value: object) -> bool:
    """Whether the value is ``TBD``: not stored."""
    return isinstance(value, str) and value.strip() == TO_BE_DEFINED


def variable(value: object) -> str | None:
    """The environment variable that the value refers to; None if it is no reference."""
    found = _REFERENCE.fullmatch(value.strip()) if isinstance(value, str) else None
    return found[1] if found else None


def reference(name: str) -> str | None:
    """What ``!env NAME`` means, as a value; None if that is no name of a variable."""
    return f"${{{name.strip()}}}" if _NAME.fullmatch(name.strip()) else None


def from_environment(name: str, what: str) -> str:
    """The value of a variable; raises CredentialsError if it is not set. ``what``: which value needs it."""
    value = os.environ.get(name)
    if not value:
        state = "empty" if name in os.environ else "not set"
        raise CredentialsError(
            f"{what} is taken from the environment variable {name}, which is {state}; export it first"
        )
    return value


def from_keyring(key: str, what: str) -> str | None:
    """What the keyring of the system has for this key; None if there is no keyring or no entry.

    Raises CredentialsError if there is a keyring that does not answer.
    """
    try:
        import keyring
        from keyring.errors import NoKeyringError
    except ImportError:
        return None
    try:
        value: str | None = keyring.get_password(SERVICE, key)
    except NoKeyringError:
        return None
    except Exception as error:  # noqa: BLE001 a backend is somebody else's code and may raise anything
        raise CredentialsError(
            f"{what} is {TO_BE_DEFINED}, and the system keyring does not answer ({type(error).__name__}); "
            "unlock it, or set PYTHON_KEYRING_BACKEND=keyring.backends.null.Keyring to do without it"
        ) from None
    return value or None


def to_keyring(key: str, value: str) -> None:
    """Store a value in the keyring of the system; raises ConfigError."""
    try:
        import keyring
        from keyring.errors import NoKeyringError
    except ImportError:
        raise ConfigError(
            "the library keyring is not installed; pip install 'cloudmesh-config[keyring]'"
        ) from None
    try:
        keyring.set_password(SERVICE, key, value)
    except NoKeyringError:
        raise ConfigError(
            f"this system has no keyring, so {key} is not stored; leave --keyring out"
        ) from None
    except Exception as error:  # noqa: BLE001 as above
        raise ConfigError(
            f"the system keyring did not take {key} ({type(error).__name__}); unlock it and try again"
        ) from None
