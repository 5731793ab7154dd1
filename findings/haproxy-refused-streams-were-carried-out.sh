#!/usr/bin/env bash
# haproxy 2.6 (Debian 12, the one that is installed). To a client of HTTP/2 it resets a stream with REFUSED_STREAM where the server
# behind it has closed the connection without an answer, though that server had the whole request. By RFC 9113, section 8.7,
# this code says that nothing was done, and that the request may be sent again: a POST that makes something makes another one.
# An answer in chunks that breaks off is ended as if it were whole. By HTTP/1.1 both end with the connection, which tells the truth.
# Seen:
#   POST, carried out and then closed: reset with code 7
#   the server behind has carried out: 1
#   an answer in chunks that breaks off: 200 [], ended
#   the same by HTTP/1.1: broken off
set -euo pipefail
command -v haproxy > /dev/null || { echo "needs haproxy"; exit 1; }
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check 'h2==4.4.1' 'hpack==4.2.0' 'hyperframe==6.1.0' 2> /dev/null
"$place/venv/bin/python" - "$place" > "$place/told" << 'END'
import http.client
import socket
import subprocess
import sys
import threading
import time

import h2.config
import h2.connection
import h2.events

carried_out = []


def serve(connection):
    """Carry out one request: a POST is not answered, a GET is answered in part."""
    with connection, connection.makefile("rb") as lines:
        first = lines.readline().split()
        length = 0
        while line := lines.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        lines.read(length)
        if first and first[0] == b"POST":
            carried_out.append(first[1])
        elif first:
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n")
            time.sleep(0.2)


def accept():
    while True:
        threading.Thread(target=serve, args=[behind.accept()[0]], daemon=True).start()


def free_port():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        return nobody.getsockname()[1]


def ask(method, content):
    """What becomes of a request by HTTP/2."""
    state = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
    state.initiate_connection()
    head = [(":method", method), (":scheme", "http"), (":authority", "example.org"), (":path", "/servers")]
    head += [("content-length", str(len(content)))] if content else []
    state.send_headers(1, head, end_stream=not content)
    if content:
        state.send_data(1, content, end_stream=True)
    status, body = "", b""
    with socket.create_connection(("127.0.0.1", by_http2), timeout=20) as connection:
        connection.sendall(state.data_to_send())
        while data := connection.recv(65536):
            for event in state.receive_data(data):
                if isinstance(event, h2.events.ResponseReceived):
                    status = dict(event.headers)[":status"]
                elif isinstance(event, h2.events.DataReceived):
                    body += event.data
                elif isinstance(event, h2.events.StreamReset):
                    return f"reset with code {int(event.error_code)}"
                elif isinstance(event, h2.events.StreamEnded):
                    return f"{status} {body.decode()}, ended"
            connection.sendall(state.data_to_send())
    return "the connection ended"


behind = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=accept, daemon=True).start()
by_http2, by_http1 = free_port(), free_port()
with open(f"{sys.argv[1]}/haproxy.cfg", "w") as file:
    file.write(f"""
defaults
    mode http
    timeout connect 5s
    timeout client 20s
    timeout server 20s
frontend one
    bind 127.0.0.1:{by_http2} proto h2
    bind 127.0.0.1:{by_http1}
    default_backend cloud
backend cloud
    server one 127.0.0.1:{behind.getsockname()[1]}
""")
gateway = subprocess.Popen(["haproxy", "-db", "-f", f"{sys.argv[1]}/haproxy.cfg"], stderr=subprocess.DEVNULL)
try:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", by_http2)) == 0:
                break
        time.sleep(0.05)
    print("POST, carried out and then closed:", ask("POST", b"{}"))
    print("the server behind has carried out:", len(carried_out))
    print("an answer in chunks that breaks off:", ask("GET", b""))
    plain = http.client.HTTPConnection("127.0.0.1", by_http1, timeout=20)
    plain.request("GET", "/servers")
    try:
        print("the same by HTTP/1.1:", plain.getresponse().read())
    except http.client.IncompleteRead:
        print("the same by HTTP/1.1: broken off")
finally:
    gateway.terminate()
    gateway.wait()
END
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
