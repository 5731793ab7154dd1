"""Real shells at a terminal, in which a key shows what Tab has made of a line."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

NAMES = ("my vm", "q'uote", "me@lab", "ümlaut", "=a[b]*", "=uc:x")
# What shows the line that is being edited: it is written into a file.
SHOW = {
    "bash": """bind -x '"\\C-t": printf "%s" "$READLINE_LINE" > "$SHOWN.new"; mv "$SHOWN.new" "$SHOWN"'""",
    "zsh": 'show() { print -rn -- "$BUFFER" > $SHOWN.new; mv $SHOWN.new $SHOWN }; zle -N show;'
    'bindkey "^T" show; bindkey "^U" kill-whole-line; zle -C all complete-word _generic; bindkey "^X^A" all;'
    'zstyle ":completion:all::::" completer _all_matches _complete; zstyle ":completion:all:*" insert true',
    "fish": "bind \\ct 'commandline | string collect > $SHOWN.new; mv $SHOWN.new $SHOWN';"
    "bind \\cu kill-whole-line",
}
START = {"bash": ["--norc", "--noprofile", "-i"], "zsh": ["-f", "-i"], "fish": ["--no-config", "-i"]}
SOURCE = {
    "bash": "source <(cms completion bash)",
    "zsh": "autoload -Uz compinit; compinit -D; source <(cms completion zsh)",
    "fish": "cms completion fish | source",
}


class User:
    """Somebody who types at a shell.

    Attributes:
        home: where they are at home.
        kind: bash, zsh or fish.
    """

    def __init__(self, home: Any, kind: str, *lines: str, source: str = "") -> None:
        if shutil.which(kind) is None:
            if os.environ.get("CI"):
                pytest.fail(f"{kind} is not installed; .ci/run should have done so")
            pytest.skip(f"{kind} is not installed (apt-get install {kind})")
        self.home, self.kind = home, kind
        self.shown = Path(home.path) / "shown"
        words = {"SHOWN": str(self.shown), "PS1": "@@ ", "INPUTRC": "/dev/null", "TERM": "xterm"}
        self.terminal = home.terminal(*START[kind], program=[kind], **words)
        for line in (SHOW[kind], *lines, source or SOURCE[kind]):
            self.terminal.sendline(line)
        self.line("true")

    def line(self, typed: str, keys: str = "") -> str:
        """The line that stands there after these keys."""
        self.shown.unlink(missing_ok=True)
        self.terminal.send(f"\x15{typed}{keys}\x14")
        for _ in range(600):
            if self.shown.exists():
                return self.shown.read_text().removesuffix("\n")
            try:
                # What the shell prints has to be read, or it waits.
                self.terminal.read_nonblocking(65536, 0.05)
            except pexpect.TIMEOUT:
                continue
        raise AssertionError(f"{self.kind} shows nothing for {typed!r}")

    def tab(self, typed: str) -> str:
        """What Tab makes of a line."""
        return self.line(typed, "\t")

    def offered(self, typed: str) -> list[str]:
        """All that may stand in place of the last word of a line."""
        if self.kind == "fish":
            script = f'{SOURCE["fish"]}; complete -C "{typed}"'
            lines = self.home.run("fish", "--no-config", "-c", script).stdout.splitlines()
            return [line.partition("\t")[0] for line in lines]
        keys = "\x1b*" if self.kind == "bash" else "\x18\x01"
        before = typed.rpartition(" ")[0] + " "
        return self.line(typed, keys).removeprefix(before).split()

    def close(self) -> None:
        """Leave the shell."""
        self.terminal.close(force=True)


@pytest.fixture(scope="session")
def known(make_home: type[Any], cloud_settings: Callable[..., Any], tmp_path_factory: Any) -> Any:
    """A home with two clouds, of which one is the default, and machines whose names are hard to type."""
    home = make_home(tmp_path_factory.mktemp("known"))
    home.configure(local=cloud_settings(), uc=cloud_settings())
    home.cms("vm", "boot", "web[01-03]", "--wait")
    home.cms("vm", "boot", "far[1-2]", "--cloud=uc", "--wait")
    for kind in ("image", "flavor", "network", "secgroup"):
        home.cms(kind, "list", "--cloud=local,uc")
    # No cloud would take these, but other tools make such machines.
    file = home.directory / "completion-names"
    lines = [*file.read_text().splitlines(True), *(f"machine\tlocal\t{name}\t\n" for name in NAMES)]
    file.write_text("".join(sorted(lines, key=lambda line: line.split("\t")[:2])))
    home.cms("completion", "refresh", "--quick")
    (home.path / "two words.txt").touch()
    (home.path / "folder").mkdir()
    return home


@pytest.fixture(scope="session", params=["bash", "zsh", "fish"])
def user(known: Any, request: pytest.FixtureRequest) -> Iterator[User]:
    """Somebody who completes in each shell."""
    user = User(known, request.param)
    yield user
    user.close()


@pytest.fixture
def make_user() -> Iterator[Callable[..., User]]:
    """Makes users, who leave at the end."""
    users: list[User] = []

    def make(home: Any, kind: str, *lines: str, source: str = "") -> User:
        users.append(User(home, kind, *lines, source=source))
        return users[-1]

    yield make
    for user in users:
        user.close()


@pytest.fixture
def matched(known: Any) -> Callable[..., list[tuple[str, str]]]:
    """Gives what the program for awk answers."""

    def match(words: list[str], current: str) -> list[tuple[str, str]]:
        table, names = known.directory / "completion-table", known.directory / "completion-names"
        program = table.read_text().partition("\n")[0].split("\t")[3]
        variables = known.directory / "variables.dat"
        asked = {"CMS_WORDS": "\n".join(["cms", *words]), "CMS_WORD": current, "CMS_QUOTE": "told"}
        ended = subprocess.run(
            ["awk", "-f", program, *([variables] if variables.exists() else []), table, names],
            env={**known.env, **asked, "LC_ALL": "C"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert ended.stderr == ""
        return [tuple(line.split("\t")) for line in ended.stdout.splitlines()]

    return match
