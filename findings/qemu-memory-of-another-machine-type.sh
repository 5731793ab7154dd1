#!/usr/bin/env bash
# QEMU: the machine type `pc` is only a name for the newest one of the QEMU that runs. A memory that was saved under it is bound to
# the type with the version; the next QEMU, where `pc` means another, refuses it, and loads it under the type with the version.
# So that must be kept with a saved memory. Takes the QEMU that is installed (seen with 7.2), whose former type stands for the QEMU
# before it; no guest is needed, the firmware is enough.
# Seen:
#   under pc: refused
#   it names: both types
#   under the type with the version: loaded
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
types=$(qemu-system-x86_64 -machine help)
newest=$(sed -n 's/^pc  *.*alias of \([^)]*\)).*/\1/p' <<< "$types")
former=$(awk '{print $1}' <<< "$types" | grep '^pc-i440fx-' | sort -Vr | grep -vx "$newest" | head -1)
qemu-img create -q -f qcow2 "$place/disk" 16M
# What QEMU's monitor says to a line under a machine type.
monitor() {
    { printf '%s\n' "$2" quit; } | timeout 60 qemu-system-x86_64 -accel tcg -machine "$1" -display none -nic none -m 32 -S \
        -monitor stdio -serial none -parallel none -drive "file=$place/disk,format=qcow2" 2>&1
}
monitor "$former" "savevm before" > "$place/said"
{
    monitor pc "loadvm before" > "$place/said"
    grep -q '^Error' "$place/said" && echo "under pc: refused"
    grep -q "'$former'.*'$newest'" "$place/said" && echo "it names: both types"
    monitor "$former" "loadvm before" > "$place/said"
    grep -qi '^Error\|Machine type' "$place/said" || echo "under the type with the version: loaded"
} > "$place/told"
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
