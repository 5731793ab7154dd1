"""From the settings of a cloud, as openstacksdk has them, to the keys that our provider reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cloudmesh.config.check import auth_types
from cloudmesh.config.importers import clouds_yaml_rules
from cloudmesh.config.importers.clouds_yaml_rules import RefusedCloud, Settings
from cloudmesh.config.importers.clouds_yaml_text import Plain
from cloudmesh.config.importers.source import harmless_value, text_of

# Our names of keys beside ``auth``, where theirs is another.
_KEYS = {
    **{key: f"OS_{key.upper()}" for key in ("region_name", "cert", "key", "cacert", "identity_api_version")},
    **{
        f"{service}_endpoint{ending}": f"OS_{service.upper()}_ENDPOINT_OVERRIDE"
        for ending in ("", "_override")
        for service in ("compute", "image", "network", "identity", "reservation")
    },
    "compute_api_version": "OS_COMPUTE_API_VERSION",
    "compute_default_microversion": "OS_COMPUTE_API_VERSION",
}
_PATHS = ("OS_CACERT", "OS_CERT", "OS_KEY")
# All that is used in some way.
_TAKEN = {
    *(*_KEYS, "auth", "auth_type", "profile", "cloud", "regions"),
    *("interface", "endpoint_type", "insecure", "verify"),
}
_AUTH = {"scope": "OS_OPENID_SCOPE"}
# A sign-in is for one of them.
_SCOPES = (("project_id", "project_name"), ("domain_id", "domain_name"), ("system_scope",), ("trust_id",))


def credentials(found: Settings, given: Iterable[str], directory: Path, notes: list[str]) -> dict[str, str]:
    """The keys for these settings; the notes tell what is left out, and what is read otherwise.

    Args:
        found: the settings.
        given: the keys that the file has for this cloud, also in its profile and its region.
        directory: where paths of the file begin.
        notes: half sentences are added to it.
    """
    values: dict[str, Any] = {
        _AUTH.get(key, f"OS_{key.upper()}"): value for key, value in found["auth"].items()
    }
    values |= _default_domain(found, values, notes)
    named = {str(key).replace("-", "_") for key in given}
    auth_type = found.get("auth_type")
    if named & {"auth_type", "auth_plugin"} or auth_type != auth_types.DEFAULT:
        values[auth_types.AUTH_TYPE] = auth_type
    values |= {ours: found[key] for key, ours in _KEYS.items() if found.get(key) not in (None, "")}
    values |= _interface(found, named, notes) | _verification(found, notes)
    if values.get("OS_KEY") and not values.get("OS_CERT"):
        notes.append("key has no effect and is not taken over, as there is no cert")
        del values["OS_KEY"]
    _tell(found, {str(key) for key in given}, notes)
    notes += _doubts(found)
    texts = _texts(values, notes)
    for key in (key for key in _PATHS if key in texts):
        texts[key] = _path(key, texts[key], directory, notes)
    return {key: harmless_value(key, text, notes) for key, text in texts.items()}


def _texts(values: Mapping[str, Any], notes: list[str]) -> dict[str, str]:
    """The values that are texts or lists of them; the notes tell the others, and what is read otherwise."""
    listed = {key: ",".join(map(str, value)) for key, value in values.items() if isinstance(value, list)}
    texts = {key: text for key, value in {**values, **listed}.items() if (text := text_of(value)) is not None}
    empty = sorted(key for key in values.keys() - texts.keys() if values[key] is not None)
    if empty:
        notes.append(f"not taken over, because they have no value: {', '.join(empty)}")
    for key in sorted(key for key in texts if isinstance(values[key], Plain) and values[key].differs):
        notes.append(
            f"{key} is taken as it is written; openstacksdk reads no text there, as it has no quotes"
        )
    return {key: str(text) for key, text in texts.items()}


def _default_domain(found: Settings, values: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    """The default domain for the names that have none: by id it wins over their own by name, as there."""
    result: dict[str, Any] = {}
    for whose in () if _is_v3(found) else ("USER", "PROJECT"):
        own = f"OS_{whose}_DOMAIN"
        if not (values.get(f"OS_{whose}NAME") or values.get(f"OS_{whose}_NAME")) or values.get(f"{own}_ID"):
            continue
        if identifier := values.get("OS_DEFAULT_DOMAIN_ID"):
            if values.get(f"{own}_NAME"):
                notes.append(f"default_domain_id wins over {whose.lower()}_domain_name in openstacksdk")
            result |= {f"{own}_ID": identifier, f"{own}_NAME": None}
        elif name := values.get(f"{own}_NAME") or values.get("OS_DEFAULT_DOMAIN_NAME"):
            result[f"{own}_NAME"] = name
    return result


def _is_v3(found: Settings) -> bool:
    """Whether the way to sign in is for one version; the others know a domain for all names."""
    return str(found["auth_type"]).startswith("v3")


def _interface(found: Settings, named: set[str], notes: list[str]) -> dict[str, Any]:
    """The interface, if the file says one; of several the first."""
    value = found.get("interface")
    if isinstance(value, list) and value:
        if len(value) > 1:
            notes.append(f"of its interfaces only {value[0]} is taken over")
        value = value[0]
    is_given = bool(named & {"interface", "endpoint_type"})
    return {"OS_INTERFACE": value} if is_given or value != "public" else {}


def _verification(found: Settings, notes: list[str]) -> dict[str, Any]:
    """Whether certificates are verified, and by which authorities."""
    verify, bundle = found.get("verify"), found.get("cacert")
    no_bundle = {"OS_CACERT": None} if bundle else {}
    if found.get("insecure") is True or verify is False:
        if bundle:
            notes.append("cacert has no effect and is not taken over, as certificates are not verified")
        return {"OS_VERIFY": "false", **no_bundle}
    if verify is None and "verify" in found:
        if bundle:
            notes.append("cacert has no effect in openstacksdk and is not taken over, as verify is empty")
        return no_bundle
    if isinstance(verify, str) and not bundle:
        # A text is the path of the certificates to trust.
        notes.append("verify is a text, which openstacksdk takes for the path of certificates")
        return {"OS_CACERT": verify}
    return {}


def _path(key: str, value: str, directory: Path, notes: list[str]) -> str:
    """The path of a file, from the root or from the user's home."""
    if value.startswith(("~", "/", "$")) or Path(value).is_absolute():
        return value
    path = directory.absolute() / value
    notes.append(f"{key} is a relative path, taken from the directory of the file: {path}")
    return str(path)


def _tell(found: Settings, given: set[str], notes: list[str]) -> None:
    """Name what is not taken over, and what is given and means nothing."""
    left = sorted(key for key in given if key.replace("-", "_") not in _TAKEN and not _is_auth(key, found))
    for key in ("auth-type", "auth_plugin", "auth-plugin"):
        if key in given:
            notes.append(f"{key} has no effect in openstacksdk, which reads auth_type only")
            left = [each for each in left if each != key]
    if left:
        notes.append(f"not taken over: {', '.join(left)}")
    known = {*clouds_yaml_rules.auth_keys(found), *_AUTH}
    auth_type = str(found["auth_type"])
    if unknown := sorted(found["auth"].keys() - known):
        if len(known) > len(_AUTH):
            what = f"{', '.join(unknown)} under auth, which auth_type {auth_type} does not know"
            notes.append(f"openstacksdk refuses this cloud because of {what}")
        else:
            notes.append(f"auth_type {auth_type} is not known")


def _doubts(found: Settings) -> Iterator[str]:
    """What openstacksdk does otherwise than we, or refuses."""
    auth, is_application = found["auth"], "applicationcredential" in str(found["auth_type"])
    scopes = [each for each in _SCOPES if any(auth.get(key) for key in each)]
    if is_application and scopes:
        names = ", ".join(key for each in scopes for key in each if auth.get(key))
        yield f"{names} is not sent, as an application credential has its own project; openstacksdk sends it"
        return
    if len(scopes) > 1:
        names = ", ".join(key for each in scopes for key in each if auth.get(key))
        yield f"openstacksdk refuses to sign in for more than one of: {names}"
    is_v3 = _is_v3(found)
    usual = next(filter(None, map(auth.get, ("default_domain_id", "default_domain_name"))), None)
    for name, whose in (("username", "user"), ("project_name", "project")):
        own = auth.get(f"{whose}_domain_id") or auth.get(f"{whose}_domain_name")
        if not auth.get(name) or own or (usual and not is_v3) or not _is_asked(name, whose, found):
            continue
        if not auth.get(f"{whose}_id"):
            domain = usual or auth.get("domain_id") or auth.get("domain_name") or "default"
            yield f"its {whose} has no domain, which openstacksdk needs; the domain {domain!r} is used"
        elif is_v3:
            yield f"openstacksdk refuses {name} without a domain, although {whose}_id decides"


def _is_asked(name: str, whose: str, found: Settings) -> bool:
    """Whether the domain matters: an identity provider has none for its users."""
    known = clouds_yaml_rules.auth_keys(found)
    return name not in known or f"{whose}_domain_id" in known


def _is_auth(key: str, found: Settings) -> bool:
    """Whether a key beside ``auth`` was moved into it."""
    name = key.replace("-", "_").replace("tenant", "project").replace("auth_token", "token")
    spread = {f"{whose}_{name}" for whose in ("user", "project")} if name.startswith("domain_") else set()
    now = clouds_yaml_rules.AUTH_NOW.get(name, name)
    return bool({name, now, *spread} & found["auth"].keys())


def refuse_without_address(credentials: Mapping[str, str], reason: str) -> None:
    """Raise RefusedCloud with this reason if the credentials do not say where to sign in."""
    if reason and not credentials.get("OS_AUTH_URL"):
        raise RefusedCloud(reason)
