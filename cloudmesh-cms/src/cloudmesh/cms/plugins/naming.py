"""Whether a new plug-in may have a name."""

from __future__ import annotations

import keyword
import re
from importlib.util import find_spec

from cloudmesh.cms.plugins.installed import Brought, everything
from cloudmesh.plugin.errors import UsageError

# Lower case and ASCII, since it is the name of a command, a module and, with hyphens, of a distribution.
_GOOD = re.compile(r"[a-z][a-z0-9_]{0,29}", re.ASCII)
# Words that end the shell.
_RESERVED = ("eof", "exit", "q", "quit")
COMMAND, PROVIDER = "command", "provider"


def distribution_name(name: str) -> str:
    """The distribution of a plug-in: ``cloudmesh-my-cloud`` for ``my_cloud``."""
    return "cloudmesh-" + name.strip("_").replace("_", "-")


def require_free(name: str, kind: str) -> None:
    """Raise UsageError unless a new command, or a new provider, may have this name.

    Args:
        kind: ``COMMAND`` or ``PROVIDER``.
    """
    if not _GOOD.fullmatch(name) or name.endswith("_") or "__" in name:
        near = re.sub(r"[^a-z0-9]+", "_", name.lower()).lstrip("0123456789_").rstrip("_")[:30]
        hint = f"; did you mean {near!r}?" if near and not keyword.iskeyword(near) else ""
        raise UsageError(
            f"{name!r} cannot be the name of a plug-in: use up to 30 lower-case letters, digits and "
            f"underscores, beginning with a letter{hint}"
        )
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise UsageError(f"{name!r} is a keyword of Python; choose another name, such as 'my_{name}'")
    if kind == COMMAND and name in _RESERVED:
        raise UsageError(f"{name!r} ends the shell; choose another name, such as 'my_{name}'")
    packages = everything()
    other = f"choose another name, such as 'my_{name}'"
    for each in packages:
        if distribution_name(name) == each.distribution:
            raise UsageError(f"the distribution {each} is installed already; {other}")
    owners = [owner for owner in packages if name in owner.names(kind)]
    if owners:
        raise UsageError(f"the {kind} {name!r} exists already, in {_listed(owners)}; {other}")
    module = f"cloudmesh.{name}" if kind == COMMAND else f"cloudmesh_{name}"
    if find_spec(module) is not None:
        raise UsageError(f"the module {module} exists already; {other}")


def _listed(owners: list[Brought]) -> str:
    return " and ".join(map(str, owners))
