"""``/v1/clouds``: the clouds, and what each of them has beside machines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from cloudmesh.cloud.cli.kept import kept_columns, kept_things
from cloudmesh.cloud.cli.lists import KINDS_OF_COLUMNS
from cloudmesh.cloud.cli.overview import list_clouds as known_clouds
from cloudmesh.cloud.client.freshness import last_failure
from cloudmesh.cloud.provider.registry import provider_class
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.cloud.store.listings import kept_listing
from cloudmesh.cloud.store.new_names import MACHINES
from cloudmesh.config import Config
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.plugin.lists.values import NUMBER
from cloudmesh.rest.api.answers import Sent, json_bytes
from cloudmesh.rest.api.lists import Listing, ListQuery
from cloudmesh.rest.api.parameters import (
    CALL_TIMEOUT,
    UNCHANGED,
    MaxAge,
    active_cloud,
    error_item,
    lasts,
    seconds_of,
    time_or_null,
)
from cloudmesh.rest.api.schemas import (
    CloudList,
    FlavorList,
    ImageList,
    KeyList,
    NetworkList,
    QuotaList,
)
from cloudmesh.rest.api.service import caller_of, service_of

router = APIRouter(tags=["clouds"])

Query = Annotated[ListQuery, Depends()]
_KINDS = {**KINDS_OF_COLUMNS, "used": NUMBER, "limit": NUMBER}


@router.get("/clouds", operation_id="list_clouds", response_model=CloudList, responses=UNCHANGED)
def list_clouds(request: Request) -> Sent:
    """All clouds of the configuration, and how they answered as far as the store knows; none is asked."""
    service = service_of(request)
    config = service.config_of(caller_of(request))
    with service.inventory() as inventory:
        items = [_cloud(config, inventory, row) for row in known_clouds(config).rows or []]
    return Sent(request, json_bytes({"items": items, "next": None}))


def _cloud(config: Config, inventory: Inventory, row: Mapping[str, Any]) -> dict[str, Any]:
    name, database = row["name"], inventory.database
    listed, failure = inventory.listed_at(name), last_failure(database, "machine", name)
    error, failed = None, None
    # What it answered since then is newer.
    if failure is not None and failure.tried > (listed or 0.0):
        error, failed = failure.reason, failure.tried
    try:
        capabilities = sorted(str(each) for each in provider_class(row["type"], name).capabilities)
    except CloudmeshError as missing:
        capabilities, error, failed = [], str(missing), None
    keys = ("name", "type", "title", "active", "default", "simulated")
    return {
        **{key: row[key] for key in keys},
        "capabilities": capabilities,
        "health": {
            "listed": time_or_null(listed),
            "error": error,
            "failed": time_or_null(failed),
            "machines": database.count(MACHINES, cloud=name) if database.has(MACHINES) else 0,
        },
    }


@router.get(
    "/clouds/{cloud}/images", operation_id="list_images", response_model=ImageList, responses=UNCHANGED
)
def list_images(request: Request, cloud: str, query: Query, max_age: MaxAge = None) -> Sent:
    """What machines of a cloud can boot from, as it was last asked for them."""
    return _told(request, cloud, "image", query, max_age, ("name", "id"))


@router.get(
    "/clouds/{cloud}/flavors", operation_id="list_flavors", response_model=FlavorList, responses=UNCHANGED
)
def list_flavors(request: Request, cloud: str, query: Query, max_age: MaxAge = None) -> Sent:
    """The sizes of machines that a cloud offers, as it was last asked for them."""
    return _told(request, cloud, "flavor", query, max_age, ("name", "id"))


@router.get("/clouds/{cloud}/keys", operation_id="list_keys", response_model=KeyList, responses=UNCHANGED)
def list_keys(request: Request, cloud: str, query: Query, max_age: MaxAge = None) -> Sent:
    """The key pairs that a cloud keeps, as it was last asked for them."""
    return _told(request, cloud, "key", query, max_age, ("name", "fingerprint"))


@router.get(
    "/clouds/{cloud}/networks", operation_id="list_networks", response_model=NetworkList, responses=UNCHANGED
)
def list_networks(request: Request, cloud: str, query: Query, max_age: MaxAge = None) -> Sent:
    """The networks of a cloud, as it was last asked for them."""
    return _told(request, cloud, "network", query, max_age, ("name", "id"))


@router.get(
    "/clouds/{cloud}/quotas", operation_id="get_quotas", response_model=QuotaList, responses=UNCHANGED
)
def get_quotas(request: Request, cloud: str, max_age: MaxAge = None) -> Sent:
    """How much one may have on a cloud, and has, as it was last asked for that."""
    return _told(request, cloud, "quota", ListQuery(), max_age, ("name",))


def _told(
    request: Request,
    cloud: str,
    kind: str,
    query: ListQuery,
    max_age: float | None,
    ties: tuple[str, ...],
) -> Sent:
    """The list of a kind of things; the error of its cloud if nothing is known."""
    service = service_of(request)
    config = service.config_of(caller_of(request))
    active_cloud(config, cloud)
    columns = kept_columns(kind)
    listing = Listing(query, columns, columns, _KINDS, ties)
    with service.inventory() as inventory:
        database = inventory.database
        asks = max_age is not None or kept_listing(database, kind, cloud) is None
        with service.asking(asks):
            found = kept_things(config, database, cloud, kind, seconds_of(max_age), CALL_TIMEOUT)
    if found.refreshed is None and found.error is not None:
        raise found.error
    refreshed = time_or_null(found.refreshed)
    errors = [] if found.error is None else [found.error]
    told = {
        **listing.page(found.rows)._asdict(),
        "errors": [error_item(cloud, error, refreshed) for error in errors],
        "refreshed": refreshed,
    }
    return Sent(request, json_bytes(told), lasts(errors, [found.refreshed], max_age))
