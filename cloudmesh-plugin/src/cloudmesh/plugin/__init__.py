"""What the author of a cloudmesh command needs.

``command`` turns a ``do_x`` method into a well-behaved shell command, ``Answer`` is what such a method
returns, ``PluginCommand`` is the base of its class, and ``CloudmeshError`` with its children (see
``cloudmesh.plugin.errors``) is what it raises. Every command imports this package, so what is imported here
is small.
"""

from typing import TYPE_CHECKING, Any

from cloudmesh.plugin.adapter import command
from cloudmesh.plugin.errors import CloudmeshError, UnknownName, UsageError
from cloudmesh.plugin.output import Answer

if TYPE_CHECKING:

    class PluginCommand:
        """The class that command classes derive from; see ``cloudmesh.plugin.base``."""


__all__ = ["Answer", "CloudmeshError", "PluginCommand", "UnknownName", "UsageError", "command"]


def __getattr__(name: str) -> Any:
    if name == "PluginCommand":
        # Looked up at each import of a command, since cmd5's shell may be loaded later than this package.
        from cloudmesh.plugin.base import command_base

        return command_base()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
