"""What Tab offers in the shell."""

import textwrap

import pytest

GREET = '''
from cloudmesh.shell.command import PluginCommand, command

class GreetCommand(PluginCommand):
    @command
    def do_greet(self, args, arguments):
        """
        ::

          Usage:
            greet NAME

          Description:
            greets somebody
        """

    def complete_greet(self, text, line, begidx, endidx):
        if line[:begidx] == "greet ":
            return [name for name in ("anna", "anton", "bert") if name.startswith(text)]
        raise RuntimeError("a bug of somebody else")
'''


LINES = [
    ("versi", "version"),
    ("vm sta", "vm start"),
    ("vm list --out", "vm list --output="),
    ("vm stop web03", "vm stop web03"),
    ("vm stop 'web03", "vm stop 'web03'"),
    ("cloud info lo", "cloud info local"),
    ("vm boot x --cloud=lo", "vm boot x --cloud=local"),
    ("vm boot x --image=debian-", "vm boot x --image=debian-12"),
    ("vm boot x --flavor=sm", "vm boot x --flavor=small"),
    ("vm wait web01 --state=acti", "vm wait web01 --state=active"),
    ("exi", "exit"),
]


def test_a_word_that_only_one_thing_can_be_is_completed(machines, shell):
    person = shell(machines)
    for typed, becomes in LINES:
        person.type(f"{typed}\t")
        end = "" if becomes.endswith("=") else " "
        person.until(lambda line=f"cms> {becomes}{end}": person.has(line))
        person.type("\x03")
        person.until(lambda: person.line == "cms>")


def test_several_are_shown_with_what_they_are(machines, shell):
    person = shell(machines)
    person.type("vm st\t")
    person.see("^ +start +.*machines")
    person.see("^ +stop +.*machines")
    person.type("\t")
    person.until(lambda: person.line == "cms> vm start")
    person.type("\x03")
    person.until(lambda: person.line == "cms>")
    person.type("vm stop web\t")
    for name in ("web01", "web02", "web03"):
        person.see(f"^ +{name}")
    person.type("2\t\r")
    person.see("^cms> vm stop web02")


@pytest.mark.parametrize("line", ["nosuch x", "!ech", "# vm sta", "vm 'x"])
def test_where_nothing_is_known_nothing_happens(home, shell, line):
    person = shell(home)
    person.type(f"{line}\t|")
    person.until(lambda: person.line == f"cms> {line}|")
    assert "Traceback" not in person.raw


def test_commands_of_others_complete_their_words_as_in_cmd5(home, shell):
    folder = home.path / "site" / "cloudmesh" / "greet" / "command"
    folder.mkdir(parents=True)
    for package in (folder, folder.parent):
        (package / "__init__.py").touch()
    (folder / "greet.py").write_text(textwrap.dedent(GREET), encoding="utf-8")
    home.extra["PYTHONPATH"] = str(home.path / "site")
    person = shell(home)
    person.type("greet b\t")
    person.until(lambda: person.line == "cms> greet bert")
    person.type("\x03")
    person.until(lambda: person.line == "cms>")
    person.type("greet a\t")
    person.see("^ +anna")
    person.see("^ +anton")
    person.type("x more\t|")
    person.see("^cms> greet anx more\\|$")
