"""Matches words with a usage as docopt does; its pattern is made once for each text, in linear time.

docopt reads the text again at each call, and compares every word of it with every other word in every line
that fits: 7 ms for the usage of ``cms vm``, of which its method ``fix`` takes 6. Here the first call takes
1 ms, the next ones next to nothing. docopt's functions carry no types, hence the ``Any``.
"""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Sequence
from typing import Any

# Stands for the value that was left out of an option written ``--wait[=STATE]``; docopt itself has none such.
# No word of a process holds this character.
LEFT_OUT = "\0"
_OPTIONAL = re.compile(r"(--[\w-]+)\[=(<[^>\s]+>|[A-Z][\w-]*)\]")


def matched(doc: str, words: Sequence[str]) -> dict[str, Any]:
    """The arguments in these words, as ``docopt.docopt(doc, words, help=False)`` finds them.

    The value of an option that may be given without one is ``LEFT_OUT`` then.

    Raises:
        docopt.DocoptExit: the words do not fit.
        docopt.DocoptLanguageError: the text is no usage.
    """
    docopt = importlib.import_module("docopt")
    pattern, leaves, options = _read(doc)
    optional = optional_names(doc)
    # The value of these can only follow "=", so the word after a bare one is no value of it.
    words = [f"{word}={LEFT_OUT}" if word in optional else word for word in words]
    given = docopt.parse_argv(docopt.TokenStream(words, docopt.DocoptExit), list(options))
    fits, left, collected = pattern.match(given)
    if not fits or left:
        raise docopt.DocoptExit
    found = [*leaves, *collected]
    # A list belongs to the pattern, which is used again.
    return {each.name: list(each.value) if isinstance(each.value, list) else each.value for each in found}


def plain(doc: str) -> str:
    """The text as docopt reads it: with ``--wait=STATE`` for ``--wait[=STATE]``."""
    return _OPTIONAL.sub(r"\1=\2", doc) if "[=" in doc else doc


def optional_names(doc: str) -> frozenset[str]:
    """The options of a text whose value may be left out."""
    return frozenset(found[1] for found in _OPTIONAL.finditer(doc)) if "[=" in doc else frozenset()


@functools.lru_cache(maxsize=256)
def _read(doc: str) -> tuple[Any, tuple[Any, ...], tuple[Any, ...]]:
    """The pattern of a usage, its leaves, and the options that it knows. Matching changes none of them."""
    docopt, doc = importlib.import_module("docopt"), plain(doc)
    options = docopt.parse_defaults(doc)
    described = {repr(option): option for option in docopt.parse_defaults(doc)}
    pattern = docopt.parse_pattern(docopt.formal_usage(docopt.printable_usage(doc)), options)
    named = {repr(option) for option in pattern.flat(docopt.Option)}
    for shortcut in pattern.flat(docopt.AnyOptions):
        shortcut.children = [option for key, option in described.items() if key not in named]
    leaves: dict[str, Any] = {}
    _share(pattern, leaves)
    often = _counts(pattern, docopt)
    for leaf in leaves.values():
        if often[id(leaf)] > 1:
            _collect(leaf, docopt)
    return pattern, tuple(leaves.values()), tuple(options)


def _share(pattern: Any, leaves: dict[str, Any]) -> None:
    """Make equal leaves one object, as docopt's ``fix_identities`` does."""
    for at, child in enumerate(pattern.children):
        if hasattr(child, "children"):
            _share(child, leaves)
        else:
            pattern.children[at] = leaves.setdefault(repr(child), child)


def _counts(pattern: Any, docopt: Any) -> dict[int, int]:
    """How often a line that fits may hold each leaf, by its identity; 2 stands for any number.

    docopt's ``fix_repeating_arguments`` writes out all lines that fit, and counts in each.
    """
    if not hasattr(pattern, "children"):
        return {id(pattern): 1}
    found: dict[int, int] = {}
    for child in pattern.children * (2 if isinstance(pattern, docopt.OneOrMore) else 1):
        for leaf, count in _counts(child, docopt).items():
            before = found.get(leaf, 0)
            found[leaf] = max(before, count) if isinstance(pattern, docopt.Either) else before + count
    return found


def _collect(leaf: Any, docopt: Any) -> None:
    """Let a leaf that may be given more than once collect its values in a list, or be counted."""
    if type(leaf) is docopt.Argument or (type(leaf) is docopt.Option and leaf.argcount):
        if leaf.value is None:
            leaf.value = []
        elif not isinstance(leaf.value, list):
            leaf.value = leaf.value.split()
    else:
        leaf.value = 0
