"""Takes the frames out of what comes by HTTP/2 with which a server says goodbye (GOAWAY).

By RFC 9113, section 6.8, streams that the server has begun with go on behind such a frame, as when a gateway
ends a connection after its thousandth request. The package h2 takes it for the end of all: any frame that
follows is an error to it (seen with 4.4.1; findings/h2-goaway-ends-running-streams.sh).
"""

from __future__ import annotations

from dataclasses import dataclass

from cloudmesh.cloud.wire.errors import NoHttpError

# The length, the type and the flags of a frame, and the number of its stream (RFC 9113, section 4.1).
_HEAD = 9
_GOAWAY = 7
# The last stream, and why (section 6.8); it belongs to no stream itself.
_SHORTEST_GOODBYE = 8
# No frame may be longer unless we say so. What is no HTTP/2 mostly looks like such a frame, and h2 would wait
# for its end.
_LONGEST = 16_384


@dataclass(frozen=True)
class Goodbye:
    """What a server says that takes no more calls.

    Attributes:
        last: the number of the last stream that it may have begun with.
        in_peace: whether nothing went wrong, by this and those that came with it.
    """

    last: int
    in_peace: bool


def without_goodbyes(data: bytes) -> tuple[bytes, bytes, Goodbye | None]:
    """The whole frames but for goodbyes, the begun next one, and the last goodbye; None if there is none.

    Raises NoHttpError if one is longer than any may be, or is no goodbye as there are.
    """
    goodbye: Goodbye | None = None
    kept: list[bytes] = []
    start = begins = 0
    while len(data) - begins >= _HEAD:
        length = int.from_bytes(data[begins : begins + 3], "big")
        if length > _LONGEST:
            raise NoHttpError("FrameTooLarge")
        ends = begins + _HEAD + length
        if ends > len(data):
            break
        if data[begins + 3] == _GOAWAY:
            kept.append(data[start:begins])
            start = ends
            if length < _SHORTEST_GOODBYE or any(data[begins + 5 : begins + _HEAD]):
                raise NoHttpError("WrongGoodbye")
            last, code = (data[begins + _HEAD + each : begins + _HEAD + each + 4] for each in (0, 4))
            in_peace = not any(code) and (goodbye is None or goodbye.in_peace)
            goodbye = Goodbye(int.from_bytes(last, "big") & 0x7FFF_FFFF, in_peace)
        begins = ends
    return b"".join([*kept, data[start:begins]]), data[begins:], goodbye
