"""What follows ``--`` where the usage says ``-- COMMAND...``: the words of a program, kept as they are.

docopt takes such words for arguments like those before them: ``NAMES... -- COMMAND...`` would be all names.
So it is given the program as the value of an option that stands for it, ``--COMMAND``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from cloudmesh.plugin.errors import UsageError

Parse = Callable[[str, Sequence[str], str], dict[str, Any]]

_PROGRAM = re.compile(r" -- ([A-Z]+)\.\.\.")


def parse(
    doc: str, words: Sequence[str], program: Sequence[str] | None, name: str, others: Parse
) -> dict[str, Any]:
    """As ``usage.parse``, with the list of the words of the program as the value of ``COMMAND``.

    Args:
        words: what stands before ``--``.
        program: what follows it; None if there is no ``--``.
        others: ``usage.parse``, for all but the program.

    Raises:
        UsageError: as ``usage.parse``; also if no program is given.
    """
    found = _PROGRAM.search(doc)
    key = found[1] if found else "COMMAND"
    written, option = f"-- {key}...", f"--{key}"
    if program is not None and not program:
        raise UsageError(f"nothing follows '--'; write what is to be run: {written}")
    # The value only says that there is a program.
    given = [*words, f"{option}=given"] if program else list(words)
    try:
        arguments = others(doc.replace(written, f"{option}={key}"), given, name)
    except UsageError as error:
        told, help = (text.replace(f"{option}={key}", written) for text in (str(error), error.usage))
        raise UsageError(told.replace(option, f"-- {key}"), usage=help) from None
    arguments[key] = list(program) if program and arguments.pop(option, None) else []
    return arguments
