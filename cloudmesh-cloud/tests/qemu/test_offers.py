"""A cloud of machines on this computer is added with few questions, and says what is missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cloudmesh.cloud.cli import new_cloud
from cloudmesh.cloud.cli.checking import check_clouds
from cloudmesh.cloud.cli.new_cloud import NewCloud
from cloudmesh.cloud.providers.qemu import install
from cloudmesh.config import Config


def asked(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    given, questions = iter(answers), []

    def read_line(question: str, hidden: bool = False) -> str:
        questions.append(question)
        return next(given)

    monkeypatch.setattr(new_cloud, "read_line", read_line)
    return questions


def test_all_questions_may_be_answered_by_enter(monkeypatch: pytest.MonkeyPatch) -> None:
    questions = asked(monkeypatch, "", "", "")
    new = NewCloud("q", "qemu", [])
    new.require_complete()
    new.ask({})
    assert new.plain() == {"type": "qemu"}
    assert [each.split(" (")[0] for each in questions] == ["default.image", "default.flavor", "accel"]


def test_what_is_answered_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    questions = asked(monkeypatch, "debian-13", "large", "fast", "tcg")
    new = NewCloud("q", "qemu", [])
    new.ask({})
    assert new.plain() == {
        "type": "qemu",
        "accel": "tcg",
        "default": {"image": "debian-13", "flavor": "large"},
    }
    assert len(questions) == 4


@pytest.mark.parametrize(
    ("system", "line"),
    [
        ({"ID": "debian"}, "sudo apt install qemu-system-x86 qemu-utils"),
        ({"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}, "sudo apt install qemu-system-x86 qemu-utils"),
        ({"ID": "rocky", "ID_LIKE": "rhel centos fedora"}, "sudo dnf install qemu-kvm qemu-img"),
        ({"ID": "opensuse-leap", "ID_LIKE": "suse opensuse"}, "sudo zypper install qemu-x86 qemu-tools"),
        ({"ID": "other"}, "sudo apt install qemu-system-x86 qemu-utils"),
    ],
)
def test_the_check_says_the_line_that_installs_what_is_missing(
    configure: Callable[[Any], Config],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    system: dict[str, str],
    line: str,
) -> None:
    monkeypatch.setattr(install.platform, "freedesktop_os_release", lambda: system)
    monkeypatch.setenv("PATH", str(tmp_path))
    answer = check_clouds(configure({"q": {"type": "qemu"}}), ["q"])
    told = {row["check"]: row for row in answer.rows}["sign-in"]
    assert told["result"] == "failed"
    assert line in told["message"]
    assert answer.exit_code != 0
