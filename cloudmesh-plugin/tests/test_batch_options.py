"""``cms batch`` with variables of its own, with --echo and with --dryrun."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Cms = Callable[..., "subprocess.CompletedProcess[str]"]
Script = Callable[..., str]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    def write(*lines: str, name: str = "s.txt") -> str:
        (tmp_path / name).write_text("\n".join(lines) + "\n")
        return name

    return write


@pytest.fixture(autouse=True)
def kept(environment: dict[str, str]) -> Path:
    """The file of the variables that ``cms set`` keeps."""
    folder = Path(environment["CLOUDMESH_CONFIG_DIR"])
    folder.mkdir()
    (folder / "variables.dat").write_text("n: kept\nother: o\ntimer: 'False'\n")
    return folder / "variables.dat"


def test_variables_of_a_script_win_reach_everything_and_are_not_kept(
    cms: Cms, script: Script, kept: Path
) -> None:
    script("probe words inner $n $m", name="inner.txt")
    lines = ["probe words $n ${n}1 x=var.n $m $other", "!echo $n $m", "set n=later", "probe words $n"]
    lines += ["batch inner.txt n=over", "batch inner.txt", "probe words ''$empty"]
    done = cms("batch", script(*lines), "n=given", "m=a b --dryrun", "empty=", "--keep-going")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        '["given", "given1", "x=given", "a b --dryrun", "o"]',
        "given a b --dryrun",
        "n='later'",
        '["given"]',
        '["inner", "over", "a b --dryrun"]',
        '["inner", "given", "a b --dryrun"]',
        '[""]',
    ]
    assert "later" in kept.read_text() and "given" not in kept.read_text()
    after = cms(stdin="batch s.txt n=given m=1 empty=\nprobe words after $n\n")
    assert '["after", "later"]' in after.stdout


def test_dryrun_may_be_a_variable_of_the_script(cms: Cms, script: Script) -> None:
    done = cms("batch", script("probe change", "dryrun off", "probe change"), "dryrun=on")
    assert (done.returncode, done.stdout) == (0, "would change\n" * 2)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["1x=a"], "'1x=a' is not NAME=VALUE; a name consists of letters, digits and _"),
        (["a-b=c"], "'a-b=c' is not NAME=VALUE"),
        (["=a"], "'=a' is not NAME=VALUE"),
        (["ü=a"], "'ü=a' is not NAME=VALUE"),
        (["os-password=hunter2"], "'os-password=***' is not NAME=VALUE"),
        (["word"], "'word' is not NAME=VALUE"),
        (["a=1", "a=2"], "the variable 'a' is given more than once"),
    ],
)
def test_words_that_give_no_variable(cms: Cms, script: Script, words: list[str], told: str) -> None:
    done = cms("batch", script("probe text"), *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"cms batch: {told}")
    assert len(done.stderr.splitlines()) == 1


def test_a_variable_in_place_of_the_file(cms: Cms, script: Script) -> None:
    done = cms("batch", "n=1")
    assert (done.returncode, done.stdout) == (2, "")
    assert "the file comes first, then NAME=VALUE" in done.stderr


def test_echo_prints_what_is_run_on_stderr_and_no_secret(cms: Cms, script: Script) -> None:
    script("probe words $n", name="inner.txt")
    lines = ["# comment", "", "probe words $n $password --  # comment", "!true $n OS_PASSWORD=hunter3"]
    lines += ["batch inner.txt n='a b'", "probe fail $nope", "quit"]
    done = cms("batch", "--echo", "--keep-going", script(*lines), "n=given", "password=hunter2")
    assert done.stdout == '["given", "hunter2"]\n["a b"]\n'
    told = [line for line in done.stderr.splitlines() if line.startswith("+")]
    assert told == [
        "+ probe words given *** --",
        "+ !true $n OS_PASSWORD=***",
        "+ batch inner.txt n='a b'",
        "++ probe words 'a b'",
        "+ probe fail $nope",
        "+ quit",
    ]
    assert "hunter" not in done.stderr
    assert "+" not in cms("batch", "inner.txt").stderr


def test_the_value_of_a_secret_variable_is_in_no_error(cms: Cms, script: Script) -> None:
    done = cms("batch", "-", "token=hunter2", stdin="probe words\nfoo $token\nprobe $token\n")
    assert done.returncode == 2
    done = cms("batch", "-", "token=hunter2", stdin="probe $token\n")
    assert (done.returncode, "unknown sub-command '***'" in done.stderr) == (2, True)


GOOD = {
    "probe words $n \\\n  ${m}1  # a comment": "probe words given   b1",
    "!touch reached $n": "!touch reached $n",
    "probe words '$n' $password OS_TOKEN=hunter2 -- --all": "probe words '$n' *** OS_TOKEN=*** -- --all",
    "set later=web1": "set later=web1",
    "probe words $later": "probe words web1",
    "set when=now": "set when=now",
    "probe words $when x-$when": "probe words $when x-$when",
    "default flavor=large": "default flavor=large",
    "probe words default.flavor": "probe words large",
    "probe change": "probe change",
    "foreign ok 'a b'": "foreign ok 'a b'",
    "bare what ever": "bare what ever",
    "probe rows --help": "probe rows --help",
    "dryrun on": "dryrun on",
    "quit": "quit",
    "nosuch command": None,
}


def test_dryrun_shows_every_line_filled_in_and_runs_nothing(
    cms: Cms, script: Script, tmp_path: Path, kept: Path
) -> None:
    before = kept.read_text()
    done = cms("batch", "--dryrun", script(*GOOD), "n=given", "m=b", "password=hunter2")
    numbered = [(number, shown) for number, shown in zip([1, *range(3, 20)], GOOD.values(), strict=False)]
    shown = [f"s.txt:{number}: {shown}" for number, shown in numbered if shown]
    assert done.stdout.splitlines() == shown
    assert (done.returncode, done.stderr) == (0, "dry run: 15 lines, no errors; nothing was run\n")
    assert kept.read_text() == before and not (tmp_path / "reached").exists()
    assert not any("large" in file.read_text() for file in kept.parent.iterdir())


BAD = {
    "probe wrods": "unknown sub-command 'wrods'; did you mean 'words'?",
    "prob text": "there is no command 'prob'; did you mean 'probe'?",
    "probe rows --outptu=json": "unknown option '--outptu'; did you mean '--output'?",
    "probe rows --output=jsn": "unknown output format 'jsn'; did you mean 'json'?",
    "foreign okk": "unknown sub-command 'okk'; did you mean 'ok'?",
    "probe words $nope": "undefined variable '$nope'",
    "probe words a ; probe text": "unsupported operator ';'",
    "probe words 'a": "the line cannot be split into words: a quote is not closed",
    "foreign ok 'a": "the line cannot be split into words: a quote is not closed",
    "banner": "'banner' needs TEXT",
    "dryrun onn": "'dryrun' takes on or off",
    "batch missing.txt": "the script 'missing.txt' cannot be read: no such file or directory",
    "batch s.txt": "the script 's.txt' is already running and cannot be run by itself",
    "batch inner.txt 1x=2": "'1x=2' is not NAME=VALUE",
    "set delete other\nprobe words $other": "undefined variable '$other'",
    "set clear\nprobe words $timer": "undefined variable '$timer'",
}


def test_dryrun_finds_what_is_wrong_in_all_lines(cms: Cms, script: Script, kept: Path) -> None:
    script("probe words $n $m", name="inner.txt")
    lines = "\n".join(["batch inner.txt m=1", *BAD, "batch inner.txt"]).split("\n")
    done = cms("batch", "--dryrun", script(*lines), "n=given")
    assert done.returncode == 2
    *told, summary = done.stderr.splitlines()
    for (line, sentence), found in zip(BAD.items(), told, strict=False):
        number = lines.index(line.split("\n")[-1]) + 1
        assert found.startswith(f"cms batch: s.txt:{number}: {sentence}")
    assert told[len(BAD) :] and told[-1].startswith("cms batch: inner.txt:1: undefined variable '$m'")
    assert "inner.txt:1: probe words given 1\n" in done.stdout
    errors = len(BAD) + 1
    assert summary == f"dry run: {len(lines) + 2} lines, {errors} with errors; nothing was run"
    assert kept.read_text().startswith("n: kept")


def test_dryrun_of_lines_from_a_pipe(cms: Cms) -> None:
    done = cms("batch", "--dryrun", "-", stdin="probe words $n\nbatch -\nprobe fail\n")
    assert (done.returncode, done.stdout) == (2, "-:1: probe words kept\n-:2: batch -\n-:3: probe fail\n")
    assert done.stderr.startswith("cms batch: -:3: 'probe fail' needs HOW\ndry run: 3 lines, 1 with errors;")


def test_dryrun_of_a_module_that_is_broken(
    cms: Cms, script: Script, packages: Path, add_command: Callable[[Path, str, str], None]
) -> None:
    add_command(packages, "broken", "import nothing_of_this_name\n")
    add_command(packages, "worse", "raise RuntimeError('no')\n")
    done = cms("batch", "--dryrun", script("broken x", "worse x", "probe text"))
    assert (done.returncode, done.stdout.splitlines()[-1]) == (2, "s.txt:3: probe text")
    assert "cms batch: s.txt:1: the command 'broken' cannot be loaded" in done.stderr
    assert "cms batch: s.txt:2: the command 'worse' cannot be loaded" in done.stderr
