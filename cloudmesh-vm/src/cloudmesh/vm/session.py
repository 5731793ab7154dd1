"""The clouds that are open while a command or a block of statements is at work."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from functools import cached_property
from types import TracebackType

from cloudmesh.cloud.cloud import Cloud
from cloudmesh.cloud.inventory import Inventory
from cloudmesh.cloud.selection import chosen_clouds
from cloudmesh.config import Config
from cloudmesh.db import open_store


class Session:
    """Opens each cloud once, when it is first needed, and closes them all.

    Used by one thread: neither the store's connection nor a cloud library's driver may be shared.
    """

    def __init__(self, cloud: str | Sequence[str] | None = None, config: Config | None = None) -> None:
        """``cloud`` is as in ``--cloud=``."""
        self.config = config or Config.load()
        self._cloud = cloud
        if cloud is not None:
            # A wrong name here is an error even where every machine's name brings its own cloud.
            self.clouds = chosen_clouds(self.config, cloud)
        self.inventory = Inventory(open_store(self.config))
        self._open: dict[str, Cloud] = {}
        self._stack = ExitStack()

    @cached_property
    def clouds(self) -> list[str]:
        """The clouds that are meant where a name does not say. Raises as ``chosen_clouds`` does."""
        return chosen_clouds(self.config, self._cloud)

    def __enter__(self) -> Session:
        self._stack.enter_context(self.inventory)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.clear()
        self._stack.close()

    def resolve(self, clouds: Iterable[str]) -> None:
        """Ask for the secrets that these clouds miss, once each, before work on any of them begins.

        Raises:
            UnknownName, ConfigError: see ``Config.resolve``.
        """
        self.config.resolve(name for name in clouds if name not in self._open)

    def cloud(self, name: str) -> Cloud:
        """The open cloud of this name.

        Raises:
            UnknownName, ConfigError: see ``Cloud.__enter__``.
        """
        if name not in self._open:
            self._open[name] = self._stack.enter_context(Cloud(name, self.config, self.inventory))
        return self._open[name]
