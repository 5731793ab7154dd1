#!/usr/bin/env bash
# Blazar 18.0.0, OpenStack's reservation service: its own program for the interface, blazar-api, starts a thread that is
# a daemon and returns, so that it ends at once with exit code 0 (as a WSGI application it works). Two leases may have
# one name, though there is an error "The lease with name: ... already exists", so a client whose create was answered to
# nobody makes a second one by asking again. That no host is free is told with status 500, as a failure of the server.
# Seen:
#   blazar-api: ended with 0
#   leases of one name: 2
#   not enough hosts: HTTP 500
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check blazar==18.0.0
export HOME=$place
cat > "$place/blazar.conf" <<CONF
[DEFAULT]
transport_url = fake://
host = 127.0.0.1
port = $(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
[database]
connection = sqlite:///$place/blazar.db
[keystone_authtoken]
auth_type = password
auth_url = http://127.0.0.1:9/v3
CONF
code=0
timeout 60 "$place/venv/bin/blazar-api" --config-file "$place/blazar.conf" > "$place/log" 2>&1 || code=$?
echo "blazar-api: ended with $code" > "$place/told"
"$place/venv/bin/python" - "$place/blazar.conf" >> "$place/told" 2> "$place/log" <<'PYTHON'
import datetime
import sys

from blazar.db import api
from blazar.manager import exceptions
from oslo_config import cfg

cfg.CONF(["--config-file", sys.argv[1]], project="blazar")
api.setup_db()
now = datetime.datetime(2026, 11, 29, 12)
for _ in range(2):
    end = now + datetime.timedelta(hours=1)
    api.lease_create({"name": "one", "start_date": now, "end_date": end, "status": "PENDING"})
print("leases of one name:", len(api.lease_list()))
print("not enough hosts: HTTP", exceptions.NotEnoughHostsAvailable().code)
PYTHON
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
