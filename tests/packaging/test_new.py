"""``telerad plugin new`` yields packages that install, pass their own tests, live together, and have types throughout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from core.trial.new import KINDS
from tests.packaging.conftest import Environment

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def env(make_env: Callable[[], Environment]) -> Environment:
    return make_env()


@pytest.fixture(scope="module")
def made(env: Environment, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A package of each kind, all installed as their authors would, by kind."""
    place = tmp_path_factory.mktemp("new")
    for kind in KINDS:
        env.run("telerad", "plugin", "new", f"acme_{kind}", "--kind", kind, cwd=place)
    folders = {kind: place / f"telerad-acme-{kind}" for kind in KINDS}
    env.run("pip", "install", *(word for folder in folders.values() for word in ("-e", str(folder))), cwd=place)
    return folders


def test_new_packages_pass_their_tests_beside_each_other(env: Environment, made: dict[str, Path]) -> None:
    tests = [str(folder / "tests") for folder in made.values()]
    said = env.run("pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", *tests, cwd=env.root, seconds=300)
    assert " passed" in said and "skipped" not in said


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_package_has_the_strictest_types(env: Environment, made: dict[str, Path], kind: str) -> None:
    assert "no issues found" in env.run("mypy", "--cache-dir", str(env.root / "mypy"), cwd=made[kind])
