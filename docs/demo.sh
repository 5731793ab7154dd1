#!/usr/bin/env bash
# The main job on the simulated cloud, in a throw-away cloudmesh directory.
# Usage: docs/demo.sh BIN   where BIN is the folder that holds cms and python
set -euo pipefail

export PATH="$1:$PATH"
CLOUDMESH_CONFIG_DIR=$(mktemp -d)
export CLOUDMESH_CONFIG_DIR
trap 'rm -rf "$CLOUDMESH_CONFIG_DIR"' EXIT
cd "$CLOUDMESH_CONFIG_DIR"

say() { printf '\n# %s\n' "$*"; }
run() { # show the command as a user types it, then run it
    printf '$ %s\n' "$*"
    bash -c "$*"
}

say "Everything happens in $CLOUDMESH_CONFIG_DIR, which is removed at the end."
run "cms config init"
run "cms cloud list"

say "Boot three machines, and wait until they are active."
run "cms vm boot 'web[01-03]' --wait"
run "cms vm list"

say "Suspend one, stop another; what is impossible is said, with what would work."
run "cms vm suspend web01 --wait"
run "cms vm stop web02 --wait"
run "cms vm resume web02 || echo \"exit code \$?\""
run "cms vm resume web01 --wait"
run "cms vm start web02 --wait"

say "The same from Python."
cat > life.py <<'PY'
from cloudmesh.cloud import Cloud
from cloudmesh.vm import Machines

with Cloud('local') as c:
    vm = c.machine('web03', 'stop')
    print(vm.name, vm.state)

with Machines('web[01-03]') as ms:
    for outcome in ms.wait('stopped', timeout=1).succeeded:
        print(outcome.name, 'is stopped')
PY
run "cat life.py"
run "python life.py"

say "A script of commands; its output is data."
printf '%s\n' '# who is there?' 'vm list --refresh --output=json' > who.txt
run "cat who.txt"
run "cms batch who.txt | python -c 'import json, sys; print([m[\"state\"] for m in json.load(sys.stdin)])'"

say "Delete them all; without a terminal to ask at, --yes is needed."
run "cms vm delete --all --yes --wait"
run "cms vm list --refresh"
