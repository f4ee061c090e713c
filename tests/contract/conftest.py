"""Two worlds and every case, built once for all modules that walk."""

from __future__ import annotations

import pytest

from core.app import TeleradFlask
from tests.contract import matrix, stage
from tests.contract.matrix import Case
from tests.contract.stage import Stage


@pytest.fixture(scope="session")
def staged(app: TeleradFlask) -> Stage:
    return stage.build(app)


@pytest.fixture(scope="session")
def found(staged: Stage) -> list[Case]:
    return list(matrix.cases(staged.app))
