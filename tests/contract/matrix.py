"""Every route, every visitor: cases from the URL map, expectations written by hand, and the one loop that asks.

Nobody lists routes here: the application does. A view without a mark, or a URL variable that does not say what it
names, is a :class:`Gap` until somebody writes the line that says so.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask
from pypdf import PdfReader
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from plugin_sdk.web import Access
from tests.contract.requests_made import request_of
from tests.contract.stage import MARK, SIDES, UNKNOWN, Card, Stage, Writes, changed, rows_of, switch

RESOURCES = frozenset(
    {"study", "request", "upload", "access", "capture", "notice", "study_uid", "series_uid", "sop_uid", "frames"}
)
"""Kinds of ids that ``stage.things`` makes one of in both worlds. A new kind needs a factory there and a word here."""
WORDS: Mapping[str, tuple[str, ...]] = {
    "filename": ("index.html",),   # a file of the public viewer, the same for everybody
    "tag": ("7FE00010",),          # an attribute of the image that the ids before it name
    "event": (), "tab": (), "how": (),  # closed sets of words: each word is a case
}
"""URL variables that name nothing anybody owns."""
HOSPITAL_EVENTS = frozenset({"withdraw", "return_report", "confirm", "delete_report", "printed"})

PAGE = {
    "anonymous": 303, "htmx": 401, "expired": 303, "logged_out": 303, "disabled": 303, "disabled_token": 303,
    "revoked": 303, "lapsed": 303, "former": 404, "stranger": 404, "stranger_token": 404, "foreign": 404, "unknown": 404,
    "rightless": 403, "wrong_side": 404, "must_change": 303, "no_csrf": 400, "foreign_origin": 403, "cross_site": 403,
    "plugin_off": 404,
}
API = {**PAGE, **dict.fromkeys(("anonymous", "expired", "logged_out", "disabled", "disabled_token", "revoked", "lapsed"), 401),
       "must_change": 403}
EXPECTED: Mapping[str, Mapping[str, int]] = {
    "page": PAGE,
    "api": API,
    "image": API,
    # An opening belongs to whoever opened it: to a colleague without rights, too, it does not exist.
    "opening": {**{k: v for k, v in API.items() if k not in ("stranger", "stranger_token", "wrong_side", "plugin_off")},
                "rightless": 404},
    "account": {k: v for k, v in PAGE.items() if k not in (
        "former", "stranger", "stranger_token", "foreign", "unknown", "rightless", "wrong_side", "plugin_off")},
    "public": {"no_csrf": 400, "foreign_origin": 403, "cross_site": 403},
}
OTHERWISE: Mapping[tuple[str, str], int] = {
    ("account.alive", "anonymous"): 401, ("account.alive", "expired"): 401, ("account.alive", "logged_out"): 401,
    ("account.alive", "disabled"): 401, ("account.alive", "disabled_token"): 401, ("account.alive", "revoked"): 401,
    ("account.alive", "lapsed"): 401,  # a script asks
    ("account.alive", "must_change"): 204, ("account.password", "must_change"): 200,  # what changing the password needs
    ("account.change_password", "must_change"): 422,
}
"""Cells that differ from their row of EXPECTED."""
SAFE = frozenset({"GET", "OPTIONS"})
BY_SESSION = frozenset({"no_csrf", "foreign_origin", "cross_site"})


Rows = tuple[dict[str, str], dict[str, str]]


class Gap(AssertionError):
    """A route that nobody can be sure about: no mark, or a variable that names no resource."""


@dataclass(frozen=True)
class Case:
    """One rule, method and side. ``kinds`` is variable to resource, ``words`` variable to word."""

    rule: Rule
    method: str
    access: Access
    side: str
    kinds: tuple[tuple[str, str], ...]
    words: tuple[tuple[str, str], ...]

    @property
    def surface(self) -> str:
        path = self.rule.rule
        if self.access.kind == "image":
            return "opening" if path.startswith("/g/") else "image"
        kinds = {"public": "public", "signed_in": "account"}
        return kinds.get(self.access.kind, "api" if path.startswith("/api/") else "page")

    @property
    def owned(self) -> list[str]:
        """Variables whose ids belong to somebody."""
        return [name for name, resource in self.kinds if resource != "frames"]

    @property
    def word(self) -> str:
        return dict(self.words).get("event", "")

    def __str__(self) -> str:
        words = "".join(f" {w}" for _, w in self.words)
        return f"{self.method} {self.rule.rule}{words} [{self.side}]"


def cases(app: Flask, *, only: Callable[[str], bool] = lambda endpoint: True) -> Iterator[Case]:
    """:raise Gap: a view without a mark or a variable without a meaning"""
    for rule in app.url_map.iter_rules():
        if rule.endpoint == "static" or not only(rule.endpoint):
            continue
        access = getattr(app.view_functions[rule.endpoint], "access", None)
        if not isinstance(access, Access):
            raise Gap(f"{rule.rule}: no access mark")
        kinds = tuple((name, _resource(rule, name)) for name in sorted(rule.arguments - {"tenant"}) if name not in WORDS)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}) or ["OPTIONS"]:
            for words in _words(rule):
                for side in _sides(rule, access, dict(words).get("event", "")):
                    yield Case(rule, method, access, side, kinds, words)


def _resource(rule: Rule, name: str) -> str:
    resource = getattr(rule._converters.get(name), "resource", "")
    if resource not in RESOURCES:
        raise Gap(f"{rule.rule}: <{name}> names {resource or 'nothing'}, which no factory makes")
    return str(resource)


def _words(rule: Rule) -> list[tuple[tuple[str, str], ...]]:
    found: list[tuple[tuple[str, str], ...]] = [()]
    for name in sorted(rule.arguments & set(WORDS)):
        fixed = (rule.defaults or {}).get(name)
        choice = (fixed,) if fixed else tuple(sorted(getattr(rule._converters.get(name), "items", ()))) or WORDS[name]
        found = [(*before, (name, word)) for before in found for word in choice]
    return found


def _sides(rule: Rule, access: Access, event: str) -> tuple[str, ...]:
    """Whose page it is: by its codes, an event's by the side that moves it."""
    sides = {c.partition(".")[0] for c in access.any_of}
    if rule.endpoint.endswith(".act") and event:
        return ("hospital",) if event in HOSPITAL_EVENTS else ("group",)
    if access.kind == "image":
        return SIDES if rule.rule.startswith("/g/") else ("hospital",)
    return tuple(s for s in SIDES if s in sides) or ("hospital",)


def url(stage: Stage, case: Case, *, tenant: str, ids: Mapping[str, str], swap: Mapping[str, str] | None = None) -> str:
    values: dict[str, Any] = dict(case.words)
    for name, resource in case.kinds:
        values[name] = (swap or {}).get(name) or ids.get(f"{resource}.{case.side}") or ids[resource]
    if "tenant" in case.rule.arguments:
        values["tenant"] = tenant
    with stage.app.test_request_context():
        return str(stage.app.url_map.bind("localhost").build(case.rule.endpoint, values, method=case.method))


def call(stage: Stage, case: Case, where: str, card: Card | None, ids: Mapping[str, str], **headers: str) -> TestResponse:
    client = stage.app.test_client()
    made = request_of(case.rule.endpoint, case.word, ids, stage.mine) if case.method not in SAFE else {}
    sent = {**made.pop("headers", {}), **headers}
    if card is not None and card.token:
        sent["Authorization"] = f"Bearer {card.token}"
    if card is not None and card.key:
        client.set_cookie("session", card.key)
        sent.setdefault("X-CSRFToken", card.csrf)
    return client.open(where, method=case.method, headers={k: v for k, v in sent.items() if v}, **made)  # type: ignore[no-any-return]


def visits(stage: Stage, case: Case) -> Iterator[tuple[str, Callable[[], TestResponse]]]:
    """Who comes, and how. Only what applies to the case."""
    mine, cards = stage.ids["mine"], stage.cards
    home = url(stage, case, tenant=stage.tenant(case.side).code, ids=mine)
    yield "anonymous", lambda: call(stage, case, home, None, mine)
    yield "htmx", lambda: call(stage, case, home, None, mine, **{"HX-Request": "true"})
    for who in ("expired", "logged_out", "disabled", "disabled_token", "revoked", "lapsed", "former", "must_change", "rightless"):
        yield who, lambda card=cards[who][case.side]: call(stage, case, home, card, mine)  # type: ignore[misc]
    if case.method not in SAFE:
        card = cards["session"][case.side]
        yield "no_csrf", lambda: call(stage, case, home, card, mine, **{"X-CSRFToken": ""})
        yield "foreign_origin", lambda: call(stage, case, home, card, mine, Origin="https://elsewhere.example")
        yield "cross_site", lambda: call(stage, case, home, card, mine, **{"Sec-Fetch-Site": "cross-site"})
    right = cards["right"][case.side]
    if "tenant" in case.rule.arguments:
        away = url(stage, case, tenant=stage.tenant(case.side, "theirs").code, ids=stage.ids["theirs"])
        yield "stranger", lambda: call(stage, case, away, cards["session"][case.side], stage.ids["theirs"])
        yield "stranger_token", lambda: call(stage, case, away, right, stage.ids["theirs"])
        yield from _other_side(stage, case)
    for who, ids in (("foreign", foreign(stage, case)), ("unknown", unknown(case))):
        for swap in variants(case, ids):
            where = url(stage, case, tenant=stage.tenant(case.side).code, ids=mine, swap=swap)
            yield who, lambda where=where: call(stage, case, where, right, mine)  # type: ignore[misc]


def _other_side(stage: Stage, case: Case) -> Iterator[tuple[str, Callable[[], TestResponse]]]:
    both = {c.partition(".")[0] for c in case.access.any_of} == set(SIDES)
    if both and not case.word:
        return
    other = "group" if case.side == "hospital" else "hospital"
    where = url(stage, case, tenant=stage.tenant(other).code, ids=stage.ids["mine"])
    yield "wrong_side", lambda: call(stage, case, where, stage.cards["right"][other], stage.ids["mine"])


def foreign(stage: Stage, case: Case) -> dict[str, str]:
    theirs = stage.ids["theirs"]
    return {n: theirs.get(f"{r}.{case.side}") or theirs[r] for n, r in case.kinds if r != "frames"}


def unknown(case: Case) -> dict[str, str]:
    return {n: "1.9.9" if r.endswith("_uid") else UNKNOWN for n, r in case.kinds if r != "frames"}


def variants(case: Case, ids: Mapping[str, str]) -> list[Mapping[str, str]]:
    """All ids at once, then each alone among ours."""
    return [ids, *({n: ids[n]} for n in case.owned if len(case.owned) > 1)] if ids else []


@dataclass
class Result:
    cells: int = 0
    failures: tuple[str, ...] = ()

    def add(self, *lines: str) -> None:
        self.failures += lines


def walk(stage: Stage, found: list[Case], *, expected: Mapping[str, Mapping[str, int]] = EXPECTED) -> Result:
    """Send every visitor to every case. What an answer shows and what it leaves behind counts as much as its status."""
    result, before, writes = Result(), (rows_of(stage.mine), rows_of(stage.theirs)), Writes()
    try:
        for case in found:
            row = {**expected[case.surface], **{w: s for (e, w), s in OTHERWISE.items() if e == case.rule.endpoint}}
            for who, ask in visits(stage, case):
                if who not in row:
                    continue
                result.cells += 1
                writes.take()
                _judge(result, case, who, ask(), row[who])
                if writes.take():
                    before = _unchanged(result, stage, case, who, before)
    finally:
        writes.close()
    return result


def _judge(result: Result, case: Case, who: str, answer: TestResponse, status: int) -> None:
    if answer.status_code != status:
        result.add(f"{case} {who}: {answer.status_code}, not {status}")
    if MARK in readable(answer):
        result.add(f"{case} {who}: shows a text of the other tenant")


def _unchanged(result: Result, stage: Stage, case: Case, who: str, before: Rows) -> Rows:
    after = rows_of(stage.mine), rows_of(stage.theirs)
    for name, old, new in zip(("ours", "theirs"), before, after, strict=True):
        if tables := changed(old, new):
            result.add(f"{case} {who}: changed {tables} of {name}")
    return after


def walk_off(stage: Stage, found: list[Case], owner_of: Callable[[str], str | None]) -> Result:
    """The right member where the plugin is off: the route does not exist."""
    result = Result()
    for plugin in sorted({p for c in found if (p := owner_of(c.rule.endpoint)) and "tenant" in c.rule.arguments}):
        switch(stage, plugin, on=False)
        try:
            for case in found:
                if owner_of(case.rule.endpoint) == plugin and "tenant" in case.rule.arguments:
                    result.cells += 1
                    where = url(stage, case, tenant=stage.tenant(case.side).code, ids=stage.ids["mine"])
                    answer = call(stage, case, where, stage.cards["right"][case.side], stage.ids["mine"])
                    _judge(result, case, "plugin_off", answer, 404)
        finally:
            switch(stage, plugin, on=True)
    return result


def readable(answer: TestResponse) -> str:
    """All that a person could read in an answer: body, headers, the text of a PDF."""
    text = answer.get_data().decode("utf-8", "replace") + str(answer.headers)
    if answer.mimetype == "application/pdf":
        text += "".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.get_data())).pages)
    return text


def plain(answer: TestResponse, ids: Mapping[str, str]) -> tuple[int, str]:
    """Status and body, without what differs each time: page tokens, the server's time, the ids that were asked for."""
    text = answer.get_data().decode("utf-8", "replace")
    text = re.sub(r"(csrf_token\" value=\"|X-CSRFToken&#34;: &#34;|server-time\" content=\")[^\"&]*", r"\1", text)
    for value in sorted(ids.values(), key=len, reverse=True):
        text = text.replace(value, "<id>")
    return answer.status_code, text


def pairs(stage: Stage, case: Case) -> Iterator[tuple[tuple[int, str], tuple[int, str]]]:
    """What a foreign id answers beside what an unknown one does, in the same place."""
    right, home, mine = stage.cards["right"][case.side], stage.tenant(case.side).code, stage.ids["mine"]
    for a, b in zip(variants(case, foreign(stage, case)), variants(case, unknown(case)), strict=True):
        answers = [
            plain(call(stage, case, url(stage, case, tenant=home, ids=mine, swap=s), right, mine), s) for s in (a, b)
        ]
        yield answers[0], answers[1]


__all__ = ["EXPECTED", "Case", "Gap", "Result", "call", "cases", "pairs", "url", "walk", "walk_off"]
