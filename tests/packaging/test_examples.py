"""The example packages as others would have them: wheels of their own beside the product's, none of the repository around."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.packaging.conftest import Environment
from tools import translations

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = ("report_layout", "signed_webhooks", "tariff_sheet")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copies to build from: pip leaves its own folders where it builds."""
    for texts in translations.owners():
        texts.compile()
    copies = tmp_path_factory.mktemp("sources")
    for name in EXAMPLES:
        shutil.copytree(ROOT / "examples" / name, copies / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", ".mypy_cache"))
    return copies


@pytest.fixture(scope="module")
def env(make_env: Callable[[], Environment], sources: Path) -> Environment:
    """All three installed from wheels."""
    made = make_env()
    folders = [str(sources / name) for name in EXAMPLES]
    made.run("pip", "wheel", "--no-deps", "-w", str(sources / "wheels"), *folders, cwd=sources)
    wheels = sorted(map(str, (sources / "wheels").glob("*.whl")))
    assert len(wheels) == len(EXAMPLES)
    made.run("pip", "install", "--no-deps", *wheels, cwd=sources)
    return made


def test_every_example_is_tried_here() -> None:
    assert sorted(path.parent.name for path in (ROOT / "examples").glob("*/setup.cfg")) == list(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_passes_its_own_tests_from_its_wheel(env: Environment, sources: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(sources / name / "tests", tmp_path / "tests")
    shutil.copy(sources / name / "setup.cfg", tmp_path)
    said = env.run("pytest", "-q", cwd=tmp_path, seconds=300)
    assert " passed" in said
    assert "failed" not in said
    assert "skipped" not in said


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_house_has_nothing_to_mend_in_an_example(
    env: Environment, sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("MYPY_CACHE_DIR", str(env.root / "mypy"))
    said = env.run("telerad", "plugin", "check", str(sources / name), cwd=tmp_path, seconds=300)
    assert f"example_{name}: nothing to mend" in said


CHOICES = """
from pathlib import Path
from plugin_sdk.capabilities import Billing, ReportRenderer
from plugin_sdk.testing import load_core
core = load_core(Path("data"))
first, second = core.house(), core.house()
for capability, bundled, example in (
    ("billing", "billing", "example_tariff_sheet"), ("report_renderer", "report_templates", "example_report_layout"),
):
    first.choose(capability, bundled)
    second.choose(capability, example)
for house in (first, second):
    with house.at_group(write=False) as group, house.at_hospital(write=False) as hospital:
        print(group.provider(Billing), hospital.provider(ReportRenderer), group.provider(ReportRenderer))
print(sorted(core.broken))
core.close()
"""


def test_each_tenant_chooses_between_a_bundled_provider_and_an_example(env: Environment, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    first, second, broken = env.run("python", "-c", CHOICES, cwd=tmp_path).splitlines()[-3:]
    assert first == "billing report_templates report_templates"
    assert second == "example_tariff_sheet example_report_layout report_templates"
    assert broken == "[]"


def test_a_wheel_of_an_example_holds_what_it_needs_and_only_itself(env: Environment, sources: Path) -> None:
    for name in EXAMPLES:
        (made,) = (sources / "wheels").glob(f"telerad_example_{name}-*.whl")
        listed = env.run("python", "-m", "zipfile", "-l", str(made), cwd=sources)
        tops = {line.split("/")[0] for line in listed.splitlines()[1:]}
        assert tops == {f"telerad_example_{name}", f"telerad_example_{name}-0.1.0.dist-info"}
        assert f"translations/en/LC_MESSAGES/example_{name}.mo" in listed
        assert "py.typed" in listed
