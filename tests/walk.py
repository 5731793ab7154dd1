"""A tour for newcomers: the files that ``cms vm start web01`` enters up to the HTTP call that starts it.

    .venv/bin/python tests/walk.py

The machine is known, and the cloud, which is pretended (``tests/fakes/fakestack``), was signed in to before.

A file is *entered* when a function of it runs for the first time, in whatever thread; files are told in this
order. What runs while a module is loaded is no entry: its body, the bodies of its classes, decorators.
Consecutive files of one folder are one stop of the tour; a folder with two stops was left and entered again.
Threads that run at the same time may enter two files in another order at the next walk.

The house is meant to be walked through in few rooms, without coming back; ``faults`` says what is too much.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
WORDS = ["vm", "start", "web01"]
# At most so many files are entered. The first three are the front of the program, before any command.
LIMIT = 74
# The store is asked at several points of the way: its folders may be entered again.
STORE = ("db", "cloud/store")
# How the program that walks is told where to write what it saw.
TRACE = "CLOUDMESH_WALK"
# Bodies of functions have this flag; those of modules and classes have not.
OPTIMIZED = 1


@dataclass(frozen=True)
class Entry:
    """A file that is entered.

    Attributes:
        file: its path below ``src/cloudmesh``.
        functions: those of it that run on the way, the first one first.
    """

    file: str
    functions: Sequence[str]

    @property
    def folder(self) -> str:
        return str(Path(self.file).parent)


def trace(words: Sequence[str]) -> None:
    """Run ``cms WORDS`` in this process, and write down what it enters until a machine is acted on."""
    entries: dict[str, dict[str, None]] = {}
    calls: list[str] = []
    arrived = threading.Event()
    here = threading.local()

    def entered(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if code.co_name == "<module>":
            here.loading = getattr(here, "loading", 0) + {"call": 1, "return": -1}.get(event, 0)
        elif event == "call" and code.co_flags & OPTIMIZED and not arrived.is_set():
            _, found, file = code.co_filename.partition("/src/cloudmesh/")
            if found and not getattr(here, "loading", 0):
                name = getattr(code, "co_qualname", code.co_name)
                entries.setdefault(file, {}).setdefault(name)

    from cloudmesh.cloud.wire.connection import Connection

    original = Connection.exchange

    def exchange(self: Connection, request: bytes, budget: Any) -> Any:
        method, url = request.split(b" ", 2)[:2]
        if not arrived.is_set():
            calls.append(f"{method.decode()} {url.decode()}")
        if method == b"POST" and url.endswith(b"/action"):
            arrived.set()
        return original(self, request, budget)

    Connection.exchange = exchange  # type: ignore[method-assign]
    sys.argv = ["cms", *words]
    threading.setprofile(entered)
    sys.setprofile(entered)
    try:
        from cloudmesh.cms import main

        main()
    finally:
        sys.setprofile(None)
        told = [(file, [*functions]) for file, functions in entries.items()]
        seen = {"entries": told, "calls": calls, "arrived": arrived.is_set()}
        Path(os.environ[TRACE]).write_text(json.dumps(seen), encoding="utf-8")


def walk() -> tuple[list[Entry], str]:
    """The files in order of their first entry, and the HTTP call that they lead to."""
    import yaml

    sys.path.append(str(ROOT / "tests" / "fakes"))
    from fakestack.stack import FakeStack

    with tempfile.TemporaryDirectory() as home, FakeStack() as stack:
        config, seen = Path(home, "class.yaml"), Path(home, "seen.json")
        config.touch(mode=0o600)
        data = {"cloudmesh": {"active": ["uc"], "default": ["uc"]}, "clouds": {"uc": stack.section()}}
        config.write_text(yaml.safe_dump(data), encoding="utf-8")
        stack.add(["web01"])
        environment = {**os.environ, "CLOUDMESH_CONFIG_DIR": home, "HOME": home, TRACE: str(seen)}
        cms = str(Path(sys.executable).parent / "cms")
        for program, words in (([cms], ["vm", "list", "--refresh"]), ([sys.executable, __file__], WORDS)):
            subprocess.run(
                [*program, *words], env=environment, cwd=home, check=True, capture_output=True, timeout=60
            )
        told = json.loads(seen.read_text(encoding="utf-8"))
    assert told["arrived"] and len(told["calls"]) == 1, (
        f"one HTTP call starts the machine, not {told['calls']}"
    )
    return [Entry(*entry) for entry in told["entries"]], told["calls"][0]


def stops(entries: Sequence[Entry]) -> list[tuple[str, list[Entry]]]:
    """The tour: each folder with the files that are entered in it until another folder is."""
    return [(folder, list(files)) for folder, files in groupby(entries, key=lambda entry: entry.folder)]


def again(entries: Sequence[Entry]) -> list[str]:
    """The folders that are left and entered again, but for those of the store."""
    folders = [folder for folder, _ in stops(entries)]
    twice = dict.fromkeys(folder for folder in folders if folders.count(folder) > 1)
    return [folder for folder in twice if not any(f"{folder}/".startswith(f"{part}/") for part in STORE)]


def faults(entries: Sequence[Entry]) -> list[str]:
    """What is too much of a walk, in a sentence each."""
    found = [f"{len(entries)} files are entered, of at most {LIMIT}"] if len(entries) > LIMIT else []
    return found + [f"the folder {folder} is left and entered again" for folder in again(entries)]


def summary(file: str) -> str:
    """The first sentence of a module's docstring."""
    (path,) = ROOT.glob(f"cloudmesh-*/src/cloudmesh/{file}")
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]


def tour(entries: Sequence[Entry], call: str) -> str:
    """The whole walk as text, folder by folder."""
    lines = [f"cms {' '.join(WORDS)}, from the shell to {call.partition(' ')[0]} .../action", ""]
    seen: set[str] = set()
    for number, (folder, files) in enumerate(stops(entries), start=1):
        lines.append(f"{number:3}. cloudmesh/{folder}{'   (again)' if folder in seen else ''}")
        seen.add(folder)
        for entry in files:
            first, *more = entry.functions
            others = f", then {len(more)} more" if more else ""
            lines.append(f"       {Path(entry.file).name:22} {first}{others}")
            lines.append(f"       {'':22} {summary(entry.file)}")
    counted = f"{len(entries)} files in {len(seen)} folders, {len(stops(entries))} stops"
    return "\n".join([*lines, "", counted])


def main() -> int:
    """Walk, and tell of it; 1 if it was too far."""
    entries, call = walk()
    print(tour(entries, call))
    found = faults(entries)
    print(*found, sep="\n", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    if TRACE in os.environ:
        trace(sys.argv[1:])
    else:
        sys.exit(main())
