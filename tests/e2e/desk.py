"""A person at a browser before the running product."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from playwright.sync_api import Browser, Page

from core.demo.seed import PASSWORD
from tests.e2e.product import Product

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARTIFACTS = Path(os.environ.get("TELERAD_ARTIFACTS", "artifacts"))
WATCH = """window.problems = []
addEventListener("securitypolicyviolation", (e) => problems.push(`${e.violatedDirective} ${e.blockedURI}`))"""


class Desk:
    """Logged in; collects every policy violation and console error. Nothing moves, so that a look sees what stays."""

    def __init__(self, browser: Browser, product: Product, phone: str) -> None:
        self.product = product
        self.context = browser.new_context(viewport={"width": 1600, "height": 900}, accept_downloads=True, reduced_motion="reduce")
        self.context.add_init_script(WATCH)
        self.problems: list[str] = []
        self.context.on("console", lambda m: self.problems.append(m.text) if m.type == "error" else None)
        self.page = self.context.new_page()
        self.page.goto(f"{product.url}/login")
        self.page.fill("[name=phone]", phone)
        self.page.fill("[name=password]", PASSWORD)
        self.page.click("form button.btn-primary")
        self.page.wait_for_url(f"{product.url}/")

    def go(self, path: str) -> Page:
        self.page.goto(f"{self.product.url}{path}")
        return self.page

    def shot(self, name: str, page: Page | None = None) -> None:
        ARTIFACTS.mkdir(parents=True, exist_ok=True)
        (page or self.page).screenshot(path=ARTIFACTS / f"{name}.png")

    def clean(self) -> None:
        found = [*self.problems, *(v for p in self.context.pages for v in p.evaluate("window.problems || []"))]
        assert found == []
        self.context.close()
