"""Following the commands of a script, where each condition that is not known means both ways at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import partial

from cloudmesh.config.importers.shell import patterns, tested
from cloudmesh.config.importers.shell.builtins import RESERVED, Builtins
from cloudmesh.config.importers.shell.declarations import DECLARING, takes_assignments
from cloudmesh.config.importers.shell.expansion import UnknownFields
from cloudmesh.config.importers.shell.parser import parse
from cloudmesh.config.importers.shell.syntax import (
    AndOr,
    Apart,
    Assignment,
    Case,
    Command,
    For,
    Function,
    If,
    Not,
    ScriptError,
    Sequence,
    Simple,
    Test,
    Text,
    While,
    Word,
)
from cloudmesh.config.importers.shell.tested import SUCCESS, Status, opposite
from cloudmesh.config.importers.shell.values import Cause, Outcome, State, Value

# How often a loop is followed, and how deep calls of functions go.
MOST_ROUNDS = 100
DEEPEST_CALL = 20
Step = Callable[[], Status]


def outcome(text: str) -> Outcome:
    """What the script leaves in a bash that begins without an environment; raises ScriptError."""
    shell = _Shell()
    status = SUCCESS
    try:
        status = shell.run(parse(text))
    except _Return as end:
        status = end.status
    except RecursionError:
        raise ScriptError(
            1, "this script is nested too deeply, or has too long a chain of commands"
        ) from None
    except _Exit as error:
        raise ScriptError(error.line, "the script ends the shell here") from None
    if "errexit" in shell.state.options and not status.ok:
        line = text.count("\n") + 1
        raise ScriptError(
            line, "the last command of the file may fail, which ends the shell because of 'set -e'"
        )
    shell.found.variables = shell.state.variables
    return shell.found


class _Return(Exception):
    """``return`` was reached."""

    def __init__(self, status: Status) -> None:
        super().__init__(status)
        self.status = status


class _Exit(Exception):
    """``exit`` was reached."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


class _Shell(Builtins):
    """Runs commands on a state."""

    def __init__(self) -> None:
        super().__init__()
        # For each function that runs, how it may have ended before its last command.
        self._ends: list[list[tuple[State, Status]]] = []
        self._forgiving = 0

    def run(self, command: Command) -> Status:
        """Follow one command; raises _Return."""
        follow: dict[type, Callable[..., Status]] = {
            Simple: self._simple,
            Sequence: self._sequence,
            If: self._if,
            AndOr: self._and_or,
            Not: self._not,
            Test: partial(tested.double_brackets, self.expansion),
            Apart: self._apart,
            Function: self._function,
            Case: self._case,
            For: self._for,
            While: self._while,
        }
        return follow[type(command)](command)

    def _sequence(self, command: Sequence) -> Status:
        status = SUCCESS
        for each in command.commands:
            status = self.run(each)
            self._stop_at_failure(each, status)
        return status

    def _not(self, command: Not) -> Status:
        return opposite(self._condition(command.command))

    def _apart(self, command: Apart) -> Status:
        self._leave_out_all(command, command.line)
        return SUCCESS if command.background else tested.unknown("a command", command.line)

    def _function(self, command: Function) -> Status:
        self.define(command, RESERVED)
        return SUCCESS

    def _stop_at_failure(self, command: Command, status: Status) -> None:
        """With ``set -e`` a command that fails ends the shell."""
        if "errexit" not in self.state.options or self._forgiving or status.ok:
            return
        if status.ok is False and isinstance(command, Simple | Test):
            raise ScriptError(command.line, "a command fails here, which ends the shell because of 'set -e'")
        if status.ok is None and isinstance(command, Simple | Test | Apart):
            self.found.early.append(command.line)

    def _leave_out_all(self, part: object, line: int) -> None:
        """Remember the variables that are set in a process of its own."""
        self.work.spend(1, line)
        if isinstance(part, Assignment):
            self.leave_out(part.name, f"is only set in a subshell (line {part.line})")
        elif isinstance(part, Word):
            first = part.parts[0]
            name, equals, _ = first.text.partition("=") if isinstance(first, Text) else ("", "", "")
            if equals:
                self.leave_out(name, f"is only set in a subshell (line {part.line})")
        elif isinstance(part, tuple):
            for each in part:
                self._leave_out_all(each, line)
        elif is_dataclass(part):
            for each in fields(part):
                self._leave_out_all(getattr(part, each.name), line)

    # Ways that are taken on conditions

    def _decide(self, status: Status, yes: Step, no: Step, line: int) -> Status:
        """Go the way that the status tells, or both."""
        self.found.names.update(status.names)
        if status.ok is not None:
            return yes() if status.ok else no()
        cause = Cause(status.cause.what if status.cause else "a condition", line)
        first = self.state
        self.work.spend(10 + len(first.variables), line)
        taken: list[State] = []
        end: _Return | _Exit | None = None
        self.undecided += 1
        for step in (yes, no):
            self.expansion.state = first.copy()
            try:
                step()
                taken.append(self.state)
            except _Return as error:
                end = error
                if self._ends:
                    self._ends[-1].append((self.state, error.status))
                else:
                    self.found.early.append(line)
            except _Exit as error:
                end = error
                self.found.early.append(line)
        self.undecided -= 1
        if not taken and end:
            raise end
        if len(taken) == 2:
            taken[0].merge(taken[1], cause)
        self.expansion.state = taken[0]
        return Status(None, cause, status.names)

    def _and_or(self, command: AndOr) -> Status:
        status = self._condition(command.first)

        def second() -> Status:
            found = self.run(command.second)
            self._stop_at_failure(command.second, found)
            return Status(found.ok, found.cause, found.names | status.names)

        def no_more() -> Status:
            return status

        ways = (no_more, second) if command.either else (second, no_more)
        return self._decide(status, *ways, command.line)

    def _if(self, command: If, number: int = 0) -> Status:
        if number == len(command.branches):
            return self.run(command.otherwise)
        condition, body = command.branches[number]
        status = self._condition(condition)
        rest = number + 1
        return self._decide(status, lambda: self.run(body), lambda: self._if(command, rest), command.line)

    def _condition(self, condition: Command) -> Status:
        """Follow commands whose failure is no reason to stop."""
        self._forgiving += 1
        try:
            return self.run(condition)
        finally:
            self._forgiving -= 1

    def _case(self, command: Case) -> Status:
        return self._branch(command, 0, self.expansion.value(command.subject))

    def _branch(self, command: Case, number: int, subject: Value) -> Status:
        """Follow the first branch from this one on that matches."""
        if number == len(command.branches):
            return SUCCESS
        words, body = command.branches[number]
        status = Status(False, None, subject.names)
        for word in words:
            pattern = self.expansion.pattern(word)
            names = status.names | self.expansion.value(word).names
            cause = subject.unknown or (pattern if isinstance(pattern, Cause) else None)
            if cause or isinstance(pattern, Cause):
                status = Status(None, cause, names)
                if pattern != [patterns.ANY_NUMBER]:
                    continue
                status = Status(True, None, names)
                break
            self.work.spend(len(subject.text) * (1 + len(pattern)), command.line)
            patterns.refuse_characters(pattern, subject.text, command.line)
            if patterns.matches(pattern, subject.text):
                status = Status(True, None, names)
                break
            status = Status(status.ok, status.cause, names)
        rest = number + 1
        return self._decide(
            status, lambda: self.run(body), lambda: self._branch(command, rest, subject), command.line
        )

    # Loops

    def _for(self, command: For) -> Status:
        line = command.line
        try:
            values = list(self.expansion.arguments)
            if command.words is not None:
                values = [value for word in command.words for value in self.expansion.fields(word)]
        except UnknownFields as error:
            some = Cause(error.cause.what, line)

            def once() -> Status:
                self.state.set(command.name, Value(unknown=some), line)
                return self.run(command.body)

            return self._any_number(once, some)
        status = SUCCESS
        for value in values:
            self.state.set(command.name, value, line)
            status = self.run(command.body)
        return status

    def _while(self, command: While) -> Status:
        for _ in range(MOST_ROUNDS):
            status = self._condition(command.condition)
            status = opposite(status) if command.until else status
            self.found.names.update(status.names)
            if status.ok is None:
                cause = Cause(status.cause.what if status.cause else "a condition", command.line)

                def once() -> Status:
                    self.run(command.body)
                    return self._condition(command.condition)

                return self._any_number(once, cause)
            if not status.ok:
                return SUCCESS
            self.run(command.body)
        raise ScriptError(command.line, f"this loop runs more than {MOST_ROUNDS} times")

    def _any_number(self, step: Step, cause: Cause) -> Status:
        """Go a step never, once or many times, until that changes nothing that is known."""
        for _ in range(5):
            before = self.state.copy()
            unknown = Status(None, cause)
            self._decide(unknown, step, lambda: SUCCESS, cause.line)
            if self.state == before:
                return unknown
        raise ScriptError(cause.line, "this loop is not understood")

    # Commands

    def _simple(self, command: Simple) -> Status:
        self.work.spend(5 + len(command.words), command.line)
        if command.words and takes_assignments(command):
            return self.declare(str(command.words[0].literal), command)
        words: list[Value] = []
        try:
            for word in command.words:
                words.extend(self.expansion.fields(word))
        except UnknownFields as error:
            return self.with_unknown_words(command, words, error.cause)
        if not words:
            return self.assign(command)
        name = words[0].text
        if command.words[0].literal is None or name in DECLARING:
            raise ScriptError(command.line, "which command this is depends on a variable")
        if name in self.state.functions:
            return self._call(name, tuple(words[1:]), command)
        if name in ("return", "exit"):
            raise self._end(name, words[1:], command.line)
        return self.builtin(name, words[1:], command)

    @staticmethod
    def _end(name: str, words: list[Value], line: int) -> _Return | _Exit:
        if name == "exit":
            return _Exit(line)
        if len(words) > 1 or any(not word.unknown and not word.text.isdigit() for word in words):
            raise ScriptError(line, "this 'return' is not understood")
        if not words or words[0].unknown:
            return _Return(tested.unknown("a command", line))
        return _Return(Status(not words[0].text.strip("0")))

    def _call(self, name: str, arguments: tuple[Value, ...], command: Simple) -> Status:
        """A function of the script."""
        if command.assignments or not all(each.harmless for each in command.redirections):
            raise ScriptError(command.line, "this call of a function is not understood")
        if len(self._ends) >= DEEPEST_CALL:
            raise ScriptError(command.line, f"functions call each other more than {DEEPEST_CALL} levels deep")
        outer, self.expansion.arguments = self.expansion.arguments, arguments
        self._ends.append([])
        self.hidden.append({})
        self.frames.append(self.undecided)
        try:
            try:
                status = self.run(self.state.functions[name])
            except _Return as end:
                status = end.status
            return self._with_other_ends(status, command.line)
        finally:
            self.undecided = self.frames.pop()
            self._ends.pop()
            self.restore()
            self.expansion.arguments = outer

    def _with_other_ends(self, status: Status, line: int) -> Status:
        """The status of a function that may have ended before, whose states become one."""
        for state, other in self._ends[-1]:
            self.state.merge(state, Cause("a condition", line))
            if other != status:
                status = tested.unknown("a condition", line)
        return status
