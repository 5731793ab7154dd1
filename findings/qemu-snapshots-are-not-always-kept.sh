#!/usr/bin/env bash
# QEMU: `savevm` refuses a machine with a writable raw disk, though it could keep its memory elsewhere; with `-snapshot`, where
# every disk is a temporary one, it succeeds, and nothing is left of the snapshot when the process ends.
# Takes the QEMU that is installed (seen with 7.2); no guest is needed, the firmware is enough.
# Seen:
#   raw: Error: Device 'ide0-hd0' is writable but does not support snapshots
#   qcow2: kept
#   -snapshot: says nothing, and keeps nothing
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
# What QEMU's monitor says to these lines.
monitor() {
    local options=$1
    shift
    # shellcheck disable=SC2086
    { printf '%s\n' "$@"; echo quit; } | timeout 60 qemu-system-x86_64 -accel tcg -display none -nic none -m 32 -S \
        -monitor stdio -serial none -parallel none $options 2>&1 | tr -d '\r' | sed 's/\x1b\[[^A-Za-z]*[A-Za-z]//g'
}
qemu-img create -q -f raw "$place/disk.raw" 16M
qemu-img create -q -f qcow2 "$place/disk.qcow2" 16M
kept() { qemu-img snapshot -l "$place/disk.qcow2" | grep -cw "$1" || true; }
{
    echo "raw: $(monitor "-drive file=$place/disk.raw,format=raw" "savevm before" | grep '^Error')"
    monitor "-drive file=$place/disk.qcow2,format=qcow2" "savevm before" > "$place/said"
    echo "qcow2: $([ "$(kept before)" = 1 ] && echo kept)"
    monitor "-snapshot -drive file=$place/disk.qcow2,format=qcow2" "savevm after" > "$place/said"
    errors=$(grep -c '^Error' "$place/said" || true)
    echo "-snapshot: $([ "$errors" = 0 ] && echo says nothing), $([ "$(kept after)" = 0 ] && echo and keeps nothing)"
} > "$place/told"
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
