#!/usr/bin/env bash
# cloudmesh-cmd5 5.0.20: $name is replaced as text, not as a whole name. With n=web, the words $n1 become web1, whatever n1 is.
# Seen:
#   web1
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check cloudmesh-cmd5==5.0.20 cloudmesh-common==5.0.64
export HOME=$place
printf 'set n=web\nset n1=db1\necho $n1\n' | "$place/venv/bin/cms" 2>&1 | grep -o 'web1\|db1$' | tail -n 1 > "$place/told"
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
