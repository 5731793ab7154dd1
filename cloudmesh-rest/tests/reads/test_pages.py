"""Pages of lists: however machines come and go meanwhile, none that stays is lost or told twice."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudmesh.plugin.lists.rows import Rows
from cloudmesh.plugin.lists.values import MAP, NUMBER, TIME, YES
from cloudmesh.rest.api.lists import Listing, ListQuery
from cloudmesh.rest.problems import Problem

COLUMNS = ("cloud", "name", "id", "state", "rate", "locked", "created", "metadata", "addresses", "refreshed")
KINDS = {
    "rate": NUMBER,
    "locked": YES,
    "created": TIME,
    "metadata": MAP,
    "addresses": "list",
    "refreshed": TIME,
}
KNOWN = (*COLUMNS, "age")
MACHINES = st.fixed_dictionaries(
    {
        "cloud": st.sampled_from(["a", "b", "B"]),
        "name": st.sampled_from(["web1", "web01", "web2", "web10", "", "é", "W1"]),
        "id": st.text("01ab/", min_size=1, max_size=3),
        "state": st.sampled_from(["active", "stopped", ""]),
        "rate": st.none() | st.sampled_from([0.5, 1, 2]),
        "locked": st.none() | st.booleans(),
        "created": st.sampled_from(["", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]),
        "metadata": st.sampled_from([{}, {"role": "web"}, {"role": "db2"}, {"role": "db10"}]),
        "addresses": st.lists(st.sampled_from(["10.0.0.1", "10.0.0.20"]), max_size=2),
        "refreshed": st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]),
    }
)
SORTS = st.lists(
    st.tuples(st.sampled_from(["", "-"]), st.sampled_from([*KNOWN, "metadata.role"])).map("".join), max_size=3
).map(lambda parts: ",".join(parts) or None)


def unique(machines):
    return list({(each["cloud"], each["id"]): each for each in machines}.values())


def page(rows, **query):
    listing = Listing(ListQuery(**{"limit": 3, **query}), KNOWN, COLUMNS, KINDS)
    return listing.page(Rows.of(rows, COLUMNS))


def five():
    return [dict.fromkeys(COLUMNS) | {"cloud": "a", "name": "n", "id": str(number)} for number in range(5)]


def key(machine):
    return machine["cloud"], machine["id"]


@settings(max_examples=80)
@given(st.lists(MACHINES, max_size=12).map(unique), st.lists(MACHINES, max_size=6), SORTS, st.data())
def test_pages_lose_and_repeat_none_while_others_come_and_go(stay, others, sort, data):
    others = [each for each in unique(others) if key(each) not in set(map(key, stay))]
    seen, cursor = [], None
    while True:
        there = [each for each in others if data.draw(st.booleans())]
        rows = data.draw(st.permutations([*stay, *there]))
        told = page(rows, sort=sort, cursor=cursor, limit=data.draw(st.integers(1, 4)))
        assert told.total == len(rows)
        seen += [(each["cloud"], each["id"]) for each in told.items]
        if told.next is None:
            break
        cursor = told.next
    assert len(seen) == len(set(seen)) and set(seen) >= set(map(key, stay))


@settings(max_examples=60)
@given(st.lists(MACHINES, max_size=12).map(unique), SORTS)
def test_pages_together_are_the_list(machines, sort):
    whole = page(machines, sort=sort, limit=100).items
    parts, cursor = [], None
    while True:
        told = page(machines[::-1], sort=sort, cursor=cursor)
        parts += told.items
        if told.next is None:
            break
        cursor = told.next
    assert parts == whole


def test_a_cursor_is_good_for_its_own_list():
    rows = [
        dict.fromkeys(COLUMNS) | {"cloud": "a", "name": f"web{number}", "id": str(number)}
        for number in range(5)
    ]
    cursor = page(rows).next
    assert [each["id"] for each in page(rows, cursor=cursor).items] == ["3", "4"]
    for other in ({"sort": "-name"}, {"filter": "name=web*"}):
        with pytest.raises(Problem):
            page(rows, cursor=cursor, **other)


@settings(max_examples=80)
@given(st.text(max_size=40) | st.binary(max_size=60).map(lambda raw: raw.hex()), st.data())
def test_no_cursor_breaks_anything(text, data):
    rows = five()
    sort = "rate,locked,created,metadata.role,addresses"
    good = json.loads(base64.urlsafe_b64decode(page(rows, sort=sort).next + "=="))
    column = data.draw(st.sampled_from(sorted(good[1])))
    odd = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3), st.lists
    )
    good[1][column] = data.draw(odd)
    made = base64.urlsafe_b64encode(json.dumps(good).encode()).decode()
    for cursor in (text, made):
        try:
            page(rows, sort=sort, cursor=cursor)
        except Problem as problem:
            assert problem.status == 422
