"""The rules that the content of a configuration must keep, as ``cms config check`` tells them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from typing import Any

from cloudmesh.config.check import credential_rules, key_rules, provider_rules, url_rules
from cloudmesh.config.check.key_rules import Problem
from cloudmesh.config.settings.config import name_list, remove_name
from cloudmesh.config.yaml.keys import TO_BE_DEFINED, is_to_be_defined, join, text_of
from cloudmesh.plugin.errors import suggest


def problems(data: dict[str, Any], only: str | None = None) -> Iterator[Problem]:
    """All broken rules of a configuration; ``only``: leaves out all clouds but this one."""
    yield from key_rules.top(data)
    yield from key_rules.option_problems(data)
    clouds = data.get("clouds")
    if clouds is None or clouds == {}:
        yield Problem("error", ("clouds",), "no cloud is defined", "add one: cms cloud add NAME")
        clouds = {}
    elif not isinstance(clouds, dict):
        yield _no_section("clouds")
        clouds = {}
    yield from _names(data.get("cloudmesh"), [name for name in clouds if isinstance(name, str)])
    looked_at = {name: cloud for name, cloud in clouds.items() if only in (None, name)}
    types = provider_rules.installed() if looked_at else {}
    for name, cloud in looked_at.items():
        found = list(_cloud(name, cloud, types))
        yield from found
        if isinstance(cloud, dict) and not any(problem.level == "error" for problem in found):
            # Otherwise the provider would only say some of it again.
            yield from provider_rules.refused_settings(name, cloud, types[cloud["type"]])


def _no_section(*parts: str) -> Problem:
    return Problem("error", parts, f"{join(parts)} is not a section", "write 'key: value' lines under it")


def _names(section: Any, clouds: list[str]) -> Iterator[Problem]:
    """The default and the active clouds."""
    if section is None:
        return
    if not isinstance(section, dict):
        yield _no_section("cloudmesh")
        return
    for key in ("default", "active"):
        yield from _unknown(key, section.get(key), clouds)
    active = section.get("active")
    if active is None:
        return
    for name in _stripped(section.get("default")):
        if name in clouds and name not in _stripped(active):
            message = f"the default cloud {name!r} is not active"
            place = _place("default", section["default"], name)
            yield Problem("error", place, message, f"use: cms cloud activate {name}")


def _unknown(key: str, value: Any, clouds: list[str]) -> Iterator[Problem]:
    if value is not None and name_list(value) is None:
        message = f"cloudmesh.{key} is neither the name of a cloud nor a list of names"
        yield Problem("error", ("cloudmesh", key), message, f"write it as [{next(iter(clouds), 'NAME')}]")
        return
    for name in _stripped(value):
        if name not in clouds:
            message = f"the {key} cloud {name!r} is not under clouds"
            yield Problem("error", _place(key, value, name), message, remove_name(key, name, clouds))


def _stripped(value: Any) -> list[str]:
    return (name_list(value) or []) if value is not None else []


def _place(key: str, value: Any, name: str) -> tuple[str, ...]:
    """Where this name stands among the default or the active clouds."""
    if not isinstance(value, list):
        return ("cloudmesh", key)
    return ("cloudmesh", key, str([item.strip() for item in value].index(name)))


def _cloud(name: Any, cloud: Any, types: dict[str, EntryPoint]) -> Iterator[Problem]:
    if not isinstance(name, str):
        shown = text_of(name)
        yield Problem("error", ("clouds", shown), f"the cloud name {shown} is not a string", "quote it")
        return
    if not isinstance(cloud, dict):
        yield _no_section("clouds", name)
        return
    point = types.get(text_of(cloud.get("type")))
    yield from key_rules.cloud(name, cloud, provider_rules.settings_keys(point))
    yield from url_rules.url_problems(name, cloud)
    credentials = cloud.get("credentials")
    if credentials is not None and not isinstance(credentials, dict):
        yield _no_section("clouds", name, "credentials")
        credentials = None
    yield from _type(name, cloud.get("type"), credentials or {}, types)
    yield from credential_rules.sign_in_problems(name, cloud.get("type"), credentials or {})
    for key, value in (credentials or {}).items():
        if is_to_be_defined(value):
            parts = ("clouds", name, "credentials", str(key))
            message = f"{join(parts)} is {TO_BE_DEFINED}: no value is stored"
            yield Problem(
                "warning", parts, message, f"'cms config set {join(parts)}' prompts for it and stores it"
            )


def _type(
    name: str, kind: Any, credentials: dict[str, Any], types: dict[str, EntryPoint]
) -> Iterator[Problem]:
    """The type of a cloud, and the credentials which that type needs."""
    parts = ("clouds", name, "type")
    if kind is None or kind == "":
        yield Problem("error", parts, f"the cloud {name!r} has no type", f"add a type; {suggest('', types)}")
    elif not isinstance(kind, str):
        yield Problem("error", parts, f"the type of cloud {name!r} is not a name", suggest("", types))
    elif kind not in types:
        message = f"the type {kind!r} of cloud {name!r} is not installed"
        yield Problem("error", parts, message, suggest(kind, types))
    else:
        yield from provider_rules.lacking_credentials(name, credentials, types[kind])
