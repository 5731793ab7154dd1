"""Lets a ``Waiter`` wait until machines are ready, in place of only being in a state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from cloudmesh.cloud.access.host_keys import HostKeys
from cloudmesh.cloud.store.routes import route_finder
from cloudmesh.vm.ready.checks import ReadyChecks
from cloudmesh.vm.waiting.poller import Poller
from cloudmesh.vm.waiting.waiter import Waiter


@contextmanager
def until_ready(
    waiter: Waiter, restarted: Mapping[tuple[str, str], float] | None = None
) -> Iterator[ReadyChecks]:
    """Within this block the waiter waits until machines are ready; nothing of it stays afterwards.

    Args:
        restarted: by cloud and id when machines were restarted, by ``time.monotonic``: one that has been
            running for longer is still the one before.
    """
    session = waiter.session
    waiter.poller = waiter.poller or Poller(session.config)
    find = route_finder(session.config, session.inventory).find
    checks = ReadyChecks(session.config, find, HostKeys().learn, waiter.poller.wake, restarted)
    waiter.afterwards = checks
    try:
        yield checks
    finally:
        waiter.afterwards = None
        checks.close()
