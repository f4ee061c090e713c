"""Every route, every visitor: cases from the URL map, expectations written by hand, and the one loop that asks.

Nobody lists routes here: the application does. Adding a route costs nothing, unless it has one of these:

* an unsafe method with a body: one line in ``requests_made.MADE`` (a valid request);
* a state that it needs: one line in ``test_matrix.NEEDS`` or ``NO_REQUEST``;
* a new kind of id in its path: a factory in ``stage.things`` and a word in ``RESOURCES`` here;
* ids in its form: one line in ``test_others_ids.FORMS``; in its JSON body: ``json_schema_extra={"ref": ...}``;
* a new kind of access: a row in ``EXPECTED``, and cards of who may pass in ``stage``.

A view without a mark, or a URL variable that does not say what it names, is a :class:`Gap` until that line is written.
Which visitors are not asked, and why, is ``NOT_ASKED``: the test counts its lines, not the cells.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from plugin_sdk.web import Access
from tests.canary import MARK, readable
from tests.contract.requests_made import request_of
from tests.contract.stage import SIDES, UNKNOWN, Card, Stage, Writes, changed, files_of, rows_of, switch

RESOURCES = frozenset(
    {"study", "request", "upload", "access", "capture", "notice", "study_uid", "series_uid", "sop_uid", "frames", "session",
     "view", "export", "connection", "tariff"}
)
"""Kinds of ids that ``stage.things`` makes one of in both worlds. A new kind needs a factory there and a word here."""
WORDS: Mapping[str, tuple[str, ...]] = {
    "field": (),  # a closed set
    "filename": ("index.html",),   # a file of the public viewer, the same for everybody
    "tag": ("7FE00010",),          # an attribute of the image that the ids before it name
    "list_name": ("log",),         # a list that both sides have
    "plugin": ("consultation",),   # a plugin that both sides have
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
        "former", "stranger", "stranger_token", "rightless", "wrong_side", "plugin_off")},
    # To whoever is no operator the platform's pages do not exist.
    "operator": {**{k: v for k, v in PAGE.items() if k not in ("stranger", "stranger_token", "wrong_side", "plugin_off")},
                 "rightless": 404},
    "public": {"no_csrf": 400, "foreign_origin": 403, "cross_site": 403},
}
OTHERWISE: Mapping[tuple[str, str], int] = {
    ("account.alive", "anonymous"): 401, ("account.alive", "expired"): 401, ("account.alive", "logged_out"): 401,
    ("account.alive", "disabled"): 401, ("account.alive", "disabled_token"): 401, ("account.alive", "revoked"): 401,
    ("account.alive", "lapsed"): 401,  # a script asks
    ("account.alive", "must_change"): 204, ("me.password", "must_change"): 200,  # what changing the password needs
    ("me.change_password", "must_change"): 422, ("me.skip_password", "must_change"): 403, ("me.left", "must_change"): 401,
    **{("me.left", who): 401 for who in ("anonymous", "expired", "logged_out", "disabled", "disabled_token", "revoked", "lapsed")},
}
"""Cells that differ from their row of EXPECTED."""
SAFE = frozenset({"GET", "OPTIONS"})
BY_SESSION = frozenset({"no_csrf", "foreign_origin", "cross_site"})
BY_TENANT = frozenset({"stranger", "stranger_token", "wrong_side", "plugin_off"})
VISITORS = tuple(PAGE)
NOT_ASKED: tuple[tuple[str, frozenset[str], Callable[[Case, str | None], bool]], ...] = (
    ("a public page turns nobody away", frozenset(VISITORS) - BY_SESSION, lambda c, owner: c.surface == "public"),
    ("an account page belongs to no tenant", BY_TENANT | {"former", "rightless"}, lambda c, owner: c.surface == "account"),
    ("a platform page belongs to no tenant", BY_TENANT, lambda c, owner: c.surface == "operator"),
    ("an opening's address names no tenant", BY_TENANT, lambda c, owner: c.surface == "opening"),
    ("reading changes nothing", BY_SESSION, lambda c, owner: c.method in SAFE),
    ("nothing in the path belongs to anybody", frozenset({"foreign", "unknown"}), lambda c, owner: not c.owned),
    ("both sides have the page", frozenset({"wrong_side"}), lambda c, owner: c.both_sides),
    ("core cannot be switched off", frozenset({"plugin_off"}), lambda c, owner: owner is None),
)
"""Why a visitor does not come to a case: the reason, the visitors, and when. ``owner`` is the route's plugin."""


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
        kinds = {"public": "public", "signed_in": "account", "operator": "operator", "guest": "guest", "node": "node"}
        return kinds.get(self.access.kind, "api" if path.startswith("/api/") else "page")

    @property
    def owned(self) -> list[str]:
        """Variables whose ids belong to somebody."""
        return [name for name, resource in self.kinds if resource != "frames"]

    @property
    def word(self) -> str:
        return dict(self.words).get("event", "")

    @property
    def both_sides(self) -> bool:
        return {c.partition(".")[0] for c in self.access.any_of} == set(SIDES) and not self.word

    @property
    def card(self) -> str:
        """Who gets through: most are asked with a token, pages of an account with a session."""
        return {"account": "session", "public": "session", "operator": "operator"}.get(self.surface, "right")

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
        if access.kind in ("guest", "node") and access.kind not in EXPECTED:
            raise Gap(f"{rule.rule}: @{access.kind} has no row in EXPECTED")
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


def call(
    stage: Stage, case: Case, where: str, card: Card | None, ids: Mapping[str, str], *, made: dict[str, Any] | None = None,
    **headers: str,
) -> TestResponse:
    """Ask with a valid request, or with ``made``."""
    client = stage.app.test_client()
    client.reads = MARK  # the walk judges what it sees itself
    if made is None:
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
    right = cards[case.card][case.side]
    if "tenant" in case.rule.arguments:
        away = url(stage, case, tenant=stage.tenant(case.side, "theirs").code, ids=stage.ids["theirs"])
        yield "stranger", lambda: call(stage, case, away, cards["session"][case.side], stage.ids["theirs"])
        yield "stranger_token", lambda: call(stage, case, away, right, stage.ids["theirs"])
        if not case.both_sides:
            yield "wrong_side", lambda: _from_other_side(stage, case)
    for who, ids in (("foreign", foreign(stage, case)), ("unknown", unknown(case))):
        for swap in variants(case, ids):
            where = url(stage, case, tenant=stage.tenant(case.side).code, ids=mine, swap=swap)
            yield who, lambda where=where: call(stage, case, where, right, mine)  # type: ignore[misc]


def _from_other_side(stage: Stage, case: Case) -> TestResponse:
    other = "group" if case.side == "hospital" else "hospital"
    where = url(stage, case, tenant=stage.tenant(other).code, ids=stage.ids["mine"])
    return call(stage, case, where, stage.cards["right"][other], stage.ids["mine"])


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
    """``asked``: case and visitor of each cell."""

    asked: set[tuple[str, str]] = field(default_factory=set)
    failures: tuple[str, ...] = ()

    def add(self, *lines: str) -> None:
        self.failures += lines


def expected_cells(found: list[Case], owner_of: Callable[[str], str | None]) -> set[tuple[str, str]]:
    """Cases times visitors, without those of ``NOT_ASKED``."""
    cells = set()
    for case in found:
        owner = owner_of(case.rule.endpoint)
        excused = {who for _, visitors, when in NOT_ASKED if when(case, owner) for who in visitors}
        cells |= {(str(case), who) for who in VISITORS if who not in excused}
    return cells


def walk(stage: Stage, found: list[Case], *, expected: Mapping[str, Mapping[str, int]] = EXPECTED) -> Result:
    """Send every visitor to every case. What an answer shows and what it leaves behind counts as much as its status."""
    result, before, writes = Result(), (rows_of(stage.mine), rows_of(stage.theirs)), Writes()
    files = files_of(stage.app)
    try:
        for case in found:
            row = {**expected[case.surface], **{w: s for (e, w), s in OTHERWISE.items() if e == case.rule.endpoint}}
            for who, ask in visits(stage, case):
                if who not in row:
                    continue
                result.asked.add((str(case), who))
                writes.take()
                _judge(result, case, who, ask(), row[who])
                if writes.take():
                    before = _unchanged(result, stage, case, who, before)
            if (now := files_of(stage.app)) != files:
                result.add(f"{case}: left or took files: {sorted(set(now.items()) ^ set(files.items()))[:4]}")
                files = now
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
                    result.asked.add((str(case), "plugin_off"))
                    where = url(stage, case, tenant=stage.tenant(case.side).code, ids=stage.ids["mine"])
                    answer = call(stage, case, where, stage.cards["right"][case.side], stage.ids["mine"])
                    _judge(result, case, "plugin_off", answer, 404)
        finally:
            switch(stage, plugin, on=True)
    return result


def plain(answer: TestResponse, ids: Mapping[str, str]) -> tuple[int, str]:
    """Status and body, without what differs each time: page tokens, the server's time, the ids that were asked for."""
    text = answer.get_data().decode("utf-8", "replace")
    text = re.sub(r"(csrf_token\" value=\"|X-CSRFToken&#34;: &#34;|server-time\" content=\"|data-mark=\")[^\"&]*", r"\1", text)
    for value in sorted(ids.values(), key=len, reverse=True):
        text = text.replace(value, "<id>")
    return answer.status_code, text


def pairs(stage: Stage, case: Case) -> Iterator[tuple[tuple[int, str], tuple[int, str]]]:
    """What a foreign id answers beside what an unknown one does, in the same place."""
    right, home, mine = stage.cards[case.card][case.side], stage.tenant(case.side).code, stage.ids["mine"]
    for a, b in zip(variants(case, foreign(stage, case)), variants(case, unknown(case)), strict=True):
        answers = [
            plain(call(stage, case, url(stage, case, tenant=home, ids=mine, swap=s), right, mine), s) for s in (a, b)
        ]
        yield answers[0], answers[1]


__all__ = [
    "EXPECTED", "NOT_ASKED", "VISITORS", "Case", "Gap", "Result", "call", "cases", "expected_cells", "pairs", "readable",
    "url", "walk", "walk_off",
]
