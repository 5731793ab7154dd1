"""Where our file of host keys is, and how its lines begin that are not OpenSSH's."""

from __future__ import annotations

from pathlib import Path

from cloudmesh.config.settings import places

#: How a line begins that remembers the keys of a machine before it was rebuilt, see ``HostKeys``.
RETIRED = "# retired "


def known_hosts_file() -> Path:
    """The file ``known_hosts`` in the user's directory."""
    return places.directory() / "known_hosts"
