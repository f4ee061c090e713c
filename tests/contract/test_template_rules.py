"""Every template of the house and of its plugins keeps to the policy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.contract.template_rules import problems, source

ROOT = Path(__file__).resolve().parent.parent.parent
ELSEWHERE: Mapping[str, str] = {
    "plugins/report_templates/templates/report_templates/print.html": "goes to the PDF maker, never to a browser",
    "plugins/report_templates/templates/report_templates/screen.html": "a style sheet of its own, which the policy allows",
}
"""Templates that need what pages may not have, and why."""
TEMPLATES = sorted(
    path.relative_to(ROOT).as_posix() for part in ("core", "plugins") for path in (ROOT / part).rglob("templates/**/*.html")
)


def test_the_templates_of_the_core_and_of_plugins_are_found() -> None:
    assert {"core/templates/base.html", "plugins/consultation/templates/consultation/request.html", *ELSEWHERE} <= set(TEMPLATES)


@pytest.mark.parametrize("name", [n for n in TEMPLATES if n not in ELSEWHERE])
def test_a_template_keeps_to_the_policy(name: str) -> None:
    folder = ROOT / name.partition("/templates/")[0] / "templates"
    assert problems(source((ROOT / name).read_text("utf-8"), folder)) == []


@pytest.mark.parametrize("name", sorted(ELSEWHERE))
def test_one_that_may_break_the_policy_still_escapes(name: str) -> None:
    found = problems(source((ROOT / name).read_text("utf-8")))
    assert "inline style sheet or script address" in found, "the exception is no longer needed"
    assert not {"escaping is switched off", "inline script"} & set(found)
    assert not [line for line in found if "not quoted" in line or line.startswith(("on", "hx-on"))]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("<p>{{ name|safe }}</p>", "escaping is switched off"),
        ("{% autoescape false %}", "escaping is switched off"),
        ("<p class={{ tone }}>", "class is not quoted"),
        ("<p title={{ name }}>", "title is not quoted"),
        ('<p style="color: red">', "style is refused by the policy"),
        ("<style>p {}</style>", "inline style sheet or script address"),
        ('<a href="javascript:go()">', "inline style sheet or script address"),
        ('<button onclick="go()">', "onclick is refused by the policy"),
        ('<p hx-on:click="go()">', "hx-on:click is refused by the policy"),
        ('<p hx-on="click: go()">', "hx-on is refused by the policy"),
        ('<p hx-vals="js:{a: go()}">', "hx-vals needs eval"),
        ("<script>go()</script>", "inline script"),
        ('<a href="{{ study.comment }}">', 'href="{{study.comment}}" is not an address of ours'),
        ('<img src="{{ name }}">', 'src="{{name}}" is not an address of ours'),
        ('<a href="/t/{{ name }}">', 'href="/t/{{name}}" is not an address of ours'),
        ('<a href="https://example.com/">', 'href="https://example.com/" is not an address of ours'),
        ('<button hx-post="{{ row.note }}">', 'hx-post="{{row.note}}" is not an address of ours'),
        ('<p hx-trigger="click[ctrlKey]">', "hx-trigger needs eval"),
        ('<form method="post" action="{{ url }}"><button></button></form>', "a form posts without a token"),
    ],
)
def test_the_rules_find_what_they_are_for(text: str, problem: str) -> None:
    assert problem in problems(text)


@pytest.mark.parametrize(
    "text",
    [
        '<a class="x" href="{{ url_for("studies.show", id=study.id) }}">{% if a > b %}…{% endif %}</a>',
        '<form method="post" action="{{ action.url }}">{{ csrf() }}<button></button></form>',
        '<form method="dialog"><button></button></form>',
        '<script src="{{ url_for("static", filename="js/app.js") }}"></script>',
    ],
)
def test_what_is_as_it_should_be_passes(text: str) -> None:
    assert problems(text) == []
