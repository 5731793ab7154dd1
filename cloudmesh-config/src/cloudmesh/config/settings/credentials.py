"""The settings of a cloud as its provider needs them: decrypted, looked up, and asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from cloudmesh.config.secrets import age, encrypted, prompt
from cloudmesh.config.yaml import keys, references
from cloudmesh.plugin.errors import ConfigError

if TYPE_CHECKING:
    from cloudmesh.config.settings.config import Config

Parts = tuple[str, ...]


def of_cloud(config: Config, cloud: str) -> dict[str, Any]:
    """The credentials of a cloud with every value resolved; empty if it has none. Raises ConfigError."""
    section = config.cloud(cloud).get("credentials")
    if section is None:
        return {}
    parts = ("clouds", cloud, "credentials")
    if not isinstance(section, dict):
        raise ConfigError(f"{config.path}: {keys.join(parts)} must be a section of 'key: value' lines")
    return {str(key): resolved(config, (*parts, keys.text_of(key)), value) for key, value in section.items()}


def settings(config: Config, cloud: str) -> dict[str, Any]:
    """The whole section of a cloud, its credentials resolved and its other encrypted values decrypted.

    The arguments of a driver of libcloud's are credentials too.
    """
    section = config.cloud(cloud)
    others = {key: value for key, value in section.items() if key not in ("credentials", "arguments")}
    opened: dict[str, Any] = encrypted.all_opened(others, ("clouds", cloud), config.data, config.path)
    if section.get("credentials") is not None:
        opened["credentials"] = of_cloud(config, cloud)
    if "arguments" in section:
        opened["arguments"] = resolved(config, ("clouds", cloud, "arguments"), section["arguments"])
    return {key: opened.get(key) for key in section}


def unresolved(config: Config, clouds: Iterable[str]) -> dict[str, ConfigError]:
    """The clouds for which something stays missing, each with its error; asks for all that can be asked.

    Raises NotUnlockedError if a key stays closed, for that concerns more than one cloud.
    """
    errors: dict[str, ConfigError] = {}
    for cloud in dict.fromkeys(clouds):
        try:
            settings(config, cloud)
        except prompt.NotUnlockedError:
            raise
        except ConfigError as error:
            errors[cloud] = error
    return errors


def resolved(config: Config, parts: Parts, value: Any) -> Any:
    """A value of the configuration as it is meant: decrypted, from the environment, or asked for."""
    if isinstance(value, dict):
        return {key: resolved(config, (*parts, keys.text_of(key)), item) for key, item in value.items()}
    if isinstance(value, list):
        return [resolved(config, (*parts, str(index)), item) for index, item in enumerate(value)]
    if age.is_encrypted(value):
        return encrypted.opened(value, parts, config.data, config.path)
    if variable := references.variable(value):
        return references.from_environment(variable, _what(config, parts))
    return _missing(config, parts) if references.is_to_be_defined(value) else value


def _missing(config: Config, parts: Parts) -> str:
    """A value that is not stored: from the keyring, else asked for, once in the life of the process."""
    key = keys.join(parts)

    def get() -> str:
        kept = references.from_keyring(key, _what(config, parts))
        return kept or prompt.ask(
            f"cloud {parts[1]}: {keys.join(parts[3:])}: ",
            hidden=keys.hidden(parts),
            reason=f"{_what(config, parts)} is {references.TO_BE_DEFINED}",
            remedy=f"'cms config set {key}' stores it, ${{NAME}} in its place means the environment",
        )

    return prompt.remembered(("value", str(config.path.resolve()), key), get)


def _what(config: Config, parts: Parts) -> str:
    return f"{keys.join(parts)} in {config.path}"
