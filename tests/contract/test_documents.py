"""Generated documents say what the code says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from core.run import migrate

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize("tool", ["hooks_doc.py", "features_doc.py"])
def test_a_generated_page_is_not_stale(tool: str) -> None:
    done = subprocess.run([sys.executable, f"tools/{tool}", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_import_contracts_hold() -> None:
    command = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([command, "--config", "setup.cfg", "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]


def test_english_is_complete() -> None:
    done = subprocess.run([sys.executable, "tools/translations.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]


def test_no_module_is_longer_than_300_lines_and_none_is_a_grab_bag() -> None:
    long, bags = [], []
    for folder in ("core", "plugins", "plugin_sdk", "transfer"):
        for path in (ROOT / folder).rglob("*.py"):
            if len(path.read_text(encoding="utf-8").splitlines()) > 300:
                long.append(str(path.relative_to(ROOT)))
            if path.stem in ("utils", "util", "helpers", "helper", "common", "misc"):
                bags.append(str(path.relative_to(ROOT)))
    assert (long, bags) == ([], [])


def test_the_lock_file_and_the_code_name_no_download_address() -> None:
    assert '"resolved"' not in (ROOT / "package-lock.json").read_text(encoding="utf-8")


def test_models_equal_migrations(house: object) -> None:
    assert migrate.differences(house) == []  # type: ignore[arg-type]
