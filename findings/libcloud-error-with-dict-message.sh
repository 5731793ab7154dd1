#!/usr/bin/env bash
# apache-libcloud 3.9.1: drivers may put the parsed body of an answer, a dict, into BaseHTTPError as its message. Then
# str() of the error raises TypeError: a handler that logs the error fails itself, and the cloud's reason is lost.
# Seen:
#   code: 409
#   str: TypeError
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check apache-libcloud==3.9.1
export HOME=$place
"$place/venv/bin/python" - > "$place/told" <<'PYTHON'
from libcloud.common.exceptions import BaseHTTPError

error = BaseHTTPError(409, {"conflict": {"message": "busy"}})
print("code:", error.code)
try:
    print("str:", str(error))
except TypeError as raised:
    print("str:", type(raised).__name__)
PYTHON
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
