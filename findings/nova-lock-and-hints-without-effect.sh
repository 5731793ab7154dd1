#!/usr/bin/env bash
# nova 34.0.0: a lock does not stop an administrator, who deletes a locked server without a word; the lock is no property of
# the server but a question to whoever calls. And of the scheduler hints in the API reference (same_host, different_host,
# query, build_near_host_ip) none has an effect by default: their filters are not enabled, and the server boots anywhere,
# with 202 as if the hint had been heeded. Only the hint "group" works.
# Seen:
#   locked, member: InstanceIsLocked
#   locked, administrator: deleted
#   same_host, by default: ignored
#   different_host, by default: ignored
#   query, by default: ignored
#   group, by default: heeded
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check nova==34.0.0
export HOME=$place
"$place/venv/bin/python" -W ignore - > "$place/told" 2> "$place/errors" <<'PYTHON' || { cat "$place/errors" >&2; exit 1; }
from types import SimpleNamespace

import nova.conf
from nova.compute.api import check_instance_lock
from nova.exception import InstanceIsLocked


@check_instance_lock
def delete(api, context, instance):
    return "deleted"


server = SimpleNamespace(locked=True, uuid="0b7c")
for who, is_admin in (("member", False), ("administrator", True)):
    try:
        told = delete(None, SimpleNamespace(is_admin=is_admin), server)
    except InstanceIsLocked as error:
        told = type(error).__name__
    print(f"locked, {who}: {told}")
filters = nova.conf.CONF.filter_scheduler.enabled_filters
for hint, needed in (
    ("same_host", "SameHostFilter"),
    ("different_host", "DifferentHostFilter"),
    ("query", "JsonFilter"),
    ("group", "ServerGroupAntiAffinityFilter"),
):
    print(f"{hint}, by default: {'heeded' if needed in filters else 'ignored'}")
PYTHON
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
