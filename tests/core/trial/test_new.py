"""The first files of a plugin: under any name that is possible, and never over somebody's work."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
from babel.messages.mofile import read_mo
from click.testing import CliRunner

from core.cli import commands
from core.trial.new import KINDS, TEMPLATES, CannotMake, create
from core.trial.texts import Texts

NAMES = ("abc", "acme_billing", "a_house_of_a_very_long_name_xx")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_a_package_is_clean_and_complete_under_any_name(tmp_path: Path, name: str, kind: str) -> None:
    made = create(name, kind, tmp_path / "made")
    ruff = subprocess.run(
        [Path(sys.executable).parent / "ruff", "check", "--no-cache", str(made)], capture_output=True, text=True, cwd=made
    )
    assert ruff.returncode == 0, ruff.stdout
    files = [p for p in made.rglob("*") if p.is_file()]
    left = [str(p) for p in files if p.suffix != ".mo" for word in ("my_plugin", "my-plugin", "MyPlugin", "API_NOW", "READ_ME_END", "UNTYPED", "RANGE")
            if word in p.read_text(encoding="utf-8") or word in str(p)]
    assert left == []
    assert {"pyproject.toml", "README.md", "py.typed", f"test_{name}.py"} <= {p.name for p in files}


@pytest.mark.parametrize("kind", KINDS)
def test_a_package_pins_nothing_and_leaves_room_up_to_the_next_major_release(tmp_path: Path, kind: str) -> None:
    project = tomllib.loads((create("acme_new", kind, tmp_path / "made") / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (need,) = project["dependencies"]
    assert need.startswith("telerad[") and need.endswith("]>=0.1,<1")
    assert project["name"] == "telerad-acme-new"


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "node"])
def test_every_text_of_a_package_has_english_which_is_compiled(tmp_path: Path, kind: str) -> None:
    texts = Texts.of_package(create("acme_new", kind, tmp_path / "made") / "telerad_acme_new", "acme_new")
    assert texts.missing() == []
    with texts.catalogue.with_suffix(".mo").open("rb") as file:
        compiled = {m.id for m in read_mo(file) if m.id}
    assert compiled == {m.id for m in texts.extracted() if m.id}


def test_nothing_is_written_over(tmp_path: Path) -> None:
    mine = tmp_path / "telerad-acme-new" / "notes.txt"
    mine.parent.mkdir()
    mine.write_text("mine", encoding="utf-8")
    with pytest.raises(CannotMake) as caught:
        create("acme_new", "page", mine.parent)
    assert "not empty; nothing was written" in str(caught.value.sentence)
    assert [p.name for p in mine.parent.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Acme", "3 to 30 of a-z"), ("ab", "3 to 30 of a-z"), ("acme-billing", "3 to 30 of a-z"), ("x" * 31, "3 to 30 of a-z"),
        ("1acme", "3 to 30 of a-z"), ("study", "covers core's table study_"), ("none", "its class would be called None"),
        ("viewer", "installed already"), ("viewer_acme", "could not be told from those of viewer"),
        ("report", "could not be told from those of report_templates"),
    ],
)
def test_a_name_that_is_not_possible_is_refused_in_words(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(CannotMake) as caught:
        create(name, "page", tmp_path / "made")
    assert why in str(caught.value.sentence)
    assert not (tmp_path / "made").exists()


def test_the_command_knows_every_kind_and_says_what_comes_next(tmp_path: Path) -> None:
    group = commands()
    new = group.commands["plugin"].commands["new"]  # type: ignore[attr-defined]
    assert sorted(next(p for p in new.params if p.name == "kind").type.choices) == sorted(KINDS)
    said = CliRunner().invoke(group, ["plugin", "new", "acme_new", "--kind", "node", "--folder", str(tmp_path / "made")])
    assert said.exit_code == 0 and "pip install -e . && pytest" in said.output


def test_templates_are_shipped_as_text_and_are_no_modules_of_ours() -> None:
    assert {p.suffix for p in TEMPLATES.rglob("*") if p.is_file()} == {".txt"}
    with pytest.raises(ImportError):
        import_module("core.trial.templates.page.telerad_my_plugin.plugin")
