#!/usr/bin/env bash
# docopt 0.6.2: the words "--" that end the options stay among the positional arguments, unless the usage names "[--]".
# A command that acts on each NAME also acts on one called "--".
# Seen:
#   ['--', 'a1']
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check docopt==0.6.2
export HOME=$place
"$place/venv/bin/python" - > "$place/told" <<'PYTHON'
from docopt import docopt

print(docopt("Usage:\n  x stop NAMES... [--all]\n", ["stop", "--", "a1"])["NAMES"])
PYTHON
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
