#!/usr/bin/env bash
# cloudmesh-common 5.0.64 imports pip and does not declare it. In an environment without pip, as uv makes them,
# cloudmesh-cmd5 installs and then does not start.
# Seen:
#   with pip: 0
#   ModuleNotFoundError: No module named 'pip'
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check cloudmesh-cmd5==5.0.20 cloudmesh-common==5.0.64
export HOME=$place
"$place/venv/bin/python" -c 'import cloudmesh.shell.shell'
echo "with pip: $?" > "$place/told"
"$place/venv/bin/python" -m pip uninstall --quiet --yes pip 2> /dev/null
"$place/venv/bin/python" -c 'import cloudmesh.shell.shell' 2>&1 | tail -n 1 >> "$place/told" || true
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
