#!/usr/bin/env bash
# httptools 0.9.0 (llhttp) cannot be told that a connection has ended. An answer that names no length ends with its connection
# (RFC 9112, 6.3), but its HttpResponseParser never calls on_message_complete for it and has no method for the end, as llhttp has.
# Announcing answers (100, 103) are whole messages of their own to it, with their headers in the same calls: the first message
# that is complete need not be the answer. Who reads answers with it has to see to both.
# Seen:
#   with a length: complete 200
#   103, then an answer: complete 103, complete 200
#   up to the end of the connection: body 2
#   ways to tell the end: none
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check 'httptools==0.9.0' 2> /dev/null
"$place/venv/bin/python" - > "$place/told" << 'END'
from httptools import HttpResponseParser


class Reader:
    def __init__(self):
        self.events = []
        self.parser = HttpResponseParser(self)

    def on_body(self, data):
        self.events.append(f"body {len(data)}")

    def on_message_complete(self):
        self.events.append(f"complete {self.parser.get_status_code()}")


def read(*parts, shown="complete"):
    reader = Reader()
    for part in parts:
        reader.parser.feed_data(part)
    return ", ".join(each for each in reader.events if each.startswith(shown) or shown == "") or "nothing"


SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
print("with a length:", read(SIZED))
print("103, then an answer:", read(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + SIZED))
print("up to the end of the connection:", read(b"HTTP/1.1 200 OK\r\n\r\n{}", shown=""))
names = [name for name in dir(HttpResponseParser) if not name.startswith("__")]
ways = [name for name in names if any(word in name for word in ("eof", "finish", "end"))]
print("ways to tell the end:", ", ".join(ways) or "none")
END
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
