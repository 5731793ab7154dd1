"""What the author of a cloudmesh command needs.

``command`` turns a ``do_x`` method into a well-behaved shell command, ``Answer`` is what such a method
returns, and ``CloudmeshError`` with its children (see ``cloudmesh.plugin.errors``) is what it raises.
The shell imports every package of the namespace when it looks for commands, so what is imported here
is small.
"""

from cloudmesh.plugin.adapter import command
from cloudmesh.plugin.errors import CloudmeshError, UnknownName, UsageError
from cloudmesh.plugin.output import Answer

__all__ = ["Answer", "CloudmeshError", "UnknownName", "UsageError", "command"]
