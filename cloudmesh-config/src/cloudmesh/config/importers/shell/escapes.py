"""``$'...'``: quotes in which backslashes write characters, as in C."""

from __future__ import annotations

import re

from cloudmesh.config.importers.shell.syntax import ScriptError

_PLAIN = re.compile(r"[^'\\]+")
_CODE = re.compile(r"\\(?:x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|([0-7]{1,3}))")
_SIGNS = dict(zip("abefnrtvE\\'\"?", "\a\b\x1b\f\n\r\t\v\x1b\\'\"?", strict=True))


def quoted(text: str, at: int, line: int) -> tuple[str, int]:
    """The text of the quotes that open at ``at``, and where they end; raises ScriptError.

    Of characters beyond ASCII no codes are taken: what they mean depends on the language of the shell.
    """
    pieces, at = [], at + 1
    while not text.startswith("'", at):
        if found := _PLAIN.match(text, at):
            pieces.append(found[0])
        elif at >= len(text):
            raise ScriptError(line, "a quote is opened and never closed", "close it")
        elif found := _CODE.match(text, at):
            digits = next(group for group in found.groups() if group)
            code = int(digits, 8 if found[4] else 16)
            if not 0 < code < 128:
                raise ScriptError(line, "this code of a character is not understood", "write the character")
            pieces.append(chr(code))
        elif (sign := _SIGNS.get(text[at + 1 : at + 2])) is not None:
            pieces.append(sign)
            at += 2
            continue
        else:
            raise ScriptError(line, "this code of a character is not understood", "write the character")
        at = found.end()
    return "".join(pieces), at + 1
