#!/usr/bin/env bash
# cloudmesh-cmd5 5.0.20: a command that does not exist ends with exit code 0, so "cms nosuch && next" goes on.
# Seen:
#   exit 0
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check cloudmesh-cmd5==5.0.20 cloudmesh-common==5.0.64
export HOME=$place
"$place/venv/bin/cms" nosuch > /dev/null 2>&1 && told=$? || told=$?
echo "exit $told" > "$place/told"
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
