"""Who follows one verb from the shell to the cloud passes few rooms, and none of them twice."""

import pytest

from .walk import LIMIT, Entry, again, faults, stops, tour, walk


@pytest.mark.slow
def test_the_way_of_a_verb_is_short_and_does_not_come_back():
    entries, call = walk()
    assert call.startswith("POST ") and call.endswith("/action")
    assert entries[0].folder == "cms" and len(entries) > 20
    assert entries[-1].folder == "cloud/wire"
    told = tour(entries, call)
    assert "cloudmesh/vm/command\n" in told and all(entry.functions[0] in told for entry in entries)
    assert faults(entries) == [], told


def test_what_is_too_much_is_said():
    there_and_back = [
        Entry(file, ["f"])
        for file in ("vm/a.py", "db/a.py", "db/sql/a.py", "vm/b.py", "db/b.py", "db/sql/b.py")
    ]
    assert [folder for folder, _ in stops(there_and_back)] == ["vm", "db", "db/sql", "vm", "db", "db/sql"]
    assert again(there_and_back) == ["vm"], "the store may be entered again, what else may not"
    assert faults(there_and_back) == ["the folder vm is left and entered again"]
    long = [Entry(f"vm/{number}.py", ["f"]) for number in range(LIMIT)]
    assert faults(long) == []
    assert faults([*long, Entry("vm/one.py", ["f"])]) == [
        f"{LIMIT + 1} files are entered, of at most {LIMIT}"
    ]
