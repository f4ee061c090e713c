"""What is installed from the wheel is the whole product."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.packaging.conftest import Environment
from tools import wheel

pytestmark = pytest.mark.slow


def test_the_wheel_holds_what_the_product_needs_and_nothing_of_the_repository(built_wheel: Path) -> None:
    with zipfile.ZipFile(built_wheel) as packed:
        tops = {name.split("/")[0] for name in packed.namelist()}
    assert {t for t in tops if not t.endswith(".dist-info")} == set(wheel.PARTS)


def test_a_wheel_without_assets_is_not_taken_for_whole(built_wheel: Path, tmp_path: Path) -> None:
    poor = tmp_path / "poor.whl"
    with zipfile.ZipFile(built_wheel) as packed, zipfile.ZipFile(poor, "w") as out:
        for name in packed.namelist():
            if not name.startswith("core/static/vendor/"):
                out.writestr(name, b"")
    assert wheel.missing(poor) == ["core/static/vendor/*.js", "core/static/vendor/*.woff2"]


PAGES = """
from pathlib import Path
from plugin_sdk.testing import load_core
import core, plugins, migrations
client = load_core(Path("data")).app.test_client()
page = client.get("/login")
print(page.status_code, client.get("/static/js/session.js").status_code, client.get("/viewer/").status_code)
print(core.__file__, plugins.__file__, migrations.__file__)
"""


def test_the_installed_product_makes_its_database_and_demo(fresh_env: Environment, tmp_path: Path) -> None:
    data = ("telerad", "--data", str(tmp_path / "data"))
    assert "HDEMO" in fresh_env.run(*data, "demo", "--no-studies", cwd=tmp_path)
    assert fresh_env.run(*data, "db", "check", cwd=tmp_path) == ""
    assert "consultation" in fresh_env.run(*data, "plugin", "list", cwd=tmp_path)


def test_the_installed_product_serves_its_pages_from_the_environment_alone(fresh_env: Environment, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    answers, where = fresh_env.run("python", "-c", PAGES, cwd=tmp_path).splitlines()[-2:]
    assert answers == "200 200 200"
    assert where.count(str(fresh_env.root)) == 3
