"""Finds the clouds that a command means: ``--cloud``, ``cms set cloud=``, or the defaults."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from cloudmesh.config import Config
from cloudmesh.plugin.errors import ConfigError, UnknownName, UsageError

if TYPE_CHECKING:
    from cloudmesh.plugin.names import Name


def chosen_clouds(config: Config, option: str | Sequence[str] | None = None) -> list[str]:
    """The clouds of ``--cloud``, else of the shell's variable ``cloud``, else the configured defaults.

    ``option`` may hold several names, ranges and globs.

    Raises:
        UnknownName: a name is not configured.
        UsageError: ``option`` is there, but empty: that does not mean the defaults.
        ConfigError: a cloud is not active, or no default is configured.
    """
    if option is not None:
        if not option:
            raise UsageError("--cloud= names no cloud; give a name, or leave it out to use the defaults")
        return expand_clouds(config, option)
    from cloudmesh.plugin.variables import variable

    kept = variable("cloud")
    if kept:
        try:
            return expand_clouds(config, kept)
        except UnknownName as error:
            raise UsageError(
                f"the variable cloud={kept} is wrong: {error}; cms set cloud=NAME mends it"
            ) from None
    defaults = config.default_clouds()
    if not defaults:
        raise ConfigError(
            f"{config.path} names no default cloud; say --cloud=NAME, or make one the default: "
            "cms cloud default NAME"
        )
    return defaults


def expand_clouds(config: Config, expression: str | Sequence[str], active: bool = True) -> list[str]:
    """The configured clouds that an expression such as ``uc,aws[1-2]`` or ``*`` names, in its order.

    With ``active`` a cloud that is not active is refused; a glob then means active clouds only.
    """
    text = expression if isinstance(expression, str) else ",".join(expression)
    candidates = config.active_clouds() if active else list(config.clouds)
    several = any(mark in text for mark in ",[*?")
    names = _expand(text, candidates) if several else [text.strip()]
    for name in names:
        config.cloud(name)
        if active:
            config.require_active(name)
    return names


def clouds_of_names(
    config: Config, names: Iterable[Name], chosen: Callable[[], Sequence[str]]
) -> list[tuple[Name, list[str]]]:
    """Each machine name with the clouds that it means: the one before its colon, else the chosen ones.

    Args:
        names: as ``cloudmesh.plugin.names.expand`` gives them.
        chosen: gives the clouds for names without a colon; called once, and only if there is such a name.

    Raises:
        UnknownName: a cloud before a colon is not configured.
        ConfigError: it is not active; or as ``chosen`` raises.
    """
    # By what stands before the colon; thousands of names have few clouds.
    known: dict[str | None, list[str]] = {}
    wanted: list[tuple[Name, list[str]]] = []
    for name in names:
        if name.cloud not in known:
            if name.cloud is not None:
                config.cloud(name.cloud)
                config.require_active(name.cloud)
            known[name.cloud] = list(chosen()) if name.cloud is None else [name.cloud]
        wanted.append((name, known[name.cloud]))
    return wanted


def _expand(text: str, candidates: Sequence[str]) -> list[str]:
    from cloudmesh.plugin.names import expand

    names: list[str] = []
    for each in expand(text):
        found = (
            [candidate for candidate in candidates if each.matches(candidate)]
            if each.is_glob
            else [each.name]
        )
        if not found:
            raise UnknownName("cloud", each.name, candidates)
        names += found
    return list(dict.fromkeys(names))
