"""Whether a list asks its clouds: when it is told to, when nothing is known, and when its rows are old.

A list that asks by itself (``refresh_after:``) must not be worse than one that does not: it waits two seconds
at most, never asks the user for a secret, does not try a cloud again at once that has just failed, and shows
what it has, with the reason, if a cloud does not answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import Any, NamedTuple

from cloudmesh.cloud.client.cloud import Cloud, ask_each
from cloudmesh.cloud.errors import IncompleteListing
from cloudmesh.cloud.fanout.query import Deadline, QueryLimits
from cloudmesh.cloud.provider import visits
from cloudmesh.config import Config
from cloudmesh.config.secrets.prompt import QuietPrompter
from cloudmesh.db import Database
from cloudmesh.plugin.errors import CloudmeshError, CredentialsError, StoreError

ATTEMPTS = "attempt"
# For how many seconds a list waits for clouds that it asks by itself.
PATIENCE = 2.0
# A list that nobody asked to refresh must not stop at a prompt.
_WHY = "which only --refresh asks for"
# For how many seconds no list asks a cloud by itself that did not answer, or that did not accept who we are:
# a loop of lists must not wait each time, nor lock an account.
AGAIN, SIGN_IN_AGAIN = 60.0, 900.0


def ask_stale(
    config: Config, database: Database, kind: str, clouds: Sequence[str], ask: Callable[[Cloud], Any]
) -> dict[str, str]:
    """Ask clouds whose rows are old, within two seconds; for each that did not tell, why its rows stay old.

    Args:
        kind: what is listed: machine, image, flavor.
        ask: takes over the listing of a cloud.
    """
    quiet = replace(config, prompter=QuietPrompter(config.prompter, _WHY))
    reasons: dict[str, str] = {}
    with ExitStack() as held:
        for name in clouds:
            if reason := _recent_failure(config, database, kind, name) or _missing(quiet, name):
                reasons[name] = reason
            elif not held.enter_context(_alone(database, f"refresh {kind} {name}")):
                reasons[name] = "another process is asking the cloud"
        asked = [name for name in clouds if name not in reasons]
        # Of several clouds those that hang get half of the time that all have; those that begin last, less.
        seconds = 1.05 * PATIENCE * (1 if len(asked) == 1 else 2)
        limits = QueryLimits(call_timeout=PATIENCE, deadline=Deadline.from_now(seconds))
        answers = ask_each(quiet, asked, ask, limits) if asked else {}
    for name, answer in answers.items():
        if isinstance(answer, CloudmeshError) and not isinstance(answer, IncompleteListing):
            reasons[name] = str(answer)
            note_failure(database, kind, name, answer)
    return reasons


def _missing(config: Config, cloud: str) -> str:
    """What is missing to ask the cloud, or cannot be decrypted; empty for nothing."""
    try:
        visits.prepare(config, [cloud])
    except CloudmeshError as error:
        return str(error)
    return ""


class Failure(NamedTuple):
    """A question that a cloud did not answer.

    Attributes:
        tried: when it was asked, in seconds since the epoch.
        reason: why it did not tell.
        pause: for how many seconds no list asks it again by itself.
    """

    tried: float
    reason: str
    pause: float


def last_failure(database: Database, kind: str, cloud: str) -> Failure | None:
    """The last failure that was written down, however long ago; None if there was none."""
    found = database.find(ATTEMPTS, kind=kind, cloud=cloud) if database.has(ATTEMPTS) else []
    if not found:
        return None
    return Failure(float(found[0]["tried"]), str(found[0]["reason"]), float(found[0]["pause"]))


def _recent_failure(config: Config, database: Database, kind: str, cloud: str) -> str:
    """Why the cloud did not answer a moment ago; empty if it can be asked."""
    failure = last_failure(database, kind, cloud)
    if failure is None:
        return ""
    seconds, pause = time.time() - failure.tried, failure.pause
    if pause == AGAIN:
        # Who wants rows of the last 5 seconds takes more attempts, too.
        pause = min(pause, config.refresh_after(cloud))
    return f"{failure.reason} ({int(seconds)}s ago)" if 0 <= seconds < pause else ""


def note_failure(database: Database, kind: str, cloud: str, error: CloudmeshError) -> None:
    """Write down that a cloud did not answer just now, so that no list asks it by itself for a while."""
    pause = SIGN_IN_AGAIN if isinstance(error, CredentialsError) else AGAIN
    record = {"kind": kind, "cloud": cloud, "tried": time.time(), "pause": pause, "reason": str(error)}
    # A list is shown even if nothing can be written.
    with suppress(StoreError):
        database.upsert(ATTEMPTS, record, key=["kind", "cloud"])


@contextmanager
def _alone(database: Database, name: str) -> Iterator[bool]:
    """Whether this process is the only one that asks; so it is taken to be where no lock can be had."""
    try:
        hold = database.hold(name)
    except StoreError:
        yield True
        return
    try:
        yield hold is not None
    finally:
        if hold is not None:
            hold.release()
