"""What the provider of a cloud says of the cloud's settings; no cloud is contacted.

Providers are classes of other packages, found by their entry points. Nothing that they raise ends a check.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cloudmesh.config.check import auth_types, credential_rules
from cloudmesh.config.check.key_rules import Problem
from cloudmesh.config.yaml import keys
from cloudmesh.plugin.errors import ConfigError
from cloudmesh.plugin.packages import PROVIDERS, entry_points
from cloudmesh.plugin.plain import harmless
from cloudmesh.plugin.secrets import MASK, mask_text

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

# Shorter secrets are words that stand everywhere.
_SHORTEST = 4
_PLACE = re.compile(r"clouds(?:\.(?:\"(?:[^\"\\]|\\.)*\"|[\w-]+))+")


def installed() -> dict[str, EntryPoint]:
    """The types of clouds that packages bring, by name."""
    return {point.name: point for point in entry_points(PROVIDERS)}


def settings_keys(point: EntryPoint | None) -> tuple[str, ...] | None:
    """The keys that a provider knows beside the common ones; None if that cannot be told."""
    try:
        found = point and getattr(point.load(), "settings_keys", None)
        return None if found is None else tuple(str(key) for key in found)
    except (Exception, SystemExit):  # noqa: BLE001 the code of an outside package; what is wrong with it is told with its type
        return None


def lacking_credentials(name: str, credentials: Mapping[str, Any], point: EntryPoint) -> Iterator[Problem]:
    """The credentials that the provider asks for and that are not there."""
    try:
        required = tuple(getattr(point.load(), "required_credentials", ()))
    except (Exception, SystemExit) as error:  # noqa: BLE001 the code of an outside package: it must not end the check
        message = f"the provider {point.name!r} of {PROVIDERS} cannot be loaded ({type(error).__name__})"
        yield Problem("error", ("clouds", name, "type"), message, f"reinstall the package of {point.value}")
        return
    for key in () if credential_rules.knows(point.name) else required:
        if not auth_types.is_given(credentials.get(key)):
            yield credential_rules.lacking(name, point.name, key)


def refused_settings(name: str, section: Mapping[str, Any], point: EntryPoint) -> Iterator[Problem]:
    """What the provider itself refuses when it is made of these settings; it contacts nobody then.

    A secret or a variable that is not there is replaced by a stand-in; what the provider says of that is
    left out.
    """
    values = _Values()
    settings = keys.map_leaves(dict(section), ("clouds", name), values.usable)
    try:
        provider = point.load()
        if isinstance(provider, type) and hasattr(provider, "set_up"):
            provider(name, settings)
    except ConfigError as error:
        sentence = values.shown(str(error))
        if not values.concerns_stand_in(sentence):
            message, _, remedy = sentence.partition("; ")
            yield Problem("error", _place(sentence, name), message, remedy or "correct it: cms config edit")
    except (Exception, SystemExit) as error:  # noqa: BLE001 as above
        message = f"the provider {point.name!r} failed on these settings ({type(error).__name__})"
        yield Problem("error", ("clouds", name), message, f"report it to the authors of {point.value}")


@dataclass
class _Values:
    """Settings with stand-ins for what is not stored in the file.

    Attributes:
        stand_ins: the last part of each key that has a stand-in.
        secrets: the values that must not be shown.
    """

    stand_ins: set[str] = field(default_factory=set)
    secrets: set[str] = field(default_factory=set)

    def usable(self, value: Any, parts: tuple[str, ...]) -> Any:
        """The value, or what the environment has for it, or a stand-in."""
        variable = keys.variable(value)
        if variable and os.environ.get(variable):
            value = os.environ[variable]
            # It may have been put there so that nobody sees it.
            self.secrets.add(value)
        elif variable or keys.is_to_be_defined(value) or keys.is_encrypted(value):
            self.stand_ins.add(parts[-1])
            return keys.TO_BE_DEFINED
        if keys.hidden(parts) and len(str(value)) >= _SHORTEST:
            self.secrets.add(str(value))
        return value

    def shown(self, sentence: str) -> str:
        """The sentence without secrets."""
        for secret in sorted(self.secrets, key=len, reverse=True):
            sentence = sentence.replace(secret, MASK)
        return harmless(mask_text(sentence))

    def concerns_stand_in(self, sentence: str) -> bool:
        """Whether a key is named that has a stand-in for its value."""
        return any(re.search(rf"(?<![\w-]){re.escape(key)}(?![\w-])", sentence) for key in self.stand_ins)


def _place(sentence: str, name: str) -> tuple[str, ...]:
    """The parts of the first key of this cloud that the sentence names, else those of the cloud."""
    for found in _PLACE.finditer(sentence):
        parts = tuple(keys.split(found[0]))
        if parts[:2] == ("clouds", name):
            return parts
    return "clouds", name
