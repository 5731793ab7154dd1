#!/usr/bin/env bash
# OpenSSH 9.2: with StrictHostKeyChecking=accept-new a key of a kind that is not known yet is refused as a changed one, if a
# key of another kind is known for the host; it is no "new" key. So accept-new is as strict as yes wherever any key is known.
# Two servers stand for a machine before and after somebody took its address: one has an Ed25519 key, the other an ECDSA key.
# Seen:
#   first: in
#   other kind of key: 255 Host key verification failed.
#   known: 1
set -euo pipefail
place=$(mktemp -d)
server=$(PATH=$PATH:/usr/sbin command -v sshd)
[ "$(id -u)" != 0 ] || mkdir -p /run/sshd
port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
pids=()
trap 'kill "${pids[@]}"; rm -rf "$place"' EXIT
ssh-keygen -q -t ed25519 -N '' -f "$place/user"
start() {
    ssh-keygen -q -t "$1" -N '' -f "$place/$1"
    printf '%s\n' "ListenAddress 127.0.0.1:$2" "HostKey $place/$1" "PidFile none" "UsePAM no" "StrictModes no" \
        "AuthorizedKeysFile $place/user.pub" "PasswordAuthentication no" > "$place/$1.conf"
    "$server" -D -f "$place/$1.conf" -E "$place/$1.log" & pids+=($!)
    for _ in $(seq 100); do if (exec 3<> "/dev/tcp/127.0.0.1/$2") 2> /dev/null; then return; fi; sleep 0.1; done
}
sign_in() {
    ssh -F /dev/null -i "$place/user" -p "$1" -o BatchMode=yes -o HostKeyAlias=machine -o UserKnownHostsFile="$place/known" \
        -o StrictHostKeyChecking=accept-new 127.0.0.1 "echo in"
}
one=$(port) other=$(port)
start ed25519 "$one"
start ecdsa "$other"
{
    echo "first: $(sign_in "$one" 2> /dev/null)"
    code=0; sign_in "$other" > /dev/null 2> "$place/said" || code=$?
    echo "other kind of key: $code $(tail -1 "$place/said" | tr -d '\r')"
    echo "known: $(grep -c . "$place/known")"
} > "$place/told"
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
