"""What openstacksdk makes of one cloud of a clouds.yaml, by rules of our own, for where it is not installed.

The order of the steps decides which of two values wins, and it is that of openstacksdk 4.22. The tests
compare both for files that are made at random.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping
from typing import Any

from cloudmesh.config.check import auth_types
from cloudmesh.config.importers import clouds_yaml_text

Settings = dict[str, Any]
# What holds where a cloud says nothing else.
DEFAULTS: Mapping[str, Any] = {"auth_type": "password", "interface": "public", "verify": True}
# They say which networks are for what, and are not taken over.
NETWORKS = ("networks", "external_network", "internal_network")
_BOOLEANS = ("insecure", "verify", "force_ipv4", "prefer_ipv6")
# Our keys of ``auth`` for theirs; where there are several, the last one that is given wins.
_AUTH = {
    **{
        f"{whose}domain_{what}": (f"{whose}domain_{what}", f"{whose.replace('_', '-')}domain-{what}")
        for whose in ("", "user_", "project_")
        for what in ("id", "name")
    },
    "token": ("auth-token", "auth_token", "token"),
    "passcode": ("passcode",),
    "project_id": ("tenant_id", "tenant-id", "project_id", "project-id"),
    "project_name": ("tenant_name", "tenant-name", "project_name", "project-name"),
}
_PROJECT = ("project_id", "project_name")
# Old names of options, which lose against the new ones.
AUTH_NOW = {"user_name": "username", "authorization_code": "code", "openid_scope": "scope"}


class RefusedCloud(Exception):
    """openstacksdk can do nothing with this cloud; the reason is half a sentence."""


def profile_name(cloud: Mapping[str, Any]) -> Any:
    """The profile that a cloud is based on, also by its old name; None if there is none."""
    return cloud.get("profile", cloud.get("cloud"))


def typed(section: Mapping[str, Any]) -> Settings:
    """The settings, with true and false where they are meant; raises RefusedCloud for a number there."""
    result = dict(section)
    for key in (key for key in _BOOLEANS if isinstance(result.get(key), clouds_yaml_text.Plain)):
        value = clouds_yaml_text.truth(result[key])
        if value is None and key != "verify":
            raise RefusedCloud(f"{key} is neither true nor false")
        result[key] = result[key] if value is None else value
    return result


def regions(cloud: Mapping[str, Any], profile: Mapping[str, Any]) -> list[tuple[str, Settings]]:
    """The regions of a cloud, each with the settings that it has of its own; empty if none is known.

    Raises RefusedCloud.
    """
    own = {str(key).replace("-", "_"): value for key, value in cloud.items()}
    if "regions" in own:
        return _expanded(own["regions"])
    if "region_name" in own:
        names = own["region_name"]
        return _expanded(str(names).split(",") if not isinstance(names, list) else names)
    if profile.get("regions"):
        return _expanded(profile["regions"])
    return [(str(profile["region_name"]), {})] if profile.get("region_name") else []


def _expanded(listed: Any) -> list[tuple[str, Settings]]:
    if not isinstance(listed, list):
        raise RefusedCloud("regions is not a list")
    result = []
    for item in listed:
        if isinstance(item, dict):
            if not {"name"} <= item.keys() <= {"name", "values"}:
                raise RefusedCloud("a region has other keys than name and values")
            values = item.get("values") or {}
            if not isinstance(values, dict):
                raise RefusedCloud("the values of a region are not a section")
            result.append((str(item["name"]), typed(values)))
        else:
            result.append((str(item), {}))
    return result


def settings(
    cloud: Mapping[str, Any], profile: Mapping[str, Any], region: str, values: Mapping[str, Any]
) -> Settings:
    """The settings of a cloud in one of its regions; raises RefusedCloud."""
    found: Settings = {**DEFAULTS, "auth": {}}
    for layer in (profile, cloud):
        _lay(found, layer)
    for key in ("cloud", "regions", *NETWORKS):
        found.pop(key, None)
    _lay(found, {key: value for key, value in values.items() if value is not None})
    found["region_name"] = region
    # At the end, so that it wins over auth-type, which nobody reads, and nor does auth_plugin.
    found["auth_type"] = found.pop("auth_type")
    found.pop("auth_plugin", None)
    _rename_auth(found)
    found = {_renamed(key): value for key, value in found.items()}
    _spread_domain(found)
    if isinstance(found.get("insecure"), str):
        found["insecure"] = found["insecure"].lower() == "true"
    if "auth_url" in found["auth"]:
        found["auth"]["auth_url"] = filled("auth_url", found["auth"]["auth_url"], found)
    found = {key.replace("-", "_"): value for key, value in found.items()}
    found["auth"] = {str(key).replace("-", "_"): value for key, value in found["auth"].items()}
    if found["auth_type"] in (None, "None", ""):
        found["auth_type"] = "none"
    promote(found, auth_keys(found))
    return {
        key: filled(key, value, found) if isinstance(value, str) and key != "password" else value
        for key, value in found.items()
    }


def _renamed(key: str) -> str:
    """The key with the word that is used today."""
    return f"{key.removesuffix('endpoint_type')}interface" if key.endswith("endpoint_type") else key


def _lay(found: Settings, layer: Mapping[str, Any]) -> None:
    """Lay settings over those that are there; ``auth`` key by key."""
    for key, value in layer.items():
        if key != "auth":
            found[str(key)] = value
        elif isinstance(value, dict):
            found["auth"] = {**found["auth"], **value}
        else:
            raise RefusedCloud("auth is not a section")


def _rename_auth(found: Settings) -> None:
    """One name for each key of ``auth``; what stands beside ``auth`` wins over what stands in it."""
    auth = found["auth"]
    for name, names in _AUTH.items():
        value = None
        for key in names:
            for place in (auth, found):
                if key in place:
                    value = place.pop(key)
                    value = "None" if value is None else str(value)
        if value:
            auth[name] = value


def _spread_domain(found: Settings) -> None:
    """With a project, the domain is that of the user and of the project; without, it is the scope."""
    auth = found["auth"]
    scoped = any(key in place for key in _PROJECT for place in (found, auth))
    for name in ("domain_id", "domain_name"):
        if scoped and name in auth:
            value = auth.pop(name)
            for key in (f"user_{name}", f"project_{name}"):
                auth.setdefault(key, value)


def promote(found: Settings, names: Iterable[str]) -> None:
    """Move what the way to sign in knows by these names into ``auth``, unless it stands there."""
    auth = found["auth"]
    options: dict[str, list[str]] = {}
    for name in names:
        options.setdefault(AUTH_NOW.get(name, name), []).append(name)
    for option, known in options.items():
        values = [next((place[name] for name in known if name in place), None) for place in (auth, found)]
        for name in known:
            auth.pop(name, None)
            found.pop(name, None)
        if value := values[0] or values[1]:
            auth[option] = value


def auth_keys(found: Mapping[str, Any]) -> list[str]:
    """The names of what the way to sign in knows, old ones last; none if it is not known itself."""
    given = {f"OS_{key}".upper(): value for key, value in found.items()}
    way = auth_types.chosen({**given, auth_types.AUTH_TYPE: str(found["auth_type"])})
    names = ["auth_url", *(key.removeprefix("OS_").lower() for key in way.keys)] if way else []
    return sorted(names, key=AUTH_NOW.__contains__)


def filled(key: str, text: str, found: Mapping[str, Any]) -> str:
    """The text with ``{NAME}`` replaced by a setting; raises RefusedCloud if that cannot be done."""
    check_braces(key, text, found)
    return text.format(**found) if "{" in text or "}" in text else text


def check_braces(key: str, text: Any, found: Mapping[str, Any]) -> None:
    """Raise RefusedCloud for braces that hold anything but the name of a plain setting, or a secret one."""
    try:
        parts = list(string.Formatter().parse(str(text)))
    except ValueError:
        raise RefusedCloud(f"a brace in {key} is not closed") from None
    for _, name, form, conversion in parts:
        if name is None:
            continue
        plain = name.isidentifier() and not form and not conversion
        if not plain or not isinstance(found.get(name), str) or name in _SECRETS:
            raise RefusedCloud(f"{key} contains braces that do not hold the name of a setting")


_SECRETS = {key.removeprefix("OS_").lower() for way in auth_types.TYPES for key in way.secret}
