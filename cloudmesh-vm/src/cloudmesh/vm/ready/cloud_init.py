"""Where cloud-init stands in a machine: what asks for it, and what the answers of its versions mean.

Its exit codes differ: 1 is a failure in all of them; 2 is, since 23.4, one that it got over, and before that
a word that it does not know, such as ``--format``. So the word that it says decides, and the code where it
says none; and where there is no program, the file that it leaves behind. That file, if it tells of no error,
is believed without the program, too: asking that takes a second without KVM.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from cloudmesh.plugin.plain import harmless

_MARK = "cloudmesh:"
# So many lines, and characters of each, are told of a failure.
_LINES, _WIDTH = 20, 300
# Read by sh in the machine; the first line may set ``full=1``. Without that the program, which is slow, is
# asked only where it has left no files at all. Each further program costs a machine that is busy with its
# start some hundredths of a second, so that the shell itself reads the small file.
_SCRIPT = r"""
mark=cloudmesh:
say() { printf '%s\n' "$mark $*"; }
say signed-in
read -r up rest 2>/dev/null < /proc/uptime && say uptime "$up"
run=/run/cloud-init log=/var/log/cloud-init-output.log
program=
command -v cloud-init >/dev/null 2>&1 && program=1
[ -d "$run" ] || full=1
if [ -z "$program" ] && [ ! -e "$run/status.json" ] && [ ! -e "$run/result.json" ]; then
  say none
  exit 0
fi
if [ -r "$run/status.json" ]; then
  say stages
  head -c 20000 "$run/status.json" 2>/dev/null
  printf '\n'
fi
if [ -r "$run/result.json" ]; then
  say result
  while IFS= read -r line || [ -n "$line" ]; do printf '%s\n' "$line"; done < "$run/result.json"
fi
code=0
if [ -n "$program" ] && [ -n "$full" ]; then
  told=$(cloud-init status --format=json 2>/dev/null)
  code=$?
  case $told in
    *'{'*) ;;
    *) told=$(cloud-init status --long 2>/dev/null); code=$? ;;
  esac
  say code "$code"
  say status
  printf '%.20000s\n' "$told"
fi
if [ "$code" != 0 ] || { [ -z "$program" ] && [ -n "$full" ]; }; then
  say log
  { tail -n 20 "$log" 2>/dev/null || sudo -n tail -n 20 "$log" 2>/dev/null; } | head -c 20000
fi
say end
"""


class Standing(Enum):
    """How far cloud-init is."""

    NONE = "none"
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    DEGRADED = "degraded"
    FAILED = "failed"


@dataclass(frozen=True)
class CloudInit:
    """What a machine told of itself after a sign-in.

    Attributes:
        standing: how far it is; WAITING if it has not begun.
        stage: what it is doing, as it calls that itself; empty if that is not known.
        uptime: for how many seconds the machine has been running; None if it does not tell.
        errors: what went wrong.
        lines: the last lines that it printed, where something went wrong.
        is_doubtful: whether its files tell that it has ended, and not that all went well; it was not asked.
    """

    standing: Standing
    stage: str = ""
    uptime: float | None = None
    errors: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    is_doubtful: bool = False

    @classmethod
    def none(cls) -> CloudInit:
        """A machine without cloud-init."""
        return cls(Standing.NONE)


def script(full: bool) -> bytes:
    """What ``sh`` runs in the machine; ``full``: cloud-init itself is asked, whatever its files tell."""
    return f"full={'1' if full else ''}\n{_SCRIPT}".encode()


def greeting() -> bytes:
    """What only tells that one is signed in."""
    return f"echo '{_MARK} signed-in'\n".encode()


def read(output: bytes) -> CloudInit | None:
    """What the script printed; None if nobody was signed in."""
    parts = _parts(output.decode("utf-8", "replace"))
    if "signed-in" not in parts:
        return None
    uptime = _number(parts.get("uptime", ""))
    if "none" in parts:
        return CloudInit(Standing.NONE, uptime=uptime)
    result, stages, told = (_json(parts.get(key, "")) for key in ("result", "stages", "status"))
    stage = _stage(stages)
    standing, errors = _judged(parts, told or _words(parts.get("status", "")), result)
    lines = _last(parts.get("log", "")) if errors or standing is Standing.FAILED else ()
    was_asked = "status" in parts or "log" in parts
    is_doubtful = "result" in parts and not was_asked and not _all_well(result, parts.get("stages"))
    return CloudInit(standing, stage, uptime, errors, lines, is_doubtful)


def _all_well(result: Mapping[str, Any], stages: str | None) -> bool:
    """Whether the file of its end tells of no error, nor that of its stages of one that it got over."""
    if _inner(result).get("errors") != []:
        return False
    if stages is None:
        return True
    found = _inner(_json(stages))
    each = [_mapping(stage) for stage in found.values()]
    troubles = [stage.get(key) for stage in each for key in ("errors", "recoverable_errors")]
    return bool(found) and not found.get("stage") and not any(troubles)


def _judged(
    parts: Mapping[str, str], told: Mapping[str, Any], result: Mapping[str, Any]
) -> tuple[Standing, tuple[str, ...]]:
    """How it stands, by its word, its exit code, and the file of its end."""
    said, extended = str(told.get("status", "")), str(told.get("extended_status", ""))
    failed = parts.get("code") == "1"
    errors = _texts(told.get("errors")) or _texts(_inner(result).get("errors"))
    standing, more = Standing.DONE, list(errors)
    if said == "running" or extended.endswith("running"):
        standing, more = Standing.RUNNING, []
    elif said in ("not run", "not started"):
        standing, more = Standing.WAITING, []
    elif said == "error" or failed:
        standing, more = Standing.FAILED, more or list(_texts(told.get("detail")))
    elif said:
        recovered = _mapping(told.get("recoverable_errors")).values()
        more += [text for level in recovered for text in _texts(level)]
        if more or parts.get("code") == "2" or "degraded" in said + extended:
            standing = Standing.DEGRADED
    elif not result:
        standing = Standing.RUNNING if parts.get("stages") else Standing.WAITING
    elif errors:
        standing = Standing.FAILED
    return standing, tuple(more)


def _parts(text: str) -> dict[str, str]:
    """What stands after each mark, by the word there."""
    parts: dict[str, str] = {}
    word = ""
    for line in text.splitlines():
        if line.startswith(f"{_MARK} "):
            word, _, rest = line.removeprefix(f"{_MARK} ").partition(" ")
            parts[word] = rest
        elif word:
            parts[word] = f"{parts[word]}\n{line}" if parts[word] else line
    return parts


def _words(text: str) -> dict[str, Any]:
    """The same from the form for people: ``status: done``; what follows ``detail:`` is its own."""
    found: dict[str, Any] = {}
    for line in text.splitlines():
        key, sign, value = line.partition(":")
        if sign and re.fullmatch(r"[a-z_]+", key.strip()) and key.strip() not in found:
            found[key.strip()] = value.strip()
        elif line.strip() and "detail" in found and not found["detail"]:
            found["detail"] = line.strip()
    return found


def _stage(stages: Mapping[str, Any]) -> str:
    """The stage that is running."""
    stage = _inner(stages).get("stage")
    return harmless(stage)[:40] if isinstance(stage, str) else ""


def _json(text: str) -> dict[str, Any]:
    """An object of JSON, from its first brace on; empty if it is none."""
    try:
        found = json.loads(text[text.index("{") :])
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _inner(record: Mapping[str, Any]) -> Mapping[str, Any]:
    return _mapping(record.get("v1"))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _texts(value: object) -> tuple[str, ...]:
    """The sentences in a value, harmless and not endless."""
    each = [value] if isinstance(value, str) else value if isinstance(value, Sequence) else []
    return tuple(harmless(" ".join(str(one).split()))[:_WIDTH] for one in each if str(one).strip())


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _last(text: str) -> tuple[str, ...]:
    rows = [harmless(row.rstrip())[:_WIDTH] for row in text.splitlines() if row.strip()]
    return tuple(rows[-_LINES:])
