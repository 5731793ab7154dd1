#!/usr/bin/env bash
# keystoneauth1 5.18.1 with an OpenID provider that answers as RFC 6749 and RFC 8628 say: a wrong password is told as
# BadRequest, without the provider's reason; and the device flow, which has to wait longer after slow_down, ends there
# with the same words, while the person is still at the provider's page.
# Seen:
#   v3oidcpassword: BadRequest: Unrecognized schema in response body. (HTTP 400)
#   v3oidcdeviceauthz, asked to slow down: BadRequest: Unrecognized schema in response body. (HTTP 400)
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check keystoneauth1==5.18.1
export HOME=$place no_proxy='*'
"$place/venv/bin/python" - > "$place/told" 2> "$place/logged" <<'PYTHON'
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from keystoneauth1 import loading, session

CODE = {"device_code": "1", "user_code": "A", "verification_uri": "http://x/", "expires_in": 60, "interval": 1}


class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path == "/device":
            status, answer = 200, CODE
        elif "device_code" in asked:
            status, answer = 400, {"error": "slow_down"}
        else:
            status, answer = 400, {"error": "invalid_grant", "error_description": "wrong user name or password"}
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *words):
        pass


server = HTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
options = {"auth_url": f"{url}/v3", "identity_provider": "x", "protocol": "openid", "project_id": "1"}
options |= {"client_id": "cli", "access_token_endpoint": f"{url}/token"}
ways = {
    "v3oidcpassword": ("v3oidcpassword", {"client_secret": "s", "username": "me", "password": "wrong"}),
    "v3oidcdeviceauthz, asked to slow down": (
        "v3oidcdeviceauthz",
        {"device_authorization_endpoint": f"{url}/device"},
    ),
}
for told, (name, more) in ways.items():
    auth = loading.get_plugin_loader(name).load_from_options(**options, **more)
    try:
        session.Session(auth=auth).get_token()
    except Exception as error:
        print(f"{told}: {type(error).__name__}: {error}")
PYTHON
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
