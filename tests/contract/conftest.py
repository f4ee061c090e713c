"""Two worlds and every case, built once for all modules that walk."""

from __future__ import annotations

import pytest

from core.app import TeleradFlask
from tests.conftest import sampled
from tests.contract import matrix, stage
from tests.contract.matrix import Case
from tests.contract.stage import Stage

SAMPLE = 5


@pytest.fixture(scope="session")
def staged(app: TeleradFlask) -> Stage:
    return stage.build(app)


@pytest.fixture(scope="session")
def found(staged: Stage) -> list[Case]:
    return list(matrix.cases(staged.app))


@pytest.fixture(scope="session")
def walked(found: list[Case]) -> list[Case]:
    """Every case, or one in ``SAMPLE`` of them where a cell costs several times as much."""
    return found[::SAMPLE] if sampled() else found
