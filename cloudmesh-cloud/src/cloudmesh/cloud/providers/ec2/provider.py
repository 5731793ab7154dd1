"""The provider ``ec2`` (alias ``aws``): Amazon, and other clouds that speak EC2's query interface."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from cloudmesh.cloud.errors import (
    Conflict,
    EndpointError,
    Gone,
    NotFound,
    Refused,
    Unsupported,
    only_looking,
)
from cloudmesh.cloud.model.records import Flavor, Image, KeyPair, MachineRecord, State
from cloudmesh.cloud.provider.interface import BootRequest, Capability
from cloudmesh.cloud.provider.questions import Question
from cloudmesh.cloud.providers.ec2 import errors
from cloudmesh.cloud.providers.ec2.bulk import ACTIONS, INSTANCES_A_PAGE, Ec2BulkCalls, deleted_error
from cloudmesh.cloud.providers.ec2.launch import is_gone, launch_parameters, tag_keys, tags
from cloudmesh.cloud.providers.ec2.profiles import Keys
from cloudmesh.cloud.providers.ec2.query import Ec2Query, filters, items, numbered
from cloudmesh.cloud.providers.ec2.records import fault_of, state_of, to_flavor, to_image
from cloudmesh.cloud.providers.ec2.settings import KEYS, QUESTIONS, Ec2Settings
from cloudmesh.cloud.providers.libcloud.base import LibcloudProvider
from cloudmesh.cloud.providers.libcloud.connection_settings import certificate_file
from cloudmesh.cloud.providers.libcloud.records import word_of
from cloudmesh.cloud.providers.libcloud.tracker import CallTracker
from cloudmesh.config.secrets.prompt import Prompter
from cloudmesh.config.settings.aws_places import amazon_host
from cloudmesh.plugin.errors import CloudmeshError, suggest

_C = Capability
_FLAVORS_A_PAGE = 100
# Regions that libcloud 3.9.1 does not know.
_NEWER_REGIONS = (
    *("ap-east-2", "ap-south-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6"),
    *("ap-southeast-7", "ca-west-1", "eu-central-2", "eu-south-2", "il-central-1", "me-central-1"),
    *("me-south-1", "mx-central-1", "us-gov-east-1"),
)


class Ec2Provider(Ec2BulkCalls):
    """A region of Amazon, or an endpoint of one's own."""

    capabilities = frozenset(
        {
            *(_C.START, _C.STOP, _C.REBOOT, _C.RESIZE, _C.RENAME, _C.METADATA, _C.CONSOLE, _C.KEYS),
            *(_C.LOCK, _C.UNLOCK, _C.NETWORKS, _C.SECURITY_GROUPS, _C.FLOATING_IPS),
            *(_C.USERDATA, _C.BOOT_METADATA, _C.BOOT_PUBLIC),
        }
    )
    settings_keys: ClassVar[tuple[str, ...]] = (*KEYS, *LibcloudProvider.settings_keys)
    questions: ClassVar[tuple[Question, ...]] = QUESTIONS

    def read_own_settings(self) -> None:
        self.own = Ec2Settings.read(self.name, self.settings)
        self.hide(self.own.secret_key, self.own.token or "")
        if self.own.ca_file and not self.connection_settings.ca_file:
            where = f"the ca_bundle of cloud {self.name}"
            ca_file = certificate_file(where, self.own.ca_file)
            self.connection_settings = replace(self.connection_settings, ca_file=ca_file)
            self.tracker = CallTracker(self.connection_settings, self.name, self.get_reads)
        if self.own.hibernate:
            self.capabilities = self.capabilities | {_C.SUSPEND, _C.RESUME}

    def driver_class(self) -> type[Any]:
        from libcloud.compute.drivers.ec2 import EC2NodeDriver

        parts: dict[str, Any] = {"path": self.own.path}
        if self.own.profile:
            parts["connectionCls"] = self._renewing(EC2NodeDriver.connectionCls)
        return type("Ec2Driver", (EC2NodeDriver,), parts)

    def _renewing(self, connection: type[Any]) -> type[Any]:
        """Connections that sign each request with the credentials that the profile gives at that time."""
        provider = self

        class RenewingConnection(connection):  # type: ignore[misc]
            """A connection that signs in when it is first used."""

            def request(self, *arguments: Any, **named: Any) -> Any:
                self.user_id, self.key, token = provider.profile_keys()
                self.token = token or None
                self.signer.access_key, self.signer.access_secret = self.user_id, self.key
                return super().request(*arguments, **named)

        return RenewingConnection

    def sign_in_with(self, prompter: Prompter) -> None:
        if self.own.profile:
            self.profile_keys(prompter)

    def profile_keys(self, prompter: Prompter | None = None) -> Keys:
        """The credentials that the profile gives now. Raises CredentialsError, Unreachable."""
        from cloudmesh.cloud.providers.ec2.sign_in import sign_in

        own = self.own
        keys = sign_in(self.name, own.profile, own.region, self.connection_settings.limits).keys(prompter)
        self.hide(*keys[1:])
        return keys

    def driver_arguments(self) -> tuple[list[Any], dict[str, Any]]:
        from libcloud.compute.drivers.ec2 import EC2NodeDriver

        regions = EC2NodeDriver.list_regions()
        host = self.own.host
        if not host and self.own.region in _NEWER_REGIONS:
            host = amazon_host(self.own.region)
        if not host and self.own.region not in regions:
            raise EndpointError(
                f"the region {self.own.region!r} of cloud {self.name} is not a region of Amazon EC2; "
                f"{suggest(self.own.region, (*regions, *_NEWER_REGIONS), most=3)}; set it with "
                f"cms config set clouds.{self.name}.credentials.EC2_REGION=REGION"
            )
        return [self.own.access_key, self.own.secret_key], {
            "secure": self.own.secure,
            "host": host or None,
            "port": self.own.port,
            "region": self.own.region if self.own.region in regions else "us-east-1",
            "token": self.own.token,
            # Amazon takes version 2 in old regions only, and moto takes such calls for others.
            "signature_version": "4",
        }

    def open(self) -> None:
        super().open()
        # Calls are signed with it; an endpoint of one's own has regions that libcloud does not know.
        self.driver.region_name = self.own.region
        self.query = Ec2Query(self.driver)

    def explain(self, details: Any, call: Any) -> CloudmeshError | None:
        return errors.explain(details, call)

    def check(self) -> str:
        with self.requesting("list availability zones"):
            zones = items(self.query.send("DescribeAvailabilityZones"), "availabilityZoneInfo")
        count = f"{len(zones)} availability zone{'' if len(zones) == 1 else 's'}"
        return f"EC2: region {self.own.region}, {count}"

    def machines(self) -> Iterator[MachineRecord]:
        """All machines but those that are deleted, which EC2 remembers for an hour."""
        with self.requesting("list machines"):
            found = self.query.instances(page_size=INSTANCES_A_PAGE)
            for machine in self.readable("machines", found, self._machine, ("name", "instanceId")):
                if machine.state is not State.DELETED:
                    yield machine

    def machine(self, cloud_id: str) -> MachineRecord:
        """The machine, and whether it is protected from termination, of which listings tell nothing."""
        return replace(self._living(cloud_id), locked=self._is_protected(cloud_id))

    def _living(self, cloud_id: str) -> MachineRecord:
        """A machine that is not deleted. Raises Gone, NotFound."""
        instance = self._instance(cloud_id)
        with self.requesting(f"show {cloud_id}"):
            if state_of(instance) is State.DELETED:
                why = fault_of(instance)
                told = f" by the cloud: {why}" if why else ""
                raise Gone(f"machine {cloud_id} on cloud {self.name} was deleted{told}")
            return self._machine(instance)

    def _instance(self, cloud_id: str) -> Mapping[str, Any]:
        """All that EC2 tells of one machine, also of one that is deleted."""
        with self.requesting(f"show {cloud_id}"):
            for instance in self.query.instances({"InstanceId.1": cloud_id}):
                if instance.get("instanceId") == cloud_id:
                    return dict(instance)
        raise NotFound(f"there is no machine {cloud_id} on cloud {self.name}")

    def boot(self, request: BootRequest) -> MachineRecord:
        """Ask for a new machine; if the same is asked again with the same token, EC2 makes no second one."""
        self.hide_userdata(request)
        sent = launch_parameters(request, hibernate=self.own.hibernate)
        with self.requesting(f"boot {request.name}"):
            answer = self.query.send("RunInstances", sent, private="UserData" in sent)
            return self._machine(items(answer, "instancesSet")[0])

    def find_booted(self, request: BootRequest) -> MachineRecord | None:
        if not request.token:
            return None
        with self.requesting(f"find machine {request.name}"):
            for instance in self.query.instances(filters({"client-token": [request.token]})):
                if not is_gone(instance):
                    return self._machine(instance)
        return self.find_in_group(request)

    def suspend(self, cloud_id: str) -> None:
        """Hibernate; Unsupported too for a machine that was not booted for it."""
        if not self.own.hibernate:
            raise Unsupported(
                f"cloud {self.name} boots machines that cannot hibernate; enable it for new machines with "
                f"cms config set clouds.{self.name}.hibernate=true"
            )
        self.act("suspend", cloud_id)

    def act(self, verb: str, cloud_id: str) -> None:
        """One call; a machine that is deleted but remembered is not found."""
        if verb != "delete" and Capability(verb) not in self.capabilities:
            self._lacks(Capability(verb))
        if verb == "reboot":
            # EC2 says yes to rebooting a machine that is deleted, and does nothing.
            with only_looking():
                self._living(cloud_id)
        sent = {"InstanceId.1": cloud_id, **({"Hibernate": "true"} if verb == "suspend" else {})}
        try:
            with self.requesting(f"{verb} {cloud_id}"):
                answer = self.query.send(ACTIONS[verb], sent)
        except Conflict as error:
            if state_of(self._instance(cloud_id)) is State.DELETED:
                raise deleted_error(self.name, cloud_id) from error
            raise
        if told := self._errors_in(verb, [cloud_id], answer):
            raise told[cloud_id]

    def lock(self, cloud_id: str) -> None:
        """Protect a machine from termination; it can still be stopped."""
        self._protect(cloud_id, "lock", "true")

    def unlock(self, cloud_id: str) -> None:
        self._protect(cloud_id, "unlock", "false")

    def _protect(self, cloud_id: str, verb: str, value: str) -> None:
        with self.requesting(f"{verb} {cloud_id}"):
            wanted = {"InstanceId": cloud_id, "DisableApiTermination.Value": value}
            self.query.send("ModifyInstanceAttribute", wanted)

    def _is_protected(self, cloud_id: str) -> bool | None:
        """Whether a machine is protected from termination; None where EC2 does not say it to this user."""
        wanted = {"InstanceId": cloud_id, "Attribute": "disableApiTermination"}
        try:
            with only_looking(), self.requesting(f"show {cloud_id}"):
                told = self.query.send("DescribeInstanceAttribute", wanted).get("disableApiTermination")
        except (Refused, Unsupported, NotFound):
            # A machine that was just shown may be unknown to another part of EC2.
            return None
        return str(told.get("value")).lower() == "true" if isinstance(told, Mapping) else None

    def resize(self, cloud_id: str, flavor: Flavor) -> None:
        """Give a stopped machine another instance type; it stays stopped. Raises Conflict for others."""
        with self.requesting(f"resize {cloud_id} (must be stopped)"):
            wanted = {"InstanceId": cloud_id, "InstanceType.Value": flavor.cloud_id}
            self.query.send("ModifyInstanceAttribute", wanted)

    def rename(self, cloud_id: str, name: str) -> None:
        self.set_metadata(cloud_id, {"Name": name})

    def set_metadata(self, cloud_id: str, changes: Mapping[str, str | None]) -> None:
        put = {key: value for key, value in changes.items() if value is not None}
        gone = [key for key, value in changes.items() if value is None]
        with self.requesting(f"set tags of {cloud_id}"):
            if put:
                self.query.send("CreateTags", {"ResourceId.1": cloud_id, **tags("Tag", put)})
            if gone:
                self.query.send("DeleteTags", {"ResourceId.1": cloud_id, **tag_keys(gone)})

    def console(self, cloud_id: str) -> str:
        with self.requesting(f"show the console of {cloud_id}"):
            answer = self.query.send("GetConsoleOutput", {"InstanceId": cloud_id})
            return base64.b64decode(str(answer.get("output") or "")).decode(errors="replace")

    def images(self) -> list[Image]:
        """One's own images, and those of the configured owners whose names are configured.

        Never all that are public: they are more than 100,000.
        """
        own = self._images(numbered("Owner", ["self"]))
        names = list(self.own.image_names)
        default = self.settings.get("default")
        name = str(default.get("image") or "") if isinstance(default, Mapping) else ""
        if name and not name.startswith("ami-"):
            names.append(name)
        if names:
            owners = numbered("Owner", self.own.image_owners)
            own += self._images({**owners, **filters({"name": names, "state": ["available"]})})
        return list({image.cloud_id: image for image in own}.values())

    def _images(self, sent: Mapping[str, Any]) -> list[Image]:
        with self.requesting("list images"):
            found = items(self.query.send("DescribeImages", sent), "imagesSet")
            return list(self.readable("images", found, partial(to_image, self.name), ("name", "imageId")))

    def image(self, cloud_id: str) -> Image:
        for image in self._images(numbered("ImageId", [cloud_id])):
            return image
        raise NotFound(f"there is no image {cloud_id} on cloud {self.name}, or it is not shared with you")

    def flavors(self) -> list[Flavor]:
        """The instance types of the region; of a cloud that does not tell, Amazon's names without sizes."""
        try:
            with self.requesting("list flavors"):
                pages = self.query.pages("DescribeInstanceTypes", "instanceTypeSet", _FLAVORS_A_PAGE)
                read = partial(to_flavor, self.name)
                return list(self.readable("flavors", pages, read, ("instanceType", "instanceType")))
        except Unsupported:
            from libcloud.compute.constants.ec2_instance_types import INSTANCE_TYPES

            return [Flavor(self.name, name, name) for name in INSTANCE_TYPES]

    def key_pairs(self) -> list[KeyPair]:
        with self.requesting("list key pairs"):
            found = items(self.query.send("DescribeKeyPairs"), "keySet")
            return list(self.readable("key_pairs", found, self._key, ("keyName", "keyPairId")))

    def add_key(self, name: str, public_key: str) -> KeyPair:
        material = base64.b64encode(public_key.encode()).decode()
        with self.requesting(f"add the key {name}"):
            return self._key(
                self.query.send("ImportKeyPair", {"KeyName": name, "PublicKeyMaterial": material})
            )

    def delete_key(self, name: str) -> None:
        with self.requesting(f"delete the key {name}"):
            # EC2 does not mind if there is none to delete.
            self.query.send("DescribeKeyPairs", {"KeyName.1": name})
            self.query.send("DeleteKeyPair", {"KeyName": name})

    def _key(self, key: Mapping[str, Any]) -> KeyPair:
        name = word_of(key.get("keyName"), "name", needed=True)
        return KeyPair(self.name, name, word_of(key.get("keyFingerprint"), "fingerprint"))
