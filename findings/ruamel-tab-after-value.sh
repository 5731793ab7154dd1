#!/usr/bin/env bash
# ruamel.yaml 0.19.1 with ruamel.yaml.clib 0.2.15: a tab after a value, at the end of its line, is valid YAML.
# The C parser of typ="safe" reads it; the round trip, which is pure Python, refuses the same text. A program that
# reads with the one and edits with the other can read files that it cannot edit.
# Seen:
#   safe: {'a': {'b': 'c', 'd': 1}}
#   round trip: ScannerError
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check ruamel.yaml==0.19.1 ruamel.yaml.clib==0.2.15
export HOME=$place
"$place/venv/bin/python" - > "$place/told" <<'PYTHON'
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

text = "a:\n  b: c\t\n  d: 1\n"
print("safe:", YAML(typ="safe").load(text))
try:
    print("round trip:", dict(YAML().load(text)))
except YAMLError as error:
    print("round trip:", type(error).__name__)
PYTHON
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
