"""Why a machine will not become ready; each is a failed task (exit code 1), and the machine is kept."""

from __future__ import annotations

from cloudmesh.plugin.errors import CloudmeshError


class CloudInitFailed(CloudmeshError):
    """cloud-init ended with an error, or was killed.

    ``lines``: the last lines that it printed, harmless for a terminal; empty if they cannot be read.
    """

    def __init__(self, message: str = "", lines: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.lines = lines
