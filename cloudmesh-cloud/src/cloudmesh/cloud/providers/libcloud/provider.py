"""The provider ``libcloud``: any compute driver of libcloud by its name, as far as all drivers are alike."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import Any, ClassVar

from cloudmesh.cloud import errors
from cloudmesh.cloud.model.records import Flavor, Image, KeyPair, MachineRecord, State
from cloudmesh.cloud.provider.interface import BootRequest, Capability
from cloudmesh.cloud.provider.questions import Question
from cloudmesh.cloud.providers.libcloud import records
from cloudmesh.cloud.providers.libcloud.base import LibcloudProvider
from cloudmesh.cloud.providers.libcloud.error_details import is_page
from cloudmesh.cloud.providers.libcloud.errors import PARSING_ERRORS
from cloudmesh.plugin.errors import ConfigError, suggest

_NOT_SHOWN = (errors.BadAnswer, errors.Conflict, errors.NotFound, errors.Refused, errors.Unsupported)

# What many drivers read each thing of a listing with.
_READERS = {"_to_node": "machines", "_to_image": "images", "_to_size": "flavors"}


class DriverProvider(LibcloudProvider):
    """A cloud by ``driver:``, ``arguments:`` of the driver, and ``boot:`` for what else booting needs.

    What the driver can do is found when it is open. What a driver's own method tells of one machine is not
    always what its listing does, so a machine is looked for in the listing; for a verb the method will do.
    """

    # libcloud's name of the driver; empty where ``driver:`` of the settings says it.
    driver_name: ClassVar[str] = ""
    whole_methods: ClassVar[bool] = True
    settling: ClassVar[float] = 5.0
    # There is no knowing for all of them.
    hides_new: ClassVar[float] = 600.0
    questions: ClassVar[tuple[Question, ...]] = (
        Question("driver", "name of the driver in libcloud", "vultr"),
    )
    settings_keys: ClassVar[tuple[str, ...]] = (
        *("driver", "arguments", "boot"),
        *LibcloudProvider.settings_keys,
    )

    def driver_class(self) -> type[Any]:
        return find_driver_class(self.name, self.driver_name or self.settings.get("driver"))

    def driver_arguments(self) -> tuple[list[Any], dict[str, Any]]:
        """What ``arguments:`` holds, if the driver takes it; no error shows a value of it."""
        place = f"clouds.{self.name}.arguments"
        given = _section(place, self.settings.get("arguments"))
        parameters = inspect.signature(self.driver_class().__init__).parameters
        by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        known = [name for name, each in parameters.items() if name != "self" and each.kind in by_name]
        takes_any = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
        for name in given:
            if name not in known and not takes_any:
                raise ConfigError(
                    f"{place}: unknown argument {name!r} of the driver; {suggest(name, known, 20)}"
                )
        for name in known:
            if parameters[name].default is inspect.Parameter.empty and name not in given:
                raise ConfigError(
                    f"{place} lacks {name!r}, which the driver requires; cms config set {place}.{name}"
                )
        return [], given

    def open(self) -> None:
        self.tracker.is_plausible = self.is_plausible
        super().open()
        # What is being listed.
        self._listing = ""
        for name, kind in _READERS.items():
            if read := getattr(self.driver, name, None):
                setattr(self.driver, name, partial(self._read_or_leave_out, kind, read))
        # A subclass of its own kind of cloud tells it also before it is open.
        self.capabilities = self.capabilities or records.capabilities_of(self.driver)

    def is_plausible(self, method: str, path: str, answer: Any) -> bool:
        """Whether the cloud's interface can have given this answer (HTTP 2xx) to a method and path.

        Here all that is no web page and no part of something.
        """
        return answer.status_code != HTTPStatus.PARTIAL_CONTENT and not is_page(answer)

    def check(self) -> str:
        count = sum(1 for _ in self.machines())
        return f"{self.driver.name}: {count} machine{'' if count == 1 else 's'}"

    def machines(self) -> Iterator[MachineRecord]:
        """All machines but those that are deleted, which some clouds still list."""
        for machine in self.readable("machines", self._nodes(), self._machine):
            if machine.state is not State.DELETED:
                yield machine

    def _machine(self, node: Any) -> MachineRecord:
        return records.to_machine(self.name, node)

    def _nodes(self) -> list[Any]:
        return self._listed("machines", "list_nodes")

    def _listed(self, kind: str, method: str) -> list[Any]:
        """The driver's own objects that one of its methods lists."""
        self._listing = kind
        try:
            with self.listing(f"list {kind.replace('_', ' ')}"):
                return [each for each in getattr(self.driver, method)() if each is not None]
        finally:
            self._listing = ""

    def _read_or_leave_out(self, kind: str, read: Callable[..., Any], *given: Any, **named: Any) -> Any:
        """What the driver makes of one thing in a listing; None, and told, if it stumbles over it."""
        if self._listing != kind:
            return read(*given, **named)

        def reading(_: Any) -> Any:
            try:
                return read(*given, **named)
            except Exception as error:
                if type(error).__name__ in PARSING_ERRORS:
                    raise errors.OddRecord("it has an unexpected form") from error
                raise

        item = next(iter((*given, *named.values())), None)
        return next(self.readable(kind, [item], reading), None)

    def machine(self, cloud_id: str) -> MachineRecord:
        node = self._node(cloud_id)
        with self.requesting(f"show {cloud_id}"):
            return self._machine(node)

    def _node(self, cloud_id: str) -> Any:
        """The driver's own object for a machine. Raises NotFound."""
        return self._alive(self._pick("machine", cloud_id, self._nodes()))

    def _alive(self, node: Any) -> Any:
        if self._machine(node).state is State.DELETED:
            raise errors.Gone(f"machine {node.id} on cloud {self.name} is deleted")
        return node

    def _node_to_change(self, cloud_id: str) -> Any:
        """The same, without a listing where the driver has a way to one machine by its id."""
        get = records.getter_of(self.driver)
        try:
            with self.calling(f"show {cloud_id}"):
                node = get(cloud_id) if get else None
        except _NOT_SHOWN as error:
            if isinstance(error, errors.RateLimited):
                raise
            # Drivers say in many ways that there is none, or stumble over that; the listing is sure.
            node = None
        is_it = node is not None and str(node.id) == cloud_id
        return self._alive(node) if is_it else self._node(cloud_id)

    def boot(self, request: BootRequest) -> MachineRecord:
        self.hide_userdata(request)
        with errors.only_looking():
            size = self._pick("flavor", request.flavor.cloud_id, self._sizes())
            image = self._native_image(request.image.cloud_id)
            more = self.boot_arguments(request)
        for name, each in inspect.signature(self.driver.create_node).parameters.items():
            needed = each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD
            if needed and name not in ("name", "size", "image", *more):
                raise ConfigError(
                    f"cloud {self.name} needs {name} to boot a machine; "
                    f"cms config set clouds.{self.name}.boot.{name}=VALUE"
                )
        with self.changing(f"boot {request.name}"):
            made = self.driver.create_node(name=request.name, size=size, image=image, **more)
        with self.requesting(f"boot {request.name}"):
            machine = self._machine(made)
        # Some drivers have no word of their own for a machine that was just asked for.
        wordless = machine.state in (State.UNKNOWN, State.UPDATING)
        return replace(machine, state=State.BUILDING) if wordless else machine

    def find_booted(self, request: BootRequest) -> MachineRecord | None:
        for node in self._nodes():
            # The others may be as odd as they like.
            if self.is_from(node, request):
                machine = self._machine(node)
                if machine.state not in (State.DELETING, State.DELETED):
                    return machine
        return None

    def is_from(self, node: Any, request: BootRequest) -> bool:
        """Whether this request made the driver's object; here by its name alone, see ``find_booted``."""
        return str(node.name) == request.name

    def boot_arguments(self, request: BootRequest) -> dict[str, Any]:
        """What ``create_node`` is given beside name, size and image: ``boot:``, its location as an object."""
        more = _section(f"clouds.{self.name}.boot", self.settings.get("boot") or None)
        if "location" in more:
            more["location"] = self.location(str(more["location"]))
        return more

    def location(self, name: str) -> Any:
        """The location of this name or id. Raises ConfigError."""
        found = self._listed("locations", "list_locations")
        for each in found:
            if name in (str(each.id), str(each.name)):
                return each
        names = [str(each.id) for each in found]
        raise ConfigError(f"cloud {self.name} has no location {name!r}; {suggest(name, names)}")

    def _pick(self, kind: str, cloud_id: str, found: list[Any]) -> Any:
        """The one of libcloud's objects that has this id. Raises NotFound."""
        for each in found:
            if str(each.id) == cloud_id:
                return each
        raise errors.NotFound(f"there is no {kind} {cloud_id} on cloud {self.name}")

    def _native_image(self, cloud_id: str) -> Any:
        return self._pick("image", cloud_id, self._native_images())

    def _native_images(self) -> list[Any]:
        return self._listed("images", "list_images")

    def _sizes(self) -> list[Any]:
        return self._listed("flavors", "list_sizes")

    def images(self) -> list[Image]:
        return list(self.readable("images", self._native_images(), partial(records.to_image, self.name)))

    def flavors(self) -> list[Flavor]:
        return list(self.readable("flavors", self._sizes(), partial(records.to_flavor, self.name)))

    def act(self, verb: str, cloud_id: str) -> None:
        """Call the driver's method for a verb; some drivers answer a mere no where others raise."""
        if verb != "delete" and Capability(verb) not in self.capabilities:
            self._lacks(Capability(verb))
        method = "destroy_node" if verb == "delete" else records.method_for(self.driver, Capability(verb))
        with errors.only_looking():
            node = self._node_to_change(cloud_id)
        with self.changing(f"{verb} {cloud_id}"):
            if getattr(self.driver, method)(node) is False:
                # Some drivers make a mere no of an error; the last answer still tells which.
                status = getattr(self.tracker.answer, "status_code", 0)
                if status >= 400:
                    from libcloud.common.exceptions import BaseHTTPError

                    raise BaseHTTPError(status, self.tracker.answer.text)
                raise errors.Refused(f"cloud {self.name}: {verb} {cloud_id} failed, without a reason")

    def key_pairs(self) -> list[KeyPair]:
        return list(self.readable("key_pairs", self._native_keys(), partial(records.to_key, self.name)))

    def _native_keys(self) -> list[Any]:
        if Capability.KEYS not in self.capabilities:
            self._lacks(Capability.KEYS)
        return self._listed("key_pairs", "list_key_pairs")

    def add_key(self, name: str, public_key: str) -> KeyPair:
        if any(each.name == name for each in self._native_keys()):
            raise errors.Refused(f"cloud {self.name} already has a key {name}; use another name")
        with self.calling(f"add the key {name}"):
            return records.to_key(self.name, self._import_key(name, public_key))

    def _import_key(self, name: str, public_key: str) -> Any:
        return self.driver.import_key_pair_from_string(name, public_key)

    def delete_key(self, name: str) -> None:
        found = [each for each in self._native_keys() if each.name == name]
        if not found:
            raise errors.NotFound(f"there is no key {name} on cloud {self.name}")
        with self.calling(f"delete the key {name}"):
            self.driver.delete_key_pair(found[0])


def find_driver_class(cloud: str, name: Any) -> type[Any]:
    """The driver of libcloud that ``driver:`` of a cloud's section names. Raises ConfigError."""
    from libcloud.compute.providers import DRIVERS, get_driver

    if not name or not isinstance(name, str):
        raise ConfigError(
            f"cloud {cloud} of type libcloud has no driver; "
            f"cms config set clouds.{cloud}.driver=NAME, as vultr"
        )
    name = name.strip().lower()
    # It only pretends machines, which the type ``simulated`` does better, and says so.
    if name == "dummy":
        raise ConfigError(f"the driver {name} of cloud {cloud} is only a test driver; use type: simulated")
    known = sorted(str(getattr(each, "value", each)) for each in DRIVERS)
    if name not in known:
        raise ConfigError(f"cloud {cloud}: libcloud has no driver {name!r}; {suggest(name, known)}")
    try:
        found: type[Any] = get_driver(name)
    except ImportError as error:
        raise ConfigError(
            f"cloud {cloud}: the driver {name} requires another library ({error}); install it with pip"
        ) from error
    return found


def _section(key: str, value: Any) -> dict[str, Any]:
    """A section of the configuration by its keys as texts; empty if there is none. Raises ConfigError."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigError(f"{key} must be a section of 'key: value' lines")
    return {str(name): item for name, item in value.items()}
