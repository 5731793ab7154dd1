"""The names that completion offers: a flat file in the user's directory, kept as listings change.

A line is ``KIND <tab> CLOUD <tab> WORD <tab> DESCRIPTION``, where the word is what a command takes. A shell
completes from it without starting Python. It is a cache of no more than names: whatever goes wrong with it
is no failure of the command that knows the names, and is told only with ``CLOUDMESH_DEBUG=1``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from cloudmesh.cloud.store.listings import CATALOG
from cloudmesh.cloud.store.new_names import (
    ADD,
    ALL,
    DROP,
    GOING,
    JOB,
    MACHINES,
    Entry,
    NewNames,
    Note,
    described,
)
from cloudmesh.config.settings import places
from cloudmesh.db import Database
from cloudmesh.plugin import files
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.plugin.plain import harmless
from cloudmesh.plugin.report import debug

FILE = "completion-names"
# Of one kind on one cloud, and of all together. Nobody reads through more, and a shell is to be quick.
_MOST, _MOST_LINES = 10_000, 50_000
_LONGEST = 255
_JOBS = 20
# Seconds to wait for another writer, which needs milliseconds.
_PATIENCE = 2.0
# Of these a word is a pattern, a list, a range or an exact name; see cloudmesh.plugin.names.
_HAS_MEANING = re.compile(r"[*?\[\],:]|^[=-]|^id=|^\s|\s$")
# The command itself would replace these, also between quotes.
_IS_VARIABLE = re.compile(r"\$|(?<![\w.])(var|os|default)\.")


Sections = dict[tuple[str, str], list[Entry]]


def path() -> Path:
    """The file."""
    return places.directory() / FILE


def machine_word(name: str) -> str:
    """The word by which a command takes a machine of this name and nothing else."""
    return f"={name}" if _HAS_MEANING.search(name) else name


def by_number(entry: Entry) -> list[tuple[int, str]]:
    """A key that orders words as people count: web9 before web10."""
    parts = re.split("([0-9]+)", entry.word)
    return [(int(part), "") if part.isdecimal() and len(part) < 20 else (0, part) for part in parts]


def read() -> Sections:
    """What the file holds, by kind and cloud; nothing if there is none, or it cannot be read."""
    try:
        text = path().read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    sections: Sections = {}
    for line in text.split("\n"):
        fields = line.split("\t")
        if len(fields) == 4:
            sections.setdefault((fields[0], fields[1]), []).append(Entry(fields[2], fields[3]))
    return sections


def update(find: Callable[[Sections], Iterable[Note]]) -> None:
    """Write what ``find`` notes, which is given what the file holds; nothing is written if nothing is new.

    Never raises: ``find`` may raise CloudmeshError.
    """
    try:
        if not path().parent.is_dir():
            return
        with files.file_lock(path().parent, timeout=_PATIENCE):
            old = read()
            new = {key: list(entries) for key, entries in old.items()}
            for note in find(old):
                _apply(new, note)
            if new != old:
                files.replace_private(path(), _text(new).encode(), sync=False)
    except (CloudmeshError, OSError) as error:
        debug(error)


def keep(new: NewNames, jobs: Iterable[tuple[str, str]], database: Database) -> None:
    """Bring what is new into the file, if this is the user's own store. Never raises."""
    notes, changed, saved = new.take()
    notes.append(Note(JOB, "", [Entry(*job) for job in jobs], ADD))
    if not database.is_users:
        return

    def find(sections: Sections) -> list[Note]:
        for cloud, names in saved.items():
            known = {entry.word for entry in sections.get((MACHINES, cloud), ())}
            if not known.issuperset(map(machine_word, names)):
                changed.add(cloud)
        return [*notes, *(_machines(database, cloud) for cloud in sorted(changed))]

    update(find)


def _apply(sections: Sections, note: Note) -> None:
    """Bring what is noted into the sections."""
    key = (note.kind, note.cloud)
    entries = [entry for entry in map(_clean, note.entries) if entry]
    words = {entry.word for entry in entries}
    others = [] if note.how == ALL else [each for each in sections.get(key, []) if each.word not in words]
    kept = others if note.how == DROP else [*entries, *others]
    if note.kind == JOB:
        kept = sorted(kept, key=by_number, reverse=True)[:_JOBS]
    else:
        kept = sorted({each.word: each for each in kept}.values(), key=by_number)[:_MOST]
    sections[key] = kept
    if not kept or harmless(note.cloud) != note.cloud:
        del sections[key]


def _clean(entry: Entry) -> Entry | None:
    """The entry as a line can hold it; None for a word that nobody can type."""
    word = entry.word
    if not word or len(word) > _LONGEST or harmless(word) != word or _IS_VARIABLE.search(word):
        return None
    return Entry(word, harmless(entry.description)[:_LONGEST])


def _text(sections: Sections) -> str:
    lines = ["\t".join((*key, *entry)) for key in sorted(sections) for entry in sections[key]]
    return "".join(f"{line}\n" for line in lines[:_MOST_LINES])


def of_store(sections: Sections, database: Database) -> list[Note]:
    """What the store knows of machines, images and flavors, for a file that holds these sections.

    Of keys, networks and security groups it keeps no listing: those stay as they are. Raises StoreError.
    """
    machines = database.tally(MACHINES, "cloud") if database.has(MACHINES) else {}
    gone = {cloud for kind, cloud in sections if kind == MACHINES} - machines.keys()
    notes = [_machines(database, cloud) for cloud in (*machines, *gone)]
    for row in database.find(CATALOG) if database.has(CATALOG) else ():
        entries = [Entry(str(thing["name"]), described(thing)) for thing in row["things"]]
        notes.append(Note(row["kind"], row["cloud"], entries))
    return notes


def _machines(database: Database, cloud: str) -> Note:
    """The names of all machines of a cloud but those that are being deleted. Raises StoreError."""
    from cloudmesh.db import ne

    deleted, deleting = (ne(state.value) for state in GOING)
    there = {"cloud": cloud, "state": deleted & deleting}
    names = database.tally(MACHINES, "name", there) if database.has(MACHINES) else {}
    return Note(MACHINES, cloud, [Entry(machine_word(str(name))) for name in names])
