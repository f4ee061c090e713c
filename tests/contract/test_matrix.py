"""Every route, every visitor: who is turned away, with what, and that nothing of the other tenant changed or showed.

Routes come from the URL map, ids from factories by the converter's resource. A view without a mark, or a new kind of
id without a factory, fails here until somebody says what it is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from werkzeug.routing import Rule

from core import clock
from core.accounts import login
from core.studies.models import Study
from core.tenancy.sessions import all_tenants
from core.work.models import Notice
from plugin_sdk.db import metadata
from plugin_sdk.web import Access
from tests.conftest import World, make_member
from tests.plugins.consultation.test_main_job import approved

MARK = "哨兵丙丁"
UNKNOWN = "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"
WORDS = {"tab", "event", "filename", "how", "token", "tag"}
"""Variables that name no resource: closed sets of words, and files of the public viewer."""

EXPECTED: dict[str, dict[str, set[int]]] = {
    "requires": {
        "anonymous": {401, 303}, "revoked": {401, 303}, "stranger": {404}, "foreign": {404}, "unknown": {404},
        "rightless": {403, 404}, "wrong_side": {404}, "no_csrf": {400}, "foreign_origin": {403}, "must_change": {403, 303},
    },
    "image": {
        "anonymous": {401}, "revoked": {401}, "stranger": {404}, "foreign": {404}, "unknown": {404},
        "rightless": {403, 404}, "wrong_side": {404, 403}, "no_csrf": {400}, "foreign_origin": {403}, "must_change": {403},
    },
    "signed_in": {"anonymous": {401, 303}, "revoked": {401, 303}, "no_csrf": {400}, "foreign_origin": {403}},
    "public": {},
}
RIGHT = {200, 201, 202, 204, 206, 302, 303, 304, 400, 406, 409, 410, 413, 415, 422, 503}
"""What the right member may get: done, or refused for state or input; never 401, 403 or 404."""


@dataclass
class Stage:
    """Two worlds that are strangers, with one of each resource."""

    app: Flask
    mine: World
    theirs: World
    ids: dict[str, dict[str, Any]]
    rightless: dict[str, str]
    must_change: dict[str, str]
    revoked: dict[str, str]


@pytest.fixture(scope="module")
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    app = request.getfixturevalue("app")
    yield build(app)


def build(app: Any) -> Stage:
    from tests import conftest

    make_world = conftest.make_world.__wrapped__(app)
    make_study = conftest.make_study.__wrapped__(app)
    mine, theirs = make_world("甲"), make_world(MARK)
    ids: dict[str, dict[str, Any]] = {"mine": things(mine, make_study, "乙"), "theirs": things(theirs, make_study, MARK)}
    rightless, must_change, revoked = {}, {}, {}
    with app.app_context():
        for side, tenant in (("hospital", mine.hospital), ("group", mine.group)):
            rightless[side] = _token_with(app, tenant, [])
            must_change[side] = _token_with(app, tenant, None, must_change=True)
            token = login.make_token(mine.people["h_admin" if side == "hospital" else "g_admin"].account.id, tenant.id, days=1)
            with all_tenants(write=True) as db:
                db.execute(sa.text("UPDATE api_token SET revoked_at = created_at WHERE token_hash = :h"), {"h": login.token_hash(token)})
            revoked[side] = token
    return Stage(app, mine, theirs, ids, rightless, must_change, revoked)


def _token_with(app: Any, tenant: Any, codes: list[str] | None, *, must_change: bool = False) -> str:
    """A member whose role holds these codes, or all of them."""
    from core.accounts.models import Credential
    from core.tenancy.models import Membership, Role

    member = make_member(app, tenant, "admin", "visitor")
    with all_tenants(write=True) as db:
        if codes is not None:
            role = Role(tenant_id=tenant.id, code=f"none{member.account.id}", name="none", permissions=codes)
            db.add(role)
            db.flush()
            db.execute(sa.update(Membership).where(Membership.account_id == member.account.id).values(role_id=role.id))
        if must_change:
            db.get_one(Credential, member.account.id).must_change = True
    return member.token


def things(world: World, make_study: Callable[..., Study], mark: str) -> dict[str, Any]:
    study = make_study(world, name=mark, pid=f"P-{mark}", description=mark, institution=mark)
    made = approved(world, study)
    opened = world.doctor.call("POST", f"/studies/{study.public_id}/images").get_json()
    upload = _upload(world)
    with world.app.app_context(), all_tenants(write=True) as db:
        notices = [
            Notice(tenant_id=m.tenant.id, account_id=m.account.id, kind="upload.done", ref="", facts={}, at=clock.now())
            for m in (world.h_admin, world.g_admin)
        ]
        db.add_all(notices)
        db.flush()
        notice, group_notice = (n.public_id for n in notices)
    return {
        "study": study.public_id, "request": made["id"], "access": opened["access"], "upload": upload, "notice": notice,
        "group_notice": group_notice, "capture": UNKNOWN, "file": UNKNOWN, "session": UNKNOWN, "study_uid": study.uid,
        "series_uid": f"{study.uid}.1", "sop_uid": f"{study.uid}.1.1", "frames": "1",
    }


def _upload(world: World) -> str:
    answer = world.h_admin.call(
        "POST", "/uploads/tus", headers={"Upload-Length": "10", "Upload-Metadata": "filename YS5kY20="}
    )
    assert answer.status_code == 201
    return str(answer.headers["Location"].rpartition("/")[2])


def routes(app: Flask) -> Iterator[tuple[Rule, str, Access, dict[str, str]]]:
    """Each rule and method with its mark and the resources that its variables name."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint == "static":
            continue
        access = getattr(app.view_functions[rule.endpoint], "access", None)
        assert isinstance(access, Access), f"{rule}: no access mark"
        kinds = {}
        for name in rule.arguments - {"tenant"} - set(rule.defaults or {}):
            resource = getattr(rule._converters.get(name), "resource", "")
            assert resource or name in WORDS, f"{rule}: <{name}> names no resource"
            if resource:
                kinds[name] = resource
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule, method, access, kinds


def words(rule: Rule) -> dict[str, str]:
    """A value for each variable that is a word: the first its converter takes."""
    found = {}
    for name in rule.arguments & WORDS:
        if name in (rule.defaults or {}):
            found[name] = rule.defaults[name]
            continue
        converter = rule._converters[name]
        items = getattr(converter, "items", None)
        found[name] = ("confirm" if "confirm" in items else sorted(items)[0]) if items else {"tag": "7FE00010"}.get(name, "index.html")
    return found


class Visit:
    """One call of one route by one visitor."""

    def __init__(self, stage: Stage, rule: Rule, method: str, access: Access, kinds: dict[str, str]) -> None:
        self.stage, self.rule, self.method, self.access, self.kinds = stage, rule, method, access, kinds
        self.side = next((c.partition(".")[0] for c in access.any_of), "hospital")

    @property
    def member(self) -> Any:
        return self.stage.mine.people["h_admin" if self.side == "hospital" else "g_admin"]

    def url(self, *, tenant: str, ids: dict[str, Any]) -> str:
        values: dict[str, Any] = dict(words(self.rule))
        for name, resource in self.kinds.items():
            values[name] = ids["group_notice" if resource == "notice" and self.side == "group" else resource]
        if "tenant" in self.rule.arguments:
            values["tenant"] = tenant
        with self.stage.app.test_request_context():
            return str(self.stage.app.url_map.bind("localhost").build(self.rule.endpoint, values, method=self.method))

    def ask(self, who: str) -> Any | None:
        """The answer to a visitor, ``None`` where this visitor does not apply."""
        stage = self.stage
        code = (stage.mine.hospital if self.side == "hospital" else stage.mine.group).code
        other = (stage.theirs.hospital if self.side == "hospital" else stage.theirs.group).code
        wrong = (stage.mine.group if self.side == "hospital" else stage.mine.hospital).code
        unknown = {k: v if k in ("frames",) else ("1.9.9" if k.endswith("uid") else UNKNOWN) for k, v in stage.ids["mine"].items()}
        bearer = {"Authorization": f"Bearer {self.member.token}"}
        scoped = "tenant" in self.rule.arguments
        objects = bool({*self.kinds.values()} - {"frames"})
        if who == "anonymous":
            return self._call(self.url(tenant=code, ids=stage.ids["mine"]), {})
        if who == "right":
            return self._call(self.url(tenant=code, ids=stage.ids["mine"]), bearer)
        if who == "revoked":
            return self._call(self.url(tenant=code, ids=stage.ids["mine"]), {"Authorization": f"Bearer {stage.revoked[self.side]}"})
        if who == "stranger":
            return self._call(self.url(tenant=other, ids=stage.ids["theirs"]), bearer) if scoped else None
        if who == "foreign":
            return self._call(self.url(tenant=code, ids=stage.ids["theirs"]), bearer) if objects else None
        if who == "unknown":
            return self._call(self.url(tenant=code, ids=unknown), bearer) if objects else None
        if who == "rightless":
            return self._call(self.url(tenant=code, ids=stage.ids["mine"]), {"Authorization": f"Bearer {stage.rightless[self.side]}"}) if scoped else None
        if who == "must_change":
            return self._call(self.url(tenant=code, ids=stage.ids["mine"]), {"Authorization": f"Bearer {stage.must_change[self.side]}"}) if scoped else None
        if who == "wrong_side":
            both = {c.partition(".")[0] for c in self.access.any_of} == {"hospital", "group"}
            people = stage.mine.people["g_admin" if self.side == "hospital" else "h_admin"]
            if not scoped or both:
                return None
            return self._call(self.url(tenant=wrong, ids=stage.ids["mine"]), {"Authorization": f"Bearer {people.token}"})
        if self.method == "GET":
            return None
        client = self.member.browser()
        headers = {"Origin": "https://elsewhere.example"} if who == "foreign_origin" else {}
        return client.open(self.url(tenant=code, ids=stage.ids["mine"]), method=self.method, headers=headers)

    def _call(self, url: str, headers: dict[str, str]) -> Any:
        body = {"json": {}} if self.method in ("POST", "PUT", "PATCH") else {}
        return self.stage.app.test_client().open(url, method=self.method, headers=headers, **body)


def rows_of(world: World) -> str:
    """A digest of every row that belongs to a world's tenants."""
    digest, tenants = hashlib.sha256(), (world.hospital.id, world.group.id)
    with world.app.app_context(), all_tenants() as db:
        for table in metadata.sorted_tables:
            column = next((table.c[n] for n in ("tenant_id", "hospital_id", "owner_tenant") if n in table.c), None)
            if column is None or table.name in ("api_token",):
                continue
            rows = db.execute(sa.select(table).where(column.in_(tenants)).order_by(*table.primary_key.columns)).all()
            digest.update(json.dumps([[str(v) for v in row] for row in rows]).encode())
    return digest.hexdigest()


VISITORS = ("anonymous", "revoked", "stranger", "foreign", "unknown", "rightless", "must_change", "wrong_side", "no_csrf", "foreign_origin")
SHIELDED = {"uploads_api.multipart"}
"""Whose first check is the body itself, after the gate: a visitor with the wrong rights still stops at the gate."""


def test_each_route_turns_each_visitor_away_as_written(stage: Stage) -> None:
    before, failures, cells = rows_of(stage.theirs), [], 0
    for rule, method, access, kinds in routes(stage.app):
        for who in VISITORS:
            allowed = EXPECTED[access.kind].get(who)
            visit = Visit(stage, rule, method, access, kinds)
            if allowed is None or (answer := visit.ask(who)) is None:
                continue
            if who in ("foreign", "unknown") and set(kinds.values()) == {"capture"}:
                continue
            cells += 1
            if answer.status_code not in allowed:
                failures.append(f"{method} {rule} {who}: {answer.status_code}, expected {sorted(allowed)}")
            if MARK in answer.get_data(as_text=True):
                failures.append(f"{method} {rule} {who}: shows the other tenant's text")
    assert not failures, "\n".join(failures)
    assert cells > 250
    assert rows_of(stage.theirs) == before


def test_an_id_of_another_tenant_answers_like_one_that_does_not_exist(stage: Stage) -> None:
    different = []
    for rule, method, access, kinds in routes(stage.app):
        visit = Visit(stage, rule, method, access, kinds)
        if access.kind != "requires" or (foreign := visit.ask("foreign")) is None:
            continue
        unknown = visit.ask("unknown")
        if _plain(foreign) != _plain(unknown):
            different.append(f"{method} {rule}")
    assert different == []


def _plain(answer: Any) -> tuple[int, str]:
    """Status and body without the tokens that differ each time."""
    text = answer.get_data(as_text=True)
    for opening in ('name="csrf_token" value="', "X-CSRFToken&#34;: &#34;", 'content="20'):
        while opening in text:
            start = text.index(opening)
            text = text[:start] + text[start + len(opening) + 20 :].partition('"')[2]
    return answer.status_code, text


def test_the_right_member_is_let_through_everywhere(stage: Stage) -> None:
    failures = []
    for rule, method, access, kinds in routes(stage.app):
        if access.kind == "public" or "file" in kinds.values() or "capture" in kinds.values() or "session" in kinds.values():
            continue
        if method == "DELETE" or access.kind == "image" or rule.endpoint in ("account.logout",):
            continue
        answer = Visit(stage, rule, method, access, kinds).ask("right")
        if answer is not None and answer.status_code not in RIGHT:
            failures.append(f"{method} {rule}: {answer.status_code}")
    assert not failures, "\n".join(failures)


def test_lists_hold_nothing_of_the_other_tenant(stage: Stage) -> None:
    for member, path in (("h_admin", "/studies"), ("h_admin", "/requests"), ("g_admin", "/requests")):
        text = stage.mine.people[member].call("GET", path).get_data(as_text=True)
        assert MARK not in text and '"items"' in text


def test_ids_in_bodies_are_resolved_in_scope(stage: Stage) -> None:
    before = rows_of(stage.theirs)
    theirs, doctor = stage.ids["theirs"], stage.mine.people["h_admin"]
    group = stage.mine.group.code
    calls = [
        ("POST", "/requests", {"study_id": theirs["study"], "group": group, "parts": [{"name": "胸部"}]}),
        ("POST", "/requests/batch", {"study_ids": [stage.ids["mine"]["study"], theirs["study"]], "group": group, "parts": [{"name": "胸部"}]}),
        ("POST", "/requests/confirm", {"items": [
            {"id": stage.ids["mine"]["request"], "version": 1, "sha256": "x"}, {"id": theirs["request"], "version": 1, "sha256": "x"},
        ]}),
    ]
    mine_before = rows_of(stage.mine)
    for method, path, body in calls:
        assert doctor.call(method, path, body).status_code == 404, path
    other_group = {"study_id": stage.ids["mine"]["study"], "group": stage.theirs.group.code, "parts": [{"name": "胸部"}]}
    assert doctor.call("POST", "/requests", other_group).status_code in (409, 422)
    assert (rows_of(stage.theirs), rows_of(stage.mine)) == (before, mine_before)


def test_a_plugin_that_is_off_leaves_no_route_and_no_menu(stage: Stage) -> None:
    world = stage.mine
    with world.app.app_context(), all_tenants(write=True) as db:
        row = db.merge(world.app.house.tenant_row(world.hospital.id))
        plugins = dict(row.plugins)
        row.plugins = {k: v for k, v in plugins.items() if k != "consultation"}
    try:
        assert world.h_admin.call("GET", "/requests").status_code == 404
        page = world.h_admin.browser().get(f"/t/{world.hospital.code}/studies").get_data(as_text=True)
        assert "申请列表" not in page and "发起诊断" not in page
    finally:
        with world.app.app_context(), all_tenants(write=True) as db:
            db.merge(world.app.house.tenant_row(world.hospital.id)).plugins = plugins
    assert world.h_admin.call("GET", "/requests").status_code == 200
