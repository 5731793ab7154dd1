"""Why docopt refused some words: a sentence that names the wrong word and the nearest right one, and the one
line of the usage that fits.

docopt itself only says that the words do not fit. Here the words are walked along every line of the
usage as far as they go; where none goes on, the word is wrong, and what could have stood there is known.
What has to do with options is found by trying: which option, left out or added, makes docopt accept?
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cloudmesh.plugin.secrets import MASK, is_secret, mask_text
from cloudmesh.plugin.usage.grammar import Usage, UsageLine, wrapped
from cloudmesh.plugin.usage.hints import command_hint, option_hint
from cloudmesh.plugin.usage.words import GivenWords, WordRefused, positionals, scan


class Refusal(NamedTuple):
    """Why words are refused.

    Attributes:
        sentence: the reason, which names the wrong word.
        usage: the line of the usage that fits, or where to find it.
    """

    sentence: str
    usage: str


def explain(doc: str, words: Sequence[str], name: str) -> Refusal:
    """Why these words are refused; they must be words that docopt refuses."""
    usage = Usage(doc)
    try:
        given = scan(words, usage)
    except WordRefused as refused:
        return Refusal(str(refused), _usage_line(usage, name, positionals(words, usage)))
    furthest = max(line.walk(given.positionals).consumed for line in usage.lines)
    if furthest < len(given.positionals):
        return _wrong_word(usage, given, name, furthest)
    label = _label(usage, given.positionals, name)
    lines = [line for line in usage.lines if line.walk(given.positionals).complete]
    if not lines:
        sentence = _missing_word(usage, given, label)
    else:
        sentence = (
            _foreign_option(lines, given, label)
            or _repeated_option(usage, given)
            or _missing_option(usage, lines, given, label)
            or _clashing_option(usage, given, label)
            or _repeated_option(usage, given, alone=False)
            or f"the words after {name!r} do not fit its usage"
        )
    return Refusal(sentence, _usage_line(usage, name, given.positionals, given.option_names))


def wrong_option(doc: str, words: Sequence[str], name: str) -> Refusal | None:
    """The first option that fits nowhere, such as a shortened one; None if there is none."""
    usage = Usage(doc)
    try:
        scan(words, usage)
    except WordRefused as refused:
        return Refusal(str(refused), _usage_line(usage, name, positionals(words, usage)))
    return None


def _usage_line(usage: Usage, name: str, words: Sequence[str], options: Iterable[str] = ()) -> str:
    """The one line of the usage that fits these positional words and options best."""
    wanted = set(options)
    lines = usage.lines_of(words)
    if len(usage.lines) > 1 and not any(walk.commands for _, walk in lines):
        return f"cms {name} --help shows the usage"
    line, walk = max(lines, key=lambda each: (len(wanted & each[0].option_names), each[1].consumed))
    text = usage.text_of(line, walk.commands)
    return wrapped(f"Usage: cms {text}", 11) if text else f"cms {name} --help shows the usage"


def _wrong_word(usage: Usage, given: GivenWords, name: str, place: int) -> Refusal:
    """The refusal of a positional word that no line of the usage takes at its place."""
    before, word = given.positionals[:place], given.positionals[place]
    walks = [line.walk(given.positionals) for line in usage.lines]
    expected = [leaf for walk in walks if walk.consumed == place for leaf in walk.expected]
    commands = _unique(leaf.name for leaf in expected)
    if place and is_secret(given.positionals[place - 1]):
        # Likely KEY VALUE in place of KEY=VALUE.
        word = MASK
    label = _label(usage, before, name)
    if commands:
        near = command_hint(word, commands)
        after = given.positionals[place + 1 :]
        hint = f"did you mean {near!r}?" if near else f"known: {', '.join(commands)}"
        if word == "help":
            hint = "did you mean '--help'?"
        elif near is None and (later := next((each for each in after if each in commands), None)):
            near, hint = later, f"the sub-command comes first: '{label} {later}'"
        of = f" of {label!r}" if place else ""
        words = [*before, near, *after] if near else before
        usage_line = _usage_line(usage, name, words, given.option_names)
        return Refusal(f"unknown sub-command {_shown(word)}{of}; {hint}", usage_line)
    near = option_hint("--" + word.partition("=")[0], usage.options_of(before)) if "=" in word else None
    hint = f"; did you mean {near!r}?" if near else ""
    return Refusal(
        f"unexpected argument {_shown(word)}: {label!r} takes no more arguments{hint}",
        _usage_line(usage, name, before, given.option_names),
    )


def _missing_word(usage: Usage, given: GivenWords, label: str) -> str:
    """The sentence for words that end too early."""
    walks = [(line, line.walk(given.positionals)) for line in usage.lines]
    ends = [(line, walk) for line, walk in walks if walk.consumed == len(given.positionals)]
    fitting = [(line, walk) for line, walk in ends if given.option_names <= line.option_names]
    expected = [leaf for _, walk in fitting or ends for leaf in walk.expected]
    commands = _unique(leaf.name for leaf in expected if leaf.is_command)
    needed = _unique(leaf.name for leaf in expected if not leaf.is_command)
    if len(commands) == 1:
        needed.append(f"the sub-command {commands[0]!r}")
    elif commands:
        needed.append("one of: " + ", ".join(commands))
    return f"{label!r} needs {' or '.join(needed)}"


def _foreign_option(lines: list[UsageLine], given: GivenWords, label: str) -> str | None:
    """The sentence for an option that exists, but not for this sub-command."""
    known = set().union(*(line.option_names for line in lines))
    wrong = [option.name for option in given.options if option.name not in known]
    if not wrong:
        return None
    near = option_hint(wrong[0], sorted(known))
    return f"{label!r} has no option {wrong[0]}" + (f"; did you mean {near!r}?" if near else "")


def _repeated_option(usage: Usage, given: GivenWords, alone: bool = True) -> str | None:
    """The sentence for an option given twice; with ``alone`` only if nothing else is wrong."""
    seen: set[str] = set()
    for option in given.options:
        if option.name in seen and (not alone or usage.fits(given.without(option))):
            return f"option {option.name} is given more than once"
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
    if not (words or needed):
        return None
    told = usage.helps.get(needed[0].partition("=")[0]) if not words and len(needed) == 1 else ""
    return f"{label!r} needs {' or '.join(words + needed)}" + (f" ({told})" if told else "")


def _clashing_option(usage: Usage, given: GivenWords, label: str) -> str | None:
    """The sentence for an option without which the words fit."""
    clashing = [option.name for option in given.options if usage.fits(given.without(option))]
    return f"option {clashing[0]} cannot be used with the other arguments of {label!r}" if clashing else None


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
