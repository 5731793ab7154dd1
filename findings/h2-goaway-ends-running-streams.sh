#!/usr/bin/env bash
# h2 4.4.1 takes a GOAWAY for the end of all. By RFC 9113, section 6.8, streams up to its last stream go on behind it, and
# gateways end each connection so, as after a number of requests (nginx, keepalive_requests). To h2 any frame that follows is an
# error of the protocol: calls that are being answered seem lost, after they were carried out. The error names neither the
# GOAWAY nor that its last stream includes them. Who has calls at once on a connection must keep the frame from h2.
# Seen:
#   an answer: ResponseReceived 1, StreamEnded 1
#   a GOAWAY whose last stream is 3: ConnectionTerminated 0 last 3
#   the answer on stream 3 behind it: ProtocolError
#   the same without the GOAWAY: ResponseReceived 3, StreamEnded 3
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check 'h2==4.4.1' 'hpack==4.2.0' 'hyperframe==6.1.0' 2> /dev/null
"$place/venv/bin/python" - > "$place/told" << 'END'
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.exceptions import ProtocolError
from hpack import Encoder
from hyperframe.frame import GoAwayFrame, HeadersFrame, SettingsFrame

REQUEST = [(":method", "GET"), (":scheme", "https"), (":authority", "example.org"), (":path", "/")]


def client():
    """A client that has asked on the streams 1 and 3, and the head of each answer."""
    made, encoder = H2Connection(H2Configuration()), Encoder()
    made.initiate_connection()
    made.receive_data(SettingsFrame(0).serialize())
    for number in (1, 3):
        made.send_headers(number, REQUEST, end_stream=True)
    return made, lambda number: HeadersFrame(
        number, encoder.encode([(":status", "200")]), flags=["END_HEADERS", "END_STREAM"]
    ).serialize()


def told(connection, data):
    try:
        events = connection.receive_data(data)
    except ProtocolError as error:
        return type(error).__name__
    words = []
    for each in events:
        name = type(each).__name__
        ended = name == "ConnectionTerminated"
        words.append(f"{name} {int(each.error_code)} last {each.last_stream_id}" if ended else f"{name} {each.stream_id}")
    return ", ".join(words)


goaway = GoAwayFrame(0, last_stream_id=3).serialize()
one, answer = client()
print("an answer:", told(one, answer(1)))
print("a GOAWAY whose last stream is 3:", told(one, goaway))
print("the answer on stream 3 behind it:", told(one, answer(3)))
other, answer = client()
told(other, answer(1))
print("the same without the GOAWAY:", told(other, answer(3)))
END
seen=$(sed -n '/^# Seen:$/,/^set -e/s/^#   //p' "$0")
diff <(printf '%s\n' "$seen") "$place/told"
