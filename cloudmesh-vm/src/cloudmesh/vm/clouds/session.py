"""``CloudSession``: the open clouds and the store of one command or ``with`` block."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from math import inf
from typing import Any, TypeVar

from cloudmesh.cloud.client.cloud import Cloud, ask_each
from cloudmesh.cloud.errors import CloudTimeout, CredentialsError, EndpointError, Unreachable
from cloudmesh.cloud.fanout.query import Deadline, QueryLimits, chosen_clouds
from cloudmesh.cloud.provider import visits
from cloudmesh.cloud.provider.interface import Provider
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.config import Config
from cloudmesh.config.yaml import keys
from cloudmesh.db import open_store
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.vm.executors.perform import HERE
from cloudmesh.vm.model.call import Access

Given = TypeVar("Given")

# For how many seconds a cloud that has answered is taken to answer still.
_ANSWERING = 60.0
# Errors of a cloud that does not answer, or not as it is to.
NO_ANSWERS = (Unreachable, CloudTimeout, CredentialsError, EndpointError)


class CloudSession:
    """Opens each cloud once, when it is first needed, and closes them all.

    Used by one thread: neither the store's connection nor a cloud library's driver may be shared.
    """

    def __init__(
        self,
        cloud: str | Sequence[str] | None = None,
        config: Config | None = None,
        limits: QueryLimits | None = None,
    ) -> None:
        """Use these clouds, as ``--cloud=`` names them; ``limits``: how long they may take to list things."""
        self.config = config or Config.load()
        self._limits = limits or QueryLimits()
        # The errors of clouds that did not accept the credentials: a wrong password is not tried twice.
        self.refusals: dict[str, CredentialsError | EndpointError] = {}
        self._cloud = cloud
        if cloud is not None:
            # A wrong name here is an error even where every machine's name brings its own cloud.
            self.clouds = chosen_clouds(self.config, cloud)
        # When each cloud that was asked here has last answered, by the clock of this process.
        self._answered: dict[str, float] = {}
        self._open: dict[str, Cloud] = {}
        self._accesses: dict[str, Access] = {}
        self._declared: dict[str, Provider] = {}
        self._stack = ExitStack()

    @cached_property
    def clouds(self) -> list[str]:
        """The clouds that are meant where a name does not say. Raises as ``chosen_clouds`` does."""
        return chosen_clouds(self.config, self._cloud)

    @cached_property
    def inventory(self) -> Inventory:
        """The store, open until the session ends. Raises as ``open_store`` does."""
        return self._stack.enter_context(Inventory(open_store(self.config)))

    def __enter__(self) -> CloudSession:
        return self

    def __exit__(self, *raised: Any) -> None:
        self._open.clear()
        HERE.close(access.key for access in self._accesses.values())
        self._stack.__exit__(*raised)

    def resolve(self, clouds: Iterable[str]) -> None:
        """Ask for the secrets that these clouds miss, once each, before work on any of them begins.

        Raises:
            UnknownName, ConfigError: see ``Config.resolve``.
        """
        for error in self.unresolved(clouds).values():
            raise error

    def unresolved(self, clouds: Iterable[str]) -> dict[str, CloudmeshError]:
        """As ``resolve``, but the errors are given by cloud, for work that goes on with the other clouds."""
        names = self._unopened(clouds)
        people = [*filter(self._may_need_person, names)]
        errors: dict[str, CloudmeshError] = {
            **self.config.unresolved(name for name in names if name not in people)
        }
        return errors | (visits.unresolved(self.config, people) if people else {})

    def _may_need_person(self, name: str) -> bool:
        from cloudmesh.config.check import auth_types  # much work signs in to no cloud

        return auth_types.may_need_person(keys.follow(self.config.data, ("clouds", name, "credentials")))

    def _unopened(self, clouds: Iterable[str]) -> list[str]:
        """The clouds whose secrets are still needed: nobody is asked again for what was refused just now."""
        return [name for name in clouds if name not in self._open and name not in self.refusals]

    def declared(self, name: str) -> Provider:
        """The provider of a cloud, not opened, for what it declares.

        Opening may sign in to the cloud, and a slow one would hold up all others meanwhile.

        Raises:
            UnknownName, ConfigError: see ``Cloud.open``.
        """
        if name not in self._declared:
            self._declared[name] = Cloud(name, self.config).unopened(self.access(name).settings)
        return self._declared[name]

    def access(self, name: str) -> Access:
        """How to call the cloud of this name from another thread or process; the same each time.

        Raises:
            UnknownName, ConfigError: see ``Cloud.open``.
        """
        if name not in self._accesses:
            self.config.require_active(name)
            config, asked = self.config, self._may_need_person(name)
            self._accesses[name] = Access(
                name, visits.settings(config, name) if asked else config.settings(name)
            )
        return self._accesses[name]

    def cloud(self, name: str) -> Cloud:
        """The open cloud of this name, for what is not asked in a thread.

        Raises:
            UnknownName, ConfigError: see ``Cloud.open``.
        """
        if name not in self._open:
            self._open[name] = self._stack.enter_context(Cloud(name, self.config, self.inventory))
        return self._open[name]

    def ask(self, cloud: str, ask: Callable[[Cloud], Given]) -> Given:
        """What ``ask`` gives for one cloud, as ``ask_all`` asks it. Raises its error."""
        answer = self.ask_all([cloud], ask)[cloud]
        if isinstance(answer, CloudmeshError):
            raise answer
        return answer

    def ask_all(
        self, clouds: Sequence[str], ask: Callable[[Cloud], Given], calls: int = 1
    ) -> dict[str, Given | CloudmeshError]:
        """What ``ask`` gives for each of these clouds, or its error, in their order.

        They are asked in parallel, each in a thread that opens it anew; one that takes too long is given up,
        with a CloudTimeout. See ``QueryLimits``.
        """
        refused = {name: self.refusals[name] for name in clouds if name in self.refusals}
        failed: dict[str, CloudmeshError] = {**self.unresolved(clouds), **refused}

        def asked(cloud: Cloud) -> tuple[Given, bool]:
            return ask(cloud), cloud.connection.has_listed

        told = ask_each(self.config, clouds, asked, self._limits, failed, calls)
        answers: dict[str, Given | CloudmeshError] = {}
        for name, answer in told.items():
            if not isinstance(answer, CloudmeshError):
                answers[name], has_listed = answer
                if has_listed:
                    self.note_answers({name: time.monotonic()})
                continue
            answers[name] = answer
            if name not in failed and isinstance(answer, CredentialsError | EndpointError):
                self.refusals[name] = answer
            if isinstance(answer, NO_ANSWERS):
                self.note_answers({name: None})
        return answers

    def note_answers(self, clouds: Mapping[str, float | None]) -> None:
        """Note when clouds last answered, by ``time.monotonic``; None for those that do not, or not to us."""
        self._answered.update({name: -inf if when is None else when for name, when in clouds.items()})

    def is_answering(self, name: str) -> bool:
        """Whether a cloud has answered within the last minute, so that many calls may begin at once.

        What it told in this session comes first. What it told another process is enough only where calls with
        a wrong password would send it once, as that may have been changed; a changed configuration is seen.

        Raises:
            UnknownName, ConfigError: see ``declared``.
            StoreError: the store cannot be read.
        """
        if name in self._answered:
            return time.monotonic() - self._answered[name] < _ANSWERING
        if name in self.refusals or not self.declared(name).signs_in_once:
            return False
        listed = self.inventory.listed_at(name)
        # A time to come was written before the clock was set back, and tells nothing.
        if listed is None or not 0 <= time.time() - listed < _ANSWERING:
            return False
        try:
            return self.config.path.stat().st_mtime < listed
        except OSError:
            return False

    @contextmanager
    def within(self, deadline: Deadline) -> Iterator[None]:
        """Give all questions to clouds in this block this deadline."""
        before = self._limits.deadline
        self._limits.deadline = deadline
        try:
            yield
        finally:
            self._limits.deadline = before
