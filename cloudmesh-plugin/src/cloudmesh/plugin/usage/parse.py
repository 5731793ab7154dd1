"""The words of a command, parsed by docopt, and a refusal that names the wrong word."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from cloudmesh.plugin.errors import CloudmeshError, UsageError


def parse(doc: str, words: Sequence[str], name: str) -> dict[str, Any]:
    """The arguments that docopt finds in exactly these words.

    ``doc`` is the text of the command ``name``; it may begin with ``::``, as those of cmd5 do.

    Raises:
        UsageError: the words do not fit; the sentence names the wrong one, ``usage`` is the Usage block.
        CloudmeshError: the author of the command wrote a usage that docopt cannot read.
    """
    import docopt  # only a command that runs needs it

    try:
        return dict(docopt.docopt(doc, argv=list(words), help=False))
    except docopt.DocoptLanguageError as error:
        raise CloudmeshError(f"the usage text of the command {name!r} is malformed: {error}") from None
    except docopt.DocoptExit:
        from cloudmesh.plugin.usage import refusal  # most calls are not refused

        raise UsageError(refusal.explain(doc, words, name), usage=usage_text(doc)) from None


def usage_text(doc: str) -> str:
    """The Usage block alone, its lines indented by two blanks."""
    import docopt

    title, _, lines = docopt.printable_usage(doc).partition(":")
    first, _, others = lines.partition("\n")
    body = textwrap.dedent(others) if not first.strip() else f"{first.strip()}\n{textwrap.dedent(others)}"
    return f"{title}:\n{textwrap.indent(body.rstrip(), '  ')}"


def help_text(doc: str) -> str:
    """The whole text of a command, without the leading ``::`` and without indentation."""
    text = textwrap.dedent(doc).strip("\n")
    first, _, rest = text.partition("\n")
    if first.strip() == "::":
        text = rest
    return textwrap.dedent(text).strip("\n").rstrip()
