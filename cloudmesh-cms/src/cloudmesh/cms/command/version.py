"""``cms version``: what is installed, and in which version."""

from __future__ import annotations

from typing import Any

from cloudmesh.plugin import Answer, PluginCommand, command


class VersionCommand(PluginCommand):
    """The command ``version`` of the shell."""

    @command(reads="version", group="Shell", summary="show the versions of what is installed")
    def do_version(self, arguments: dict[str, Any]) -> Answer:
        """
        ::

          Usage:
            version [--output=FORMAT]

          Options:
            --output=FORMAT  table, json, yaml, csv or names  [default: table]

          Description:
            Shows the versions of Python and of all installed distributions of cloudmesh.
        """
        import platform
        from importlib.metadata import distributions

        found = {each.metadata["Name"]: each.version for each in distributions()}
        rows = [
            {"name": name, "version": version}
            for name, version in sorted(found.items())
            if name and name.lower().replace("_", "-").startswith("cloudmesh-")
        ]
        # What people ask for first.
        rows.sort(key=lambda row: row["name"] != "cloudmesh-cms")
        return Answer([*rows, {"name": "python", "version": platform.python_version()}])
