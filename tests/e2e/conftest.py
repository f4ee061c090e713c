"""The running product, once per module or furnished once for all walks over its pages; one browser per module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.e2e.desk import CHROMIUM
from tests.e2e.product import Product
from tests.e2e.stage import Requests, furnish

expect.set_options(timeout=20_000)  # a busy machine is slow, not wrong


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Product, Requests]]:
    product = Product(tmp_path_factory.mktemp("furnished"))
    requests = furnish(product)
    product.start()
    yield product, requests
    product.stop()


@pytest.fixture(scope="module")
def product(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The product with the demo house; a module's ``DEMO`` are arguments of that command."""
    made = Product(tmp_path_factory.mktemp("product"))
    made.command("demo", *getattr(request.module, "DEMO", ()))
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()
