#!/usr/bin/env bash
# The main job with real machines on this computer, in a throw-away directory.
# Usage: docs/demo-qemu.sh BIN   where BIN is the folder that holds cms and python
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
export PATH="$1:$PATH"
work=$(mktemp -d)
export CLOUDMESH_CONFIG_DIR=$work/cloudmesh
clean() { # whatever happened, no machine and no file is left
    code=$?
    trap - EXIT
    trap '' INT TERM HUP
    [ -z "${child-}" ] || { kill "$child" && wait "$child"; } 2> /dev/null || true
    cms vm delete --all --yes --wait --quiet > /dev/null 2>&1 || true
    for place in /proc/[0-9]*/cwd; do
        case $(readlink "$place" || true) in
            "$CLOUDMESH_CONFIG_DIR"/*) pid=${place#/proc/} && kill -9 "${pid%/cwd}" 2> /dev/null || true ;;
        esac
    done
    rm -rf "$work"
    exit "$code"
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
cd "$work"

say() { printf '\n# %s\n' "$*"; }
run() { # show the command as a user types it, then run it
    printf '$ %s\n' "$*"
    # Not in the foreground, where bash would hear no signal until it has ended.
    bash -c "$*" < /dev/null &
    child=$!
    wait "$child"
    child=
}

if missing=$(python "$here/tests/qemu/guest" missing); then :; else
    echo "demo-qemu: these Debian packages are missing: sudo apt-get install $missing" >&2
    exit 1
fi
say "Everything happens in $work, which is removed at the end."
say "The machines run a small Linux, built from Debian packages of this computer so that nothing large is downloaded."
say "In earnest 'cms image add debian-12' gets you a distribution's own image."
guest=$(python "$here/tests/qemu/guest" build)
ssh-keygen -q -t ed25519 -N '' -f key
mkdir -m 700 cloudmesh
cat > cloudmesh/class.yaml << YAML
cloudmesh: {default: [here], active: [here]}
clouds:
  here:
    type: qemu
    default: {image: small-linux, flavor: tiny, key: me}
    ssh: {key: $work/key}
YAML
chmod 600 cloudmesh/class.yaml
ln -s "$guest" small-linux.qcow2
run "cms image add small-linux small-linux.qcow2 --user=debian"
run "cms key add me key.pub"
run "cms cloud check here"

say "Boot three machines, and wait until one can sign in to them."
run "cms vm boot 'web[1-3]' --key=me --wait=ready"
run "cms vm list"

say "Work inside them: equal outputs are shown once; a file goes to all and comes back from each."
run "cms vm run 'web[1-3]' -- uname -sm"
echo "hello from this computer" > hello.txt
run "cms vm put 'web[1-3]' hello.txt /tmp/"
run "cms vm run 'web[1-3]' -- 'hostname >> /tmp/hello.txt'"
run "cms vm get 'web[1-3]' /tmp/hello.txt got/"
run "head got/*/hello.txt"

say "What a machine counts in its memory goes on after it was suspended: no process of it is left meanwhile."
run "cms vm run web1 -- 'setsid sh -c \"n=0; while :; do n=\\\$((n+1)); echo \\\$n > /tmp/n; sleep 1; done\" > /dev/null 2>&1 < /dev/null &'"
run "cms vm suspend web1 --wait"
run "cms vm stop web2 --wait"
run "cms vm list --refresh"
run "cms vm resume web1 --wait"
run "cms vm run web1 -- cat /tmp/n"

say "Delete them all; without a terminal to ask at, --yes is needed."
run "cms vm delete --all --yes --wait"
run "cms vm list --refresh"
