#!/usr/bin/env bash
# cloudmesh-cmd5 5.0.20: "set dryrun=off" turns the dry run on; "dryrun off" turns it off.
# Seen:
#   dryrun=True
#   dryrun=False
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check cloudmesh-cmd5==5.0.20 cloudmesh-common==5.0.64
export HOME=$place
{
    printf 'set dryrun=off\ndryrun\n' | "$place/venv/bin/cms" 2>&1 | grep -o 'dryrun=[A-Z][a-z]*' | tail -n 1
    printf 'dryrun off\ndryrun\n' | "$place/venv/bin/cms" 2>&1 | grep -o 'dryrun=[A-Z][a-z]*' | tail -n 1
} > "$place/told"
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
