#!/bin/sh
# What somebody writes who wants one machine of QEMU with ssh, and knows how: boots it and waits until ssh signs in.
#   boot_by_hand.sh FOLDER IMAGE KEY USER PORT
# The machine goes on; its process id is in FOLDER/pid.
set -eu
folder=$1 image=$2 key=$3 user=$4 port=$5
mkdir "$folder"
cd "$folder"
qemu-img create -q -f qcow2 -F qcow2 -b "$image" disk.qcow2 4G
printf 'instance-id: by-hand-%s\nlocal-hostname: byhand\n' "$port" > meta-data
printf '#cloud-config\nssh_authorized_keys:\n  - %s\n' "$(cat "$key.pub")" > user-data
$(command -v genisoimage || echo "xorriso -as genisoimage") -quiet -output seed.iso -volid cidata -joliet -rock user-data meta-data 2> /dev/null
qemu-system-x86_64 -name byhand -no-user-config -nodefaults -display none -daemonize -pidfile pid \
    -machine pc,accel=tcg -cpu Nehalem -smp 1 -m 256 -vga std \
    -chardev file,id=console,path=console.log -serial chardev:console \
    -drive file=disk.qcow2,if=virtio,format=qcow2,cache=writeback \
    -drive file=seed.iso,if=virtio,format=raw,readonly=on \
    -netdev "user,id=nat,ipv6=off,hostfwd=tcp:127.0.0.1:$port-:22" -device virtio-net-pci,netdev=nat,romfile= \
    -device virtio-rng-pci
until ssh -i "$key" -p "$port" -o IdentitiesOnly=yes -o BatchMode=yes -o ConnectTimeout=2 -o LogLevel=ERROR \
    -o UserKnownHostsFile=known_hosts -o StrictHostKeyChecking=accept-new "$user@127.0.0.1" true 2> /dev/null; do
    sleep 0.1
done
