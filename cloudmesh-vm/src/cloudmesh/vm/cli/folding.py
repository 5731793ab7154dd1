"""The rows of a table for people: machines that fared alike share one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from cloudmesh.plugin.names import expand, fold
from cloudmesh.vm.model.outcome import Status

Row = Mapping[str, Any]

# What a person must see stands at the end, next to the prompt.
_ORDER = {Status.NOT_STARTED.value: 1, Status.INTERRUPTED.value: 2, Status.FAILED.value: 3, "would fail": 3}
_WORD = re.compile(r"[\w-]+(\.[\w-]+)*")
# A name without a number folds with none, and could be any word of the sentence; so could a mere number.
_TELLING = re.compile(r"(?=.*[0-9]).*[A-Za-z]")
_ALIKE = ("cloud", "action", "result", "state")


def fold_rows(rows: Sequence[Row], ids: Sequence[str] = ()) -> list[Row]:
    """Fewer rows: alike but for the name, they become one, with names as ``web[01-20]`` and the longest time.

    A reason that differs only by a machine's own name, or its id, is alike: it says NAME and ID there.
    Those that failed come last.

    Args:
        rows: one a machine: cloud, name, action, result, state, seconds and reason.
        ids: the clouds' own ids of these machines, in the same order.
    """
    alike: dict[tuple[Any, ...], list[Row]] = {}
    for row, cloud_id in zip(rows, ids or [""] * len(rows), strict=True):
        key = (*(row.get(each) for each in _ALIKE), _general(row, cloud_id))
        alike.setdefault(key, []).append(row)
    folded = [row for key, group in alike.items() for row in _fold(group, key[-1])]
    return sorted(folded, key=lambda row: _ORDER.get(row["result"], 0))


def _fold(rows: Sequence[Row], reason: str) -> list[Row]:
    """One row for each expression that the names fold to."""
    named: dict[str, list[Row]] = {}
    for row in rows:
        named.setdefault(row["name"], []).append(row)
    # Two machines of one name, which clouds allow, must not look like one.
    once = [name for name, same in named.items() if len(same) == 1]
    folded = [row for same in named.values() if len(same) > 1 for row in same]
    for expression in fold(once):
        if expression in named:
            folded += named[expression]
        else:
            members = [row for name in expand(expression) for row in named[name.name]]
            folded.append({**members[0], "name": expression, "reason": reason, **_longest(members)})
    return folded


def _longest(rows: Sequence[Row]) -> dict[str, float]:
    seconds = [row["seconds"] for row in rows if "seconds" in row]
    return {"seconds": max(seconds)} if seconds else {}


def _general(row: Row, cloud_id: str) -> str:
    """The reason without what is this machine's alone."""
    reason = str(row.get("reason") or "")
    own = {text: word for text, word in ((cloud_id, "ID"), (row["name"], "NAME")) if _TELLING.search(text)}
    return _WORD.sub(lambda word: own.get(word[0], word[0]), reason) if own else reason
