"""The kept listings of what a cloud has beside machines, asked for anew where they are too old."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from cloudmesh.cloud.cli.lists import columns
from cloudmesh.cloud.client.cloud import Cloud, ask_each
from cloudmesh.cloud.client.freshness import note_failure
from cloudmesh.cloud.errors import IncompleteListing
from cloudmesh.cloud.fanout.query import QueryLimits
from cloudmesh.cloud.store.listings import kept_listing, whom_to_ask
from cloudmesh.config import Config
from cloudmesh.db import Database
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.plugin.lists.rows import Rows

# What asks for each kind; each writes down what it was told.
_ASK: Mapping[str, Callable[[Cloud], Any]] = {
    "image": Cloud.images,
    "flavor": Cloud.flavors,
    "key": Cloud.key_pairs,
    "network": Cloud.networks,
    "quota": Cloud.quotas,
}


class KeptThings(NamedTuple):
    """What a cloud has of a kind, as far as that is known.

    Attributes:
        rows: with the columns of the list of this kind, without ages.
        refreshed: when the cloud told of them, in seconds since the epoch; None if it never did.
        error: why it did not answer, though it had to be asked; or what its listing left out.
    """

    rows: Rows
    refreshed: float | None
    error: CloudmeshError | None


def kept_columns(kind: str) -> list[str]:
    """The columns of a kind: image, flavor, key, network or quota."""
    if kind == "quota":
        return ["cloud", "name", "used", "limit", "unit"]
    return [name for name in columns(kind) if name != "age"]


def kept_things(
    config: Config,
    database: Database,
    cloud: str,
    kind: str,
    max_age: float,
    call_timeout: float | None = None,
) -> KeptThings:
    """The last listing of a kind; the cloud is asked if there is none, or an older one than ``max_age``.

    Args:
        max_age: seconds; 0 to ask in any case.
        call_timeout: for how many seconds the cloud is waited for; None for the usual.
    """
    before = kept_listing(database, kind, cloud)
    asked, _ = whom_to_ask(config, {cloud: before.age if before else None}, False, max_age)
    answers = ask_each(config, asked, _ASK[kind], QueryLimits(call_timeout)) if asked else {}
    error = answers.get(cloud)
    failed = error if isinstance(error, CloudmeshError) else None
    if failed is not None and not isinstance(failed, IncompleteListing):
        note_failure(database, kind, cloud, failed)
    kept = kept_listing(database, kind, cloud) if asked else before
    names = kept_columns(kind)
    if kept is None:
        return KeptThings(Rows.of([], names), None, failed)
    if failed is None and kept.left_out:
        failed = IncompleteListing(f"cloud {cloud}: {kept.left_out}")
    rows = [{"id" if key == "cloud_id" else key: value for key, value in each.items()} for each in kept.rows]
    return KeptThings(Rows.of(rows, names).only(names), kept.refreshed, failed)
