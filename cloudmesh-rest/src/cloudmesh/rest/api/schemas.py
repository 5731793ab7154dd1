"""What lists tell, for the description of the interface and for those who make clients of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from cloudmesh.cloud.model.records import State


class ErrorInfo(BaseModel):
    """Why something is missing or old, though it was asked for."""

    cloud: str | None = Field(description="the cloud that did not answer; null if it is about a name")
    kind: str = Field(description="the kind of the error, as the shell and Python have it")
    message: str = Field(description="one sentence: what is wrong, where, and what to do")
    refreshed: datetime | None = Field(
        description="the time of the oldest item of this cloud; null if nothing is known of it"
    )


class MachineInfo(BaseModel):
    """A machine as its cloud last told of it. Only the columns that were asked for are there."""

    model_config = ConfigDict(extra="allow")

    cloud: str = Field("", description="the name of its cloud in the configuration")
    name: str = Field("", description="what its users call it")
    id: str = Field("", description="the cloud's own id, which is never used again there")
    state: State = Field(State.UNKNOWN, description="the same words for all clouds")
    raw_state: str = Field("", description="the cloud's own word for the state")
    image: str = ""
    flavor: str = ""
    key: str = Field("", description="the key pair that it was booted with")
    addresses: list[str] = Field([], description="public ones first")
    created: datetime | None = None
    refreshed: datetime | None = Field(None, description="when the cloud told of it")
    metadata: dict[str, Any] = Field({}, description="what users wrote on the machine")
    address: str = Field("", description="where ssh connects to")
    user: str = Field("", description="who to sign in as")
    port: int = 22
    zone: str = ""
    fault: str = Field("", description="what went wrong, if the state is error")
    owner: str = Field("", description="the cloud's id of the user who made it")
    locked: bool | None = Field(None, description="whether it cannot be deleted; null if that is not known")
    lease: str = ""
    lease_ends: datetime | None = None
    rate: float | None = Field(None, description="what it costs an hour; null if that is not known")
    rate_unit: str = ""


class ListedCloud(BaseModel):
    """A cloud that a list is about."""

    cloud: str
    refreshed: datetime | None = Field(description="when it was last listed; null if never")


class NotShown(BaseModel):
    """How many machines are left out, since they are not ours."""

    others: int = Field(description="they are somebody else's")
    unknown: int = Field(description="nobody can tell whose they are; `max_age=0` asks the clouds")


class ListOf(BaseModel):
    """A page of a list."""

    next: str | None = Field(description="the cursor of the next page; null if this is the last one")
    total: int = Field(description="how many items all pages have together")
    errors: list[ErrorInfo]


class MachineList(ListOf):
    """Machines of the clouds."""

    items: list[MachineInfo]
    clouds: list[ListedCloud]
    not_shown: NotShown


class ImageInfo(BaseModel):
    """What machines boot from."""

    cloud: str = ""
    name: str = ""
    id: str = ""
    size: float | None = Field(None, description="in GiB; 0 if the cloud does not tell")


class FlavorInfo(BaseModel):
    """A size of machines."""

    cloud: str = ""
    name: str = ""
    id: str = ""
    vcpus: int | None = None
    ram: int | None = Field(None, description="in MiB")
    disk: int | None = Field(None, description="in GiB")


class KeyInfo(BaseModel):
    """A key pair that the cloud keeps."""

    cloud: str = ""
    name: str = ""
    fingerprint: str | None = None


class NetworkInfo(BaseModel):
    """A network that machines can be on, or one that leads out of the cloud."""

    cloud: str = ""
    name: str = ""
    id: str = ""
    subnets: list[str] | None = None
    external: bool | None = Field(None, description="whether it leads out, and addresses are taken from it")
    shared: bool | None = Field(None, description="whether it belongs to somebody else")


class QuotaInfo(BaseModel):
    """How much of something one may have."""

    cloud: str
    name: str = Field(description="machines, vcpus, ram, ...")
    used: int | None = Field(description="null if the cloud does not tell")
    limit: int | None = Field(description="null if there is no limit")
    unit: str = Field(description="of both: MiB for ram, GiB for disk, else empty")


class ThingList(ListOf):
    """What one cloud has of a kind."""

    refreshed: datetime | None = Field(description="when the cloud told of them")


class ImageList(ThingList):
    """The images of a cloud."""

    items: list[ImageInfo]


class FlavorList(ThingList):
    """The flavors of a cloud."""

    items: list[FlavorInfo]


class KeyList(ThingList):
    """The key pairs of a cloud."""

    items: list[KeyInfo]


class NetworkList(ThingList):
    """The networks of a cloud."""

    items: list[NetworkInfo]


class QuotaList(ThingList):
    """What one may have on a cloud, and has."""

    items: list[QuotaInfo]


class CloudHealth(BaseModel):
    """How a cloud answered, as far as the store knows; it is not asked."""

    listed: datetime | None = Field(description="when its machines were last listed; null if never")
    error: str | None = Field(
        description="why it did not answer since then; null if it was not asked, or did"
    )
    failed: datetime | None = Field(description="when that was")
    machines: int = Field(description="how many machines are known there")


class CloudInfo(BaseModel):
    """A cloud of the configuration; of its settings nothing is told that could be secret."""

    name: str
    type: str
    title: str = Field(description="what its users call it in full")
    active: bool
    default: bool = Field(description="whether it is meant where the shell is told no cloud")
    simulated: bool = Field(description="whether no real machine runs there")
    capabilities: list[str] = Field(description="what clouds of this type can do beyond the common part")
    health: CloudHealth


class CloudList(BaseModel):
    """All clouds that are seen."""

    items: list[CloudInfo]
    next: None = None
