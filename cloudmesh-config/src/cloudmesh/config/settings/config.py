"""``Config``: the clouds of the configuration, which are active or default, and their credentials."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cloudmesh.config.secrets import prompt
from cloudmesh.config.secrets.prompt import NotUnlockedError, Prompter, TerminalPrompter
from cloudmesh.config.settings import options, places
from cloudmesh.config.yaml import keys, leftovers, reader
from cloudmesh.plugin.errors import ConfigError, CredentialsError, UnknownName, suggest
from cloudmesh.plugin.report import remember

if TYPE_CHECKING:
    from cloudmesh.config.settings.rates import Rates

T = TypeVar("T")
Parts = tuple[str, ...]


@dataclass(frozen=True)
class Config:
    """One loaded configuration file.

    Attributes:
        path: the file.
        data: all of it, in its order.
        prompter: who is asked for secrets that are not stored. It remembers the answers, so configurations
            that share it ask for each thing once.
    """

    path: Path
    data: dict[str, Any] = field(repr=False)
    prompter: Prompter = field(default_factory=TerminalPrompter, repr=False, compare=False)

    @classmethod
    def load(cls, path: Path | None = None, prompter: Prompter | None = None) -> Config:
        """Read ``path``, else the user's own file; raises ConfigError.

        Without ``prompter`` secrets are asked for at the terminal, and remembered in this object alone. What
        killed commands have left beside the file is removed, and told to whoever is asked at the terminal.
        """
        path, prompter = path or places.config_file(), prompter or TerminalPrompter()
        loaded = cls(path, reader.load(path), prompter)
        if isinstance(prompter, TerminalPrompter):
            for sentence in leftovers.sweep(path):
                prompter.tell(sentence)
        return loaded

    @property
    def clouds(self) -> dict[str, dict[str, Any]]:
        """The clouds by name, in the order of the file; raises ConfigError if they are no sections."""
        clouds = self._section("clouds")
        for name, cloud in clouds.items():
            self._require_section(name, cloud)
        return clouds

    def cloud(self, name: str) -> dict[str, Any]:
        """The section of one cloud; raises UnknownName, ConfigError if it is not a section."""
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
        """The clouds used when none is named: ``cloudmesh.default``, else the only active cloud, else none.

        Raises ConfigError if one of them is not defined or not active.
        """
        names, active = self._names("default"), self.active_clouds()
        if not names:
            return active if len(active) == 1 else []
        for name in names:
            if name not in active:
                raise self._error(
                    ("cloudmesh", "default"),
                    f"the default cloud {name!r} is not active; "
                    f"'cms cloud activate {shlex.quote(name)}' activates it",
                )
        return names

    def require_active(self, name: str) -> None:
        """Raise UnknownName if there is no such cloud, ConfigError if it is not active."""
        self.cloud(name)
        if name not in self.active_clouds():
            raise self._error(
                ("clouds", name),
                f"the cloud {name!r} is not active; 'cms cloud activate {shlex.quote(name)}' activates it",
            )

    def database(self) -> str | None:
        """The URL of the database that holds the store; None if it is the file ``cloudmesh.db``.

        Raises ConfigError if it is no such URL, CredentialsError if what it refers to is not there.
        """
        value, parts = self.data.get("database"), ("database",)
        if value is None:
            return None
        if not keys.is_to_be_defined(value):
            value = keys.map_leaves(value, parts, self._resolved)
        return self._converted(parts, value, options.database)

    def parallel(self, cloud: str | None = None) -> int | None:
        """How many calls may run at the same time: on this cloud, or in all; None if that is not said.

        Raises ConfigError, UnknownName if there is no such cloud.
        """
        if cloud is None:
            return self._common("parallel", options.count)
        return self._option(("clouds", cloud, "parallel"), self.cloud(cloud).get("parallel"), options.count)

    def call_timeout(self, cloud: str) -> float | None:
        """After how many seconds one call of this cloud counts as failed; None if that is not said.

        Raises ConfigError, UnknownName if there is no such cloud.
        """
        parts = ("clouds", cloud, "call_timeout")
        return self._option(parts, self.cloud(cloud).get("call_timeout"), options.seconds)

    def wait_timeout(self, cloud: str) -> float | None:
        """For how many seconds machines of this cloud are waited for; None if that is not said.

        Raises ConfigError, UnknownName if there is no such cloud.
        """
        parts = ("clouds", cloud, "wait_timeout")
        return self._option(parts, self.cloud(cloud).get("wait_timeout"), options.seconds)

    def rates(self, cloud: str) -> Rates | None:
        """What machines of this cloud cost per hour; None if that is not said.

        Raises ConfigError, UnknownName if there is no such cloud.
        """
        section = self.cloud(cloud).get("rates")
        if section is None:
            return None
        from cloudmesh.config.settings import rates  # few commands need them

        for wrong in rates.mistakes(section):
            parts = ("clouds", cloud, "rates", *wrong.parts)
            raise self._error(parts, f"{keys.join(parts)} {wrong.must}; {wrong.remedy}")
        return rates.read(section)

    def mine(self, cloud: str) -> bool:
        """Whether commands mean only machines of our own there, unless they say otherwise.

        Raises ConfigError, UnknownName if there is no such cloud.
        """
        return bool(self._option(("clouds", cloud, "mine"), self.cloud(cloud).get("mine"), options.yes))

    def refresh_after(self, cloud: str) -> float:
        """After how many seconds a list asks this cloud by itself: its own setting, that of all, else 60.

        inf for ``never``. Raises ConfigError, UnknownName if there is no such cloud.
        """
        parts = ("clouds", cloud, "refresh_after")
        own = self._option(parts, self.cloud(cloud).get("refresh_after"), options.refresh_after)
        if own is None:
            own = self._common("refresh_after", options.refresh_after)
        return options.REFRESH_AFTER if own is None else own

    def engine(self) -> str:
        """Who makes the calls: ``threads`` of this process, or ``dask``. Raises ConfigError."""
        return self._common("engine", options.engine) or options.THREADS

    def scheduler(self) -> str | None:
        """The address of the Dask scheduler, ``tcp://HOST:PORT`` or ``tls://HOST:PORT``; None if none is set.

        Raises ConfigError, CredentialsError if it is taken from an environment variable that is not set.
        """
        return self._common("scheduler", options.scheduler)

    def credentials(self, cloud: str, optional: Collection[str] = ()) -> dict[str, Any]:
        """The credentials of a cloud, each value as it is needed: decrypted, looked up or asked for.

        Those of ``optional`` that cannot be had are ``TBD``.

        Raises UnknownName, ConfigError (CredentialsError if a value is missing or cannot be decrypted).
        """
        section, parts = self.cloud(cloud).get("credentials"), ("clouds", cloud, "credentials")
        if section is None:
            return {}
        if not isinstance(section, dict):
            raise ConfigError(f"{self.path}: {keys.join(parts)} must be a section of 'key: value' lines")

        def resolved(value: Any, place: Parts) -> Any:
            try:
                return self._resolved(value, place)
            except CredentialsError:
                if place[-1] not in optional:
                    raise
                return keys.TO_BE_DEFINED

        found = keys.map_leaves(section, parts, resolved)
        return {str(key): value for key, value in found.items()}

    def settings(self, cloud: str, optional: Collection[str] = ()) -> dict[str, Any]:
        """The whole section of a cloud as its provider needs it; raises as ``credentials`` does.

        Its credentials are resolved, and so are the arguments of a driver of libcloud's; other values are
        decrypted if they are encrypted.
        """
        section, parts = self.cloud(cloud), ("clouds", cloud)
        others = {key: value for key, value in section.items() if key not in ("credentials", "arguments")}
        found = self.decrypted(others, parts)
        if section.get("credentials") is not None:
            found["credentials"] = self.credentials(cloud, optional)
        if "arguments" in section:
            found["arguments"] = keys.map_leaves(section["arguments"], (*parts, "arguments"), self._resolved)
        return {key: found.get(key) for key in section}

    def resolve(self, clouds: Iterable[str]) -> None:
        """Ask for everything that these clouds miss, before work begins; raises as ``credentials`` does."""
        for error in self.unresolved(clouds).values():
            raise error

    def unresolved(self, clouds: Iterable[str]) -> dict[str, ConfigError]:
        """The same, but the errors are given by cloud, for a work that goes on with the others.

        Raises NotUnlockedError if a key was not unlocked, for that concerns more than one cloud.
        """
        errors: dict[str, ConfigError] = {}
        for cloud in dict.fromkeys(clouds):
            try:
                self.settings(cloud)
            except NotUnlockedError:
                raise
            except ConfigError as error:
                errors[cloud] = error
        return errors

    def forget(self, cloud: str) -> None:
        """Forget what was typed for a cloud, since the cloud has refused it: it is asked for again."""
        self.prompter.forget(self._slot(("clouds", cloud)))

    def decrypted(self, value: Any, parts: Parts = ()) -> Any:
        """A value or a section of the file with what is encrypted in it in clear; raises CredentialsError."""
        return keys.map_leaves(value, parts, self._decrypted)

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
            raise self._error(parts, f"cloudmesh.{section} must be the name of a cloud or a list of names")
        return names

    def _resolved(self, value: Any, parts: Parts) -> Any:
        """A value as it is meant; raises CredentialsError if it is missing or cannot be decrypted."""
        if keys.is_to_be_defined(value) and parts[-1] in keys.ONE_TIME:
            return value
        if variable := keys.variable(value):
            found: Any = prompt.from_environment(variable, f"{keys.join(parts)} in {self.path}")
        else:
            found = self._missing(parts) if keys.is_to_be_defined(value) else self._decrypted(value, parts)
        # The name that the user gave a cloud says nothing of a secret.
        remember(".".join(parts[2:] or parts), found)
        return found

    def _decrypted(self, value: Any, parts: Parts) -> Any:
        if not keys.is_encrypted(value):
            return value
        # Most files hold nothing that is encrypted.
        from cloudmesh.config.secrets import age

        return age.decrypted(value, parts, self.data, self.path, self.prompter)

    def _missing(self, parts: Parts) -> str:
        """A value that is not stored: from the keyring, else asked for; the prompter remembers it."""
        key = keys.join(parts)
        what = f"{key} in {self.path}"

        def get() -> str:
            return prompt.from_keyring(key, what) or self.prompter.ask(
                f"cloud {parts[1]}: {keys.join(parts[3:])}: ",
                hidden=keys.hidden(parts),
                reason=f"{what} is {keys.TO_BE_DEFINED}",
                remedy=f"'cms config set {key}' stores it, the value ${{NAME}} reads it from the environment",
            )

        return self.prompter.once(self._slot(parts), get)

    def _slot(self, parts: Parts) -> Parts:
        """Under which name the prompter remembers a value."""
        return ("value", str(self.path.resolve()), *parts)

    def _common(self, key: str, convert: Callable[[Any], T]) -> T | None:
        """The option ``cloudmesh.KEY``; None if it is absent."""
        return self._option(("cloudmesh", key), self._section("cloudmesh").get(key), convert)

    def _option(self, parts: Parts, value: Any, convert: Callable[[Any], T]) -> T | None:
        """An option, or the environment variable that it names, as ``convert`` gives it; None for null."""
        if value is None:
            return None
        if name := keys.variable(value):
            value = prompt.from_environment(name, keys.join(parts))
        return self._converted(parts, value, convert)

    def _converted(self, parts: Parts, value: Any, convert: Callable[[Any], T]) -> T:
        """What ``convert`` makes of a value; raises ConfigError, which tells the line and never the value."""
        try:
            return convert(value)
        except options.WrongValueError as error:
            raise self._error(parts, f"{keys.join(parts)} {error.must}; {error.remedy}") from None

    def key_error(self, key: str, sentence: str) -> ConfigError:
        """The error for a key of the file such as ``cloudmesh.engine``, with its line."""
        return self._error(tuple(key.split(".")), sentence)

    def _error(self, parts: Parts, sentence: str) -> ConfigError:
        """The error for a key of the file, with the line of the key."""
        from cloudmesh.config.yaml import positions
        from cloudmesh.plugin.plain import harmless

        # A name of the file may hold a line break.
        return ConfigError(harmless(f"{positions.place(self.path, parts)}: {sentence}"))

    def _section(self, name: str) -> dict[str, Any]:
        section = self.data.get(name)
        if section is None:
            return {}
        if not isinstance(section, dict):
            raise self._error((name,), f"{name} must be a section of 'key: value' lines")
        return section

    def _require_section(self, name: Any, cloud: Any) -> dict[str, Any]:
        """The section of a cloud; raises ConfigError if it is none, or if its name is no text."""
        shown = keys.text_of(name)
        if not isinstance(name, str):
            raise self._error(("clouds", shown), f"the cloud name {shown} is not a string; quote it")
        if not isinstance(cloud, dict):
            where = ("clouds", name)
            raise self._error(where, f"{keys.join(where)} must be a section of 'key: value' lines")
        return cloud

    def _names(self, key: str) -> list[str] | None:
        """The cloud names under ``cloudmesh.KEY``, each defined; None if the key is absent or null."""
        names = self.written(key)
        if names is None:
            return None
        clouds = self.clouds
        for name in names:
            if name not in clouds:
                raise self._error(
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
