#!/usr/bin/env bash
# docopt 0.6.2: every line of the help that begins with "-" describes an option, in whatever section it stands. A sentence
# that is wrapped just before "--output" makes the option ambiguous, and each call of the command fails.
# Seen:
#   DocoptLanguageError: --output is not a unique prefix: --output, --output?
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check docopt==0.6.2
export HOME=$place
"$place/venv/bin/python" - > "$place/told" <<'PYTHON'
from docopt import DocoptLanguageError, docopt

HELP = '''Usage:
  x list [--output=FORMAT]

Options:
  --output=FORMAT  how to print

Description:
  A word that is printed by
  --output=names means one machine.
'''
try:
    print(docopt(HELP, ["list", "--output=json"]))
except DocoptLanguageError as error:
    print(f"{type(error).__name__}: {error}")
PYTHON
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
