#!/usr/bin/env bash
# Blazar 18.0.0: while it starts a lease, which is still PENDING to whoever lists it, each change is refused with HTTP 500, as for
# a failure of the server; a moment later the same request is carried out. Who changes a lease in the moment before that, a rename
# is enough, is told the same, and the lease goes into ERROR: it never starts. Blazar looks for leases to start every 10 seconds,
# so that one which is asked for "now" is in danger for as long after its creation. Safe is to wait until it is ACTIVE.
# Seen:
#   deleted while it starts: HTTP 500 Invalid lease status., then PENDING
#   changed in the moment before: HTTP 500 Invalid lease status., then ERROR
#   its start: HTTP 500 Invalid lease status., then ERROR
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check blazar==18.0.0 2> /dev/null
export HOME=$place
cat > "$place/blazar.conf" <<CONF
[DEFAULT]
transport_url = fake://
[database]
connection = sqlite:///$place/blazar.db
CONF
"$place/venv/bin/python" - "$place/blazar.conf" > "$place/told" 2> "$place/log" <<'PYTHON' || { cat "$place/log" >&2; exit 1; }
import datetime
import sys

from blazar import exceptions
from blazar.db import api
from blazar.manager.service import ManagerService
from oslo_config import cfg

cfg.CONF(["--config-file", sys.argv[1]], project="blazar")
api.setup_db()
now = datetime.datetime(2026, 11, 30, 12)
end = now + datetime.timedelta(hours=1)


def pending(name):
    """A lease that is to start now, and the event that starts it."""
    values = {"name": name, "start_date": now, "end_date": end, "status": "PENDING"}
    lease = api.lease_create({**values, "reservations": [], "events": []})["id"]
    for kind in ("start_lease", "end_lease"):
        api.event_create({"lease_id": lease, "event_type": kind, "time": now, "status": "UNDONE"})
    found = {"lease_id": lease, "event_type": "start_lease"}
    return lease, api.event_get_first_sorted_by_filters("lease_id", "asc", found)["id"]


def told(what, change, lease, **words):
    try:
        change(None, lease_id=lease, **words)
        how = "done"
    except exceptions.BlazarException as error:
        how = f"HTTP {error.code} {error}"
    print(f"{what}: {how}, then {api.lease_get(lease)['status']}")


# What the manager does first when the time has come.
lease, event = pending("one")
api.event_update(event, {"status": "IN_PROGRESS"})
told("deleted while it starts", ManagerService.delete_lease, lease)

lease, event = pending("two")
update = api.lease_update


def and_it_starts(lease_id, values):
    """The manager, which runs side by side, has seen a lease that is PENDING."""
    update(lease_id, values)
    if values.get("status") == "UPDATING":
        api.event_update(event, {"status": "IN_PROGRESS"})


api.lease_update = and_it_starts
told("changed in the moment before", ManagerService.update_lease, lease, values={"name": "three"})
api.lease_update = update
told("its start", ManagerService.start_lease, lease, event_id=event)
PYTHON
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
