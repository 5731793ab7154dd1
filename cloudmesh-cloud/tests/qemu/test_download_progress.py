"""What is shown while a download lasts."""

from __future__ import annotations

import io

import pytest

from cloudmesh.cloud.cli.download_progress import DownloadProgress

MIB = 1 << 20


class Screen(io.StringIO):
    """A terminal, or a file."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


def shown(screen: Screen, steps: list[tuple[float, int, int]]) -> str:
    now = [0.0]
    progress = DownloadProgress("debian-12", screen, lambda: now[0])
    for seconds, done, total in steps:
        now[0] = seconds
        progress.update(done, total)
    progress.end()
    return screen.getvalue()


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")


def test_a_terminal_shows_share_rate_and_what_is_left_and_is_cleaned_up() -> None:
    text = shown(Screen(True), [(0, 0, 400 * MIB), (0.1, MIB, 400 * MIB), (10, 100 * MIB, 400 * MIB)])
    *_, line, blank, end = text.split("\r")
    assert line == "debian-12: 25% of 400.0 MiB, 10.0 MiB/s, 30 seconds left"
    assert (blank.strip(), len(blank), end) == ("", len(line), "")


def test_what_was_there_before_does_not_count_for_the_rate() -> None:
    text = shown(Screen(True), [(0, 100 * MIB, 200 * MIB), (10, 110 * MIB, 200 * MIB)])
    assert "55% of 200.0 MiB, 1.0 MiB/s, 90 seconds left" in text


def test_an_unknown_length_shows_how_much_has_come() -> None:
    assert "debian-12: 5.0 MiB, 2.5 MiB/s" in shown(Screen(True), [(0, 0, 0), (2, 5 * MIB, 0)])


def test_elsewhere_a_line_a_minute_is_written() -> None:
    steps = [(float(second), second * MIB, 400 * MIB) for second in range(130)]
    lines = shown(Screen(False), steps).splitlines()
    assert [line.partition(",")[0] for line in lines] == [
        "debian-12: 15% of 400.0 MiB",
        "debian-12: 30% of 400.0 MiB",
    ]


def test_a_terminal_that_is_gone_does_not_end_the_download() -> None:
    screen = Screen(True)
    progress = DownloadProgress("x", screen, iter([0.0, 1.0, 2.0, 3.0]).__next__)
    screen.close()
    progress.update(1, 2)
    progress.update(2, 2)
    progress.end()
