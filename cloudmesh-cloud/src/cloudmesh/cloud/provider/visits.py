"""What is needed of a person before work on clouds begins, as nobody is asked in a thread.

Secrets that are stored nowhere are asked for, and sign-ins that need a person are made. A kept token spares
the user both.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from cloudmesh.cloud.provider.interface import Provider
from cloudmesh.cloud.provider.registry import provider_class
from cloudmesh.config import Config
from cloudmesh.config.secrets.prompt import NotUnlockedError, QuietPrompter
from cloudmesh.config.settings.options import THREADS
from cloudmesh.config.yaml.keys import is_to_be_defined
from cloudmesh.plugin.errors import CloudmeshError, ConfigError

_WHY = "which is asked for before work begins"


def quiet(config: Config) -> Config:
    """The same configuration for a thread, where nobody is asked; what was asked before is known."""
    return replace(config, prompter=QuietPrompter(config.prompter, _WHY))


def settings(config: Config, name: str) -> dict[str, Any]:
    """The section of a cloud as its provider needs it, with its secrets.

    A secret that only a sign-in needs stays ``TBD`` where a token is kept, instead of being asked for. Raises
    as ``Config.settings`` does.
    """
    from cloudmesh.config.check import auth_types  # much work is in no cloud

    proofs = auth_types.only_to_sign_in(config.cloud(name).get("credentials"))
    # Workers on other machines have no token of ours.
    if proofs and config.engine() in (None, THREADS):
        # What is wrong is told by the usual way.
        with suppress(CloudmeshError):
            found = quiet(config).settings(name, optional=proofs)
            missing = any(is_to_be_defined(found["credentials"].get(key)) for key in proofs)
            if not missing or _provider(name, found).has_token():
                return found
    return config.settings(name)


def unresolved(config: Config, clouds: Iterable[str]) -> dict[str, CloudmeshError]:
    """Ask for what these clouds need, each thing once, then sign in where that needs a person.

    The errors are given by cloud, for work that goes on with the others. Raises NotUnlockedError if a key was
    not unlocked, for that concerns more than one cloud.
    """
    given: dict[str, dict[str, Any]] = {}
    errors: dict[str, CloudmeshError] = {}
    for name in dict.fromkeys(clouds):
        try:
            given[name] = settings(config, name)
        except NotUnlockedError:
            raise
        except ConfigError as error:
            errors[name] = error
    for name, found in given.items():
        try:
            sign_in(config, name, found)
        except CloudmeshError as error:
            errors[name] = error
    return errors


def prepare(config: Config, clouds: Iterable[str]) -> None:
    """The same, but the first error is raised."""
    for error in unresolved(config, clouds).values():
        raise error


def sign_in(config: Config, name: str, found: dict[str, Any]) -> None:
    """Sign in to a cloud of these settings if that needs a person and no token is kept.

    Raises CloudmeshError.
    """
    from cloudmesh.config.check import auth_types

    if auth_types.needs_person(found.get("credentials")):
        with _provider(name, found) as provider:
            provider.sign_in_with(config.prompter)


def _provider(name: str, found: dict[str, Any]) -> Provider:
    return provider_class(found.get("type"), name)(name, found)
