#!/usr/bin/env bash
# openstacksdk 4.22.0 looks for clouds.yaml and secure.yaml in the directory "openstack" of XDG_CONFIG_DIRS, which is /etc/xdg
# where it is not set. With two directories in it, as on desktops of Ubuntu, it takes them for one path with a colon in it, and
# looks in neither.
# Seen:
#   one directory: found
#   two directories: not found
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check openstacksdk==4.22.0
mkdir -p "$place/one/openstack" "$place/two/openstack"
echo "clouds: {uc: {auth: {auth_url: 'https://keystone.example.org/v3'}}}" > "$place/one/openstack/clouds.yaml"
export HOME=$place
for directories in "$place/one" "$place/one:$place/two"; do
  count=one
  [[ $directories == *:* ]] && count="two"
  noun=directory
  [[ $count == two ]] && noun=directories
  found=$(cd "$place" && XDG_CONFIG_DIRS=$directories "$place/venv/bin/python" -W ignore -c '
from openstack.config.loader import OpenStackConfig
print("found" if "uc" in OpenStackConfig(load_envvars=False).get_cloud_names() else "not found")')
  echo "$count $noun: $found"
done > "$place/told"
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
