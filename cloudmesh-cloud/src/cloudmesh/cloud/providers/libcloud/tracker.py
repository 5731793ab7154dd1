"""What goes over the connections of one provider, whichever way they are made."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from functools import cached_property
from http import HTTPStatus
from typing import Any

from cloudmesh.cloud.errors import UNSURE, BadAnswer
from cloudmesh.cloud.providers.libcloud.connection_settings import READING, ConnectionSettings
from cloudmesh.cloud.providers.libcloud.error_details import clean
from cloudmesh.cloud.wire.budget import AnswerBudget

# How often a driver may ask for the same in one listing: some look a thing up for each machine.
_MOST_REPEATS = 100


class CallTracker:
    """What went over the connections of one provider: whereto, what changed something, the last answer.

    Errors of libcloud often leave out the status of the answer; it is found here.

    Attributes:
        cloud: its name.
        get_reads: whether the cloud changes nothing for a GET, as some interfaces do.
        changes: how many calls since ``reset``, but for the last, may have changed something.
        was_read: whether the last call since ``reset`` changes nothing.
        place: host and port of the last call; empty before the first.
        service: which service of the cloud the last call was for, as ``compute``; empty if it has only one.
        answer: the last HTTP response; None before it came.
        ends: when the time for all calls together is over; infinity for none.
        pages: how often each address was called in a listing; None while none is made.
        is_plausible: whether the cloud's interface can have given an answer to a method and path; None for
            a cloud of which that is seen by others.
    """

    def __init__(self, settings: ConnectionSettings, cloud: str = "", get_reads: bool = False) -> None:
        self._settings = settings
        self.cloud, self.get_reads = cloud, get_reads
        self.changes = 0
        self.place = self.service = ""
        self.answer: Any = None
        self.ends = math.inf
        self.pages: Counter[str] | None = None
        self.is_plausible: Callable[[str, str, Any], bool] | None = None
        self._sessions: list[Any] = []
        self._changing = self.was_read = False

    @cached_property
    def budget(self) -> AnswerBudget:
        """What is left of the limits of an answer."""
        return AnswerBudget(self._settings)

    def reset(self) -> None:
        """Count changes from here."""
        self.changes, self._changing, self.was_read = 0, False, False

    def begin(self, method: str, place: str, url: str, changes_nothing: bool) -> None:
        """Take note of a call that is made now. Raises BadAnswer if a listing goes round in circles."""
        if self.pages is not None and method.upper() == "GET":
            self.pages[url] += 1
            if self.pages[url] > _MOST_REPEATS:
                raise BadAnswer(
                    f"cloud {self.cloud}: endless list: {place} sends the same page again; "
                    "report it to the operators of the cloud"
                )
        # What is sent elsewhere is not done here.
        refused = getattr(self.answer, "status_code", 0) >= HTTPStatus.MULTIPLE_CHOICES
        self.changes += self._changing and not refused
        self._changing = not (changes_nothing or (self.get_reads and method.upper() in READING))
        self.was_read = not self._changing
        self.place = place
        self.answer = None

    def end(self, method: str, path: str, answer: Any, signs_in: bool) -> None:
        """Take note of an answer. Raises BadAnswer if it is a success that the cloud never tells so."""
        self.answer = answer
        if signs_in or self.is_plausible is None or answer.status_code >= HTTPStatus.MULTIPLE_CHOICES:
            return
        if not self.is_plausible(method.upper(), path, answer):
            kind = answer.headers.get("content-type", "").partition(";")[0] or "no content type"
            raise BadAnswer(
                f"cloud {self.cloud}: unexpected answer from {self.place} (HTTP {answer.status_code}, "
                f"{clean(kind)}); {UNSURE}; check the address, and whether a proxy or a sign-in page is in "
                "between"
            )

    def add_session(self, session: Any) -> None:
        """Take note of a session, to close it in the end."""
        self._sessions.append(session)

    def close(self) -> None:
        """Close all connections."""
        for session in self._sessions:
            session.close()
        self._sessions.clear()
        self.answer = None
