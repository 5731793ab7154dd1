"""The prompt of the shell at a terminal, made with prompt_toolkit, which is imported nowhere else."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncGenerator, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app, run_in_terminal
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition, is_searching
from prompt_toolkit.history import History
from prompt_toolkit.input import create_input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.key_binding.bindings.search import accept_search_and_accept_input
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.styles import Style

from cloudmesh.cms.repl import candidates
from cloudmesh.cms.repl.history import KeptHistory
from cloudmesh.cms.repl.status import Status
from cloudmesh.cms.repl.terminal import Terminated, ended_by_signals
from cloudmesh.plugin import script
from cloudmesh.plugin.report import tell

if TYPE_CHECKING:
    from cloudmesh.plugin.shell import Shell

PROMPT, CONTINUED = "cms> ", "> "
# Seconds after which Tab offers nothing: a command of others may ask who knows whom.
_PATIENCE = 5.0
_STYLE = {"bottom-toolbar": "noreverse fg:ansibrightblack", "auto-suggestion": "fg:ansibrightblack"}
_PLAIN_STYLE = {"bottom-toolbar": "noreverse"}
# A terminal with fewer rows has none to spare for a line at the bottom.
_ROWS = 3


class Prompt:
    """Reads what is typed, with a history, suggestions from it, completion, and a line at the bottom."""

    def __init__(self, shell: Shell) -> None:
        # Suggestions that look like what was typed would be taken for it.
        coloured = not os.environ.get("NO_COLOR")
        output = _Screen.from_pty(sys.stdout, term=os.environ.get("TERM"))
        output.enable_cpr = False
        self._status = Status(self._show)
        self._first, self._ended = True, False
        self._session: PromptSession[str] = PromptSession(
            PROMPT,
            input=create_input(),
            output=output,
            history=_SharedHistory(KeptHistory(self._status.told.append)),
            auto_suggest=AutoSuggestFromHistory() if coloured else None,
            completer=_ShellCompleter(shell),
            complete_while_typing=False,
            enable_history_search=True,
            enable_suspend=True,
            key_bindings=_bindings(),
            prompt_continuation=CONTINUED,
            style=Style.from_dict(_STYLE if coloured else _PLAIN_STYLE),
        )

    def read(self) -> str:
        """What was typed or pasted at the prompt.

        Raises:
            EOFError: Ctrl-D was typed.
            KeyboardInterrupt: Ctrl-C was typed; the line is dropped.
            Terminated: a signal ended the shell, or the terminal is gone.
        """
        try:
            if not self._first:
                self._begin_line()
            self._first = False
            self._tell()
            rows = self._session.output.get_size().rows
            self._session.bottom_toolbar = self._bottom if rows >= _ROWS else None
            with ended_by_signals(self._end), self._status.at_prompt():
                text = self._session.prompt()
        except OSError as error:
            raise Terminated from error
        if self._ended:
            raise Terminated
        return text

    def _bottom(self) -> str:
        """The line at the bottom."""
        return self._status.text

    def _end(self) -> None:
        """End the prompt from a signal handler."""
        app = self._session.app
        self._ended = True
        if not (app.is_running and app.loop):
            raise Terminated
        app.loop.call_soon_threadsafe(self._exit)

    def _exit(self) -> None:
        app = self._session.app
        # A line may have been entered at the same moment.
        if app.is_running and not app.is_done:
            app.exit(exception=Terminated())

    def _show(self) -> None:
        """Show what has changed; called in the thread of the status."""
        app = self._session.app
        loop = app.loop
        if loop and app.is_running:
            # The prompt may end meanwhile: what is to be told is told before the next one.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._shown)

    def _shown(self) -> None:
        app = self._session.app
        if self._status.told and app.is_running:
            run_in_terminal(self._tell)
        app.invalidate()

    def _begin_line(self) -> None:
        """Let the prompt stand at the beginning of a line, where a program has left one unfinished.

        So many blanks as a line has columns fill the rest of it; on a line that is empty nothing moves.
        """
        output = self._session.output
        output.write_raw(" " * output.get_size().columns + "\r")
        output.flush()

    def _tell(self) -> None:
        while self._status.told:
            tell(self._status.told.popleft())


class _Screen(Vt100_Output):
    """A terminal that is not asked where its cursor is: a program may already read when it answers."""

    def get_rows_below_cursor_position(self) -> int:
        """So many rows are there for sure: what needs more moves the rest up."""
        return 1


class _SharedHistory(History):
    """The history as prompt_toolkit asks for it."""

    def __init__(self, kept: KeptHistory) -> None:
        super().__init__()
        self._kept = kept
        self._former = kept.load()

    def load_history_strings(self) -> Iterable[str]:
        """The lines of former shells, the newest first."""
        return reversed(self._former)

    def append_string(self, string: str) -> None:
        """Keep what was typed. What holds a secret is not even kept for this shell: it would be suggested."""
        for line in self._kept.add(string):
            # This class stores it no second time.
            super().append_string(line)

    def store_string(self, string: str) -> None:
        """Nothing: it has been stored."""


class _ShellCompleter(Completer):
    """Completes words in a thread, so that nobody who types waits for it."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """The words that fit before the cursor; none if whoever knows them fails."""
        try:
            found = candidates.find(self._shell, document.text_before_cursor)
        except Exception:  # noqa: BLE001 commands of others raise what they like, and there is nothing to offer
            return
        for each in found:
            yield Completion(each.text, -each.length, display=each.shown, display_meta=each.description)

    async def get_completions_async(
        self, document: Document, complete_event: CompleteEvent
    ) -> AsyncGenerator[Completion, None]:
        """The same, given up after some seconds."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Completion]] = loop.create_future()

        def give(found: list[Completion]) -> None:
            if not future.done():
                future.set_result(found)

        def work() -> None:
            found = list(self.get_completions(document, complete_event))
            # The prompt may have ended meanwhile.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(give, found)

        threading.Thread(target=work, daemon=True, name="cloudmesh-completion").start()
        with suppress(asyncio.TimeoutError):
            for each in await asyncio.wait_for(future, _PATIENCE):
                yield each


def _bindings() -> KeyBindings:
    """Enter: after a backslash the line is continued in the next one, in a search what was found is run."""
    bindings = KeyBindings()

    def newline(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    bindings.add("enter", filter=Condition(_is_continued))(newline)
    bindings.add("enter", filter=is_searching)(accept_search_and_accept_input)
    return bindings


def _is_continued() -> bool:
    document = get_app().current_buffer.document
    return document.is_cursor_at_the_end and script.is_continued(document.text)
