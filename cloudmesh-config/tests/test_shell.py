"""What a shell script leaves in its variables: the same as with bash, or the script is refused."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudmesh.config.importers.shell.evaluation import outcome
from cloudmesh.config.importers.shell.syntax import ScriptError

# Each file in a process of its own that begins without an environment; what it prints is lost. The trap keeps
# bash 5.2 from replacing this process by the last command of the file.
DRIVER = """
FUNCNEST=40
for file; do
    ( ulimit -t 1; trap : USR1; set --; . "$file" <typed >/dev/null 2>&1; exec /usr/bin/env -0 )
    printf 'END OF ONE\\0'
done
"""
UNKNOWN = "?"
needs_bash = pytest.mark.skipif(not shutil.which("bash"), reason="needs bash to compare with")


def by_bash(folder: Path, scripts: Sequence[str]) -> list[dict[str, str] | None]:
    """The variables OS_* that bash leaves in the environment; None for a script that ends the shell."""
    files = [folder / str(number) for number in range(len(scripts))]
    for file, script in zip(files, scripts, strict=True):
        file.write_text(script, encoding="utf-8", newline="")
    (folder / "typed").write_text("typed\n" * 1000)
    words = ["bash", "--norc", "--noprofile", "-c", DRIVER, "bash", *map(str, files)]
    # With what it started, should it take too long: no shell is left that starts further ones.
    shell = subprocess.Popen(words, env={}, cwd=folder, stdout=subprocess.PIPE, start_new_session=True)
    try:
        printed, _ = shell.communicate(timeout=60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)
    assert shell.returncode == 0
    found = list[dict[str, str] | None]()
    for each in printed.decode(errors="surrogateescape").split("END OF ONE\0")[:-1]:
        pairs = dict(line.split("=", 1) for line in each.split("\0") if "=" in line)
        found.append(
            {name: text for name, text in pairs.items() if name.startswith("OS_")} if pairs else None
        )
    assert len(found) == len(scripts)
    return found


def by_us(script: str) -> dict[str, str]:
    """The same by us, UNKNOWN where only a running shell can know; raises ScriptError."""
    left = {name: variable.outside for name, variable in outcome(script).variables.items()}
    return {
        name: UNKNOWN if value.unknown or value.lacking else value.text
        for name, value in left.items()
        if name.startswith("OS_") and value
    }


def differences(ours: dict[str, str], theirs: dict[str, str] | None) -> set[str]:
    """The variables that are not the same, but for those that we do not know."""
    if theirs is None:
        return {"the end of the shell"}
    names = {name for name in ours.keys() | theirs.keys() if ours.get(name) != UNKNOWN}
    return {name for name in names if ours.get(name) != theirs.get(name)}


def agree(folder: Path, scripts: Sequence[str]) -> int:
    """How many scripts were not refused; fails for one of them that differs."""
    taken = 0
    for script, theirs in zip(scripts, by_bash(folder, scripts), strict=True):
        with contextlib.suppress(ScriptError):
            ours = by_us(script)
            taken += 1
            if outcome(script).early:
                # That it may end before is told.
                continue
            assert not differences(ours, theirs), f"{script}\n--- ours: {ours}\n--- bash: {theirs}"
    return taken


name = st.sampled_from(["OS_A", "OS_B", "OS_C", "V", "W"])
plain = st.text(st.sampled_from("abc/3v.:-_@é="), max_size=5)
signs = st.text(st.sampled_from("ab c'\"\\$`*?[]{}~#;&|()<>!=\té"), max_size=6)


def in_double(text: str) -> str:
    return '"' + "".join(f"\\{sign}" if sign in '\\$`"' else sign for sign in text) + '"'


literal = st.one_of(
    plain,
    signs.map(lambda text: "'" + text.replace("'", "'\\''") + "'"),
    signs.map(in_double),
    signs.map(lambda text: "".join(f"\\{sign}" for sign in text)),
    st.sampled_from(
        [r"$'a\tb\'c\\'", r"$'\x41\101\n'", r"'a'\''b'", '"a\\\nb"', "a\\\nb", "''", '"a\nb"', r'"a\b"']
    ),
)
pattern = st.sampled_from(
    ["a", "*", "?", "a*", "*/", "/*", "[ab]", "[!a]", "v3", "/v[0-9]", "'*'", '"$V"', "\\*", "$W"]
)
operators = st.one_of(
    st.tuples(st.sampled_from([":-", "-", ":=", "=", ":+", "+"]), literal).map("".join),
    st.tuples(st.sampled_from(["#", "##", "%", "%%"]), pattern).map("".join),
    st.tuples(st.sampled_from(["/", "//"]), pattern, st.sampled_from(["", "/", "/x", "/'y z'"])).map("".join),
    st.sampled_from([":1", ":1:2", ":0:3", ":9", "^", "^^", ",,"]),
)
parameter = st.one_of(
    name.map(lambda each: f"${each}"),
    name.map(lambda each: "${" + each + "}"),
    name.map(lambda each: "${#" + each + "}"),
    st.tuples(name, operators).map(lambda each: "${" + each[0] + each[1] + "}"),
)
word = st.lists(
    st.one_of(
        literal,
        parameter,
        parameter.map(lambda each: f'"{each}"'),
        parameter.map(lambda each: f'"a {each}b"'),
    ),
    max_size=3,
).map("".join)
some = word.map(lambda each: each or "''")
assignment = st.tuples(name, st.sampled_from(["=", "=", "=", "+="]), word).map("".join)
simple = st.one_of(
    assignment,
    assignment.map(lambda each: f"export {each}"),
    st.tuples(assignment, assignment).map(lambda each: f"export {each[0]} {each[1]} # done"),
    name.map(lambda each: f"export {each}"),
    name.map(lambda each: f"unset {each}"),
    st.tuples(
        name, st.sampled_from(["export -n", "declare -x", "typeset", "readonly", "unset -v", "read -sr"])
    ).map(lambda each: f"{each[1]} {each[0]}"),
    word.map(lambda each: f"export 'OS_B'={each}"),
    word.map(lambda each: f": {each} ${{OS_C:=d}}"),
    st.sampled_from(
        ["set -a", "set +a", "true", "unset ${V}", "cat <<E\n$V\nE", "V=1 W=2 true", "echo $V | read OS_A"]
    ),
    st.sampled_from(
        [
            "f x 'y z'",
            "return",
            "return 1",
            "cat <<-'E' | cat\n\tOS_A=1\n\tE",
            "V=$(echo a)",
            "declare -x W=`ls`",
        ]
    ),
    st.sampled_from(
        ["PS1='[\\u@\\h \\W]\\$ '", "local V", "cd /", "OS_A=1 OS_B=2", "exit 3", "set -e", "set -u"]
    ),
)
test = st.one_of(
    st.tuples(st.sampled_from(["-z", "-n", "! -n", "! -z", ""]), word).map(
        lambda each: f"[ {each[0]} {each[1]} ]"
    ),
    st.tuples(st.sampled_from(["-z", "-n"]), parameter).map(lambda each: f'[ {each[0]} "{each[1]}" ]'),
    st.tuples(word, st.sampled_from(["=", "!=", "==", "-eq", "-lt"]), word)
    .map(" ".join)
    .map("[ {} ]".format),
    st.tuples(some, st.sampled_from(["==", "!=", "="]), st.one_of(some, pattern))
    .map(" ".join)
    .map("[[ {} ]]".format),
    st.tuples(parameter, parameter).map(lambda each: f"[[ -z {each[0]} && ( -n {each[1]} || ! $W == 3 ) ]]"),
    st.sampled_from(
        ["true", "false", "[ -f /dev/null ]", "[ -v OS_A ]", "[ 3 -ge 2 ]", "[ $# -gt 0 ]", "command -v ls"]
    ),
)


def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    body = st.lists(inner, min_size=1, max_size=3).map("\n".join)
    return st.one_of(
        st.tuples(test, st.sampled_from(["&&", "||"]), inner).map(" ".join),
        st.tuples(test, body).map(lambda each: f"if {each[0]}; then\n{each[1]}\nfi"),
        st.tuples(test, body, test, body, body).map(
            lambda each: f"if ! {each[0]}\nthen {each[1]}\nelif {each[2]}; then {each[3]}\nelse {each[4]}\nfi"
        ),
        st.tuples(some, pattern, body, pattern, body).map(
            lambda each: f"case {each[0]} in\n{each[1]}|x) {each[2]}\n;;\n({each[3]}) {each[4]} ;; esac"
        ),
        st.tuples(name, word, word, body).map(
            lambda each: f"for {each[0]} in {each[1]} {each[2]}; do\n{each[3]}\ndone"
        ),
        st.tuples(body, name).map(lambda each: f"f() {{\nlocal {each[1]}\n{each[0]}\nOS_C=$1\n}}\nf b"),
        body.map(lambda each: f"{{ {each}\n}}"),
        body.map(lambda each: f"( {each}\n)"),
        body.map(lambda each: f"while [ -z $U ]; do\n{each}\nU=x\ndone"),
        st.tuples(inner, inner).map(lambda each: f"{each[0]} \\\n && {each[1]}"),
    )


script = st.lists(st.recursive(simple, compound, max_leaves=5), min_size=1, max_size=6).map("\n".join)
# No bracket, so that no function can call itself, and no file is written.
strange = st.text(st.sampled_from("OS_A=b c'\"\\$`{}#;\n\t~é!*?"), max_size=20).map(
    lambda text: f"export OS_A={text}"
)


@needs_bash
@pytest.mark.parametrize("count", [5, pytest.param(40, marks=pytest.mark.slow)])
def test_a_script_leaves_what_bash_leaves(tmp_path: Path, count: int) -> None:
    seen = [0]

    @settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.one_of(script, script, strange), min_size=10, max_size=20))
    def compare(scripts: list[str]) -> None:
        seen[0] += agree(tmp_path, scripts)

    compare()
    assert seen[0] > 5 * count, "most of them are understood"


# Each with what it leaves, as bash does; UNKNOWN where it depends on what only a running shell knows.
UNDERSTOOD = {
    "A=x; export OS_A=$A": {"OS_A": "x"},
    'export OS_A=x; [ -z "$OS_B" ] && unset OS_B; [ -z "$OS_A" ] && unset OS_A': {"OS_A": "x"},
    "export OS_A=https://h/v3; export OS_B=${OS_A%/v3} OS_C=${OS_A##*/}": None,
    "export OS_A=${OS_B:-b} OS_C=${OS_C:=c}": None,
    "OS_A=x true; export OS_B=y": {"OS_B": "y"},
    "(export OS_A=x); echo x | export OS_B=y; export OS_C=z &\n": {},
    "cat <<E\nexport OS_A=x\nE\n: <<'E' | cat\n$(touch here)\nE\n": {},
    "f() { local OS_A=x; export OS_B=$1; return 1; }; f y || export OS_C=z": {"OS_B": "y", "OS_C": "z"},
    "export OS_A=a\\\nb OS_B=$'c\\'d' OS_C=\"e\\\nf\" # g": {"OS_A": "ab", "OS_B": "c'd", "OS_C": "ef"},
    "case x in y) ;; *) export OS_A=1;; esac; for a in 1 2; do OS_A+=$a; done": {"OS_A": "112"},
    "set -a; OS_A=1; set +a; OS_B=2; export OS_B; export -n OS_B": {"OS_A": "1"},
    "OS_A=1\nexport OS_A\nreturn\nexport OS_A=2 OS_B=3": {"OS_A": "1"},
    "read -rsp 'password: ' P; export OS_A=$P": {"OS_A": UNKNOWN},
    "export OS_A=$(true) OS_B=`true` OS_C=~/x": dict.fromkeys(["OS_A", "OS_B", "OS_C"], UNKNOWN),
    'export OS_A=$HOME OS_B=$NOWHERE OS_C="a$USER"': dict.fromkeys(["OS_A", "OS_B", "OS_C"], UNKNOWN),
    "if [ -f /nowhere ]; then export OS_A=1; fi; command -v nothing && export OS_B=2": {
        "OS_A": UNKNOWN,
        "OS_B": UNKNOWN,
    },
    "[ -f /nowhere ] && export OS_A; OS_A=1; export OS_B=2": {"OS_A": UNKNOWN, "OS_B": "2"},
    "A='a b'; [ ! -z $A ] && export OS_A=1; [ $B == x ] || export OS_B=2; [ ! == x ]": {"OS_B": "2"},
    "for key in $(set | cut -d= -f1); do unset $key; done; export OS_A=1": {"OS_A": "1"},
    "export OS_A=1; for key in $(true); do unset $key; done": {"OS_A": UNKNOWN},
    'declare -x OS_A="a\\$b"\ndeclare -x OLDPWD\ndeclare -- V=1': None,
    "alias ll='ls -l'; export OS_A=1; PS1='[\\u \\W]\\$ '": {"OS_A": "1"},
    """export OS_A="${OS_B:-'a b'}" OS_C="${OS_B:-"it's"}\"""": None,
    "exec_path=$PATH:/x; export OS_A=${OS_B+b}${OS_C-}c": {"OS_A": "c"},
}


@needs_bash
def test_these_are_understood(tmp_path: Path) -> None:
    for text, theirs in zip(UNDERSTOOD, by_bash(tmp_path, list(UNDERSTOOD)), strict=True):
        ours, told = by_us(text), UNDERSTOOD[text]
        assert told is None or ours == told, text
        assert not differences(ours, theirs), text
    assert not (tmp_path / "here").exists()


# Each with the line that is named, and a word of the reason.
REFUSED = {
    "export OS_A=1\nsource other.sh": (2, "another file"),
    "\n. /etc/profile": (2, "another file"),
    'eval "$(cat x)"': (1, "run as commands"),
    "A=(1 2)": (1, "arrays"),
    "export OS_A=${A[0]}": (1, "arrays"),
    "OS_A = x": (1, "followed by a blank"),
    "export OS_A='x\ny": (1, "never closed"),
    "export OS_A=$(true\n": (1, "never closed"),
    "if true; then\nexport OS_A=1\n": (1, "'fi'"),
    "export OS_A=${!B}": (1, "not understood"),
    "((A=1))": (1, "arithmetic"),
    "export OS_A=$((A++ + B=1))": (1, "arithmetic"),
    "set -e\nfalse\nexport OS_A=1": (2, "set -e"),
    "exit 1": (1, "ends the shell"),
    "export $(cat .env | xargs)": (1, "which variables are set"),
    "unset $(true) $OS_A; exec zsh": (1, "replaced"),
    "shopt -s extglob": (1, "not understood"),
    "while true; do X=1; done": (1, "100 times"),
    "f() { f; }; f": (1, "levels deep"),
    "export OS_A=${OS_B:?give it}": (1, "required"),
    """export OS_A="${OS_B:-'a}b'}\"""": (1, "quote"),
    """export OS_A="${OS_B:-it's}\"""": (1, "quote"),
    "export -p OS_A=1": (1, "with names"),
    "set -u; export OS_A=$OS_B": (1, "not set"),
    "diff <(ls) x": (1, "process substitution"),
    "readonly OS_A=1; OS_A=2": (1, "read-only"),
    "module load openstack": (1, "another file"),
    "export() { true; }": (1, "in place of"),
    "IFS=:": (1, "IFS"),
    "$V x": (1, "which command"),
    "A=é; export OS_A=${A%?}": (1, "beyond ASCII"),
    "cat <<E\nx": (1, "here-document"),
    "x=" + "$(" * 30: (1, "levels"),
    "A=ab\n" + "A=$A$A\n" * 40: (16, "characters"),
}


@pytest.mark.parametrize("text", REFUSED)
def test_these_are_refused_with_their_line(text: str) -> None:
    line, word = REFUSED[text]
    with pytest.raises(ScriptError) as caught:
        outcome(text)
    assert caught.value.line == line
    assert word in caught.value.message


LONG = 4_000
MANY = {
    "quotes": "export OS_A='a'\n" * LONG,
    "open braces": "echo ${" * LONG,
    "backticks": "`" * (2 * LONG + 1),
    "brackets": "(" * LONG,
    "words": "x" + " $A" * LONG,
    "conditions": "[ -f x ] && A=1\n" * LONG,
    "variables and conditions": "".join(f"A{n}=1\n[ -f x ] && B=1\n" for n in range(LONG // 2)),
    "patterns": "A=" + "a" * 20_000 + "\n" + "B=${A%%*a*b*c}\n" * 1000,
    "replacements": "A=" + "a" * 3_000 + "\n" + "B=${A//a*b/c}\n" * 1000,
    "loops": "for a in 1 2 3 4 5 6 7 8 9; do\n" * 12 + "B=1\n" + "done\n" * 12,
    "functions": "".join(f"f{n + 1}() {{ f{n}; f{n}; }}\n" for n in range(19)) + "f0() { A=1; }\nf19",
    "nested unknown": "if x; then\n" * 24 + "A=1\n" + "fi\n" * 24,
    "gaps": "\\\n" * LONG,
    "here-documents": "cat <<E\n" * LONG,
    "negations": "! " * LONG + "true",
    "one long chain": "true" + " && true" * LONG,
    "cases": "case x in" + " a) ;;" * LONG + " esac",
}


@pytest.mark.parametrize("kind", MANY)
def test_no_script_keeps_us_busy(kind: str) -> None:
    began = time.process_time()
    with contextlib.suppress(ScriptError):
        outcome(MANY[kind])
    assert time.process_time() - began < 8


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        script, st.text(max_size=40), st.text(st.sampled_from("a=$ {}()[]<>|&;'\"`\\\n#!*"), max_size=40)
    )
)
def test_no_text_is_too_strange(text: str) -> None:
    with contextlib.suppress(ScriptError):
        outcome(text)
