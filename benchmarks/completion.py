"""Tab in bash with many machines: no Python is started for it, so that it takes about as long as a bare one.

The function that bash calls is timed in a bash of its own, in turn with ``python -c pass``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from statistics import median

ROUNDS = 21
MACHINES = 5000
# What the project allows for one Tab, in seconds.
ALLOWED = 0.020
Figure = tuple[str, list[float], list[float], float]

TIMED = """
source <(cms completion bash)
ask() {
    COMP_LINE=$1 COMP_POINT=${#1}
    local began=$EPOCHREALTIME
    _cloudmesh cms "${1##* }"
    local ended=$EPOCHREALTIME
    echo "$2 ${#COMPREPLY[@]} $((${ended/[.,]/} - ${began/[.,]/}))"
}
for ((round = 0; round < $1; round++)); do
    ask "cms vm stop " all
    ask "cms vm stop machine0042" one
    began=$EPOCHREALTIME
    "$2" -c pass
    ended=$EPOCHREALTIME
    echo "python 0 $((${ended/[.,]/} - ${began/[.,]/}))"
done
"""


def figures() -> list[Figure]:
    """All of ``MACHINES`` names offered, and one of them, beside a bare Python and beside what is allowed."""
    folder = Path(os.environ["CLOUDMESH_CONFIG_DIR"])
    lines = [f"machine\tlocal\tmachine{number:04}\t\n" for number in range(MACHINES)]
    (folder / "completion-names").write_text("".join(lines))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    words = ["bash", "--norc", "-c", TIMED, "bash", str(ROUNDS), sys.executable]
    told = subprocess.run(words, check=True, capture_output=True, text=True, env={**os.environ, "PATH": path})
    times: dict[str, list[float]] = {}
    offered: dict[str, set[int]] = {}
    for line in told.stdout.splitlines():
        name, count, taken = line.split()
        times.setdefault(name, []).append(int(taken) / 1e6)
        offered.setdefault(name, set()).add(int(count))
    if offered != {"all": {MACHINES}, "one": {1}, "python": {0}}:
        raise SystemExit(f"bash offers another number of machines: {offered}")
    name = f"Tab in bash, {MACHINES} machines offered"
    slowest = max(times["all"], times["one"], key=median)
    return [
        (f"{name} / python -c pass", times["all"], times["python"], 1.5),
        (f"Tab in bash, one of {MACHINES} machines / python -c pass", times["one"], times["python"], 1.0),
        (f"{name} / what is allowed", slowest, [ALLOWED], 1.0),
    ]
