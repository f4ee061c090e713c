"""A link is compiled when it is made first, not at the start."""

from __future__ import annotations

import pytest
from werkzeug.routing import Map, Rule

from core.web.rules import LateRule


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Rules in the order in which a builder of theirs was compiled."""
    seen: list[str] = []
    true = Rule._compile_builder

    def noted(rule: Rule, append_unknown: bool = True) -> object:
        seen.append(rule.rule)
        return true(rule, append_unknown)

    monkeypatch.setattr(Rule, "_compile_builder", noted)
    return seen


def test_nothing_is_compiled_before_the_first_link_and_each_once(compiled: list[str]) -> None:
    links = Map([LateRule("/a/<int:self>", endpoint="a"), LateRule("/b", endpoint="b")]).bind("house")
    assert compiled == []
    assert [links.build("a", {"self": n, "rule": "x", "q": "1 2"}) for n in (1, 2)] == ["/a/1?rule=x&q=1+2", "/a/2?rule=x&q=1+2"]
    assert compiled == ["/a/<int:self>"]


def test_links_are_those_of_a_plain_rule() -> None:
    made = []
    for kind in (Rule, LateRule):
        rules = Map([
            kind("/", defaults={"page": 1}, endpoint="list"), kind("/p/<int:page>", endpoint="list"), kind("/f/<path:name>", endpoint="file")
        ])
        links = rules.bind("house")
        made.append([links.build("list", {"page": 1}), links.build("list", {"page": 2}), links.build("file", {"name": "a/b 报"})])
        assert links.match("/p/2") == ("list", {"page": 2})
    assert made[0] == made[1]
