#!/usr/bin/env bash
# keyring 25.7.0: under the null backend, which is how a machine without a keyring is told to use none, storing a
# password neither raises nor says anything, and reading it back gives None. Only reading back tells that it is lost.
# Seen:
#   set_password: None
#   get_password: None
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check keyring==25.7.0
export HOME=$place
"$place/venv/bin/python" - > "$place/told" <<'PYTHON'
import keyring
from keyring.backends import null

keyring.set_keyring(null.Keyring())
print("set_password:", keyring.set_password("service", "user", "word"))
print("get_password:", keyring.get_password("service", "user"))
PYTHON
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
