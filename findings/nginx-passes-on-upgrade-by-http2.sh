#!/usr/bin/env bash
# nginx (seen with Debian's 1.22.1, the one that is installed) hands on the header "Upgrade" of the server behind it to clients of
# HTTP/2, where it has no meaning and is forbidden (RFC 9113, section 8.2.2); each Apache with mod_http2 sends it. h2 4.4.1 takes
# that for an error of the connection: not that answer alone, all calls that share the connection are lost, and each one that follows
# on another. h2 can be told not to look (validate_inbound_headers); by HTTP/1.1 nobody notices.
# Seen:
#   by HTTP/2, as h2 comes: ProtocolError, answers: 0 of 2
#   without its look at headers: upgrade is h2,h2c, answers: 2 of 2
set -euo pipefail
nginx=$(command -v nginx || echo /usr/sbin/nginx)
[ -x "$nginx" ] || { echo "needs nginx"; exit 1; }
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check 'h2==4.4.1' 'hpack==4.2.0' 'hyperframe==6.1.0' 2> /dev/null
"$place/venv/bin/python" - "$place" "$nginx" > "$place/told" 2> "$place/noise" << 'END' || { cat "$place/noise" >&2; exit 1; }
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import h2.config
import h2.connection
import h2.events
import h2.exceptions


class Behind(BaseHTTPRequestHandler):
    """Says what Apache says of itself."""

    def do_GET(self):
        time.sleep(0.5 if self.path == "/two" else 0)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        if self.path == "/one":
            self.send_header("Upgrade", "h2,h2c")
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, *_):
        pass


def ask(checks):
    """What becomes of two calls on one connection, the second a moment later."""
    state = h2.connection.H2Connection(
        h2.config.H2Configuration(header_encoding="utf-8", validate_inbound_headers=checks)
    )
    state.initiate_connection()
    for number, path in ((1, "/one"), (3, "/two")):
        head = [(":method", "GET"), (":scheme", "http"), (":authority", "example.org"), (":path", path)]
        state.send_headers(number, head, end_stream=True)
    told, ended = "", 0
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(state.data_to_send())
        try:
            while ended < 2 and (data := connection.recv(65536)):
                for event in state.receive_data(data):
                    if isinstance(event, h2.events.ResponseReceived) and event.stream_id == 1:
                        told = f"upgrade is {dict(event.headers).get('upgrade')}"
                    ended += isinstance(event, h2.events.StreamEnded)
        except h2.exceptions.ProtocolError as error:
            told = type(error).__name__
    return f"{told}, answers: {ended} of 2"


behind = ThreadingHTTPServer(("127.0.0.1", 0), Behind)
threading.Thread(target=behind.serve_forever, daemon=True).start()
with socket.socket() as nobody:
    nobody.bind(("127.0.0.1", 0))
    port = nobody.getsockname()[1]
place, nginx = sys.argv[1:]
with open(f"{place}/nginx.conf", "w") as file:
    file.write(f"""
daemon off;
master_process off;
pid {place}/pid;
error_log {place}/errors;
events {{}}
http {{
    access_log off;
    client_body_temp_path {place}/body;
    proxy_temp_path {place}/proxy;
    fastcgi_temp_path {place}/fastcgi;
    uwsgi_temp_path {place}/uwsgi;
    scgi_temp_path {place}/scgi;
    server {{
        listen 127.0.0.1:{port} http2;
        location / {{ proxy_pass http://127.0.0.1:{behind.server_port}; }}
    }}
}}
""")
gateway = subprocess.Popen([nginx, "-p", place, "-c", f"{place}/nginx.conf"], stderr=subprocess.DEVNULL)
try:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    print("by HTTP/2, as h2 comes:", ask(True))
    print("without its look at headers:", ask(False))
finally:
    gateway.terminate()
    gateway.wait()
END
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
