#!/usr/bin/env bash
# nova 34.0.0: a server with the status DELETED in the answer to changes-since need not be gone. Nova writes that status, then gives
# back what Placement keeps for the server, and only then deletes its row; until that has succeeded the server is in the plain list,
# too, and holds its allocation. The deletion of the row leaves the time of the last change as it was. So who asks for the changes
# since he saw the status is never told that the server is gone: only the plain list, or 404 for its id, tells that.
# Seen (states of the rows behind the API, 60 s between the status and the deletion):
#   status written, changes of the last minute: deleted
#   status written, plain list: deleted
#   row deleted, changes since before the status: deleted
#   row deleted, changes since after the status: none
#   row deleted, plain list: none
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check nova==34.0.0 2> /dev/null
export HOME=$place
: > "$place/nova.conf"
"$place/venv/bin/python" -W ignore - "$place" > "$place/told" 2> "$place/errors" <<'PYTHON' || { cat "$place/errors" >&2; exit 1; }
import datetime
import sys

from nova import config, context
from nova.conf import CONF
from nova.db.main import api, models
from oslo_utils import fixture, timeutils

file = f"{sys.argv[1]}/nova.conf"
config.parse_args(["nova"], default_config_files=[file], configure_db=False, init_rpc=False)
CONF.set_override("connection", f"sqlite:///{sys.argv[1]}/nova.db", group="database")
api.configure(CONF)
models.BASE.metadata.create_all(api.context_manager.writer.get_engine())
admin = context.get_admin_context(read_deleted="yes")
minute = datetime.timedelta(minutes=1)
clock = fixture.TimeFixture(datetime.datetime(2026, 11, 30, 10, 0, 0))
clock.setUp()


def states(**wanted):
    return " ".join(each["vm_state"] for each in api.instance_get_all_by_filters_sort(admin, wanted)) or "none"


uuid = "9f0d4f3e-6d4a-4c38-8f2b-6a1c0f5b2a11"
api.instance_create(admin, {"uuid": uuid, "vm_state": "active"})
clock.advance_time_seconds(60)
before = timeutils.utcnow()
clock.advance_time_seconds(1)
api.instance_update(admin, uuid, {"vm_state": "deleted"})
clock.advance_time_seconds(1)
after = timeutils.utcnow()
print("status written, changes of the last minute:", states(**{"changes-since": after - minute}))
print("status written, plain list:", states(deleted=False))
clock.advance_time_seconds(60)
api.instance_destroy(admin, uuid)
print("row deleted, changes since before the status:", states(**{"changes-since": before}))
print("row deleted, changes since after the status:", states(**{"changes-since": after}))
print("row deleted, plain list:", states(deleted=False))
PYTHON
seen=$(sed -n '/^# Seen/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
