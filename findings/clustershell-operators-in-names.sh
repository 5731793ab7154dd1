#!/usr/bin/env bash
# ClusterShell 1.10.1: NodeSet reads &, ! and ^ inside a word as operators on sets.
# A name that holds one is no error: the set is another one, or empty, and whoever loops over it does nothing.
# Seen:
#   web01&db01 -> 0 nodes
#   web01!web02 -> 1 nodes
#   web[1-3]^web2 -> 2 nodes
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check ClusterShell==1.10.1
export HOME=$place
"$place/venv/bin/python" - > "$place/told" <<'PYTHON'
from ClusterShell.NodeSet import NodeSet

for word in ("web01&db01", "web01!web02", "web[1-3]^web2"):
    print(f"{word} -> {len(NodeSet(word))} nodes")
PYTHON
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
