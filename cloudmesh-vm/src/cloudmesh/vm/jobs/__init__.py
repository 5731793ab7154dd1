"""Planning, storing, running and resuming jobs. Users import ``Jobs`` from here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cloudmesh.vm.jobs.jobs import Jobs

__all__ = ["Jobs"]


def __getattr__(name: str) -> Any:
    # The class loads clouds and store, which most files of this folder do not need.
    if name == "Jobs":
        from cloudmesh.vm.jobs.jobs import Jobs

        return Jobs
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
