#!/usr/bin/env bash
# botocore 1.44.8: AWS_REGION, which Amazon's other kits and its own services set, is not looked at; and where both are set,
# the old AWS_DEFAULT_PROFILE wins over AWS_PROFILE. A tool that reads them the other way round acts on another account.
# Seen:
#   region with AWS_REGION alone: None
#   region with AWS_DEFAULT_REGION: eu-west-1
#   profile with both: old
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check botocore==1.44.8
export HOME=$place
"$place/venv/bin/python" - > "$place/told" <<'PYTHON'
import os

from botocore.session import Session

os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_DEFAULT_REGION"):
    os.environ.pop(name, None)
os.environ["AWS_REGION"] = "eu-west-1"
print("region with AWS_REGION alone:", Session().get_config_variable("region"))
os.environ["AWS_DEFAULT_REGION"] = "eu-west-1"
print("region with AWS_DEFAULT_REGION:", Session().get_config_variable("region"))
os.environ.update(AWS_PROFILE="new", AWS_DEFAULT_PROFILE="old")
print("profile with both:", Session().profile)
PYTHON
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
