"""Two worlds and every case, built once for all modules that walk."""

from __future__ import annotations

import os

import pytest

from core.app import TeleradFlask
from tests.contract import matrix, stage
from tests.contract.matrix import Case
from tests.contract.stage import Stage

SAMPLE = 5


def whole(database_url: str) -> bool:
    """Whether everything is walked: on PostgreSQL, where a cell costs several times as much, one in ``SAMPLE`` is.

    ``TELERAD_MATRIX=whole`` walks them all there too.
    """
    return not database_url.startswith("postgresql") or os.environ.get("TELERAD_MATRIX") == "whole"


@pytest.fixture(scope="session")
def staged(app: TeleradFlask) -> Stage:
    return stage.build(app)


@pytest.fixture(scope="session")
def found(staged: Stage) -> list[Case]:
    return list(matrix.cases(staged.app))


@pytest.fixture(scope="session")
def walked(found: list[Case], database_url: str) -> list[Case]:
    """Every case, or a sample of them."""
    return found if whole(database_url) else found[::SAMPLE]
