"""The examples of the documentation: finding them in a page, and running them as they stand there.

The blocks of a page run in order, in one home of a user who has the simulated clouds ``local`` and ``uc``:

- console: each line that begins with ``$`` is run by bash and has to end well, unless ``$ echo $?`` follows.
  What stands below it must be printed; where nothing does, it may print what it likes.
- text that begins with ``cms>``: typed into the shell, which may tell no error.
- python: run in one interpreter for the whole page, so that a later block knows the names of earlier ones.
- yaml: must be YAML.

HTML comments, which a reader does not see, say what else is to be known:

- ``<!-- setup: LINES -->``: lines for bash, run at this place.
- ``<!-- file: PATH -->``: the next block is written to this file of the home.
- ``<!-- not run: REASON -->``: the next block is not run, for one of the reasons of ``REASONS``.

Questions are answered: ``Delete ...?`` with y or the number, that for a value of a setting with a text.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pexpect
import yaml

REASONS = {
    "needs QEMU, and downloads an image",
    "needs an account at a cloud",
    "needs a cluster",
    "needs real machines",
    "needs packages that are not installed here",
    "the tests run the same of docs/rest.md",
    "works on the checkout; other tests do it",
}
PROMPT, CONTINUED = "cms> ", "> "
QUESTION = re.compile(
    r"^(?:Delete|Rebuild) .*\? (?P<hint>\[y/N\]|Type (?P<number>\d+) to confirm:) |^clouds\.\S+: ",
    re.MULTILINE,
)
TOKEN = re.compile(
    r"<!--\s*(?P<kind>setup|file|not run):\s*(?P<said>.*?)\s*-->"
    r"|^(?P<indent>[ ]*)```(?P<language>\w*)[^\n]*\n(?P<body>.*?)^[ ]*```[ ]*$",
    re.MULTILINE | re.DOTALL,
)
# Indented code that should be a block with a language, since it is an example.
INDENTED = re.compile(r"^(?: {4}|\t)(?:\$ |cms [a-z]+ |from \w+|import \w+|with \w+\W).*$", re.MULTILINE)
# Runs what it gets, a JSON text a line, and answers each with the traceback, empty if there is none.
INTERPRETER = """
import json, sys, traceback
told = sys.stdout
sys.stdout = sys.stderr
names = {"__name__": "__main__"}
for line in sys.stdin:
    trouble = ""
    try:
        exec(compile(json.loads(line), "example", "exec"), names)
    except BaseException:
        trouble = traceback.format_exc()
    print(json.dumps(trouble), file=told, flush=True)
"""


@dataclass(frozen=True)
class Block:
    """A block of code of a page, or a setup, whose language is ``setup``.

    Attributes:
        line: where it begins in the page.
        file: where it is to be written to.
        reason: why it is not run; empty if it is.
    """

    language: str
    body: str
    line: int
    file: str = ""
    reason: str = ""


def blocks(text: str) -> list[Block]:
    """What a page has to run, in order; a comment without a block that it could be about is an error."""
    found: list[Block] = []
    about: dict[str, str] = {}
    for token in TOKEN.finditer(text):
        line = text.count("\n", 0, token.start()) + 1
        if token["kind"] == "setup":
            found.append(Block("setup", token["said"], line))
        elif token["kind"]:
            about["reason" if token["kind"] == "not run" else "file"] = token["said"]
        else:
            found.append(Block(token["language"], textwrap.dedent(token["body"]), line, **about))
            about = {}
    assert not about, f"no block follows {about}"
    return found


def indented(text: str) -> list[str]:
    """Lines of examples that are no block with a language, and so would not be run."""
    outside = TOKEN.sub("", text)
    return [line.strip() for line in INDENTED.findall(outside)]


@dataclass(frozen=True)
class Command:
    """A line that a user types, and what has to be printed; None if that is left open."""

    line: str
    shown: str | None


def commands(body: str) -> list[Command]:
    """The lines of a console that are typed."""
    parts = re.split(r"^\$ ", body, flags=re.MULTILINE)
    assert not parts[0].strip(), f"before the first prompt stands {parts[0]!r}"
    pairs = [part.partition("\n") for part in parts[1:]]
    return [Command(line, shown.strip() or None) for line, _, shown in pairs]


class Page:
    """The examples of one page, run in a home of their own.

    Attributes:
        printed: each line that was typed, with all that it printed; all that a shell, and Python, printed.
    """

    def __init__(self, path: Path, home: Any) -> None:
        self.path = path
        self.home = home
        self.printed: list[tuple[str, str]] = []
        self._output = home.path / "python-output.txt"
        self._interpreter: subprocess.Popen[str] | None = None

    def run(self) -> None:
        """Run all that is not excused."""
        try:
            for block in blocks(self.path.read_text(encoding="utf-8")):
                if not block.reason:
                    self._run(block)
        finally:
            self._end()

    def _run(self, block: Block) -> None:
        place = f"{self.path.name}:{block.line}"
        if block.file:
            file = self.home.path / block.file
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.body, encoding="utf-8")
        elif block.language == "setup":
            status, printed = self._type(block.body)
            assert status == 0, f"{place}: {block.body}\n{printed}"
        elif block.language == "console":
            self._console(place, commands(block.body))
        elif block.language == "text" and block.body.startswith(PROMPT):
            self._shell(block.body.splitlines())
        elif block.language == "python":
            trouble = self._python(block.body)
            assert not trouble, f"{place}\n{trouble}"
        elif block.language == "yaml":
            yaml.compose(re.sub(r"!env", "", block.body))

    def _type(self, line: str, before: int = 0) -> tuple[int, str]:
        """Run a line as a user's own shell does, after one that ended with ``before``."""
        shell = self.home.terminal("--norc", "-c", f"(exit {before})\n{line}", program=["bash"])
        printed = ""
        while shell.expect([QUESTION, pexpect.EOF], timeout=300) == 0:
            printed += shell.before + shell.after
            shell.sendline((shell.match["number"] or "y") if shell.match["hint"] else "hush")
        printed += shell.before
        shell.close()
        return shell.exitstatus or 0, printed.replace("\r\n", "\n")

    def _console(self, place: str, typed: list[Command]) -> None:
        before = 0
        for number, command in enumerate(typed):
            before, printed = self._type(command.line, before)
            self.printed.append((command.line, printed))
            told = f"{place}: {command.line}: exit {before}\n{printed}"
            asked = number + 1 < len(typed) and typed[number + 1].line == "echo $?"
            assert before == 0 or asked, told
            if command.shown is not None:
                assert printed.strip() == command.shown, told

    def _shell(self, lines: list[str]) -> None:
        """Type what stands after each prompt and question, into one shell."""
        transcript = io.StringIO()
        shell = self.home.terminal()
        shell.logfile_read = transcript
        for line in lines:
            question = QUESTION.match(line)
            prompt = question[0] if question else CONTINUED if line.startswith(CONTINUED) else PROMPT
            assert line.startswith(prompt), line
            shell.expect_exact(f"\n{prompt}" if prompt == CONTINUED else prompt)
            shell.sendline(line.removeprefix(prompt))
        shell.expect(pexpect.EOF)
        shell.close()
        printed = transcript.getvalue()
        assert not re.search(r"^cms \w+: ", printed, re.MULTILINE), printed
        self.printed.append(("cms", printed))

    def _python(self, source: str) -> str:
        """Run it where the names of earlier blocks are known; what goes wrong, empty if nothing does."""
        if self._interpreter is None:
            with self._output.open("w", encoding="utf-8") as output:
                pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": output}
                words = [sys.executable, "-c", INTERPRETER]
                self._interpreter = subprocess.Popen(
                    words, env=self.home.env, cwd=self.home.path, text=True, bufsize=1, **pipes
                )
        assert self._interpreter.stdin and self._interpreter.stdout
        self._interpreter.stdin.write(json.dumps(source) + "\n")
        return str(json.loads(self._interpreter.stdout.readline() or '"the interpreter has ended"'))

    def _end(self) -> None:
        if self._interpreter is not None:
            self._interpreter.communicate(timeout=300)
            self.printed.append(("python", self._output.read_text(encoding="utf-8")))
