"""The receipt of ``uv tool install``: what an environment was asked to hold."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloudmesh.cms.plugins.generate import read_toml
from cloudmesh.cms.plugins.installed import normalized
from cloudmesh.plugin.errors import CloudmeshError

_NAME = "uv-receipt.toml"


@dataclass(frozen=True)
class Receipt:
    """What can be said to ``uv tool install`` again.

    Attributes:
        tool: the distribution that the environment was made for.
        requirements: that one and all others, as the receipt has them.
        constraints: the lines of a file of constraints.
        options: further words.
        environment: further variables: what must not stand in a list of processes.
    """

    tool: str
    requirements: tuple[Mapping[str, Any], ...]
    constraints: tuple[str, ...]
    options: tuple[str, ...]
    environment: Mapping[str, str]

    @classmethod
    def of(cls, prefix: Path) -> Receipt:
        """The receipt of an environment. Raises CloudmeshError if it holds what cannot be said again."""
        table = dict(read_toml(prefix / _NAME).get("tool", {}))
        known = {"requirements", "constraints", "entrypoints", "options", "python"}
        options, environment = _options(table.get("options", {}))
        if table.keys() - known:
            raise _unknown(prefix, ", ".join(sorted(table.keys() - known)))
        if "python" in table:
            options += ("--python", str(table["python"]))
        lines = tuple(_line(prefix, each) for each in table.get("constraints", ()))
        return cls(prefix.name, tuple(table["requirements"]), lines, options, environment)

    def words(self, but: str) -> Iterator[str]:
        """The words for ``uv tool install``, without the requirement of one distribution."""
        for each in self.requirements:
            name = normalized(each["name"])
            if name != but or name == self.tool:
                flag = "--editable" if "editable" in each else ""
                if name != self.tool:
                    flag = "--with-editable" if flag else "--with"
                yield from filter(None, (flag, _line(Path(self.tool), each)))
        yield from self.options


def _options(table: Mapping[str, Any]) -> tuple[tuple[str, ...], dict[str, str]]:
    known = {"find-links", "index-url", "extra-index-url"}
    if table.keys() - known:
        raise _unknown(Path("tool.options"), ", ".join(sorted(table.keys() - known)))
    words = tuple(f"--find-links={_path(each)}" for each in table.get("find-links", ()))
    # They may hold a password.
    environment = {}
    if "index-url" in table:
        environment["UV_DEFAULT_INDEX"] = str(table["index-url"])
    if "extra-index-url" in table:
        environment["UV_EXTRA_INDEX_URL"] = " ".join(map(str, table["extra-index-url"]))
    return words, environment


def _path(url: object) -> str:
    return str(url).removeprefix("file://")


def _line(place: Path, requirement: Mapping[str, Any]) -> str:
    """A requirement as it is written."""
    known = {"name", "extras", "specifier", "marker", "directory", "editable", "path", "url"}
    if requirement.keys() - known:
        raise _unknown(place, f"{requirement.get('name')}: {', '.join(sorted(requirement.keys() - known))}")
    for key in ("directory", "editable", "path", "url"):
        if key in requirement:
            return str(requirement[key])
    extras = f"[{','.join(requirement['extras'])}]" if requirement.get("extras") else ""
    marker = f" ; {requirement['marker']}" if requirement.get("marker") else ""
    return f"{requirement['name']}{extras}{requirement.get('specifier', '')}{marker}"


def _unknown(place: Path, what: str) -> CloudmeshError:
    tool = shlex.quote(place.name)
    return CloudmeshError(
        f"the {_NAME} of {tool} contains what cms cannot reproduce ({what}); "
        "run 'uv tool install' with --with and your options yourself"
    )
