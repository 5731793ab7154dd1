"""Leases, by Blazar, OpenStack's reservation service.

https://docs.openstack.org/api-ref/reservation/v1/ names the calls; Blazar counts in minutes of UTC. A lease
that is deleted, or that ends, deletes the machines on its reservations.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any, TypeVar

from cloudmesh.cloud.errors import OddRecord, Refused, ServerFailure, Unsupported, reworded
from cloudmesh.cloud.model.leases import HOSTS, INSTANCES, Lease, LeaseRequest, LeaseStatus, Reservation
from cloudmesh.cloud.provider.retry import ReadRetry
from cloudmesh.cloud.providers.openstack.networks import OpenStackNetworks
from cloudmesh.cloud.providers.openstack.records import text
from cloudmesh.cloud.providers.openstack.services import Json
from cloudmesh.cloud.wire.waiting import pause

# A lease is started or ended within so long, and the part of the time for one call that is spent on that.
BUSY_SECONDS, _SHARE = 30.0, 0.8
_POLL_SECONDS = 1.0
# Blazar looks for what is to start every 10 seconds.
_SOON_SECONDS = 20.0
_MINUTE = "%Y-%m-%d %H:%M"
_SHOWN = "%Y-%m-%dT%H:%M:%S.%f"
# Keystone refuses it with 403, of which Blazar tells nothing.
_NO_TRUST = (
    "each lease needs a trust, and Keystone allows none to application credentials: sign in with a password "
    "or by OpenID Connect for leases"
)
Told = TypeVar("Told")
_STATUSES = {status.value: status for status in LeaseStatus}


class OpenStackLeases(OpenStackNetworks):
    """The part of the provider that is about leases."""

    def leases(self) -> list[Lease]:
        with self._reserving("list leases"):
            return list(self.listed("leases", "leases", _lease))

    def create_lease(self, request: LeaseRequest) -> Lease:
        starts = request.starts or time.time()
        wanted: dict[str, Any] = {
            "name": request.name,
            # "now" is the minute that has begun: a time in it would be one that has passed.
            "start_date": _minute(starts) if request.starts else "now",
            "end_date": _minute(starts + request.seconds),
            "reservations": [_reservation_body(request)],
            "events": [],
        }
        try:
            with self._reserving(f"create lease {request.name}"):
                return _lease(self.name, self.ask("create_lease", data=wanted))
        except ServerFailure as error:
            if not any(key.startswith("OS_APPLICATION_CREDENTIAL") for key in self._credentials):
                raise
            raise reworded(error, f"{error}; {_NO_TRUST}") from error

    def extend_lease(self, cloud_id: str, ends: float) -> Lease:
        what = f"extend lease {cloud_id}"

        def extend() -> Lease:
            from cloudmesh.cloud.providers.openstack.errors import LeaseBusy

            lease = self._asked_for(what, cloud_id)
            if lease.status is LeaseStatus.PENDING and lease.starts <= time.time() + _SOON_SECONDS:
                # One that is extended in the moment of its start goes into error for good.
                soon = LeaseBusy(
                    f"cloud {self.name}: {what} failed: it is about to start; try again in a minute"
                )
                soon.outcome_unknown = False
                raise soon
            try:
                with self._reserving(what):
                    told = self.ask("extend_lease", cloud_id, data={"end_date": _minute(ends)})
                    return self._alive(what, _lease(self.name, told))
            except LeaseBusy:
                self._alive(what, self._asked_for(what, cloud_id))
                raise

        return self._in_time(extend)

    def delete_lease(self, cloud_id: str) -> None:
        def delete() -> None:
            with self._reserving(f"delete lease {cloud_id}"):
                self.ask("delete_lease", cloud_id)

        self._in_time(delete)

    def _in_time(self, change: Callable[[], Told]) -> Told:
        """What comes of a change of a lease, which is tried again while the lease is busy.

        Both changes come to the same when they are made twice.
        """
        from cloudmesh.cloud.providers.openstack.errors import LeaseBusy

        # Who makes this call gives it up after its time, and does not know then what Blazar says.
        ends = time.monotonic() + min(BUSY_SECONDS, _SHARE * self.connection_settings.call_timeout)
        while True:
            try:
                return change()
            except LeaseBusy:
                if time.monotonic() + _POLL_SECONDS > ends:
                    raise
            pause(_POLL_SECONDS)

    def _asked_for(self, what: str, cloud_id: str) -> Lease:
        """A lease as it is now."""

        def ask() -> Lease:
            with self._reserving(what):
                return _lease(self.name, self.ask("lease", cloud_id))

        return ReadRetry(quick=_POLL_SECONDS).call(ask)

    def _alive(self, what: str, lease: Lease) -> Lease:
        """The lease. Raises Refused for one in error: Blazar extends even that, and it never starts."""
        if lease.status is LeaseStatus.ERROR:
            raise Refused(
                f"cloud {self.name}: {what} failed: the lease is in state error; delete it and create another"
            )
        return lease

    @property
    def _credentials(self) -> Mapping[str, Any]:
        return self.settings.get("credentials") or {}

    @contextmanager
    def _reserving(self, what: str) -> Iterator[None]:
        """As every request; an OpenStack without Blazar cannot lease, however it is configured."""
        with self.requesting(what):
            here = self.account.region
            known = (
                endpoint.get("region_id") or endpoint.get("region")
                for service in self.session.token().catalog
                if service.get("type") == "reservation"
                for endpoint in service["endpoints"]
            )
            if not any(not here or region == here for region in known):
                raise Unsupported(
                    f"cloud {self.name} cannot lease hosts: there is no reservation service (Blazar) in its "
                    "catalog"
                )
            yield


def place(reservation: Reservation | None) -> tuple[dict[str, str], dict[str, str]]:
    """What puts a new machine on a reservation: Blazar's flavor, or a hint for whole hosts."""
    if reservation is None:
        return {}, {}
    if reservation.resource_type == INSTANCES:
        return {"flavorRef": reservation.cloud_id}, {}
    return {}, {"reservation": reservation.cloud_id}


def _reservation_body(request: LeaseRequest) -> dict[str, Any]:
    if request.flavor is None:
        return {
            "resource_type": HOSTS,
            "min": request.amount,
            "max": request.amount,
            "hypervisor_properties": "",
            "resource_properties": request.host,
        }
    return {
        "resource_type": INSTANCES,
        "amount": request.amount,
        "vcpus": request.flavor.vcpus,
        "memory_mb": request.flavor.ram,
        "disk_gb": request.flavor.disk,
        # Wherever there is room; Blazar requires that it be said.
        "affinity": None,
        "resource_properties": request.host,
    }


def _lease(cloud: str, item: Json) -> Lease:
    """A lease as Blazar tells of it. Raises OddRecord, or what a missing key or a wrong type raises."""
    status = str(item.get("status") or "").lower()
    return Lease(
        cloud,
        text(item, "name"),
        text(item, "id"),
        _STATUSES.get(status, LeaseStatus.UNKNOWN),
        _seconds(item, "start_date"),
        _seconds(item, "end_date"),
        tuple(_reservation(each) for each in item["reservations"]),
    )


def _reservation(item: Json) -> Reservation:
    amount = item.get("amount", item.get("max"))
    return Reservation(text(item, "id"), text(item, "resource_type"), int(amount or 0))


def _seconds(item: Json, key: str) -> float:
    """A time of Blazar's, which is in UTC without saying so."""
    told = text(item, key)
    for form in (_SHOWN, _MINUTE):
        try:
            return datetime.strptime(told, form).replace(tzinfo=timezone.utc).timestamp()
        except ValueError:
            continue
    raise OddRecord(f"its {key} is not valid")


def _minute(seconds: float) -> str:
    """A time as Blazar takes it: the next full minute, so that nobody gets less than was asked for."""
    return datetime.fromtimestamp(-(-seconds // 60) * 60, timezone.utc).strftime(_MINUTE)
