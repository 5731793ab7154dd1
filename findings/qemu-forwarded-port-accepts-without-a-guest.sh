#!/usr/bin/env bash
# QEMU: a port that user networking forwards to a guest (hostfwd) accepts connections from the start, also if no guest ever
# runs; nobody answers there. So an open port says nothing of the ssh server in the guest: its banner must be read.
# With port 0 the system chooses a free one, which only `info usernet` tells.
# Takes the QEMU that is installed (seen with 7.2); the guest is stopped before its first instruction.
# Seen:
#   info usernet: a port
#   connect: accepted
#   banner: nothing
set -euo pipefail
place=$(mktemp -d)
trap 'exec 3>&- 4>&-; wait; rm -rf "$place"' EXIT
mkfifo "$place/lines"
timeout 60 qemu-system-x86_64 -accel tcg -display none -m 32 -S -serial none -parallel none -monitor stdio \
    -netdev user,id=n,hostfwd=tcp:127.0.0.1:0-:22 -device e1000,netdev=n < "$place/lines" > "$place/said" 2>&1 &
exec 4> "$place/lines"
echo "info usernet" >&4
port=
for _ in $(seq 200); do
    port=$(awk '/HOST_FORWARD/ {print $4}' "$place/said" | head -1)
    [ -z "$port" ] || break
    sleep 0.1
done
{
    [ "${port:-0}" -gt 0 ] && echo "info usernet: a port"
    exec 3<> "/dev/tcp/127.0.0.1/$port" && echo "connect: accepted"
    banner=
    read -r -t 3 banner <&3 || true
    echo "banner: ${banner:-nothing}"
} > "$place/told"
echo quit >&4
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
