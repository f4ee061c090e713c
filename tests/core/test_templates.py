"""Every template compiles, carries nothing the content policy or escaping forbids, and draws what the design asks."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask

from plugin_sdk import i18n

CORE = Path(__file__).resolve().parents[2] / "core"
TEMPLATES = sorted(p.relative_to(CORE / "templates").as_posix() for p in (CORE / "templates").rglob("*.html"))
SHEETS = sorted((CORE / "static" / "css").glob("*.css"))
SCRIPTS = sorted((CORE / "static" / "js").glob("*.js"))


@pytest.fixture(scope="module")
def app() -> Flask:
    app = Flask("core", template_folder=str(CORE / "templates"), static_folder=str(CORE / "static"))
    app.jinja_env.globals.update(_=i18n.now, csrf_token=lambda: "token")
    app.jinja_env.filters["local"] = str
    return app


def test_the_folder_is_not_empty() -> None:
    assert {"base.html", "login.html", "macros/list.html"} <= set(TEMPLATES)


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_template_compiles(app: Flask, name: str) -> None:
    app.jinja_env.get_template(name)


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda p: p.name)
def test_our_style_sheets_use_hex_colours_only(sheet: Path) -> None:
    assert re.findall(r"\b(?:oklch|oklab|hsla?|rgba?|color-mix|light-dark)\(", sheet.read_text("utf-8")) == []


STORES = {("offline.js", "indexedDB")}
"""The one script that keeps something in the browser: text the server does not have yet, encrypted."""


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.name)
def test_our_scripts_neither_evaluate_text_nor_store_anything(script: Path) -> None:
    forbidden = r"\beval\(|new Function|innerHTML|outerHTML\s*=|insertAdjacentHTML|localStorage|sessionStorage|indexedDB"
    found = re.findall(forbidden, script.read_text("utf-8"))
    assert [word for word in found if (script.name, word) not in STORES] == []


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb`` (WCAG 2.1)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def tokens(theme: str) -> dict[str, str]:
    css = (CORE / "static" / "css" / "app.css").read_text("utf-8")
    root = re.search(r":root {(.*?)}", css, re.DOTALL)
    dark = re.search(r'\[data-theme="dark"\] {(.*?)}', css, re.DOTALL)
    assert root and dark
    text = root[1] + (dark[1] if theme == "dark" else "")
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})\b", text))


READ_ON = [
    ("ink", "card"), ("ink2", "card"), ("ink3", "card"), ("ink", "page"), ("ink2", "page"), ("ink3", "page"),
    ("ink", "chosen"), ("ink", "hover"), ("brand", "card"), ("brand", "chosen"), ("brand", "brand-soft"),
    ("head-ink", "head"), ("off-ink", "off"), ("off-ink", "card"), ("wait", "wait-b"), ("held", "held-b"),
    ("work", "work-b"), ("review", "review-b"), ("back", "back-b"), ("signed", "signed-b"), ("done", "done-b"),
    ("lock", "lock-b"), ("dashed", "card"), ("critical-ink", "critical-b"), ("critical-ink", "card"), ("soon", "card"),
    ("added-ink", "added"), ("removed-ink", "removed"), ("ink", "urgent-b"),
    ("critical-ink", "urgent-b"), ("soon", "urgent-b"), ("brand", "urgent-b"),
]  # fmt: skip


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("front", "ground"), READ_ON)
def test_text_stands_out_at_least_four_and_a_half_to_one(theme: str, front: str, ground: str) -> None:
    colour = tokens(theme)
    light, dark = sorted((luminance(colour[front]), luminance(colour[ground])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def draw(app: Flask, text: str, **values: object) -> str:
    with app.test_request_context("/"):
        return re.sub(r"\s+", " ", app.jinja_env.from_string(text).render(values)).strip()


def test_a_state_shows_its_word_and_its_icon(app: Flask) -> None:
    state = SimpleNamespace(value="PENDING_REVIEW", label="待审核", tone="review", icon="hourglass")
    drawn = draw(app, '{% from "macros/state.html" import state_badge %}{{ state_badge(state) }}', state=state)
    assert drawn == (
        '<span class="st state-PENDING_REVIEW st-review">'
        '<i class="ti ti-hourglass" aria-hidden="true"></i>待审核</span>'
    )


def test_a_marker_says_in_words_what_it_means(app: Flask) -> None:
    text = '{% from "macros/state.html" import marker %}{{ marker("efilm", "电子胶片") }}'
    assert draw(app, text) == '<span class="mk mk-film" title="电子胶片">片</span>'


def test_an_error_takes_the_place_of_the_hint_and_is_tied_to_its_field(app: Flask) -> None:
    drawn = draw(
        app,
        '{% from "macros/form.html" import field %}'
        '{{ field("number", "检查编号", error="请填写检查编号", hint="8 位", required=true, maxlength=8) }}',
    )
    assert 'id="f-number"' in drawn
    assert 'aria-invalid="true" aria-describedby="f-number-error" maxlength="8"' in drawn
    assert '<div class="err" id="f-number-error">' in drawn
    assert "8 位" not in drawn


def test_what_a_person_typed_stays_text_in_a_field(app: Flask) -> None:
    drawn = draw(
        app, '{% from "macros/form.html" import field %}{{ field("name", "姓名", value) }}', value='"><b>x</b>'
    )
    assert 'value="&#34;&gt;&lt;b&gt;x&lt;/b&gt;"' in drawn


def test_a_password_is_never_written_back(app: Flask) -> None:
    drawn = draw(app, '{% from "macros/form.html" import field %}{{ field("p", "密码", "secret1", kind="password") }}')
    assert 'type="password"' in drawn
    assert "secret1" not in drawn


def test_a_detail_that_is_missing_reads_unset(app: Flask) -> None:
    drawn = draw(app, '{% from "macros/dl.html" import details %}{{ details([("住院号", none), ("门诊号", "M1")]) }}')
    assert '<dt>住院号</dt><dd class="unset">未填</dd>' in drawn
    assert "<dt>门诊号</dt><dd>M1</dd>" in drawn
