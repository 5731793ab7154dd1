#!/usr/bin/env bash
# openstacksdk 4.22.0 reads keys of a clouds.yaml with hyphens as well as with underscores: region-name is region_name. But
# auth-type is never heeded: the default "password" is put after it, without a word. And a region_name beside "regions" does
# not choose one of them: the first is taken, even if region_name names another that is in the list.
# Seen:
#   auth-type: v3token, region-name: Two gives password in Two
#   regions: [One, Two], region_name: Two gives One
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check openstacksdk==4.22.0
cat > "$place/clouds.yaml" <<'YAML'
clouds:
  hyphens: {auth-type: v3token, region-name: Two, auth: {auth_url: 'https://keystone.example.org/v3'}}
  several: {regions: [One, Two], region_name: Two, auth: {auth_url: 'https://keystone.example.org/v3'}}
YAML
"$place/venv/bin/python" -W ignore - "$place/clouds.yaml" > "$place/told" <<'PYTHON'
import sys

from openstack.config.loader import OpenStackConfig

loader = OpenStackConfig(config_files=[sys.argv[1]], secure_files=[], vendor_files=[], load_envvars=False)
found = loader.get_one("hyphens", validate=False).config
print(f"auth-type: v3token, region-name: Two gives {found['auth_type']} in {found['region_name']}")
found = loader.get_one("several", validate=False).config
print(f"regions: [One, Two], region_name: Two gives {found['region_name']}")
PYTHON
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
