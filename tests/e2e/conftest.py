"""The running product, once per module or furnished once for all walks over its pages; one browser per module."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests import once
from tests.e2e.desk import CHROMIUM
from tests.e2e.product import Product, demo
from tests.e2e.stage import Requests, furnish

expect.set_options(timeout=20_000)  # a busy machine is slow, not wrong


def copy_of_demo(factory: pytest.TempPathFactory, into: Path, *words: str) -> None:
    once.copy_of(factory, "demo" + "".join(words), lambda place: demo(place, *words), into)


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Product, Requests]]:
    def make(data: Path) -> None:
        copy_of_demo(tmp_path_factory, data)
        (data / "requests.json").write_text(json.dumps(asdict(furnish(data))), encoding="ascii")

    data = tmp_path_factory.mktemp("furnished")
    once.copy_of(tmp_path_factory, "furnished", make, data)
    product, requests = Product(data), Requests(**json.loads((data / "requests.json").read_text(encoding="ascii")))
    product.start()
    yield product, requests
    product.stop()


@pytest.fixture(scope="module")
def product(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The product with the demo house; a module's ``DEMO`` are arguments of that command."""
    words: tuple[str, ...] = getattr(request.module, "DEMO", ())
    data = tmp_path_factory.mktemp("product")
    copy_of_demo(tmp_path_factory, data, *words)
    made = Product(data)
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()
