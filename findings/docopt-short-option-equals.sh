#!/usr/bin/env bash
# docopt 0.6.2 keeps the sign in "-o=json": the value of the short option is "=json". With two dashes the sign
# separates, and argparse of the standard library drops it in both.
# Seen:
#   docopt -o=json: =json
#   docopt --output=json: json
#   argparse -o=json: json
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check docopt==0.6.2
cat > "$place/try.py" <<'END'
import argparse
import docopt
USAGE = """Usage: list [options]

Options:
  -o FORMAT, --output=FORMAT  how it is shown
"""
for word in ("-o=json", "--output=json"):
    print(f"docopt {word}:", docopt.docopt(USAGE, argv=[word])["--output"])
parser = argparse.ArgumentParser()
parser.add_argument("-o", "--output")
print("argparse -o=json:", parser.parse_args(["-o=json"]).output)
END
"$place/venv/bin/python" -W ignore "$place/try.py" > "$place/told"
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
