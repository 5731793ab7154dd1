"""The example of the README works as shown."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

Cms = Callable[..., "subprocess.CompletedProcess[str]"]

README = Path(__file__).parent.parent / "README.md"


def test_the_example_command(cms: Cms, packages: Path, tmp_path: Path) -> None:
    text = README.read_text(encoding="utf-8")
    source = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert source
    folder = packages / "cloudmesh" / "hello" / "command"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    (folder / "__init__.py").touch()
    (folder / "hello.py").write_text(source[1])
    (tmp_path / "nightly.txt").write_text("# a comment\nhello web1\nhello web9\nhello db1\n")

    greeted = cms("hello", "web[1-2]", '--greeting=Good "day"')
    assert greeted.stdout in text
    refused = cms("hello", "web1", "--greting=Hi")
    assert (refused.returncode, refused.stderr in text) == (2, True)
    batch = cms("batch", "nightly.txt")
    assert batch.returncode == 2
    assert batch.stdout in text
    assert batch.stderr in text
    assert "hello" in cms("help").stdout
