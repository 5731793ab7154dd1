"""A store that was open when a process was forked is the parent's alone."""

from __future__ import annotations

from typing import Any

import pytest

from cloudmesh.db import Database
from cloudmesh.plugin.errors import StoreError


def refusal(db: Database) -> str:
    with pytest.raises(StoreError) as refused:
        db.add("t", {"n": 2})
    return str(refused.value)


def test_a_forked_child_opens_its_own_and_leaves_the_parents_alone(
    place: str, db: Database, children: Any
) -> None:
    db.add("t", {"n": 1})

    def use() -> list[Any]:
        told = [refusal(db), refusal(db)]
        db.close()
        with Database(place) as mine:
            mine.add("t", {"n": 3})
        return told

    with db.atomic():
        # On the connection of the parent the child would be within this transaction.
        inside = children.answer(lambda: [refusal(db)])
    told = [*inside, *children.answer(use)]
    assert len(told) == 3 and all("was opened before this process was forked" in each for each in told)
    db.add("t", {"n": 4})
    assert [row["n"] for row in db.find("t")] == [1, 3, 4]


def test_one_that_was_not_used_before_and_one_in_memory_are_the_childs_own(place: str, children: Any) -> None:
    unused, memory = Database(place), Database(":memory:")
    memory.add("t", {"n": 1})

    def use() -> list[Any]:
        unused.add("t", {"n": 1})
        memory.add("t", {"n": 2})
        return [len(unused.find("t")), len(memory.find("t"))]

    assert children.answer(use) == [1, 2]
    assert (len(unused.find("t")), len(memory.find("t"))) == (1, 1)
    unused.close()
    memory.close()
