"""``/v1/machines``: the machines of all clouds, as ``cms vm list`` has them, and one of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field

from cloudmesh.cloud.client.cloud import ask_one
from cloudmesh.cloud.client.freshness import note_failure
from cloudmesh.cloud.errors import IncompleteListing
from cloudmesh.cloud.fanout.query import QueryLimits
from cloudmesh.cloud.model.records import State
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.cloud.store.known import KnownMachine
from cloudmesh.cloud.store.machine_rows import COLUMNS, KINDS, MORE_COLUMNS, OTHER_COLUMNS, RATES
from cloudmesh.config import Config
from cloudmesh.plugin.errors import UnknownName
from cloudmesh.plugin.lists.rows import Rows
from cloudmesh.plugin.lists.values import Choice
from cloudmesh.plugin.usage.hints import state_hint
from cloudmesh.rest.api.answers import Sent, json_bytes
from cloudmesh.rest.api.lists import Listing, ListQuery
from cloudmesh.rest.api.parameters import (
    CALL_TIMEOUT,
    UNCHANGED,
    MaxAge,
    active_cloud,
    chosen_clouds,
    error_item,
    lasts,
    seconds_of,
    time_or_null,
)
from cloudmesh.rest.api.schemas import MachineInfo, MachineList
from cloudmesh.rest.api.service import caller_of, service_of
from cloudmesh.rest.problems import Problem
from cloudmesh.vm.queries import KnownMachines, known_machines

router = APIRouter(tags=["machines"])

_KNOWN = (*COLUMNS, *MORE_COLUMNS, *OTHER_COLUMNS)
_USUAL = (*COLUMNS, *MORE_COLUMNS)
_KINDS = {**KINDS, "state": Choice((each.value for each in State), state_hint)}


@router.get("/machines", operation_id="list_machines", response_model=MachineList, responses=UNCHANGED)
def list_machines(
    request: Request,
    query: Annotated[ListQuery, Depends()],
    clouds: Annotated[
        str | None,
        Query(min_length=1, description="names, ranges and globs of clouds; else all active ones"),
    ] = None,
    name: Annotated[
        list[Annotated[str, Field(min_length=1)]] | None,
        Query(
            description="a name expression such as `web[01-20],db1`, `uc:web*`, `=exact name` or "
            "`id=i-0815`; may be given several times"
        ),
    ] = None,
    mine: Annotated[
        bool | None, Query(description="only machines of our own; else as the configuration says")
    ] = None,
    max_age: MaxAge = None,
) -> Sent:
    """The machines of the clouds as they were last seen, by cloud and name unless `sort` says otherwise.

    A cloud that does not answer is among the errors, and its machines are shown as they are known. If nothing
    is known of any cloud, the answer is 502.
    """
    service, caller = service_of(request), caller_of(request)
    config = service.config_of(caller)
    chosen = chosen_clouds(config, clouds)
    listing = Listing(query, _KNOWN, _USUAL, _KINDS, other=[clouds, name, mine])
    with service.inventory() as inventory:
        asks = max_age is not None or any(inventory.listed_at(each) is None for each in chosen)
        with service.asking(asks):
            found = _found(config, inventory, name or [], chosen, listing.needed, mine, seconds_of(max_age))
        _note(inventory, found)
        listed = {each: inventory.listed_at(each) for each in found.clouds}
        page = listing.page(found.rows)
    if found.errors and not any(listed.values()):
        raise next(iter(found.errors.values()))
    if found.unknown and not found.rows:
        raise found.unknown[0]
    oldest = _oldest(found.rows)
    errors = [
        error_item(each, error, oldest.get(each) or time_or_null(listed[each]))
        for each, error in found.errors.items()
    ]
    errors += [error_item(None, error, None) for error in found.unknown]
    others, unknown = found.others
    told = {
        **page._asdict(),
        "errors": errors,
        "clouds": [{"cloud": each, "refreshed": time_or_null(at)} for each, at in listed.items()],
        "not_shown": {"others": others, "unknown": unknown},
    }
    until = lasts([*found.errors.values(), *found.unknown], listed.values(), max_age)
    return Sent(request, json_bytes(told), 0 if listing.depends_on_time else until)


@router.get(
    "/machines/{machine_id:path}",
    operation_id="get_machine",
    response_model=MachineInfo,
    responses=UNCHANGED,
)
def get_machine(
    request: Request,
    machine_id: str,
    cloud: Annotated[
        str | None, Query(description="needed only if machines of several clouds have this id")
    ] = None,
    max_age: MaxAge = None,
) -> Sent:
    """One machine by the cloud's own id, which may hold any characters.

    If two clouds have a machine with this id, the answer is 409 with their names as `clouds`.
    """
    service, caller = service_of(request), caller_of(request)
    config = service.config_of(caller)
    chosen = config.active_clouds() if cloud is None else [active_cloud(config, cloud)]
    with service.asking(max_age is not None), service.inventory() as inventory:
        known = _known(config, inventory, machine_id, chosen, max_age)
        machine = known.machine
        if max_age is not None and (known.age > max_age or not max_age):
            limits = QueryLimits(CALL_TIMEOUT)
            ask_one(config, machine.cloud, lambda opened: opened.refresh(machine), limits)
        word = f"{machine.cloud}:id={machine.cloud_id}"
        found = known_machines(
            config, inventory, [word], [], max_age=seconds_of(None), reader=None, columns=_KNOWN
        )
        listing = Listing(ListQuery(), _KNOWN, [each for each in _KNOWN if each != "age"], _KINDS)
        items = listing.page(found.rows).items
    if not items:
        raise UnknownName("machine", machine_id, [])
    return Sent(request, json_bytes(items[0]), 0 if max_age is not None else float("inf"))


def _found(
    config: Config,
    inventory: Inventory,
    names: list[str],
    clouds: list[str],
    columns: set[str],
    mine: bool | None,
    max_age: float,
) -> KnownMachines:
    """The machines that are meant."""
    columns = {*columns, "refreshed"} | ({*RATES} if "rate" in columns else set())
    if not clouds:
        if names:
            raise UnknownName("machine", ",".join(names), [])
        return KnownMachines([], Rows.of([], columns), {}, [], [], {}, {}, [])
    return known_machines(
        config,
        inventory,
        names,
        clouds,
        max_age=max_age,
        reader=None,
        columns=columns,
        mine=mine,
        call_timeout=CALL_TIMEOUT,
    )


def _note(inventory: Inventory, found: KnownMachines) -> None:
    """Write down which clouds did not answer."""
    for cloud, error in found.errors.items():
        if not isinstance(error, IncompleteListing):
            note_failure(inventory.database, "machine", cloud, error)


def _known(
    config: Config, inventory: Inventory, machine_id: str, clouds: list[str], max_age: float | None
) -> KnownMachine:
    """The machine with this id on one of these clouds, which are asked if it is not known.

    Raises Problem if there is none, or on several clouds; the error of a cloud that may have it.
    """
    found = [each for each in inventory.with_id(machine_id) if each.machine.cloud in clouds]
    if not found and clouds:
        asked = known_machines(
            config,
            inventory,
            [],
            clouds,
            max_age=seconds_of(max_age),
            reader=None,
            columns=("name",),
            mine=False,
            call_timeout=CALL_TIMEOUT,
        )
        _note(inventory, asked)
        found = [each for each in inventory.with_id(machine_id) if each.machine.cloud in clouds]
        if not found and asked.errors:
            # It may be there.
            raise next(iter(asked.errors.values()))
    if not found:
        raise Problem(
            404,
            "no machine with this id is known; 'GET /v1/machines?name=...' finds machines by name, and "
            "max_age=0 asks the clouds",
            "not-found",
        )
    if len(found) > 1:
        names = [each.machine.cloud for each in found]
        raise Problem(
            409,
            f"machines of {' and '.join(names)} have this id; say which by ?cloud=NAME",
            "ambiguous",
            {"clouds": names},
        )
    return found[0]


def _oldest(rows: Rows) -> dict[str, str]:
    """By cloud, the time of its oldest row."""
    oldest: dict[str, str] = {}
    for cloud, refreshed in zip(rows.values("cloud"), rows.values("refreshed"), strict=True):
        if refreshed and refreshed < oldest.get(cloud, "~"):
            oldest[cloud] = refreshed
    return oldest
