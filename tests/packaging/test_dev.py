"""``telerad dev`` as an author uses it: log in, change a file, break it, mend it, Ctrl-C."""

from __future__ import annotations

import http.cookiejar
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.e2e.desk import CHROMIUM
from tests.packaging.conftest import Environment

pytestmark = pytest.mark.slow
PATIENCE = 180.0


class Visitor:
    """A browser without script."""

    def __init__(self, port: int) -> None:
        self.root = f"http://127.0.0.1:{port}"
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))

    def get(self, path: str, form: dict[str, str] | None = None) -> str:
        data = urllib.parse.urlencode(form).encode() if form else None
        with self.opener.open(self.root + path, data, timeout=20) as answer:
            return str(answer.read().decode())

    def log_in(self, phone: str, password: str) -> None:
        token = self.get("/login").split('name="csrf_token" value="')[1].split('"')[0]
        assert 'name="password"' not in self.get("/login", {"phone": phone, "password": password, "csrf_token": token})


def until(true: Callable[[], bool]) -> None:
    """Wait for something that takes a start of the product."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            if true():
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            pass
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.3)


@pytest.fixture
def page(fresh_env: Environment, tmp_path: Path) -> Iterator[Path]:
    """A new package of kind page, installed."""
    fresh_env.run("telerad", "plugin", "new", "acme_shift", "--kind", "page", cwd=tmp_path)
    made = tmp_path / "telerad-acme-shift"
    fresh_env.run("pip", "install", "-e", ".", cwd=made)
    yield made
    fresh_env.run("pip", "uninstall", "-y", "telerad-acme-shift", cwd=made)


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def running(fresh_env: Environment, page: Path, port: int, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """The command in a terminal of its own, and what it prints."""
    log = tmp_path / "log"
    with log.open("w") as out:
        process = _start(fresh_env, page, port, out)
        yield process, log
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _start(env: Environment, page: Path, port: int, out: TextIO) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["telerad", "dev", "--plugin", "acme_shift", "--port", str(port), "--no-studies"], cwd=page, env=env.variables, stdout=out,
        stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )


def look_at_the_side(port: int, notes: str, password: str) -> None:
    """With a real browser: write a note, open it, and find it at the side of the list, under its own name."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(base_url=f"http://127.0.0.1:{port}")
        page.set_default_timeout(60_000)
        page.goto("/login")
        page.fill("[name=phone]", "13800000003")
        page.fill("[name=password]", password)
        page.press("[name=password]", "Enter")
        page.wait_for_url(lambda url: "/login" not in url)
        page.goto(notes)
        page.fill("[name=text]", "3号机房球管待更换")
        page.click("form.form button.btn-primary")
        page.locator("tr", has_text="3号机房球管待更换").get_by_role("link", name="查看").click()
        side = page.locator("dialog#drawer[open]")
        expect(side).to_have_attribute("aria-label", "交接记录", timeout=60_000)
        expect(side).to_contain_text("3号机房球管待更换")
        expect(page.locator("section.list")).to_be_visible()
        browser.close()


@pytest.mark.browser
def test_an_author_sees_each_change_and_leaves_nothing_running(
    running: tuple[subprocess.Popen[str], Path], page: Path, port: int
) -> None:
    process, log = running
    said = log.read_text
    visitor, notes = Visitor(port), "/t/HDEMO/x/acme_shift/notes"
    until(lambda: "is on for the demo tenants" in said() and "phone" in visitor.get("/login"))
    found = re.search(r"密码均为 (\S+)）", said())
    assert found is not None and f"http://127.0.0.1:{port}" in said()
    visitor.log_in("13800000003", found[1])
    assert "填写交接记录" in visitor.get(notes)
    look_at_the_side(port, notes, found[1])

    template = page / "telerad_acme_shift/templates/acme_shift/notes.html"
    template.write_text(template.read_text(encoding="utf-8").replace("填写交接记录", "写给下一班"), encoding="utf-8")
    until(lambda: "写给下一班" in visitor.get(notes))

    manifest = page / "telerad_acme_shift/plugin.py"
    good = manifest.read_text(encoding="utf-8")
    manifest.write_text(good + "\nraise RuntimeError('half done')\n", encoding="utf-8")
    until(lambda: "acme_shift does not start: load: RuntimeError: half done" in said())
    manifest.write_text(good, encoding="utf-8")
    until(lambda: said().rstrip().endswith("is on for the demo tenants") and "写给下一班" in visitor.get(notes))

    os.killpg(process.pid, signal.SIGINT)  # as the terminal does it
    assert process.wait(30) == 0
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))


def test_a_plugin_that_is_not_installed_is_said(fresh_env: Environment, tmp_path: Path) -> None:
    said = fresh_env.run("telerad", "dev", "--plugin", "acme_gone", cwd=tmp_path, fails=True)
    assert said.strip() == "no plugin called acme_gone is installed here; in its folder: pip install -e ."
    assert list(tmp_path.iterdir()) == []
