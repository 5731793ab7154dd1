"""What the documentation shows is typed as it stands, and does what it says; ``examples.py`` says how."""

import re
import sys
from collections import Counter
from itertools import groupby
from pathlib import Path

import pytest

from cloudmesh.db import Database

from .examples import REASONS, Page, blocks, commands, indented

ROOT = Path(__file__).resolve().parent.parent
# What the examples of the first three do is looked at, too.
PAGES = [
    *(ROOT / "README.md", ROOT / "cloudmesh-db" / "README.md", ROOT / "cloudmesh-plugin" / "README.md"),
    *sorted(ROOT.glob("docs/*.md")),
]
PAGES += sorted(set(ROOT.glob("cloudmesh-*/README.md")) - set(PAGES))
# They need a server, and what it answers is looked at: test_rest_docs.py.
ELSEWHERE = [ROOT / "docs" / "rest.md"]
# Examples that are not run, by their reason. Who adds one says so here.
EXCUSED = {
    "needs QEMU, and downloads an image": 3,
    "needs an account at a cloud": 1,
    "needs a cluster": 1,
    "needs real machines": 3,
    "needs packages that are not installed here": 6,
    "the tests run the same of docs/rest.md": 1,
    "works on the checkout; other tests do it": 4,
}
LIFE = ["boot", "suspend", "resume", "stop", "start", "reboot", "delete"]


@pytest.fixture
def run(tmp_path, make_home, cloud_settings):
    """Runs a page in a home of its own."""

    class ExampleHome(make_home):
        """A home whose files lie where a user has them."""

        @property
        def directory(self):
            return self.path / ".cloudmesh"

        @property
        def env(self):
            extra = {
                "NO_COLOR": "1",
                "PYTHONPATH": str(self.path / "packages"),
                "VENV": sys.prefix,
                "CHECKOUT": str(ROOT),
                "EDITOR": "true",
            }
            return {
                name: value for name, value in super().env.items() if name != "CLOUDMESH_CONFIG_DIR"
            } | extra

    def run(path):
        home = ExampleHome(tmp_path / "home")
        home.path.mkdir()
        home.configure(local=cloud_settings(), uc=cloud_settings())
        page = Page(path, home)
        page.run()
        return page

    return run


def written(tmp_path, text):
    path = tmp_path / "page.md"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [path for path in PAGES[3:] if path not in ELSEWHERE],
    ids=lambda path: f"{path.parent.name}/{path.name}",
)
def test_the_examples_of_a_page_work(run, path):
    run(path)


@pytest.mark.slow
def test_the_example_of_the_store_leaves_what_it_says(run):
    page = run(ROOT / "cloudmesh-db" / "README.md")
    assert dict(page.printed)["python"].startswith('CREATE TABLE "element"')
    with Database(str(page.home.path / "example.db")) as db:
        assert [record["name"] for record in db.find("vm")] == ["vm1", "vm2", "vm3"]
        changed = {"image": "ubuntu", "flavor": "large", "ip": "10.0.0.1"}
        assert db.find("vm", data_flavor="large")[0]["data"] == changed


@pytest.mark.slow
def test_the_example_of_a_command_is_found_by_the_shell(run):
    page = run(ROOT / "cloudmesh-plugin" / "README.md")
    assert "hello" in page.home.cms("help").stdout


@pytest.mark.slow
def test_the_examples_of_the_readme_make_three_machines_live_and_vanish(run):
    page = run(ROOT / "README.md")
    listed = [printed for line, printed in page.printed if line == "cms vm list"]
    (shell,) = [printed for line, printed in page.printed if line == "cms"]
    listed.append(re.search(r"cms> vm list\r\n(.*?)cms> ", shell, re.DOTALL)[1])
    assert [printed.count("active") for printed in listed] == [3, 3, 3]
    (dryrun,) = [printed for line, printed in page.printed if "--dryrun" in line]
    assert "web[01-03]" in dryrun
    tasks = page.home.json("db", "list", "task")
    assert {task["status"] for task in tasks} <= {"done", "already"}, tasks
    done = [task for task in tasks if task["status"] == "done"]
    changes = [verb for verb, _ in groupby(task["verb"] for task in done)]
    assert changes == ["boot", "suspend", "resume", "delete", *LIFE, *LIFE, *LIFE]
    for verb in ("boot", "delete"):
        names = [task["name"] for task in tasks if task["verb"] == verb]
        assert sorted(names) == sorted(["web01", "web02", "web03"] * 4)
    assert page.home.states() == {}
    names = [line.split()[0] for line in dict(page.printed)["python"].splitlines()]
    assert sorted(names) == ["web01", "web02", "web03"], "no failure is told, and each machine once"


def test_what_is_not_run_has_a_known_reason_and_is_counted():
    excused = Counter(
        block.reason for path in PAGES for block in blocks(path.read_text(encoding="utf-8")) if block.reason
    )
    assert set(excused) <= REASONS
    assert excused == EXCUSED


@pytest.mark.parametrize("path", PAGES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_example_hides_as_indented_text(path):
    assert indented(path.read_text(encoding="utf-8")) == []


GOOD = """\
<!-- setup: echo hello > said
cat said -->
```console
$ cat said      # a comment
hello
$ false
$ echo $?
1
$ cms vm boot a --wait
$ cms vm delete a
```
<!-- not run: needs a cluster -->
```console
$ exit 3
```
<!-- file: deep/er.txt -->
```text
written
```
- an item:

  ```python
  import pathlib
  assert pathlib.Path('deep/er.txt').read_text() == 'written\\n'
  ```
```python
print(pathlib.Path.cwd().name)
```
```text
cms> vm boot b --wait
cms> vm delete b
Delete 1 machine b on local? [y/N] y
cms> quit
```
```yaml
a: [1, !env B]
```
"""
BAD = {
    "a wrong output": "```console\n$ echo a\nb\n```",
    "a wrong exit code": "```console\n$ false\n```",
    "a wrong exit code shown": "```console\n$ false\n$ echo $?\n2\n```",
    "an exception": "```python\n1 / 0\n```",
    "an exit": "```python\nimport os\nos._exit(0)\n```",
    "what is no YAML": "```yaml\na: [\n```",
    "a setup": "<!-- setup: false -->",
    "a comment about nothing": "<!-- not run: needs a cluster -->",
    "an error in the shell": "```text\ncms> vm start nope\ncms> quit\n```",
}


@pytest.mark.slow
def test_blocks_are_run_as_they_stand(run, tmp_path):
    page = run(written(tmp_path, GOOD))
    assert [line for line, _ in page.printed][:5] == [
        "cat said      # a comment", "false", "echo $?", "cms vm boot a --wait", "cms vm delete a"
    ]  # fmt: skip
    assert dict(page.printed)["python"] == "home\n"
    assert "Delete 1 machine a on local? [y/N]" in dict(page.printed)["cms vm delete a"]
    assert page.home.states() == {}


@pytest.mark.parametrize("kind", BAD)
def test_what_does_not_work_is_noticed(run, tmp_path, kind):
    with pytest.raises(Exception):  # noqa: B017 - whatever it is
        run(written(tmp_path, BAD[kind]))


def test_blocks_commands_and_hidden_examples_are_found():
    found = blocks(GOOD)
    assert [block.language for block in found] == [
        "setup", "console", "console", "text", "python", "python", "text", "yaml"
    ]  # fmt: skip
    assert [block.reason for block in found if block.reason] == ["needs a cluster"]
    assert [block.line for block in found[:3]] == [1, 3, 13]
    assert [command.shown for command in commands("$ a\nb\n\nc\n$ d\n")] == ["b\n\nc", None]
    assert indented("text\n\n    cms vm list\n\n    other\n") == ["cms vm list"]
    assert indented("- x\n\n    ```console\n    $ cms vm list\n    ```\n") == []
