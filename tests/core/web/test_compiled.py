"""Templates are compiled once per installation, like Python's own modules."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from flask import Flask, render_template

import core
from core.web import compiled


@pytest.fixture(autouse=True)
def _bytecode_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)


def page(folder: Path, kept: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a new process would show of the template in ``folder``."""
    monkeypatch.setattr(compiled, "folder", lambda: kept)
    app = Flask("page", template_folder=str(folder))
    compiled.install(app)
    with app.app_context():
        return render_template("page.html", name="<b>")


def no_compiler(*args: object, **given: object) -> None:
    raise AssertionError("compiled again")


def test_the_next_process_reads_what_the_first_one_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "page.html").write_text("one {{ name }}")
    kept = tmp_path / "kept"
    assert page(tmp_path, kept, monkeypatch) == "one &lt;b&gt;"
    monkeypatch.setattr("jinja2.environment.Environment.compile", no_compiler)
    assert page(tmp_path, kept, monkeypatch) == "one &lt;b&gt;"


def test_a_changed_template_is_compiled_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "kept"
    for word in ("one", "two"):
        (tmp_path / "page.html").write_text(word + " {{ name }}")
        assert page(tmp_path, kept, monkeypatch) == f"{word} &lt;b&gt;"


def test_who_may_not_write_there_sees_the_page_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "page.html").write_text("one {{ name }}")
    (tmp_path / "file").touch()
    assert page(tmp_path, tmp_path / "file" / "kept", monkeypatch) == "one &lt;b&gt;"


def test_nothing_is_written_where_python_writes_no_bytecode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "page.html").write_text("one {{ name }}")
    assert page(tmp_path, tmp_path / "kept", monkeypatch) == "one &lt;b&gt;"
    assert not (tmp_path / "kept").exists()


def test_they_lie_beside_the_modules_of_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "pycache_prefix", None)
    assert compiled.folder().parent == Path(str(core.__file__)).parent / "__pycache__"
