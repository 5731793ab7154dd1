#!/usr/bin/env bash
# apache-libcloud 3.9.1: the driver for Azure calls a machine that is stopped and still paid for "paused", a deallocated one
# "stopped", and one that is being deleted "terminated", though it is there and may be paid for.
# Seen:
#   PowerState/stopped -> paused
#   PowerState/deallocated -> stopped
#   ProvisioningState/deleting -> terminated
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check apache-libcloud==3.9.1
"$place/venv/bin/python" - > "$place/told" <<'PYTHON'
from types import SimpleNamespace

from libcloud.compute.drivers.azure_arm import AzureNodeDriver

for code in ("PowerState/stopped", "PowerState/deallocated", "ProvisioningState/deleting"):
    answer = SimpleNamespace(object={"statuses": [{"code": code}]})
    driver = AzureNodeDriver.__new__(AzureNodeDriver)
    driver.connection = SimpleNamespace(request=lambda *_, **__: answer)
    print(code, "->", driver._fetch_power_state({"id": "/machine"}))
PYTHON
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
