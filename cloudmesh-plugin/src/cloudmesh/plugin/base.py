"""The class that command classes derive from."""

from __future__ import annotations

import sys
from typing import Any


class LightCommand:
    """The base of command classes in a process without cmd5's shell, which nothing of that process needs."""


def command_base() -> Any:
    """The base of command classes: cmd5's ``PluginCommand`` where its shell is loaded, else a light one.

    cmd5 finds commands among the children of its class. To import that class takes three times as long as to
    list machines, so that a program which runs our commands without cmd5 does not.
    """
    loaded = sys.modules.get("cloudmesh.shell.command")
    return LightCommand if loaded is None else loaded.PluginCommand
