"""``Provider``: the interface that the class of each type of cloud implements.

A provider is a class of its own package, registered under the entry-point group ``cloudmesh.providers``
by the name that the configuration uses as ``type``. Its conformance is tested by
``cloudmesh.cloud.conformance``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, ClassVar, TypeGuard, TypeVar

from cloudmesh.cloud.errors import NotFound, OddRecord, Unsupported
from cloudmesh.cloud.model.records import Flavor, Image, LeftOut, MachineRecord, State
from cloudmesh.cloud.model.verbs import Capability
from cloudmesh.cloud.provider.boot import BootParameter, BootRequest
from cloudmesh.cloud.provider.questions import Question
from cloudmesh.cloud.provider.things import Things
from cloudmesh.config.secrets.prompt import Prompter
from cloudmesh.plugin.errors import CloudmeshError

__all__ = ["BootParameter", "BootRequest", "Capability", "Provider", "Question"]

Self = TypeVar("Self", bound="Provider")
Item = TypeVar("Item")
Listed = TypeVar("Listed")


class Provider(Things, ABC):
    """One cloud, signed in to. Used by one thread at a time.

    Every method may raise the errors in ``cloudmesh.cloud.errors.CLOUD_ERRORS``, and no other; none turns an
    error into an empty list. A machine is named by the cloud's own id.

    Attributes:
        capabilities: what this kind of cloud can do beyond the common part; an instance may set its own, also
            when it is opened, but for BOOT_PUBLIC.
        required_credentials: keys that the ``credentials`` section must hold.
        settings_keys: keys of the cloud's own section that this kind knows beside the common ones (name,
            host, type, version, credentials, default, and ``cloudmesh.config.settings.options.CLOUD``); ``cms
            config check`` asks after all others.
        questions: what ``cms cloud add`` asks for beside ``required_credentials``, and how it is explained.
        boot_parameters: what a user may say of a new machine beside what all clouds take, by name.
        bulk: the most machines that one call can be about, by the name of the verb in the verb table or
            "boot"; empty where each machine needs a call of its own. An instance may set its own when it is
            made: this is asked of one that is not open.
        simulated: whether the machines are pretended; shown to the user everywhere.
        settling: for how many seconds a boot whose answer was lost may go on before its machine is found.
        boots_once: whether the cloud itself makes no second machine for a token, also where both boots are
            under way at the same time.
        hides_new: for how many seconds, at the very most, the cloud may say NotFound of a machine that it has
            just made; 0 where it knows what it made. Of one that it remembers to be deleted it says Gone.
        shares_threads: whether all that its methods wait for, they wait for by
            ``cloudmesh.cloud.wire.waiting``, so that calls of many machines can share a thread.
        signs_in_once: whether calls that begin together in one process share a sign-in, so that a wrong
            password is sent once. True where there is nothing to sign in with.
        left_out: what listings left out, since it cannot be as the cloud says; see ``readable``.
        mark: what ``changed_machines`` takes to go on from the last listing of machines that came to its
            end; empty where it cannot.
    """

    required_credentials: ClassVar[tuple[str, ...]] = ()
    settings_keys: ClassVar[tuple[str, ...]] = ()
    questions: ClassVar[tuple[Question, ...]] = ()
    boot_parameters: ClassVar[Mapping[str, BootParameter]] = MappingProxyType({})
    bulk: Mapping[str, int] = MappingProxyType({})
    simulated: ClassVar[bool] = False
    shares_threads: ClassVar[bool] = False
    signs_in_once: ClassVar[bool] = False
    settling: ClassVar[float] = 0.0
    boots_once: ClassVar[bool] = False
    hides_new: ClassVar[float] = 0.0

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        """Keep the name and the settings (its part of the configuration) of a cloud; call nobody yet.

        Raises:
            ConfigError: a setting cannot be used.
        """
        self.name = name
        self.settings = settings
        self.left_out: list[LeftOut] = []
        self.mark = ""
        self.set_up()

    def set_up(self) -> None:
        """Take what is needed from ``settings``, when the provider is made. Raises ConfigError."""

    def twin(self: Self) -> Self:
        """One for the same cloud, for another call at the same time; it is not open."""
        return type(self)(self.name, self.settings)

    def __enter__(self: Self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @classmethod
    def is_base_of(cls, loaded: object) -> TypeGuard[type[Provider]]:
        """Whether what a package brings is a class of providers."""
        return isinstance(loaded, type) and issubclass(loaded, cls)

    def open(self) -> None:
        """Get ready; sign-in may wait until the first call."""

    def close(self) -> None:
        """Give back what ``open`` took."""

    def most(self, verb: str) -> int:
        """How many machines one call of this verb, or of ``boot``, may be about; 1 where that is all."""
        return max(1, self.bulk.get(verb, 1))

    def wants_address(self, request: BootRequest) -> bool:
        """Whether a machine that is booted so has to be given its public address once it is there."""
        return request.public and Capability.BOOT_PUBLIC not in self.capabilities

    def connect(self) -> str:
        """Reach the cloud as every call does, but without signing in; a sentence on how it was reached.

        So ``cms cloud check`` tells a wrong host from a wrong password. Empty for what is behind no network.
        """
        return ""

    @abstractmethod
    def check(self) -> str:
        """Sign in and make one cheap call; a sentence on what was found."""

    def user_id(self) -> str:
        """Who we are there, as ``MachineRecord.owner`` tells whose a machine is; empty if that is not known.

        It signs in if that was not done yet, and makes no further call.
        """
        return ""

    def has_token(self) -> bool:
        """Whether a kept token spares a sign-in, so that the secrets which only that needs may be ``TBD``."""
        return False

    def sign_in_with(self, prompter: Prompter) -> None:
        """Sign in now if that needs a person, who is asked or told by ``prompter``; nobody is asked later."""

    @abstractmethod
    def machines(self) -> Iterable[MachineRecord]:
        """All machines of this user on the cloud.

        May be an iterator that asks for page after page, so that many machines need little memory. An error
        in the middle is raised by the iterator: the listing then counts as failed.
        """

    def changed_machines(self, since: str) -> Iterable[MachineRecord]:
        """The machines that changed since the listing whose ``mark`` is given (Capability.CHANGES).

        Those that were deleted since are among them, in state deleted; so may be others that did not change.
        A change may be missing that the cloud itself does not date: who asks lists all machines now and then.
        """
        self._lacks(Capability.CHANGES)

    def readable(
        self,
        kind: str,
        items: Iterable[Item],
        read: Callable[[Item], Listed],
        keys: tuple[str, str] = ("name", "id"),
    ) -> Iterator[Listed]:
        """What ``read`` makes of each item of a listing; one that it cannot read is put into ``left_out``.

        So one odd machine does not hide all others: users see those, and are told which is missing and why.

        Args:
            kind: what is listed, as the method is called: machines, images, ...
            read: raises OddRecord with what is wrong, or an error as of a missing key or a wrong type.
            keys: of an item's name and id.
        """
        for item in items:
            try:
                record = read(item)
            except (OddRecord, LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
                self.left_out.append(_left_out(self.name, kind, item, error, keys))
                continue
            yield record

    @abstractmethod
    def machine(self, cloud_id: str) -> MachineRecord:
        """One machine as it is now. Raises NotFound."""

    @abstractmethod
    def boot(self, request: BootRequest) -> MachineRecord:
        """Ask for a new machine; it is usually still building when this returns."""

    def find_booted(self, request: BootRequest) -> MachineRecord | None:
        """The machine that an earlier ``boot`` with this token made; None if there is none (any more).

        Here it is looked for by its name, for clouds that cannot keep a token: a machine of that name which
        was there before, or which somebody else made since, cannot be told from the one that is meant.
        """
        self.left_out = []
        for machine in self.machines():
            if machine.name == request.name and machine.state not in (State.DELETING, State.DELETED):
                return machine
        if odd := [each for each in self.left_out if each.name in ("", request.name)]:
            raise OddRecord(f"unknown whether {request.name} was booted on cloud {self.name}: {odd[0]}")
        return None

    @abstractmethod
    def delete(self, cloud_id: str) -> None:
        """Remove a machine and its disk for good. Raises NotFound."""

    @abstractmethod
    def images(self) -> list[Image]:
        """What machines can boot from."""

    @abstractmethod
    def flavors(self) -> list[Flavor]:
        """The sizes of machines on offer."""

    def image(self, cloud_id: str) -> Image:
        """The image of this id, also one that ``images`` does not list. Raises NotFound."""
        for image in self.images():
            if image.cloud_id == cloud_id:
                return image
        raise NotFound(f"there is no image {cloud_id} on cloud {self.name}")

    def add_image(self, name: str, file: Path, properties: Mapping[str, str] | None = None) -> Image:
        """Upload a disk image, in a format that the cloud knows (Capability.ADD_IMAGE).

        ``properties`` has what is known of it: ``user`` (who to sign in as), ``format`` (qcow2 or raw) and
        ``source`` (the file or the address that it is from); a provider without a place for one leaves it
        out. Raises Refused if the cloud does not take it; it is usable when this returns.
        """
        self._lacks(Capability.ADD_IMAGE)

    def delete_image(self, cloud_id: str) -> None:
        """Remove an image of this user's (Capability.DELETE_IMAGE). Raises NotFound, Conflict if in use."""
        self._lacks(Capability.DELETE_IMAGE)

    def act(self, verb: str, cloud_id: str) -> None:
        """Do what a verb that takes nothing, such as ``start``, does to a machine.

        The methods of those verbs that are among the capabilities call it: a provider replaces either this
        one or them. Raises Conflict in a state that does not allow the verb, and NotFound.
        """
        self._lacks(Capability(verb))

    def _act_if_able(self, verb: Capability, cloud_id: str) -> None:
        if verb not in self.capabilities:
            self._lacks(verb)
        self.act(str(verb), cloud_id)

    def start(self, cloud_id: str) -> None:
        """Power a stopped machine on (Capability.START). Raises Conflict in other states, NotFound."""
        self._act_if_able(Capability.START, cloud_id)

    def stop(self, cloud_id: str) -> None:
        """Shut a machine down; its disk stays (Capability.STOP). Raises Conflict, NotFound."""
        self._act_if_able(Capability.STOP, cloud_id)

    def reboot(self, cloud_id: str) -> None:
        """Restart an active machine by its system (Capability.REBOOT). Raises Conflict, NotFound."""
        self._act_if_able(Capability.REBOOT, cloud_id)

    def hard_reboot(self, cloud_id: str) -> None:
        """Cut the power and give it again (Capability.HARD_REBOOT). Raises Conflict, NotFound."""
        self._act_if_able(Capability.HARD_REBOOT, cloud_id)

    def suspend(self, cloud_id: str) -> None:
        """Keep memory on disk and free the host (Capability.SUSPEND)."""
        self._act_if_able(Capability.SUSPEND, cloud_id)

    def resume(self, cloud_id: str) -> None:
        """Bring a suspended machine back (Capability.RESUME)."""
        self._act_if_able(Capability.RESUME, cloud_id)

    def pause(self, cloud_id: str) -> None:
        """Let a machine stand still; its memory stays on the host (Capability.PAUSE)."""
        self._act_if_able(Capability.PAUSE, cloud_id)

    def unpause(self, cloud_id: str) -> None:
        """Let a paused machine go on (Capability.UNPAUSE)."""
        self._act_if_able(Capability.UNPAUSE, cloud_id)

    def shelve(self, cloud_id: str) -> None:
        """Keep the disk as an image and free the host; addresses stay (Capability.SHELVE)."""
        self._act_if_able(Capability.SHELVE, cloud_id)

    def unshelve(self, cloud_id: str) -> None:
        """Start a shelved machine on some host (Capability.UNSHELVE). Raises Conflict in other states."""
        self._act_if_able(Capability.UNSHELVE, cloud_id)

    def confirm_resize(self, cloud_id: str) -> None:
        """Keep the new size of a machine in state resized (Capability.CONFIRM_RESIZE). Raises Conflict."""
        self._act_if_able(Capability.CONFIRM_RESIZE, cloud_id)

    def revert_resize(self, cloud_id: str) -> None:
        """Give it its former size back (Capability.REVERT_RESIZE). Raises Conflict in other states."""
        self._act_if_able(Capability.REVERT_RESIZE, cloud_id)

    def lock(self, cloud_id: str) -> None:
        """Keep a machine from being deleted until it is unlocked (Capability.LOCK); twice is no error."""
        self._act_if_able(Capability.LOCK, cloud_id)

    def unlock(self, cloud_id: str) -> None:
        """End that (Capability.UNLOCK); no error for one that is not locked."""
        self._act_if_able(Capability.UNLOCK, cloud_id)

    def rebuild(self, cloud_id: str, image: Image) -> None:
        """Replace the disk by a new one of an image; id and addresses stay (Capability.REBUILD)."""
        self._lacks(Capability.REBUILD)

    def resize(self, cloud_id: str, flavor: Flavor) -> None:
        """Give a machine another size and settle it (Capability.RESIZE).

        Where the cloud wants the new size confirmed, this waits for the question and confirms. It may be
        called for a machine in state resizing, whose confirmation was missed: then it only confirms.
        """
        self._lacks(Capability.RESIZE)

    def resize_unconfirmed(self, cloud_id: str, flavor: Flavor) -> None:
        """The same without confirming: it waits in state resized (Capability.RESIZE_UNCONFIRMED)."""
        self._lacks(Capability.RESIZE_UNCONFIRMED)

    def rename(self, cloud_id: str, name: str) -> None:
        """Give a machine another name on the cloud (Capability.RENAME)."""
        self._lacks(Capability.RENAME)

    def set_metadata(self, cloud_id: str, changes: Mapping[str, str | None]) -> None:
        """Set metadata by key, and remove that whose value is None (Capability.METADATA).

        Other keys stay; to remove one that is not there is no error.
        """
        self._lacks(Capability.METADATA)

    def act_many(self, verb: str, cloud_ids: Sequence[str]) -> Mapping[str, CloudmeshError]:
        """Bring a verb of ``bulk`` about on several machines with one call.

        What it is about takes nothing beside the machine. A call that is refused raises; whoever calls then
        asks for each machine alone, unless the error is ``outcome_unknown``. So a refused call must have done
        nothing, or only what asking again for one machine does no second time.

        Returns:
            The error of each machine for which the answer says that nothing was done, by its id; of the
            others it was accepted.
        """
        raise Unsupported(f"cloud {self.name} cannot {verb} several machines in one call")

    def boot_many(
        self, requests: Sequence[BootRequest], maybe_done: bool = False
    ) -> Sequence[MachineRecord | CloudmeshError]:
        """Make several machines with one call (``boot`` in ``bulk``): one for each request, in their order.

        The requests differ in name, token and metadata only, and each has a token of its own, by which
        ``find_booted`` must find its machine alone from the moment that the call was accepted.

        Args:
            maybe_done: an earlier call for the same requests may have made them; those that are there
                are taken, and no second ones made.

        Returns:
            A machine each; or the error of one that was made and is not finished (``outcome_unknown``), or
            that was made before and is gone (NotFound). A call that is refused raises, and has made none.
        """
        raise Unsupported(f"cloud {self.name} cannot boot several machines in one call")

    def console(self, cloud_id: str) -> str:
        """What the machine printed on its console, the newest last (Capability.CONSOLE)."""
        self._lacks(Capability.CONSOLE)


def _left_out(cloud: str, kind: str, item: object, error: Exception, keys: tuple[str, str]) -> LeftOut:
    """What is told of an item that cannot be read: its name and id, as far as they are texts."""
    fields = item if isinstance(item, Mapping) else vars(item) if hasattr(item, "__dict__") else {}
    name, cloud_id = (text if isinstance(text := fields.get(key), str) else "" for key in keys)
    # Other errors repeat what the cloud said.
    reason = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else "it has an unexpected form"
    return LeftOut(cloud, kind, str(error) if isinstance(error, OddRecord) else reason, name, cloud_id)
