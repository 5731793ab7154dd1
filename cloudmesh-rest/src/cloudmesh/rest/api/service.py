"""What all resources share: the configuration as it is now, the store, and who asks."""

from __future__ import annotations

import os
import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi import Request

from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.config import Config
from cloudmesh.config.secrets.prompt import RefusingPrompter
from cloudmesh.config.settings import places
from cloudmesh.db import open_store
from cloudmesh.rest.access.caller import Caller, Scope
from cloudmesh.rest.api.seen import seen_config
from cloudmesh.rest.problems import Problem

# So many requests may ask clouds at once; the threads that answer all others are 40.
ASKING = 16


class Service:
    """The configuration and the store of one server. May be used by any thread.

    Args:
        path: the configuration; the user's own if it is None.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or places.config_file()
        # Each request asks for its status, and a text is quicker than a path.
        self._place = str(self._path)
        self._lock = threading.Lock()
        self._loaded: tuple[object, Config] | None = None
        self._asking = threading.BoundedSemaphore(ASKING)
        self._views: dict[tuple[str, ...], tuple[Config, Config]] = {}

    @property
    def config(self) -> Config:
        """The configuration, read again where its file has changed. Raises ConfigError."""
        mark = self.config_mark()
        with self._lock:
            if self._loaded is None or self._loaded[0] != mark:
                # Nobody is at a terminal: a secret that is missing is an error.
                self._loaded = mark, Config.load(self._path, RefusingPrompter())
            return self._loaded[1]

    def config_mark(self) -> Hashable:
        """What differs from an earlier one once the file was changed."""
        try:
            status = os.stat(self._place)  # noqa: PTH116
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino

    def config_of(self, caller: Caller) -> Config:
        """The configuration as a caller may see it, see ``seen_config``. Raises ConfigError."""
        config = self.config
        if caller.clouds is None:
            return config
        known, view = self._views.get(caller.clouds, (None, config))
        if known is not config:
            view = seen_config(config, caller)
            self._views[caller.clouds] = config, view
        return view

    @contextmanager
    def asking(self, asks: bool) -> Iterator[None]:
        """Ask clouds within a block, if it ``asks`` any.

        Raises a Problem if too many do: a cloud that is slow must not hold up all other answers.
        """
        if not asks:
            yield
            return
        if not self._asking.acquire(blocking=False):
            raise Problem(
                503,
                f"{ASKING} requests are asking clouds; try again in a moment, or without max_age",
                "asking",
                headers={"Retry-After": "2"},
            )
        try:
            yield
        finally:
            self._asking.release()

    @contextmanager
    def inventory(self) -> Iterator[Inventory]:
        """The store, for this thread. Raises StoreError."""
        with Inventory(open_store(self.config)) as inventory:
            yield inventory


def service_of(request: Request) -> Service:
    """The service that a request is made of."""
    service: Service = request.app.state.service
    return service


def caller_of(request: Request) -> Caller:
    """Who makes a request; the guard has found out."""
    caller: Caller = request.scope["cloudmesh.caller"]
    return caller


def require(caller: Caller, scope: Scope) -> None:
    """Raise a Problem if a caller may not do this."""
    if not caller.may(scope):
        raise Problem(
            403,
            f"this needs a token of scope {scope.word}, and {caller.name} has scope {caller.scope.word}",
            "scope",
        )


def visible(caller: Caller, config: Config, cloud: str) -> str:
    """The cloud of this name, if the caller may know of it. Raises UnknownName, ConfigError."""
    if not caller.sees(cloud):
        known = [name for name in config.active_clouds() if caller.sees(name)]
        from cloudmesh.plugin.errors import UnknownName

        raise UnknownName("cloud", cloud, known)
    config.require_active(cloud)
    return cloud
