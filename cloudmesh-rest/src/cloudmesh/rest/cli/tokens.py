"""What ``cms rest token`` does."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from cloudmesh.config import Config
from cloudmesh.db import open_store
from cloudmesh.plugin import Answer
from cloudmesh.plugin.durations import positive_seconds, span_text
from cloudmesh.plugin.errors import UnknownName, UsageError, nearest
from cloudmesh.rest.access import token_rows
from cloudmesh.rest.access.caller import Scope
from cloudmesh.rest.access.token_rows import SESSION, Entry

Arguments = Mapping[str, Any]

COLUMNS = ("name", "scope", "clouds", "state", "made", "expires", "sessions")
_ALL = "all"
_LONGEST = 100 * 365.25 * 86400
_MEANINGS = {
    Scope.READ: "see all",
    Scope.ACT: "see all, and boot, start and stop machines",
    Scope.DESTROY: "do everything, deleting machines included",
}


def create(config: Config, arguments: Arguments) -> Answer:
    """Make a token; the answer is the token and nothing else."""
    scope = _scope(arguments["--scope"])
    clouds = _clouds(config, arguments["--clouds"])
    seconds = _seconds(arguments["--expires"])
    name = arguments["NAME"]
    with open_store(config) as database:
        token = token_rows.create(database, name, scope, clouds, seconds)
    where = f"on {', '.join(clouds)}" if clouds else "on all clouds"
    until = f"for {span_text(seconds)}" if seconds else f"until 'cms rest token revoke {name}'"
    note = f"who has this token may {_MEANINGS[scope]}, {where}, {until}; it is not shown again"
    return Answer(text=token, notes=[note])


def list(config: Config, _: Arguments) -> Answer:
    """All tokens, by name."""
    with open_store(config) as database:
        found = token_rows.entries(database)
    now, names = (
        time.time(),
        dict.fromkeys(each.caller.name for each in found if each.kind != token_rows.CODE),
    )
    rows = [_row([each for each in found if each.caller.name == name], now) for name in sorted(names)]
    return Answer(rows, columns=COLUMNS)


def revoke(config: Config, arguments: Arguments) -> Answer:
    """End a token."""
    name = arguments["NAME"]
    with open_store(config) as database:
        sessions = token_rows.revoke(database, name)
    also = f", and with it {sessions} session{'' if sessions == 1 else 's'}" if sessions else ""
    return Answer(text="", notes=[f"the token {name} is revoked{also}"])


def _row(entries: Sequence[Entry], now: float) -> dict[str, Any]:
    """What is shown of a token, given with its sessions; the page has no token, but sessions."""
    token = next((each for each in entries if each.kind == token_rows.TOKEN), entries[-1])
    caller = token.caller
    return {
        "name": caller.name,
        "scope": caller.scope.word,
        "clouds": ",".join(caller.clouds) if caller.clouds is not None else _ALL,
        "state": "valid" if token.is_valid(now) else "expired",
        "made": _time(token.made),
        "expires": _time(caller.expires) if caller.expires else None,
        "sessions": sum(each.kind == SESSION and each.is_valid(now) for each in entries),
    }


def _time(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _scope(word: str) -> Scope:
    words = {each.word: each for each in Scope}
    if word not in words:
        near = nearest(word, words)
        hint = f"did you mean {near!r}? " if near else ""
        raise UsageError(f"--scope={word} is none; {hint}use --scope=read, --scope=act or --scope=destroy")
    return words[word]


def _clouds(config: Config, text: str | None) -> Sequence[str] | None:
    """The clouds that are meant; a name that is no glob must be one of the configuration."""
    if text is None:
        return None
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words:
        raise UsageError("--clouds= is empty; give clouds, or leave it out for all of them")
    known = config.clouds
    for word in words:
        if word not in known and not any(sign in word for sign in "*?["):
            raise UnknownName("cloud", word, known)
    return words


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        seconds = positive_seconds(text)
    except ValueError as error:
        raise UsageError(f"--expires={text} {error}") from None
    if seconds > _LONGEST:
        raise UsageError(f"--expires={text} is more than 100 years; without --expires it has no end")
    return seconds
