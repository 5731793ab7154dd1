"""Why docopt refused some words, as a sentence that names the wrong word and the nearest right one.

docopt itself only says that the words do not fit. Here the words are walked along every line of the
usage as far as they go; where none goes on, the word is wrong, and what could have stood there is known.
What has to do with options is found by trying: which option, left out or added, makes docopt accept?
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from cloudmesh.plugin.errors import nearest
from cloudmesh.plugin.secrets import MASK, is_secret, mask_text
from cloudmesh.plugin.usage.grammar import Usage, UsageLine
from cloudmesh.plugin.usage.words import GivenWords, WordRefused, scan

_MANY_LINES = 16


def explain(doc: str, words: Sequence[str], name: str) -> str:
    """One sentence on why these words are refused; they must be words that docopt refuses."""
    usage = Usage(doc)
    try:
        given = scan(words, usage)
    except WordRefused as refused:
        return str(refused)
    furthest = max(line.walk(given.positionals).consumed for line in usage.lines)
    if furthest < len(given.positionals):
        return _wrong_word(usage, given, name, furthest)
    label = _label(usage, given.positionals, name)
    lines = [line for line in usage.lines if line.walk(given.positionals).complete]
    if not lines:
        return _missing_word(usage, given, label)
    return (
        _foreign_option(lines, given, label)
        or _repeated_option(usage, given)
        or _missing_option(usage, lines, given, label)
        or _clashing_option(usage, given, label)
        or _repeated_option(usage, given, alone=False)
        or f"the words after {name!r} do not fit its usage"
    )


def wrong_option(doc: str, words: Sequence[str]) -> str | None:
    """One sentence on the first option that fits nowhere, such as a shortened one; None if there is none."""
    try:
        scan(words, Usage(doc))
    except WordRefused as refused:
        return str(refused)
    return None


def usage_of(doc: str, words: Sequence[str], name: str) -> str:
    """The Usage block; only the lines of the sub-command that was given, so that the sentence stays in sight.

    If none was given, a block that would fill the screen is left out: the sentence names the sub-commands.
    """
    usage = Usage(doc)
    positionals = [word for word in words if not word.startswith("-")]
    walked = [line.walk(positionals).commands for line in usage.lines]
    longest = max(walked, key=len)
    texts = usage.line_texts
    if longest and len(texts) == len(walked):
        texts = [text for text, commands in zip(texts, walked, strict=True) if commands == longest]
    if not longest and sum(text.count("\n") + 1 for text in texts) > _MANY_LINES:
        return f"cms help {name} shows how they are used"
    return "Usage:\n" + textwrap.indent("\n".join(texts), "  ")


def _wrong_word(usage: Usage, given: GivenWords, name: str, place: int) -> str:
    """The sentence for a positional word that no line of the usage takes at its place."""
    walks = [line.walk(given.positionals) for line in usage.lines]
    expected = [leaf for walk in walks if walk.consumed == place for leaf in walk.expected]
    commands = _unique(leaf.name for leaf in expected)
    word = given.positionals[place]
    if place and is_secret(given.positionals[place - 1]):
        # Likely KEY VALUE in place of KEY=VALUE.
        word = MASK
    if commands:
        near = nearest(word, commands)
        hint = f"did you mean {near!r}?" if near else f"known: {', '.join(commands)}"
        return f"unknown word {_shown(word)}; {hint}"
    label = _label(usage, given.positionals[:place], name)
    option = nearest("--" + word.partition("=")[0], usage.long_options) if "=" in word else None
    hint = f"; did you mean {option!r}?" if option else ""
    return f"superfluous word {_shown(word)}: {label!r} takes no more words here{hint}"


def _missing_word(usage: Usage, given: GivenWords, label: str) -> str:
    """The sentence for words that end too early."""
    walks = [(line, line.walk(given.positionals)) for line in usage.lines]
    ends = [(line, walk) for line, walk in walks if walk.consumed == len(given.positionals)]
    fitting = [(line, walk) for line, walk in ends if given.option_names <= line.option_names]
    expected = [leaf for _, walk in fitting or ends for leaf in walk.expected]
    commands = _unique(leaf.name for leaf in expected if leaf.is_command)
    needed = _unique(leaf.name for leaf in expected if not leaf.is_command)
    if len(commands) == 1:
        needed.append(f"the word {commands[0]!r}")
    elif commands:
        needed.append("one of: " + ", ".join(commands))
    return f"{label!r} needs {' or '.join(needed)}"


def _foreign_option(lines: list[UsageLine], given: GivenWords, label: str) -> str | None:
    """The sentence for an option that exists, but not for this sub-command."""
    known = set().union(*(line.option_names for line in lines))
    wrong = [option.name for option in given.options if option.name not in known]
    return f"{label!r} takes no {wrong[0]}" if wrong else None


def _repeated_option(usage: Usage, given: GivenWords, alone: bool = True) -> str | None:
    """The sentence for an option given twice; with ``alone`` only if nothing else is wrong."""
    seen: set[str] = set()
    for option in given.options:
        if option.name in seen and (not alone or usage.fits(given.without(option))):
            return f"{option.name} is given more than once"
        seen.add(option.name)
    return None


def _missing_option(usage: Usage, lines: list[UsageLine], given: GivenWords, label: str) -> str | None:
    """The sentence for an option, or the word in its place, without which the words do not fit."""
    absent = sorted(set().union(*(line.option_names for line in lines)) - given.option_names)
    needed = [usage.sample(option) for option in absent if usage.fits([*given.words, usage.sample(option)])]
    expected = [leaf for line in lines for leaf in line.walk(given.positionals).expected]
    words = _unique(leaf.name for leaf in expected if usage.fits([*given.words, leaf.name]))
    if not words and not needed:
        # More than one is missing: the first is named, and the next one at the next call.
        required = [option for line in lines for option in line.required if option not in given.option_names]
        needed = [usage.sample(option) for option in required[:1]]
    return f"{label!r} needs {' or '.join(words + needed)}" if words or needed else None


def _clashing_option(usage: Usage, given: GivenWords, label: str) -> str | None:
    """The sentence for an option without which the words fit."""
    clashing = [option.name for option in given.options if usage.fits(given.without(option))]
    return f"{clashing[0]} does not go together with the other words of {label!r}" if clashing else None


def _label(usage: Usage, positionals: Sequence[str], name: str) -> str:
    """The command with those of its words that are sub-commands: ``vm start``."""
    commands = max((line.walk(positionals).commands for line in usage.lines), key=len, default=[])
    return " ".join([name, *commands])


def _shown(word: str) -> str:
    """A wrong word as it may be shown: quoted, not endless, without a secret and the mark of ``parse``."""
    masked = mask_text(word.removeprefix("\0"))
    return repr(masked if len(masked) <= 80 else masked[:77] + "...")


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
