"""A server as users start it, a proxy before it that can be cut, and a real Chromium that opens its page."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

CMS = Path(sys.executable).parent / "cms"
CHROMIUM = Path("/usr/bin/chromium")
# What Chromium says where a connection breaks off: by its moment, one of a dozen errors of the network. What
# the rules of the page refuse is told in the same form.
CUT = re.compile(r"net::ERR_(?!BLOCKED_)")
AXE = "axe-core@4.14.1"


def need(is_there: bool, what: str) -> None:
    """Skip a test that needs what is not there; in CI that is a failure."""
    if not is_there:
        if os.environ.get("CI") == "true":
            pytest.fail(f"the tests of the page need {what}")
        pytest.skip(f"the tests of the page need {what}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Debian's Chromium."""
    need(CHROMIUM.exists(), "Debian's package chromium")
    try:
        from playwright.sync_api import expect, sync_playwright
    except ImportError:
        need(False, "pip install playwright")
    expect.set_options(timeout=30_000)
    with sync_playwright() as playwright:
        # As root, as in containers, it has no sandbox; it opens nothing but our own page.
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The source of axe-core, which finds what people with disabilities cannot use."""
    need(shutil.which("npm") is not None, "Debian's package npm")
    folder = tmp_path_factory.mktemp("axe")
    words = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", AXE]
    ended = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    need(ended.returncode == 0, f"npm install {AXE}: {ended.stderr}")
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text()


class Proxy:
    """Passes connections on, until it is cut: then all break off, and new ones are refused."""

    def __init__(self) -> None:
        self._pairs: list[socket.socket] = []
        self._listener: socket.socket | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.to = 0

    def open(self) -> None:
        """Pass connections on."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        """Break off all connections, and refuse new ones."""
        if self._listener is not None:
            # A thread that waits in accept is not woken by close alone.
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        pairs, self._pairs = self._pairs, []
        for each in pairs:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                here, _ = listener.accept()
                threading.Thread(target=self._pass_on, args=[here], daemon=True).start()

    def _pass_on(self, here: socket.socket) -> None:
        with (
            here,
            suppress(ConnectionRefusedError),
            socket.create_connection(("127.0.0.1", self.to)) as there,
        ):
            self._pairs += [here, there]
            back = threading.Thread(target=_copy, args=(there, here), daemon=True)
            back.start()
            _copy(here, there)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


class Site:
    """A server, and what the user does in a terminal beside it."""

    def __init__(self, folder: Path) -> None:
        self.proxy = Proxy()
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None
        self.start()
        self.proxy.open()
        self.url = f"http://127.0.0.1:{self.proxy.port}/"
        self.token = self.new_token()

    def start(self, port: int = 0) -> None:
        """Start the server, and wait until it answers."""
        words = ["rest", "start", f"--port={port}", f"--allow-host=127.0.0.1:{self.proxy.port}"]
        self._process = subprocess.Popen(
            [CMS, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert self._process.stdout
        told = ""
        while not (found := re.search(r"http://127\.0\.0\.1:(\d+)/", told)):
            line = self._process.stdout.readline()
            assert line, told
            told += line
        self.proxy.to = int(found[1])

    def stop(self) -> None:
        """Stop the server as Ctrl-C does."""
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            process.communicate(timeout=30)
            self._process = None

    def cms(self, *words: str, code: int = 0) -> str:
        """Run a command as the user would, and give what it prints."""
        ended = subprocess.run([CMS, *words], capture_output=True, text=True, check=False, timeout=120)
        assert ended.returncode == code, ended.stdout + ended.stderr
        return ended.stdout

    def new_token(self, name: str = "browser", scope: str = "destroy") -> str:
        """A new token."""
        found = re.search(r"cms_\w+", self.cms("rest", "token", "create", name, f"--scope={scope}"))
        assert found
        return found[0]

    def machines(self) -> dict[str, str]:
        """The states of all machines, by name, as the shell knows them."""
        told = json.loads(self.cms("vm", "list", "--cloud=*", "--output=json"))
        return {each["name"]: each["state"] for each in told}


@pytest.fixture
def site(configure: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Site]:
    """A server for two simulated clouds."""
    monkeypatch.setenv("HOME", str(tmp_path))
    configure({"one": {"boot_seconds": 1, "rates": {"unit": "SU", "vcpu": 1}}, "two": {}})
    running = Site(tmp_path)
    yield running
    running.proxy.cut()
    running.stop()


class Visitor:
    """A tab of the browser that shows the page, and what went wrong in it."""

    def __init__(self, site: Site, context: Any) -> None:
        self.site, self.context = site, context
        self.tab = context.new_page()
        self.errors: list[str] = []
        self.tab.on("console", self._said)
        self.tab.on("pageerror", lambda error: self.errors.append(str(error)))

    def _said(self, message: Any) -> None:
        # That a request failed while the connection was cut is what a test wants, not an error of the page.
        if message.type in ("error", "warning") and not CUT.search(message.text):
            self.errors.append(f"{message.text} ({message.location})")

    def sign_in(self, token: str = "") -> None:
        """Open the page, and sign in by a token."""
        self.tab.goto(self.site.url)
        self.tab.get_by_label("Token").fill(token or self.site.token)
        self.tab.keyboard.press("Enter")
        self.tab.locator(".link.up").wait_for()
        self.tab.locator("#selected", has_text=re.compile("[0-9] machine")).wait_for()

    def expect(self, locator: Any) -> Any:
        """Playwright's assertions on an element: they wait, since the page shows answers when they arrive."""
        from playwright.sync_api import expect

        return expect(locator)

    def row(self, name: str) -> Any:
        """The row of a machine."""
        return self.tab.locator(".space .row:not([hidden])").filter(
            has=self.tab.get_by_role("button", name=name, exact=True, include_hidden=True)
        )

    def wait_for_state(self, name: str, state: str) -> None:
        """Wait until a machine is shown in a state."""
        self.row(name).locator(f".state[data-state={state}]").wait_for()

    def choose(self, *names: str) -> None:
        """Select machines by their checkboxes."""
        for name in names:
            self.row(name).locator("input").click()

    @property
    def dialog(self) -> Any:
        """The dialog that is open."""
        return self.tab.get_by_role("dialog")

    def wait_for_job(self, status: str = "done") -> None:
        """Wait until the job in the dialog has ended so."""
        self.dialog.locator(".job-head .state", has_text=status).wait_for()

    def close_dialog(self) -> None:
        """Close it as people do."""
        self.tab.keyboard.press("Escape")
        self.dialog.wait_for(state="detached")


@pytest.fixture
def visit(site: Site, browser: Any) -> Iterator[Callable[..., Visitor]]:
    """Opens the page in a new browser; what differs from the usual one are options of Playwright."""
    visitors: list[Visitor] = []

    def open_page(**options: Any) -> Visitor:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        context.set_default_timeout(30_000)
        visitors.append(Visitor(site, context))
        return visitors[-1]

    yield open_page
    for each in visitors:
        each.context.close()
    # No test is done with an error that the browser has told.
    assert [error for each in visitors for error in each.errors] == []


@pytest.fixture
def visitor(visit: Callable[..., Visitor]) -> Visitor:
    """Somebody who is signed in."""
    somebody = visit()
    somebody.sign_in()
    return somebody
