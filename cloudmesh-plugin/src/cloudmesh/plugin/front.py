"""What stands between cmd5 and us: the words of a one-shot call, and the lines that the shell reads.

cmd5 imports the module of a command before it looks at ``sys.argv`` and before it makes the class of its
shell. So a decorator in such a module can

- take the words of the call away (``take_words``): cmd5 would join them again, replace names in them, and
  obey ``--help``, ``--file=...``, ``-i`` and a last word that ends in ``.cm`` wherever they stand;
- see to it that the shell hands each line to ``run_line`` (``read_lines``), as ``cms batch`` does.
"""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

RunLine = Callable[[Any, str], "int | None"]

# The words of the call that this process was started for, by the name of its command.
_words: dict[str, list[str]] = {}


def take_words(name: str) -> None:
    """Keep the words of ``cms NAME ...`` for us alone, if cmd5 is just loading that command."""
    shell = sys.modules.get("cloudmesh.shell.shell")
    if shell is not None and not hasattr(shell, "CMShell") and sys.argv[1:2] == [name]:
        _words[name] = sys.argv[2:]
        del sys.argv[2:]


def words_of_call(shell: Any, name: str) -> list[str] | None:
    """The words after ``cms NAME`` if this is the call that the process was started for, else None."""
    first = not getattr(shell, "one_shot_done", False)
    shell.one_shot_done = True
    return _words.get(name, sys.argv[2:]) if first and sys.argv[1:2] == [name] else None


def tell_of_other_script() -> None:
    """Tell once that the script ``cms`` is cmd5's, where our own has been installed as well.

    Two packages bring a script of this name, and not every installer keeps the one of the package that needs
    the other: uv writes them in no fixed order.
    """
    script = Path(sys.argv[0] or "cms").absolute()
    ours = script.with_name("cloudmesh")
    try:
        if script.name != "cms" or "cloudmesh.cms" not in ours.read_text(encoding="utf-8"):
            return
    except (OSError, UnicodeDecodeError):
        return
    from cloudmesh.common.base import Base
    from cloudmesh.plugin import files

    told = Path(Base(create=False).path, "told-of-other-script")
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if told.read_text(encoding="utf-8") == str(script):
            return
    line = shlex.join(["cp", str(ours), str(script)])
    print(
        f"note: this 'cms' is the script of cmd5, not of cloudmesh-cms: fix it with '{line}', "
        "or use 'cloudmesh' instead",
        file=sys.stderr,
    )
    with contextlib.suppress(OSError):
        files.replace_private(told, str(script).encode())


def was_typed(word: str) -> bool:
    """Whether a word stands in the command line of this process, where other users can see it."""
    return word in sys.argv or any(word in words for words in _words.values())


def replaced(words: list[str], braces: bool = False, literal: str = "") -> list[str]:
    """The words of a one-shot call with the variables in them replaced.

    ``braces`` says that ``${name}`` is a notation of the command itself, ``literal`` names an option whose
    value is kept as it is. Raises UsageError for a variable that nobody knows.
    """
    if not any(sign in word for word in words for sign in ("$", "var.", "os.", "default.")):
        return words
    from cloudmesh.plugin.references import References  # few calls have any

    references = References(braces)
    if not braces:
        kept = [
            bool(literal) and (word.startswith(f"{literal}=") or before == literal)
            for before, word in zip(["", *words], words, strict=False)
        ]
        return [word if keeps else references.in_word(word) for word, keeps in zip(words, kept, strict=True)]
    # In KEY=VALUE the value is kept as it was typed: it may be a password.
    parted = [word.partition("=") for word in words]
    return [references.in_word(key) + sign + value for key, sign, value in parted]


def somebody_types() -> bool:
    """Whether lines come from a person, who says what is next, and not from a file or a pipe."""
    try:
        return sys.stdin is not None and sys.stdin.isatty()
    except ValueError:
        # It has been closed.
        return False


def read_lines(run_line: RunLine) -> None:
    """Let the shell that cmd5 is about to make run its lines by this function.

    ``run_line`` gets the shell and a line, and gives an exit code, or None to leave the shell.
    """
    plugin: Any = sys.modules.get("cloudmesh.shell.command")
    if plugin is None or "__init_subclass__" in vars(plugin.PluginCommand):
        return

    def widen(cls: Any) -> None:
        # The shell is the one class among all commands that runs lines itself.
        if "onecmd" in vars(cls):
            cls.onecmd = _onecmd(cls.onecmd, run_line)
            cls.cmdloop = _cmdloop(cls.cmdloop)

    plugin.PluginCommand.__init_subclass__ = classmethod(widen)


def _onecmd(original: Callable[[Any, str], Any], run_line: RunLine) -> Callable[[Any, str], Any]:
    """The method ``onecmd`` of the shell, whose true result means that the shell is left."""

    def onecmd(shell: Any, line: str) -> Any:
        first = not getattr(shell, "lines_begun", False)
        shell.lines_begun = True
        if first and len(sys.argv) > 1:
            # The call that the process was started for: no line that somebody wrote.
            return original(shell, line)
        return run_line(shell, line) is None

    onecmd.cmd5 = original  # type: ignore[attr-defined]
    return onecmd


def _cmdloop(original: Callable[[Any], None]) -> Callable[[Any], None]:
    """The method ``cmdloop`` of the shell: Ctrl-C at the prompt gives up the line, and not the shell."""

    def cmdloop(shell: Any) -> None:
        tell_of_other_script()
        while True:
            try:
                return original(shell)
            except KeyboardInterrupt:
                if not somebody_types():
                    raise SystemExit(130) from None
                print()
                # The banner has been shown.
                shell.preloop = lambda: None

    return cmdloop
