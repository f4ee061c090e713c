"""The viewer's package is taken as published or not at all, and the lock file leads nowhere."""

from __future__ import annotations

import gzip
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def ohif() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tools_ohif", ROOT / "tools" / "ohif.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


def test_an_altered_package_is_refused_before_anything_is_unpacked(ohif: ModuleType, tmp_path: Path) -> None:
    tarball = tmp_path / "ohif-app-3.13.2.tgz"
    tarball.write_bytes(gzip.compress(b"not the published package"))
    with pytest.raises(ohif.UnknownDist, match="SHA-512 differs"):
        ohif.build(tarball, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_patch_that_finds_another_count_is_refused(ohif: ModuleType, tmp_path: Path) -> None:
    for name in ("1.bundle.a.js", "2.bundle.b.js"):
        (tmp_path / name).write_text('__webpack_require__.p = "/"')
    with pytest.raises(ohif.UnknownDist, match="2 times in 2 files"):
        ohif.apply(ohif.PATCHES[0], tmp_path)


def test_a_patch_mounts_the_public_path_below_the_prefix(ohif: ModuleType, tmp_path: Path) -> None:
    for number in range(8):
        (tmp_path / f"{number}.bundle.a.js").write_text('x; __webpack_require__.p = "/"; y("/")')
    ohif.apply(ohif.PATCHES[0], tmp_path)
    assert (tmp_path / "7.bundle.a.js").read_text() == 'x; __webpack_require__.p = "/viewer/"; y("/")'


def test_the_lock_file_holds_hashes_and_no_address() -> None:
    text = (ROOT / "package-lock.json").read_text("utf-8")
    assert "://" not in text
    assert '"resolved"' not in text
    packages = json.loads(text)["packages"]
    assert all(entry["integrity"].startswith("sha512-") for name, entry in packages.items() if name)
