"""The benchmarks run to their end; what they measure means nothing with so few machines."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SMALL = """
import os, pathlib, bench, completion, fleet, journal, listing, lists, remote, rest, rest_events, store
os.environ.update(HOME=os.getcwd(), CLOUDMESH_CONFIG_DIR=os.path.join(os.getcwd(), "cloudmesh"))
bench.RUNS = store.ROUNDS = fleet.ROUNDS = fleet.MANY_ROUNDS = completion.ROUNDS = 1
store.RECORDS, store.SINGLE, store.REPLACED, store.TURN = 300, 30, 30, 10
fleet.FEW, fleet.MANY = 6, 12
listing.MACHINES, listing.ROUNDS = 9, 1
bench.BOOTED, bench.LATENCY, bench.BUILDING = 3, 0.01, 0.1
journal.MACHINES, journal.PARALLEL, journal.ROUNDS = 7, 3, 1
lists.FEW, lists.MANY, lists.ROUNDS = 2, 4, 1
remote.MACHINES, remote.ROUNDS, remote.DEFAULT_ROUNDS = 4, 1, 1
figures = [bench.Ratio(*each) for each in (*fleet.figures(), *lists.figures(pathlib.Path.cwd()))]
figures += [bench.Ratio(*each) for each in (*journal.figures(), *listing.figures())]
figures += bench.boots_that_are_waited_for()
rest.MACHINES, rest.MANY, rest.CLIENTS, rest.ROUNDS, rest.SECONDS = 3, 5, 2, 1, 0.2
rest_events.LISTENERS, rest_events.TOKENS, rest_events.EVENTS, rest_events.PAUSE = 4, 2, 3, 0.2
figures += [bench.Ratio(*each) for each in (*remote.figures(), *rest.figures(), *rest_events.figures())]
bench.LINES, completion.MACHINES = 5, 43
ours = (*bench.list_against_banner(), bench.line_of_a_batch(), bench.config_against_parser())
for ratio in (*ours, *figures):
    print(ratio.row())
# The file of names is in the folder that the others have made.
for figure in completion.figures():
    print(bench.Ratio(*figure).row())
store.main()
"""


@pytest.mark.long
def test_they_measure(root: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(root / 'benchmarks')!r})\n{SMALL}"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "6 starts, 3 clouds" in done.stdout and "7 tasks without calls" in done.stdout
    assert "true, 4 machines / clush -f 4" in done.stdout
