#!/usr/bin/env bash
# OpenSSH 9.2: a HostKeyAlias is kept in lower case, and without the port, which known hosts have otherwise. So machines that
# are called Web1 and WEB1, or are behind two forwarded ports of one computer, share one entry, and each looks like an attack on the
# other. A name of a machine makes no alias; an id in lower case does.
# Two servers with a key each stand for two machines.
# Seen:
#   without an alias: [127.0.0.1]:PORT
#   alias Web1: web1
#   alias WEB1: 255 Host key verification failed.
set -euo pipefail
place=$(mktemp -d)
server=$(PATH=$PATH:/usr/sbin command -v sshd)
[ "$(id -u)" != 0 ] || mkdir -p /run/sshd
port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
pids=()
trap 'kill "${pids[@]}"; rm -rf "$place"' EXIT
ssh-keygen -q -t ed25519 -N '' -f "$place/user"
start() {
    ssh-keygen -q -t ed25519 -N '' -f "$place/host$1"
    printf '%s\n' "ListenAddress 127.0.0.1:$1" "HostKey $place/host$1" "PidFile none" "UsePAM no" "StrictModes no" \
        "AuthorizedKeysFile $place/user.pub" "PasswordAuthentication no" > "$place/$1.conf"
    "$server" -D -f "$place/$1.conf" -E "$place/$1.log" & pids+=($!)
    for _ in $(seq 100); do if (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null; then return; fi; sleep 0.1; done
}
sign_in() {
    local known=$1 port=$2
    shift 2
    ssh -F /dev/null -i "$place/user" -p "$port" -o BatchMode=yes -o UserKnownHostsFile="$place/$known" -o HashKnownHosts=no \
        -o StrictHostKeyChecking=accept-new "$@" 127.0.0.1 true 2> "$place/said"
}
one=$(port) other=$(port)
start "$one"
start "$other"
{
    sign_in plain "$one"
    echo "without an alias: $(cut -d' ' -f1 "$place/plain" | sed "s/$one/PORT/")"
    sign_in aliased "$one" -o HostKeyAlias=Web1
    echo "alias Web1: $(cut -d' ' -f1 "$place/aliased")"
    code=0; sign_in aliased "$other" -o HostKeyAlias=WEB1 || code=$?
    echo "alias WEB1: $code $(tail -1 "$place/said" | tr -d '\r')"
} > "$place/told"
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
