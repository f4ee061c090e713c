"""``telerad plugin new`` yields packages that install, pass their own tests, and have types throughout."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.trial.new import KINDS
from tests.packaging.conftest import Environment


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_new_package_installs_and_passes_its_tests_and_the_strictest_types(fresh_env: Environment, tmp_path: Path, kind: str) -> None:
    name = f"acme_{kind}"
    fresh_env.run("telerad", "plugin", "new", name, "--kind", kind, cwd=tmp_path)
    made = tmp_path / f"telerad-acme-{kind}"
    fresh_env.run("pip", "install", "-e", ".", cwd=made)
    try:
        assert " passed" in fresh_env.run("pytest", "-q", "-p", "no:cacheprovider", cwd=made)
        fresh_env.run("mypy", "--cache-dir", str(fresh_env.root / "mypy"), cwd=made)
    finally:
        fresh_env.run("pip", "uninstall", "-y", f"telerad-acme-{kind}", cwd=made)
