"""The configuration: one ordered YAML file, read shortly and edited without harm to its comments.

``Config`` is imported when it is first asked for, since the shell imports this package at its start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cloudmesh.config.settings.config import Config

__all__ = ["Config"]


def __getattr__(name: str) -> object:
    if name == "Config":
        from cloudmesh.config.settings.config import Config

        return Config
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
