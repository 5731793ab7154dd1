"""Sign-ins that need a person: they come before work on clouds begins, as nobody is asked in a thread."""

from __future__ import annotations

from collections.abc import Iterable

from cloudmesh.cloud.provider.registry import provider_class
from cloudmesh.config import Config
from cloudmesh.config.check import auth_types
from cloudmesh.plugin.errors import CloudmeshError


def sign_in_all(config: Config, clouds: Iterable[str]) -> dict[str, CloudmeshError]:
    """Sign in to those of these clouds that need a person, one after the other; the errors by cloud."""
    errors: dict[str, CloudmeshError] = {}
    for name in clouds:
        try:
            sign_in(config, name)
        except CloudmeshError as error:
            errors[name] = error
    return errors


def sign_in(config: Config, name: str) -> None:
    """Sign in to a cloud if that needs a person and no token is kept. Raises CloudmeshError."""
    if auth_types.needs_person(config.cloud(name).get("credentials")):
        settings = config.settings(name)
        with provider_class(settings.get("type"), name)(name, settings) as provider:
            provider.sign_in_with(config.prompter)
