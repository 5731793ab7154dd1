"""Tests of leases, and of machines that are booted on them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest

from cloudmesh.cloud.conformance.base import ProviderTests
from cloudmesh.cloud.errors import CloudError, NoCapacity, NotFound, Unsupported
from cloudmesh.cloud.model.leases import Lease, LeaseRequest, LeaseStatus, new_lease_name
from cloudmesh.cloud.model.records import State
from cloudmesh.cloud.model.verbs import Capability
from cloudmesh.cloud.provider.interface import Provider

_HOUR = 3600.0
_MINUTE = 60.0


class LeaseTests(ProviderTests):
    """Leases: making, finding, extending and deleting them, and what happens to their machines."""

    @pytest.fixture
    def leasing(self, provider: Provider) -> Iterator[Provider | None]:
        """The provider if it has leases, else None; what a test left of its leases is deleted after it."""
        if Capability.LEASES not in provider.capabilities:
            yield None
            return
        try:
            provider.leases()
        except Unsupported:
            pytest.skip("this cloud of its kind has no leases")
        yield provider
        for lease in provider.leases():
            if lease.name.startswith("conformance-"):
                with suppress(NotFound):
                    provider.delete_lease(lease.cloud_id)

    def lease_request(self, provider: Provider) -> LeaseRequest:
        """A lease for one machine of the smallest flavor; to be replaced where that cannot be had."""
        return LeaseRequest(new_lease_name(["conformance"]), 1, _HOUR, flavor=self.request(provider).flavor)

    def lease(self, provider: Provider, name: str) -> Lease | None:
        """The lease of this name as it is now."""
        return next((each for each in provider.leases() if each.name == name), None)

    def test_a_lease_is_listed_extended_and_deleted(self, leasing: Provider | None) -> None:
        if leasing is None:
            return
        request, now = self.lease_request(leasing), time.time()
        made = leasing.create_lease(request)
        assert made.name == request.name and made.cloud == leasing.name and not made.status.is_over
        assert abs(made.ends - made.starts - _HOUR) <= 2 * _MINUTE and abs(made.starts - now) <= 2 * _MINUTE
        found = self.lease(leasing, request.name)
        assert found and (found.cloud_id, found.ends) == (made.cloud_id, made.ends)
        assert found.bootable and found.bootable.amount == 1
        extended = leasing.extend_lease(made.cloud_id, made.ends + _HOUR)
        assert abs(extended.ends - made.ends - _HOUR) <= _MINUTE
        leasing.delete_lease(made.cloud_id)
        self.await_that(lambda: self.lease(leasing, request.name) is None, "still there after delete")
        with pytest.raises(NotFound):
            leasing.delete_lease(made.cloud_id)

    def test_a_lease_that_starts_later_is_pending(self, leasing: Provider | None) -> None:
        if leasing is None:
            return
        later = time.time() + 2 * _HOUR
        made = leasing.create_lease(replace(self.lease_request(leasing), starts=later))
        assert abs(made.starts - later) <= _MINUTE
        found = self.lease(leasing, made.name)
        assert found and found.status is LeaseStatus.PENDING

    def test_more_than_there_is_cannot_be_leased(self, leasing: Provider | None) -> None:
        if leasing is None:
            return
        request = replace(self.lease_request(leasing), amount=10_000_000)
        with pytest.raises(NoCapacity):
            leasing.create_lease(request)
        assert self.lease(leasing, request.name) is None

    def test_a_machine_is_booted_on_its_lease_and_goes_with_it(self, leasing: Provider | None) -> None:
        if leasing is None:
            return
        lease = leasing.create_lease(self.lease_request(leasing))

        def is_active() -> bool:
            found = self.lease(leasing, lease.name)
            return found is not None and found.status is LeaseStatus.ACTIVE

        self.await_that(is_active, "the lease does not start")
        wanted = replace(self.request(leasing), lease=lease.name, reservation=lease.bootable)
        booted = self.booted(leasing, wanted)
        assert booted.lease == lease.name and lease.name not in booted.metadata.values()
        with pytest.raises(CloudError):
            # There is room for one.
            second = replace(wanted, name=f"{wanted.name}-b")
            self.await_state(leasing, leasing.boot(second).cloud_id, State.ERROR)
            raise NoCapacity
        leasing.delete_lease(lease.cloud_id)
        self.await_gone(leasing, booted.cloud_id)
