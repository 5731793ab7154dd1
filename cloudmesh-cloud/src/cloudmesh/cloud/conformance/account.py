"""Tests of what belongs to the account: key pairs and quotas; and that nothing undeclared pretends."""

from __future__ import annotations

import pytest

from cloudmesh.cloud.conformance.base import CALLS, ProviderTests, new_name, require_unsupported
from cloudmesh.cloud.errors import CloudError, NotFound
from cloudmesh.cloud.model.records import Quota
from cloudmesh.cloud.model.verbs import Capability
from cloudmesh.cloud.provider.interface import Provider

# Well formed, but nobody has a private half of it.
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGEga2V5IG9mIHRoZSBjb25mb3JtYW5jZSBzdWl0ZSEh conformance"


class AccountTests(ProviderTests):
    """Key pairs and quotas."""

    def test_what_is_not_declared_is_unsupported(self, provider: Provider) -> None:
        for capability in CALLS.keys() - provider.capabilities:
            require_unsupported(provider, capability)

    def test_what_is_declared_is_there(self, provider: Provider) -> None:
        for capability in CALLS.keys() & provider.capabilities:
            for method, *_ in CALLS[capability]:
                assert getattr(type(provider), method) is not getattr(Provider, method), (
                    f"{method} is missing"
                )

    def test_key_pairs(self, provider: Provider) -> None:
        if Capability.KEYS not in provider.capabilities:
            return
        name = new_name()
        made = provider.add_key(name, PUBLIC_KEY)
        try:
            assert made in provider.key_pairs()
            with pytest.raises(CloudError):
                provider.add_key(name, PUBLIC_KEY)
        finally:
            provider.delete_key(name)
        assert name not in {key.name for key in provider.key_pairs()}
        with pytest.raises(NotFound):
            provider.delete_key(name)

    def test_quotas(self, provider: Provider) -> None:
        if Capability.QUOTAS not in provider.capabilities:
            return
        quotas = provider.quotas()
        assert quotas and all(isinstance(each, Quota) and each.cloud == provider.name for each in quotas)
        assert len({each.name for each in quotas}) == len(quotas)
        assert all(number is None or number >= 0 for each in quotas for number in (each.used, each.limit))

    def test_a_machine_counts_in_the_quota(self, provider: Provider) -> None:
        if Capability.QUOTAS not in provider.capabilities:
            return
        before = self.used(provider)
        if before is None:
            pytest.skip("the cloud does not tell how many machines are used")
        booted = provider.boot(self.request(provider))
        self.await_that(lambda: self.used(provider) == before + 1, "the machine is not counted")
        provider.delete(booted.cloud_id)

    def used(self, provider: Provider) -> int | None:
        """How many machines count."""
        return next((each.used for each in provider.quotas() if each.name == "machines"), None)
