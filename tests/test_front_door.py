"""What a user meets first: the words before a command, unknown commands, help, scripts, others' packages."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

FOREIGN = '''
"""Commands made for cmd5 by somebody else."""
from cloudmesh.shell.command import PluginCommand, command

class ForeignCommand(PluginCommand):
    greeting = "good day"

    @command
    def do_foreign(self, args, arguments):
        """
        ::

          Usage:
            foreign greet NAME [--loud]
            foreign fail

          Description:
            Greets people. Or fails.
        """
        if arguments.fail:
            raise RuntimeError("the password is hunter2")
        print(self.greeting, arguments.NAME, arguments["--loud"])
        self.last = self.prompt

    def do_raw(self, line):
        print("raw", line)
'''
BROKEN = "import nothing_of_this_name\n"


def install(home, **sources):
    """Put packages with these commands on the path of the program."""
    root = home.path / "packages"
    for name, source in sources.items():
        folder = root / "cloudmesh" / name / "command"
        folder.mkdir(parents=True)
        (folder.parent / "__init__.py").touch()
        (folder / "__init__.py").touch()
        (folder / f"{name}.py").write_text(source, encoding="utf-8")
    home.extra["PYTHONPATH"] = str(root)


@pytest.fixture
def others(home):
    """A home with a package of somebody else, and one that is broken."""
    install(home, foreign=FOREIGN, broken=BROKEN)
    return home


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["vmm", "delete", "x"], 2, "there is no command 'vmm'; did you mean 'vm'?"),
        (["nosuch"], 2, "there is no command 'nosuch'"),
        (["vm list"], 2, "the words of a command are separate: cms vm list"),
        ([""], 2, "there is no command ''"),
        (["help", "nosuch"], 2, "there is no command 'nosuch'"),
        (["--verson"], 2, "did you mean '--version'?"),
        (["--debugg", "vm", "list"], 2, "did you mean '--debug'?"),
        (["--file=no.txt"], 2, "the script 'no.txt' cannot be read"),
        (["--file"], 2, "'--file' needs a value"),
        (["--file=", "version"], 2, "--file= is empty"),
        (["--file=a.txt", "vm"], 2, "unexpected argument 'vm'"),
        (["vm", "list", "--verson"], 2, "unknown option '--verson'"),
        (["banner"], 2, "'banner' needs TEXT"),
        (["terminal"], 2, "there is no command 'terminal'; did you mean 'term'?"),
        (["a.cm"], 2, "there is no command 'a.cm'"),
        (["x" * 300], 2, "there is no command 'xxx"),
        (["../etc/x"], 2, "there is no command '../etc/x'"),
    ],
)
def test_what_is_wrong_is_told_on_stderr_with_exit_code_2(home, words, code, told):
    (home.path / "a.cm").write_text("vm list\n")
    ended = home.cms(*words, code=code)
    assert told in ended.stderr and ended.stdout == ""
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("words", [["--version"], ["--debug", "--version"]])
def test_the_version(home, words):
    assert home.cms(*words).stdout.startswith("cms 5.0.0 (Python 3.")


def test_versions_of_all_packages(home):
    rows = home.json("version")
    assert rows[0] == {"name": "cloudmesh-cms", "version": "5.0.0"} and rows[-1]["name"] == "python"


@pytest.mark.parametrize("words", [["-h"], ["--help"], ["help"]])
def test_help_lists_all_commands_in_groups(others, words):
    ended = others.cms(*words)
    groups = ["Machines:", "Clouds:", "Configuration and data:", "Shell:", "Commands of other packages:"]
    places = [ended.stdout.index(group) for group in groups]
    assert places == sorted(places)
    assert "  foreign  " in ended.stdout and "  Greets people\n" in ended.stdout
    assert "broken" not in ended.stdout
    assert "the command 'broken' cannot be loaded" in ended.stderr and "nothing_of_this_name" in ended.stderr


def test_a_package_that_leaves_while_it_is_loaded_takes_nothing_along(home):
    install(home, leaving="import sys\n\nsys.exit(0)\n")
    ended = home.cms("help")
    assert "Machines:" in ended.stdout and "the command 'leaving' cannot be loaded" in ended.stderr
    for words in (["leaving"], ["help", "leaving"]):
        assert "is broken: SystemExit: 0" in home.cms(*words, code=1).stderr


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["exit 3"], 3, ""),
        (["echo a | tr a b"], 0, "b\n"),
        (["echo", "a  b", "|"], 0, "a  b |\n"),
        (["no-program-of-this-name"], 127, ""),
    ],
)
def test_a_program_of_a_call_is_run_as_on_a_line_and_its_exit_code_counts(home, words, code, told):
    assert home.cms("shell", *words, code=code).stdout == told


def test_every_command_of_ours_has_a_group_and_a_summary(home):
    lines = home.cms("help").stdout.splitlines()
    assert [line for line in lines if line.startswith("  ") and len(line.split()) == 1] == []
    assert "Commands of other packages:" not in lines


@pytest.mark.parametrize("words", [["help", "vm"], ["vm", "--help"], ["vm", "-h"], ["vm", "boot", "--help"]])
def test_the_help_of_a_command(home, words):
    assert home.cms(*words).stdout.startswith("Usage:\n  vm ")


def test_the_help_of_one_verb(home):
    told = home.cms("help", "vm", "boot").stdout
    assert told.startswith("Usage:\n  vm boot NAMES...") and "vm stop" not in told


def test_no_ending_makes_a_word_a_script(home):
    home.cms("vm", "boot", "a.cm", "--wait")
    assert home.states() == {"a.cm": "active"}
    home.cms("vm", "delete", "a.cm", "--yes", "--wait")
    assert home.states() == {}


@pytest.mark.parametrize("way", ["--file", "pipe", "-"])
def test_a_script_ends_at_its_first_failing_line(machines, way):
    script = "vm stop nosuch\nvm delete web01 --yes\n"
    (machines.path / "s.txt").write_text(script)
    words = {"--file": ["--file=s.txt"], "pipe": [], "-": ["batch", "-"]}[way]
    ended = machines.cms(*words, code=2, stdin=script)
    assert f"{'s.txt' if way == '--file' else '-'}:1: vm stop nosuch" in ended.stderr
    assert ended.stdout == "" and "web01" in machines.states()


def test_nothing_to_do_is_no_failure(home):
    ended = home.cms(stdin="\n# nothing\n")
    assert (ended.stdout, ended.stderr) == ("", "")


def test_a_shell_stays_after_the_command(home):
    ended = home.cms("-i", "banner", "x", stdin="banner y\nvm stop nosuch\nbanner z\n")
    assert [sign for sign in "xyz" if f"# {sign}" in ended.stdout] == ["x", "y", "z"]


def test_echo_shows_the_call(home):
    assert home.cms("--echo", "banner", "a b").stdout.startswith("cms banner 'a b'\n")


def test_debug_shows_the_traceback_of_an_error(home):
    home.config.write_text("clouds: [", encoding="utf-8")
    assert "Traceback" in home.cms("--debug", "vm", "list", code=3).stderr
    assert "Traceback" not in home.cms("vm", "list", code=3).stderr


def test_commands_of_others_keep_their_conventions(others):
    assert others.cms("foreign", "greet", "a 'b'", "--loud").stdout == "good day a 'b' True\n"
    others.cms("set", "who=you")
    assert others.cms("foreign", "greet", "$who").stdout == "good day you False\n"
    assert others.cms("raw", "a", "b c").stdout == "raw a 'b c'\n"
    assert "did you mean 'greet'?" in others.cms("foreign", "gret", "x", code=2).stderr
    told = others.cms("foreign", "fail", code=1)
    assert "hunter2" not in told.stdout + told.stderr
    assert "nothing_of_this_name" in others.cms("broken", code=1).stderr


def test_commands_of_others_run_beside_ours_in_one_process(others):
    lines = "foreign greet you\nvm list\nbanner x\nraw 1\nplugin\n"
    ended = others.cms("batch", "--keep-going", "-", code=None, stdin=lines)
    assert ended.stdout.startswith("good day you False\n") and ended.stdout.index("# x") < ended.stdout.index(
        "raw 1"
    )


def test_our_commands_run_in_the_shell_of_cmd5_too(others):
    """Who installs single packages of ours has cmd5's program alone."""
    program = "import sys; from cloudmesh.shell.shell import main; sys.argv[0] = 'cms'; main()"
    shutil.rmtree(others.path / "packages" / "cloudmesh" / "broken")
    others.program = [sys.executable, "-c", program]
    assert others.json("vm", "list") == []
    assert "did you mean 'list'?" in others.cms("vm", "lst", code=2).stderr
    shell = others.cms(stdin="vm boot web1 --wait\nforeign greet you\nquit\n")
    assert "done" in shell.stdout and "good day you" in shell.stdout


def test_the_program_is_a_module_and_has_a_second_name(home):
    for program in (
        [sys.executable, "-m", "cloudmesh.cms"],
        [str(Path(home.program[0]).with_name("cloudmesh"))],
    ):
        home.program = program
        assert home.cms("--version").stdout.startswith("cms 5.0.0")


@pytest.mark.parametrize("words", [["vm", "list"], ["nosuch"], ["--version"], ["vm", "-h"]])
def test_cmd5s_shell_is_not_loaded_for_ours(home, words):
    home.program = [sys.executable, "-X", "importtime", home.program[0]]
    told = home.cms(*words, code=None).stderr
    assert "cloudmesh.cms.main" in told
    assert not [name for name in ("cloudmesh.shell", "rich", "requests") if f" {name}\n" in told]


def test_ctrl_c_is_answered_before_anything_is_loaded(home, tmp_path):
    """The program is interrupted while it is imported: here at the search for one of its modules."""
    early = tmp_path / "early"
    early.mkdir()
    (early / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'cloudmesh.plugin.adapter':\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupting())\n"
    )
    home.extra["PYTHONPATH"] = str(early)
    ended = home.cms("vm", "list", code=130)
    assert (ended.stdout, ended.stderr) == ("", "cms: interrupted\n")


def test_a_package_with_damaged_metadata_hides_no_other(home):
    site = home.path / "site"
    metadata = site / "damaged-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: damaged\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[cloudmesh.providers]\nthis line has no sign\n")
    home.extra["PYTHONPATH"] = str(site)
    home.cms("config", "check")
    home.cms("vm", "boot", "vm1", "--wait")
    assert home.states() == {"vm1": "active"}
    assert "damaged" in home.cms("plugin", "list", code=None).stderr


def test_a_status_that_no_job_has_is_no_empty_list(machines):
    assert [row["job"] for row in machines.json("job", "list", "--filter=status=done")] == [1]
    assert "did you mean 'done'?" in machines.cms("job", "list", "--filter=status=DONE", code=2).stderr


def test_a_command_of_cmd5_that_says_error_has_failed(home):
    assert "ERROR" in home.cms("set", "cloud=", code=1).stdout
    assert home.cms("set", "cloud=local").stdout == "cloud='local'\n"
    home.cms("batch", "-", code=1, stdin="set cloud=\nvm boot vm1\n")
    assert home.states() == {}
