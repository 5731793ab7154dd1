"""The configuration as the other packages see it: clouds, which are active, which are the default."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cloudmesh.config.settings import places
from cloudmesh.config.yaml import keys, reader
from cloudmesh.plugin.errors import ConfigError, UnknownName, suggest


@dataclass(frozen=True)
class Config:
    """One loaded configuration file.

    Attributes:
        path: the file.
        data: all of it, in its order.
    """

    path: Path
    data: dict[str, Any] = field(repr=False)

    @classmethod
    def load(cls, path: Path | None = None) -> Config:
        """Read ``path``, else the user's own file; raises ConfigError."""
        path = path or places.config_file()
        return cls(path, reader.load(path))

    @property
    def clouds(self) -> dict[str, dict[str, Any]]:
        """The clouds by name, in the order of the file; raises ConfigError if they are no sections."""
        clouds = self._section("clouds")
        for name, cloud in clouds.items():
            self._require_section(name, cloud)
        return clouds

    def cloud(self, name: str) -> dict[str, Any]:
        """The section of one cloud; raises UnknownName, ConfigError if it is no section."""
        clouds = self._section("clouds")
        if name not in clouds:
            raise UnknownName("cloud", name, map(keys.text_of, clouds))
        return self._require_section(name, clouds[name])

    def active_clouds(self) -> list[str]:
        """The clouds in use: ``cloudmesh.active``, or all when that is absent.

        Raises ConfigError if one of them is not defined.
        """
        names = self._names("active")
        return list(self.clouds) if names is None else names

    def default_clouds(self) -> list[str]:
        """The clouds used when none is named: ``cloudmesh.default``; none when that is absent.

        Raises ConfigError if one of them is not defined or not active.
        """
        names = self._names("default") or []
        active = self.active_clouds()
        for name in names:
            if name not in active:
                raise self._wrong(
                    ("cloudmesh", "default"),
                    f"the default cloud {name!r} is not active; "
                    f"'cms cloud activate {shlex.quote(name)}' makes it so",
                )
        return names

    def require_active(self, name: str) -> None:
        """Raise UnknownName if there is no such cloud, ConfigError if it is not active."""
        self.cloud(name)
        if name not in self.active_clouds():
            raise self._wrong(
                ("clouds", name),
                f"the cloud {name!r} is not active; 'cms cloud activate {shlex.quote(name)}' makes it so",
            )

    def database(self) -> str | None:
        """The URL of the database that holds the store; None if it is the file ``cloudmesh.db``.

        Raises ConfigError if it is no such URL, CredentialsError if what it refers to is not there.
        """
        if self.data.get("database") is None:
            return None
        from cloudmesh.config.settings import database

        return database.url(self)

    def parallel(self, cloud: str | None = None) -> int | None:
        """How many calls may run at the same time: on this cloud, or in all; None if that is not said.

        Raises ConfigError, UnknownName if there is no such cloud.
        """
        from cloudmesh.config.settings import running

        if cloud is None:
            return running.of_top(self, "parallel", running.count)
        return running.of_cloud(self, cloud, "parallel", running.count)

    def call_timeout(self, cloud: str) -> float | None:
        """After how many seconds one call of this cloud counts as failed; None if that is not said.

        Raises ConfigError, UnknownName if there is no such cloud.
        """
        from cloudmesh.config.settings import running

        return running.of_cloud(self, cloud, "call_timeout", running.seconds)

    def engine(self) -> str:
        """Who makes the calls: ``threads`` of this process, or ``dask``. Raises ConfigError."""
        from cloudmesh.config.settings import running

        return running.of_top(self, "engine", running.engine) or running.THREADS

    def scheduler(self) -> str | None:
        """The address of the Dask scheduler, ``tcp://HOST:PORT`` or ``tls://HOST:PORT``; None if none is set.

        Raises ConfigError, CredentialsError if it is taken from an environment variable that is not set.
        """
        from cloudmesh.config.settings import running

        return running.of_top(self, "scheduler", running.scheduler)

    def credentials(self, cloud: str) -> dict[str, Any]:
        """The credentials of a cloud, each value as it is needed: decrypted, looked up or asked for.

        Raises UnknownName, ConfigError (CredentialsError if a value is missing or cannot be decrypted).
        """
        from cloudmesh.config.settings import credentials

        return credentials.of_cloud(self, cloud)

    def settings(self, cloud: str) -> dict[str, Any]:
        """The whole section of a cloud as its provider needs it; raises as ``credentials`` does."""
        from cloudmesh.config.settings import credentials

        return credentials.settings(self, cloud)

    def resolve(self, clouds: Iterable[str]) -> None:
        """Ask for everything that these clouds miss, before work begins; raises as ``credentials`` does."""
        for error in self.unresolved(clouds).values():
            raise error

    def unresolved(self, clouds: Iterable[str]) -> dict[str, ConfigError]:
        """The same, but the errors are given by cloud, for a work that goes on with the others.

        Raises CredentialsError if a key was not unlocked.
        """
        from cloudmesh.config.settings import credentials

        return credentials.unresolved(self, clouds)

    def get(self, key: str) -> Any:
        """The value under a dotted key (see ``cloudmesh.config.yaml.keys``); raises UnknownName."""
        return keys.find(self.data, key, str(self.path))

    def written(self, section: str) -> list[str] | None:
        """``cloudmesh.active`` or ``cloudmesh.default`` as it stands there, None if it is absent or null.

        Names that are no clouds are in it too. Raises ConfigError for anything but names.
        """
        value = self._section("cloudmesh").get(section)
        if value is None:
            return None
        names = name_list(value)
        if names is None:
            parts = ("cloudmesh", section)
            raise self._wrong(parts, f"cloudmesh.{section} must be the name of a cloud or a list of names")
        return names

    def _section(self, name: str) -> dict[str, Any]:
        section = self.data.get(name)
        if section is None:
            return {}
        if not isinstance(section, dict):
            raise self._wrong((name,), f"{name} must be a section of 'key: value' lines")
        return section

    def _require_section(self, name: Any, cloud: Any) -> dict[str, Any]:
        """The section of a cloud; raises ConfigError if it is none, or if its name is no text."""
        shown = keys.text_of(name)
        if not isinstance(name, str):
            raise self._wrong(("clouds", shown), f"the cloud name {shown} is no text; put it in quotes")
        if not isinstance(cloud, dict):
            where = ("clouds", name)
            raise self._wrong(where, f"{keys.join(where)} must be a section of 'key: value' lines")
        return cloud

    def _wrong(self, parts: Sequence[str], sentence: str) -> ConfigError:
        """The error for a key, with its line."""
        from cloudmesh.config.yaml import positions
        from cloudmesh.plugin.plain import harmless

        # A name of the file may hold a line break.
        return ConfigError(harmless(f"{positions.place(self.path, parts)}: {sentence}"))

    def _names(self, key: str) -> list[str] | None:
        """The cloud names under ``cloudmesh.KEY``, each defined; None if the key is absent or null."""
        names = self.written(key)
        if names is None:
            return None
        clouds = self.clouds
        for name in names:
            if name not in clouds:
                raise self._wrong(
                    ("cloudmesh", key),
                    f"cloudmesh.{key} names the cloud {name!r}, "
                    f"which is not under clouds; {remove_name(key, name, clouds)}",
                )
        return names


def name_list(value: Any) -> list[str] | None:
    """A name or a list of names as a list, each stripped, without repetition; None for anything else."""
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(name, str) for name in values):
        return None
    return list(dict.fromkeys(name.strip() for name in values))


def remove_name(key: str, name: str, clouds: Iterable[str]) -> str:
    """What to do about a name in ``cloudmesh.KEY`` that is no cloud."""
    command = "default NAME" if key == "default" else f"deactivate {shlex.quote(name)}"
    return f"{suggest(name, clouds)}; use: cms cloud {command}"
