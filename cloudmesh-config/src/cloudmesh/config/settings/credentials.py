"""Values of the configuration as they are meant: decrypted, taken from elsewhere, or asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloudmesh.config.secrets import age, age_armor
from cloudmesh.config.secrets.prompt import Prompter
from cloudmesh.config.yaml import keys, references
from cloudmesh.plugin.errors import ConfigError

Parts = tuple[str, ...]


@dataclass(frozen=True)
class ValueResolver:
    """Finds out what the values of one configuration file stand for.

    Attributes:
        path: the file.
        data: all of it, as it was read.
        prompter: who is asked for what is not stored.
    """

    path: Path
    data: dict[str, Any]
    prompter: Prompter

    def credentials(self, cloud: str, section: Any) -> dict[str, Any]:
        """The credentials of a cloud with every value resolved; empty if it has none. Raises ConfigError."""
        if section is None:
            return {}
        parts = ("clouds", cloud, "credentials")
        if not isinstance(section, dict):
            raise ConfigError(f"{self.path}: {keys.join(parts)} must be a section of 'key: value' lines")
        return {str(key): self.value((*parts, keys.text_of(key)), value) for key, value in section.items()}

    def settings(self, cloud: str, section: dict[str, Any]) -> dict[str, Any]:
        """The whole section of a cloud: its credentials resolved, its other encrypted values decrypted.

        The arguments of a driver of libcloud's are credentials too. Raises ConfigError.
        """
        parts = ("clouds", cloud)
        others = {key: value for key, value in section.items() if key not in ("credentials", "arguments")}
        found: dict[str, Any] = age.all_decrypted(others, parts, self.data, self.path, self.prompter)
        if section.get("credentials") is not None:
            found["credentials"] = self.credentials(cloud, section["credentials"])
        if "arguments" in section:
            found["arguments"] = self.value((*parts, "arguments"), section["arguments"])
        return {key: found.get(key) for key in section}

    def value(self, parts: Parts, value: Any) -> Any:
        """A value, or a section of them, as it is meant; raises CredentialsError if something is missing."""
        return keys.map_leaves(value, parts, self._leaf)

    def _leaf(self, value: Any, parts: Parts) -> Any:
        if age_armor.is_encrypted(value):
            return age.decrypted(value, parts, self.data, self.path, self.prompter)
        if variable := references.variable(value):
            return references.from_environment(variable, self._what(parts))
        return self._missing(parts) if references.is_to_be_defined(value) else value

    def _missing(self, parts: Parts) -> str:
        """A value that is not stored: from the keyring, else asked for; the prompter remembers it."""
        key, what = keys.join(parts), self._what(parts)

        def get() -> str:
            return references.from_keyring(key, what) or self.prompter.ask(
                f"cloud {parts[1]}: {keys.join(parts[3:])}: ",
                hidden=keys.hidden(parts),
                reason=f"{what} is {references.TO_BE_DEFINED}",
                remedy=f"'cms config set {key}' stores it, ${{NAME}} in its place means the environment",
            )

        return self.prompter.once(("value", str(self.path.resolve()), key), get)

    def _what(self, parts: Parts) -> str:
        return f"{keys.join(parts)} in {self.path}"
