"""What words mean, in the shell, in scripts and one-shot: comments, quotes, operators, variables."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudmesh.plugin.references import References

Say = Callable[[str], tuple[list[list[str]], str]]
Cms = Callable[..., "subprocess.CompletedProcess[str]"]


WHOLE = """
from cloudmesh.plugin import Answer, command
from cloudmesh.shell.command import PluginCommand

class WholeCommand(PluginCommand):
    @command
    def do_whole(self, arguments):
        '''
        Usage:
          whole [NAME]
        '''
        return Answer(text="ran")
"""


@pytest.fixture(autouse=True)
def variables(environment: dict[str, str]) -> Path:
    """The directory in which the variables of the shell are."""
    folder = Path(environment["CLOUDMESH_CONFIG_DIR"])
    folder.mkdir()
    known = {"n": "web", "n1": "db1", "two": "a b", "odd-name": "x", "quote": "it's \\ $n", "dash": "--all"}
    (folder / "variables.dat").write_text(json.dumps(known))
    (folder / "default-data").write_text(json.dumps({"global,flavor": "large", "uc,flavor": "tiny"}))
    return folder


@pytest.fixture(params=["shell", "batch", "batch -"])
def say(request: pytest.FixtureRequest, cms: Cms, tmp_path: Path) -> Say:
    """Runs lines that ``probe words`` answers; gives the words of each answer, and what stderr told."""

    def run(lines: str) -> tuple[list[list[str]], str]:
        (tmp_path / "s.txt").write_text(lines + "\n")
        way = {
            "shell": ["-i"],
            "batch": ["batch", "--keep-going", "s.txt"],
            "batch -": ["batch", "--keep-going", "-"],
        }[request.param]
        done = cms(*way, stdin=lines + "\n", TARGET="db9")
        assert request.param == "shell" or bool(done.returncode) == bool(done.stderr), done
        answers = [line.removeprefix("cms> ") for line in done.stdout.splitlines()]
        return [json.loads(answer) for answer in answers if answer.startswith("[")], done.stderr

    return run


WORDS = {
    "a # but keep b": ["a"],
    "c \u00a0# but keep b": ["c"],
    "a #": ["a"],
    "a\\ #b 'a '#b \"c \"#": ["a #b", "a #b", "c #"],
    "a#b '#' \"# c\" \\#": ["a#b", "#", "# c", "#"],
    "'a;b' \"|\" \\& a\\>b": ["a;b", "|", "&", "a>b"],
    "$n1 ${n}1 $n-1 x$n,${n1}": ["db1", "web1", "web-1", "xweb,db1"],
    "\"$n1 $two\" '$n1' \\$n1 \"\\$n1\"": ["db1 a b", "$n1", "$n1", "$n1"],
    "$dash \"$dash\" ''$dash x$dash": ["--all", "--all", "--all", "x--all"],
    "$two $quote \"$quote\"": ["a b", "it's \\ $n", "it's \\ $n"],
    "var.n1 x=var.n,var.n1 --- a.var.n 'var.n'": ["db1", "x=web,db1", "---", "a.var.n", "var.n"],
    "=var.n uc:=var.n id=os.x": ["=var.n", "uc:=var.n", "id=os.x"],
    "os.TARGET $TARGET os.example.org": ["db9", "db9", "os.example.org"],
    "default.flavor default.uc.flavor uc.default.flavor": ["large", "tiny", "uc.default.flavor"],
    "${odd-name} $5 a$ ^web$": ["x", "$5", "a$", "^web$"],
    "-- --all -h -- x": ["--all", "-h", "--", "x"],
}  # fmt: skip
REFUSED = {
    **{f"a {sign} probe words b": sign for sign in (";", "&&", "||", "|", ">", "<", "&", ">>")},
    "a;": ";", "a&": "&", "a;b": ";", "a`b`": "`", "2>x": ">",
    "$nope": "'$nope'", "${nope}": "'$nope'", "x-$nope": "'$nope'", "\"$nope\"": "'$nope'",
    "var.nope": "'var.nope'", "os.NOPE": "'os.NOPE'", "default.nope": "'default.nope'",
    "default.uc.nope": "'default.uc.nope'",
    "$(ls)": "unsupported '$('", "${": "unsupported '${'", "'a": "a quote is not closed",
    "a\rb": "contains '\\r'", "a\u2028b": "contains '\\u2028'",
    "OS_PASSWORD=pa$hunter2": "'***'",
}  # fmt: skip


def test_words_of_a_line(say: Say) -> None:
    lines = [f"probe words {line}" for line in WORDS]
    lines += ["// x", "# y", "", "quit"]
    # "---" would be an option of docopt.
    answers, told = say("\n".join(line.replace(" --- ", " -- --- ") for line in lines))
    assert (answers, told) == ([*WORDS.values()], "")


def test_what_is_refused_does_nothing(say: Say) -> None:
    answers, told = say("\n".join(f"probe words {line}" for line in REFUSED))
    assert answers == []
    sentences = [each for each in told.splitlines() if each.startswith("cms probe: ")]
    assert len(sentences) == len(REFUSED)
    for sentence, said in zip(sentences, REFUSED.values(), strict=True):
        assert said in sentence


LINE_ENDS = "\0\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"


# Without a dot, since "os.x" in no quotes is a variable.
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="." + LINE_ENDS))))
def test_quoted_words_arrive_as_they_are(words: list[str]) -> None:
    assert shlex.split(References().in_line(shlex.join(words))) == words


def test_a_name_that_may_be_longer_is_refused(cms: Cms, variables: Path) -> None:
    (variables / "variables.dat").write_text("n: x\nn-1: y\n")
    done = cms("batch", "-", stdin="probe words $n-1\n")
    assert (done.returncode, done.stdout) == (2, "")
    assert "$n-1 is ambiguous: write ${n-1} or ${n}" in done.stderr


ONE_SHOT = {
    "$dash": "--all", "$n1": "db1", "${n}1": "web1", "var.n1": "db1", "a,var.n1": "a,db1", "os.TARGET": "db9",
    "default.flavor": "large", "\\$n1": "$n1", "\\var.n1": "var.n1", "a;b": "a;b", "#": "#", ";": ";",
    "a\\b": "a\\b", "the os.kernel": "the os.kernel",
}  # fmt: skip


def test_words_of_a_one_shot_call(cms: Cms) -> None:
    done = cms("probe", "words", *ONE_SHOT, TARGET="db9")
    assert (json.loads(done.stdout), done.stderr) == ([*ONE_SHOT.values()], "")
    for word in ("$nope", "var.nope", "os.NOPE", "default.nope", "${"):
        refused = cms("probe", "words", "a", word)
        assert (refused.returncode, refused.stdout) == (2, ""), word
        assert len(refused.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "word", ["--help", "--file=x; touch reached", "x.cm", "-i", "--debug", "--all", "--"]
)
def test_after_two_dashes_a_word_is_a_word_even_if_cmd5_knows_it(cms: Cms, tmp_path: Path, word: str) -> None:
    done = cms("probe", "words", "--", word)
    assert (done.returncode, json.loads(done.stdout), done.stderr) == (0, [word], "")
    assert not (tmp_path / "reached").exists()


def test_help_and_scripts_of_cmd5_are_words_of_the_command(cms: Cms) -> None:
    assert cms("probe", "words", "--help").stdout.startswith("Usage:\n  probe words")
    assert json.loads(cms("probe", "words", "x.cm").stdout) == ["x.cm"]
    assert "unknown option '--file'" in cms("probe", "words", "--file=x").stderr


@pytest.mark.parametrize("way", ["one-shot", "batch"])
def test_an_option_is_not_shortened(cms: Cms, way: str) -> None:
    words = ["probe", "rows", "--out=json"]
    done = cms(*words) if way == "one-shot" else cms("batch", "-", stdin=" ".join(words))
    assert (done.returncode, done.stdout) == (2, "")
    assert "unknown option '--out'; options cannot be abbreviated, use --output" in done.stderr


def test_a_script_from_a_pipe_runs_line_by_line(
    program: str, environment: dict[str, str], tmp_path: Path
) -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([program, "batch", "-"], env=environment, cwd=tmp_path, **pipes) as process:  # type: ignore[call-overload]
        assert process.stdin and process.stdout
        for number in (1, 2):
            # What a line runs does not eat the lines that follow.
            process.stdin.write(f"!cat; echo {number}\n".encode())
            process.stdin.flush()
            assert process.stdout.readline() == f"{number}\n".encode()
        process.stdin.write(b"probe words \xff\n!echo never\n")
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (2, b"")
    assert b"is not a text in UTF-8 (byte 38)" in err


def test_sigterm_ends_a_program_line_with_all_that_it_started(
    program: str, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "s.txt").write_text("!sleep 97 & echo $! $n; sleep 97; true\nprobe text\n")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([program, "batch", "s.txt"], env=environment, cwd=tmp_path, **pipes)  # type: ignore[call-overload]
    child, value = process.stdout.readline().split()
    assert value == "web", "the variables are in its environment"
    time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, "")
    assert err == "cms shell: interrupted\ns.txt:1: !sleep 97 & echo $! $n; sleep 97; true\n"
    with pytest.raises(ProcessLookupError):
        os.kill(int(child), 0)


def test_dryrun_holds_for_all_commands(cms: Cms, tmp_path: Path) -> None:
    cms("dryrun", "on")
    assert cms("probe", "rows").returncode == 0, "it only reads"
    assert cms("probe", "change").stdout == "would change\n"
    for word in ("text", "fail CloudError"):
        done = cms("probe", *word.split())
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(
            f"cms probe: dryrun is on, and 'probe {word.split()[0]}' has no dry run"
        )
    assert cms("batch", "-", stdin="!touch reached\n").returncode == 2 and not (tmp_path / "reached").exists()
    done = cms("batch", "-", stdin="dryrun off\nprobe change\ndryrun on\nprobe change\nprobe text\n")
    assert (done.returncode, done.stdout.split("\n")[0::1][:2]) == (2, ["changed", "would change"])


@pytest.mark.parametrize(("reads", "code"), [('(reads="whole")', 0), ("", 2)])
def test_dryrun_holds_for_a_command_without_sub_commands(
    cms: Cms, packages: Path, add_command: Callable[[Path, str, str], None], reads: str, code: int
) -> None:
    add_command(packages, "whole", WHOLE.replace("@command", f"@command{reads}"))
    assert cms("whole", "web1").stdout == "ran\n"
    cms("dryrun", "on")
    done = cms("whole", "web1")
    assert (done.returncode, done.stdout) == (code, "" if code else "ran\n")
    assert done.stderr.startswith("cms whole: dryrun is on, and 'whole' has no dry run") == bool(code)


def test_a_leftover_of_killed_variables_is_swept_and_told(cms: Cms, variables: Path) -> None:
    (variables / ".variables.dat.0123456789ab.tmp").write_text("n: w")
    done = cms("set", "other=1")
    assert done.returncode == 0
    assert done.stderr == "note: 1 unfinished variables.dat of a killed command removed\n"
    assert sorted(each.name for each in variables.iterdir()) == ["default-data", "variables.dat"]
    assert cms("set", "other=2").stderr == ""


def test_debug_masks_the_whole_chain(cms: Cms) -> None:
    done = cms("probe", "fail", "chain", CLOUDMESH_DEBUG="1")
    assert "Traceback" in done.stderr and "direct cause" in done.stderr
    assert "geheim" not in done.stderr and "\x1b" not in done.stderr and "\u202e" not in done.stderr


def test_a_command_may_have_a_hyphen_in_its_word(
    cms: Cms, packages: Path, add_command: Callable[[Path, str, str], None]
) -> None:
    source = WHOLE.replace("do_whole", "do_two_words").replace("whole [", "two-words [")
    add_command(packages, "two_words", source.replace("@command", '@command(word="two-words")'))
    for word in ("two-words", "two_words"):
        assert cms(word, "x").stdout == "ran\n"
        assert cms("batch", "-", stdin=f"{word} x\n{word}\n").stdout.splitlines().count("ran") == 2
        assert "ran" in cms("-i", stdin=f"{word} x\nquit\n").stdout
    assert "  two-words" in cms("help").stdout and "two_words" not in cms("help").stdout
    refused = cms("two-words", "x", "y")
    assert refused.returncode == 2 and refused.stderr.startswith("cms two-words: ")
    assert "did you mean 'two-words'" in cms("two-wrds").stderr
