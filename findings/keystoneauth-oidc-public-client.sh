#!/usr/bin/env bash
# keystoneauth1 5.18.1: its options say that no way of OpenID Connect needs a client secret, and its loader accepts a public
# client, which has none. By password and by client credentials it then ends with a TypeError of Python; an empty secret is
# taken, and means the same as none.
# Seen:
#   option client-secret required: False
#   without a secret: TypeError
#   with an empty one: OidcPassword
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check keystoneauth1==5.18.1
"$place/venv/bin/python" - > "$place/told" <<'PYTHON'
from keystoneauth1 import loading

loader = loading.get_plugin_loader("v3oidcpassword")
(option,) = [each for each in loader.get_options() if each.dest == "client_secret"]
print("option client-secret required:", option.required)
keys = {
    "auth_url": "https://keystone.example.org/v3",
    "identity_provider": "idp",
    "protocol": "openid",
    "client_id": "public",
    "discovery_endpoint": "https://idp.example.org/.well-known/openid-configuration",
    "username": "me",
    "password": "secret",
}
try:
    loader.load_from_options(**keys)
except TypeError as error:
    print("without a secret:", type(error).__name__)
print("with an empty one:", type(loader.load_from_options(client_secret="", **keys)).__name__)
PYTHON
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
