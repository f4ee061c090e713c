"""Fixtures for the tests of plugins; see ``plugin_sdk.testing``. What they stand on is imported where they are used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plugin_sdk.consultation import RequestView
    from plugin_sdk.testing import Browser, Core, House
    from plugin_sdk.types import StudyFacts


@pytest.fixture(scope="session")
def telerad_core(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Core]:
    """The product on SQLite in a folder of this run. A plugin from outside that does not start fails every test."""
    from plugin_sdk.testing import load_core

    core = load_core(tmp_path_factory.mktemp("telerad"))
    if core.broken:
        core.close()
        pytest.fail("\n".join(f"plugin {name} did not start: {why}" for name, why in core.broken.items()), pytrace=False)
    yield core
    core.close()


@pytest.fixture
def house(telerad_core: Core) -> Iterator[House]:
    """A hospital and a diagnosis group of this test alone."""
    yield telerad_core.house()
    telerad_core.turn_back()


@pytest.fixture
def browser(house: House) -> Browser:
    """The hospital's administrator, logged in."""
    return house.person("h_admin").browser()


@pytest.fixture
def study(house: House) -> StudyFacts:
    return house.study()


@pytest.fixture
def asked(house: House, study: StudyFacts) -> RequestView:
    """The study, sent to the group for a report."""
    return house.ask(study)
