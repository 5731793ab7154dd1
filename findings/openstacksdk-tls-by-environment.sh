#!/usr/bin/env bash
# openstacksdk 4.22.0 and the variables of an environment that say whether certificates are verified: OS_VERIFY is taken for
# the path of certificates, whatever it says, so "false" verifies with a file of this name; of OS_INSECURE only "true" counts,
# in any case, and "1" and "yes" mean no.
# Seen:
#   OS_VERIFY=false: 'false'
#   OS_VERIFY=True: 'True'
#   OS_INSECURE=TRUE: False
#   OS_INSECURE=1: True
#   OS_INSECURE=yes: True
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check openstacksdk==4.22.0
export HOME=$place
export OS_AUTH_URL=https://127.0.0.1/v3 OS_USERNAME=u OS_PASSWORD=p OS_USER_DOMAIN_ID=d OS_PROJECT_ID=p
unset OS_CLOUD OS_VERIFY OS_INSECURE OS_CACERT
for setting in OS_VERIFY=false OS_VERIFY=True OS_INSECURE=TRUE OS_INSECURE=1 OS_INSECURE=yes; do
    env "$setting" "$place/venv/bin/python" - "$setting" >> "$place/told" <<'PYTHON'
import sys

from openstack.config.loader import OpenStackConfig

verify, _ = OpenStackConfig(load_yaml_config=False).get_one().get_requests_verify_args()
print(f"{sys.argv[1]}: {verify!r}")
PYTHON
done
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
