"""What OpenStack is said to be capable of, its provider has methods for."""

import pytest

from cloudmesh.cloud.model.verbs import VERBS, capability_of
from cloudmesh.cloud.provider.interface import Provider
from cloudmesh.cloud.providers.openstack.provider import OpenStackProvider

ACTS = {name for name, verb in VERBS.items() if not verb.takes}


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_a_verb_is_declared_where_there_is_a_method_for_it(verb):
    needed = capability_of(VERBS[verb])
    if needed is None or needed in OpenStackProvider.capabilities:
        method = VERBS[verb].call
        assert verb in ACTS or getattr(OpenStackProvider, method) is not getattr(Provider, method)
