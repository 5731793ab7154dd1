"""How errors and sentences reach the user: on stderr, harmless to a terminal, and without secrets."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from cloudmesh.plugin import output
from cloudmesh.plugin.errors import CloudmeshError, UsageError
from cloudmesh.plugin.plain import harmless

# The convention of shells for a process whose reader went away: 128 + SIGPIPE.
BROKEN_PIPE = 141
# Keys and values that the command knows, only to hide those that are secret.
_values: set[tuple[str, str]] = set()
_lasting: set[tuple[str, str]] = set()
# Shorter secrets are words that stand everywhere.
_SHORTEST = 4


def report(name: str, error: Exception) -> int:
    """Print an error of the command ``name`` as one sentence on stderr and give its exit code.

    Without a name it is one of the program itself.
    """
    debug(error)
    label = f"cms {name}" if name else "cms"
    if isinstance(error, CloudmeshError):
        # A cloud may have put what acts on a terminal into the message; its line ends are ours.
        tell(f"{label}: {_harmless_lines(str(error))}")
        if isinstance(error, UsageError) and error.usage:
            tell(f"\n{error.usage}")
        return error.exit_code
    tell(f"{label}: {_describe(error)}")
    return 1


def debug(error: BaseException) -> None:
    """Print the traceback of an error, with all that it was raised from, if the user asked for tracebacks."""
    if os.environ.get("CLOUDMESH_DEBUG") == "1":
        import traceback

        from cloudmesh.plugin.secrets import mask_text

        text = "".join(traceback.format_exception(error))
        tell(_harmless_lines(mask_text(text, prose=True)))


def _harmless_lines(text: str) -> str:
    """The text with its line ends, and what else would act on a terminal made visible."""
    return "\n".join(map(harmless, text.split("\n")))


def remember(key: str, value: object, *, lasting: bool = False) -> None:
    """Hide this value wherever it is told until ``forget``, or for good, if its key is a secret one."""
    if value is not None:
        (_lasting if lasting else _values).add((key, str(value)))


def forget() -> None:
    """Forget the values, when another command begins."""
    _values.clear()


def mask_known(text: str) -> str:
    """The text without the secrets among the values that are remembered."""
    if not _values and not _lasting:
        return text
    import json
    from urllib.parse import quote

    from cloudmesh.plugin.secrets import MASK, is_secret

    secrets = {value for key, value in _values | _lasting if len(value) >= _SHORTEST and is_secret(key)}
    for secret in sorted(secrets, key=len, reverse=True):
        # As it is, as it stands in JSON, and in a URL.
        for form in (secret, json.dumps(secret)[1:-1], quote(secret, safe="")):
            text = text.replace(form, MASK)
    return text


def tell(sentence: str) -> None:
    """Print a sentence for a person on stderr. If nobody can read it, the exit code must say it alone."""
    try:
        print(mask_known(sentence), file=sys.stderr)
    except OSError:
        output.abandon(sys.stderr)


def exit_code(error: SystemExit) -> int:
    """The exit code that a SystemExit asks for; like Python, a text is printed and means 1."""
    if error.code is None or isinstance(error.code, int):
        # The system keeps the lowest eight bits; a failure must stay one.
        return (error.code and (error.code & 0xFF or 1)) or 0
    tell(str(error.code))
    return 1


def _describe(error: Exception) -> str:
    """A sentence on an error that nobody foresaw. Its message may hold a secret, so it is not shown."""
    if isinstance(error, OSError) and error.strerror:
        place = f": {error.filename}" if error.filename else ""
        return f"{error.strerror}{place}"
    import traceback  # few errors are of this kind

    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    return (
        f"an error of the program itself, {type(error).__name__}{place}; "
        "CLOUDMESH_DEBUG=1 shows more, please report it"
    )
