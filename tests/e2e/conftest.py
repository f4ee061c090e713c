"""One furnished product for all walks over its pages, and one browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.e2e.product import Product
from tests.e2e.stage import Requests, furnish

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

expect.set_options(timeout=20_000)  # a busy machine is slow, not wrong


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Product, Requests]]:
    product = Product(tmp_path_factory.mktemp("furnished"))
    requests = furnish(product)
    product.start()
    yield product, requests
    product.stop()


@pytest.fixture(scope="module")
def walker() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()
