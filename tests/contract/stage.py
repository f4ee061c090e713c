"""Two worlds that are strangers, one of each thing in both, and a card for every kind of visitor."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pydicom
import sqlalchemy as sa
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid
from sqlalchemy.engine import Engine

from core import clock
from core.access import doors
from core.accounts import login
from core.accounts.models import Account, ApiToken, Credential, LoginSession
from core.accounts.sessions import digest
from core.lists.models import ListExport, SavedView
from core.studies.models import Study
from core.tenancy import forms
from core.tenancy.models import Membership, Role, Tenant
from core.tenancy.sessions import all_tenants, nobody
from core.work.models import Notice
from plugin_sdk.db import metadata
from plugin_sdk.doors import Door
from plugin_sdk.types import Ctx
from plugin_sdk.web import render
from plugins.billing import actions, queries
from plugins.billing.actions import Line
from tests import conftest
from tests.canary import MARK
from tests.conftest import Member, World, csrf, make_member

UNKNOWN = "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"
SIDES = ("hospital", "group")
WALK = ("SUBMITTED", "ACCEPTED", "DIAGNOSING", "PENDING_REVIEW", "REVIEWING", "APPROVED", "CONFIRMED")


@dataclass(frozen=True)
class Card:
    """What a visitor shows: a token, a session's key with the page token that belongs to it, or the key of an opened link."""

    token: str = ""
    key: str = ""
    csrf: str = ""
    guest: str = ""


@dataclass
class Stage:
    """``ids`` is by world and resource; a resource that differs by side has the side behind a dot."""

    app: Any
    mine: World
    theirs: World
    ids: dict[str, dict[str, str]]
    cards: dict[str, dict[str, Card]] = field(default_factory=dict)

    def tenant(self, side: str, world: str = "mine") -> Tenant:
        return getattr(getattr(self, world), side)  # type: ignore[no-any-return]

    def admin(self, side: str, world: str = "mine") -> Member:
        return getattr(self, world).people["h_admin" if side == "hospital" else "g_admin"]  # type: ignore[no-any-return]


def build(app: Any) -> Stage:
    make_world, mine_mark = conftest.make_world.__wrapped__(app), "甲"
    mine, theirs = make_world(mine_mark), make_world(MARK)
    stage = Stage(app, mine, theirs, {"mine": things(mine, mine_mark), "theirs": things(theirs, MARK)})
    for side in SIDES:
        for who, card in _cards(stage, side).items():
            stage.cards.setdefault(who, {})[side] = card
    return stage


def _cards(stage: Stage, side: str) -> dict[str, Card]:
    admin, tenant = stage.admin(side), stage.tenant(side)
    out, gone = _session(admin), _session(admin)
    client = stage.app.test_client()
    client.set_cookie("session", out.key)
    assert client.post("/logout", headers={"X-CSRFToken": out.csrf}).status_code == 303
    with stage.app.app_context():
        people = {n: make_member(stage.app, tenant, "admin", n) for n in ("disabled", "former", "must_change", "rightless")}
        disabled = _session(people["disabled"])
        tokens = {n: login.make_token(admin.account.id, tenant.id, days=1) for n in ("revoked", "lapsed")}
        past = clock.now() - timedelta(minutes=1)
        with all_tenants(write=True) as db:
            _update(db, LoginSession, LoginSession.key_hash == digest(gone.key), expires_at=past)
            _update(db, ApiToken, ApiToken.token_hash == login.token_hash(tokens["revoked"]), revoked_at=past)
            _update(db, ApiToken, ApiToken.token_hash == login.token_hash(tokens["lapsed"]), expires_at=past)
            _update(db, Account, Account.id == people["disabled"].account.id, disabled_at=past)
            _update(db, Credential, Credential.account_id == people["must_change"].account.id, must_change=True)
            _update(db, Membership, Membership.account_id == people["former"].account.id, left_at=past)
            none = Role(tenant_id=tenant.id, code=f"none-{side}", name="none", permissions=[])
            db.add(none)
            db.flush()
            _update(db, Membership, Membership.account_id == people["rightless"].account.id, role_id=none.id)
    return {
        "right": Card(token=admin.token), "guest": _guest(stage), "operator": _operator(stage, tenant), "session": _session(admin), "expired": gone, "logged_out": out,
        "disabled": disabled, "disabled_token": Card(token=people["disabled"].token),
        **{n: Card(token=t) for n, t in tokens.items()},
        **{n: Card(token=people[n].token) for n in ("former", "must_change", "rightless")},
    }


def _guest(stage: Stage) -> Card:
    """A browser that opened our link."""
    with stage.app.app_context():
        return Card(guest=doors.step_in(doors.knock(stage.app.house, stage.ids["mine"]["token"])))


def leaflet(ctx: Ctx, door: Door) -> str:
    """A page behind the door, as a plugin would show it."""
    return render("door_ended.html", sentence=door.ref, ended=False)


def _link(world: World, mark: str) -> dict[str, str]:
    """A live link of the hospital. No bundled plugin has a page for one: here the viewer has."""
    world.app.house.plugins.house.by_owner["viewer"].link_pages["staged"] = f"{__name__}:leaflet"
    with world.app.app_context(), world.app.house.system_ctx(world.hospital.id) as ctx:
        made = ctx.doors.open("staged", f"viewer:leaflet:{mark}", valid=None)
    return {"link": made.id, "token": made.path.removeprefix("/s/")}


def _operator(stage: Stage, tenant: Tenant) -> Card:
    """The session of an operator of the platform."""
    with stage.app.app_context():
        member = make_member(stage.app, tenant, "admin", "operator")
        with all_tenants(write=True) as db:
            _update(db, Account, Account.id == member.account.id, platform_role="operator")
    return _session(member)


def _update(db: Any, model: Any, where: Any, **values: Any) -> None:
    assert db.execute(sa.update(model).where(where).values(**values)).rowcount == 1


def _session(member: Member) -> Card:
    client = member.browser()
    return Card(key=client.get_cookie("session").value, csrf=csrf(client, "/me"))


def live_session(member: Member) -> str:
    """Id of a new session of a person."""
    key = _session(member).key
    with member.app.app_context(), nobody() as db:
        return str(db.scalars(sa.select(LoginSession.public_id).where(LoginSession.key_hash == digest(key))).one())


def things(world: World, mark: str) -> dict[str, str]:
    """One of each resource, every text of it holding ``mark``."""
    uid = received(world, mark)
    study = world.h_admin.call("GET", "/studies").get_json()["items"][0]
    assert study["study_instance_uid"] == uid
    request = drive(world, study["id"], "APPROVED", mark=mark)
    found = {
        "study": study["id"], "request": request, "study_uid": uid, "series_uid": f"{uid}.1", "sop_uid": f"{uid}.1.1",
        "frames": "1", "connection": world.link.public_id, "tariff": tariff(world, mark), "session": live_session(world.h_admin),
        "file": UNKNOWN, "upload": upload(world), "capture": _capture(world, request, mark), **_link(world, mark),
    }
    for side in SIDES:
        member = world.h_admin if side == "hospital" else world.g_admin
        opened = member.call("POST", f"/requests/{request}/images")
        assert opened.status_code == 201, opened.get_json()
        found[f"access.{side}"] = opened.get_json()["access"]
        with world.app.app_context(), all_tenants(write=True) as db:
            notice = Notice(tenant_id=member.tenant.id, account_id=member.account.id, kind="upload.done", ref="",
                            facts={"text": mark}, at=clock.now())
            db.add(notice)
            db.flush()
            found[f"notice.{side}"] = notice.public_id
        found[f"view.{side}"], found[f"export.{side}"] = view(member, mark), export(member, mark, "done")
    return found


def tariff(world: World, mark: str) -> str:
    """What this world's hospital pays, saved by somebody with a name. :return: the id of the version"""
    with world.app.app_context():
        ctx = world.g_admin.ctx()
        link = ctx.links.get(world.link.id)
        base = queries.in_force(ctx, link.id)
        line = Line(reader=0, reader_name=mark, modality="", fen=10000)
        made = actions.save(ctx, link, [line], urgent_percent=150, diagnosis_percent=70, base=base.version if base else 0)
        ctx.commit()
        public_id = str(made.public_id)
        ctx.close()
    return public_id


def opened(stage: Stage, side: str) -> str:
    """Images that somebody opened in a browser: other openings are of programs with a token. :return: the opening's id"""
    member = stage.admin(side)
    with member.app.app_context():
        ctx = member.ctx()
        study = ctx.db.scalar(sa.select(Study.id).where(Study.public_id == stage.ids["mine"]["study"]))
        access: str = ctx.studies.open_images([study]).access
        ctx.commit()
        ctx.close()
    return access


def settings_version(member: Member, cls: type[Any]) -> str:
    """The version that a form of a tenant's settings carries now."""
    with member.app.app_context():
        ctx = member.ctx(write=False)
        try:
            return forms.version(ctx.settings(cls), forms.shown(cls, ctx.side, shared=False), key=member.app.house.config.secret_keys[0])
        finally:
            ctx.close()


def view(member: Member, mark: str) -> str:
    """A saved view of the log. :return: its id"""
    name = f"{mark[:6]}{mark[-1]}{next(conftest.numbers)}"
    with member.app.app_context(), all_tenants(write=True) as db:
        row = SavedView(tenant_id=member.tenant.id, account_id=member.account.id, list_name="log", name=name, query=f"q={mark}",
                        created_at=clock.now())
        db.add(row)
        db.flush()
        return row.public_id


def export(member: Member, mark: str, state: str) -> str:
    """An export of the log; whatever this member had under way is cancelled. :return: its id"""
    with member.app.app_context():
        ctx = member.ctx()
        kept = ctx.files.keep(mark.encode())
        ctx.db.execute(
            sa.update(ListExport).where(ListExport.account_id == member.account.id, ListExport.state == "queued")
            .values(state="cancelled").execution_options(synchronize_session=False)
        )
        file = ctx.files.put_row(kept, kind="export", media="text/plain", name=mark)
        row = ListExport(account_id=member.account.id, list_name="log", ask={"q": mark}, state=state, name=f"{mark}.xlsx",
                         file_id=file.id, queued_at=clock.now(), until=clock.now() + timedelta(hours=1))
        ctx.db.add(row)
        ctx.commit()
        public_id = row.public_id
        ctx.close()
        return public_id


def received(world: World, mark: str) -> str:
    """Upload a shipped image as a study of this world. :return: its study UID"""
    data = pydicom.dcmread(str(get_testdata_file("MR_small.dcm", download=False)))
    uid = str(generate_uid())[:40].rstrip(".")
    data.SpecificCharacterSet = "ISO_IR 192"
    data.PatientName, data.PatientID, data.StudyDescription, data.InstitutionName = mark, f"P{mark}", mark, mark
    data.StudyInstanceUID, data.SeriesInstanceUID, data.SOPInstanceUID = uid, f"{uid}.1", f"{uid}.1.1"
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    out = io.BytesIO()
    data.save_as(out)
    sent = world.h_admin.call("POST", "/uploads", data={"file": (io.BytesIO(out.getvalue()), f"{mark}.dcm")})
    assert sent.status_code == 202, sent.get_json()
    world.drain()
    done = world.h_admin.call("GET", f"/uploads/{sent.get_json()['id']}").get_json()
    assert done["counts"]["stored"] == 1, done
    with world.app.app_context(), all_tenants(write=True) as db:
        db.execute(sa.text("UPDATE study SET complete_at = uploaded_at WHERE uid = :uid"), {"uid": uid})
    return uid


def make_study(world: World) -> Study:
    """Another study of this world, complete, its bytes not in the store."""
    return conftest.make_study.__wrapped__(world.app)(world)  # type: ignore[no-any-return]


def drive(world: World, study_id: str, state: str, *, mark: str = "甲", author: str = "reader", reviewer: str = "reviewer") -> str:
    """Ask for a study and walk its request to ``state``. :return: its id"""
    body = {"study_id": study_id, "group": world.group.code, "parts": [{"name": f"胸部{mark}"}], "purpose": mark}
    made = world.h_admin.call("POST", "/requests", body)
    assert made.status_code == 201, made.get_json()
    seen = made.get_json()
    words = {"findings": f"未见异常{mark}", "impression": mark, "positive": False}
    steps = (
        ("accept", author, {}), ("open", author, {}), ("send_to_review", author, words), ("start_review", reviewer, {}),
        ("approve", reviewer, {}), ("confirm", "h_admin", None),
    )
    for event, who, facts in steps[: WALK.index(state)]:
        facts = {"sha256": sealed(world, seen["id"])} if facts is None else facts
        answer = world.people[who].call("POST", f"/requests/{seen['id']}/{event}", {"version": seen["version"], **facts})
        assert answer.status_code == 200, (event, answer.get_json())
        seen = answer.get_json()
    return str(seen["id"])


def sealed(world: World, request_id: str) -> str:
    report = world.h_admin.call("GET", f"/requests/{request_id}").get_json().get("report") or {}
    return str(report.get("sha256", ""))


def png() -> io.BytesIO:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), (10, 20, 30)).save(out, "PNG")
    return io.BytesIO(out.getvalue())


def _capture(world: World, request: str, mark: str) -> str:
    answer = world.g_admin.call("POST", f"/requests/{request}/captures", data={"file": (png(), f"{mark}.png"), "caption": mark})
    assert answer.status_code == 201, answer.get_json()
    return str(answer.get_json()["id"])


def upload(world: World) -> str:
    headers = {"Upload-Length": "10", "Upload-Metadata": "filename YS5kY20="}
    answer = world.h_admin.call("POST", "/uploads/tus", headers=headers)
    assert answer.status_code == 201, answer.get_json()
    return str(answer.headers["Location"].rpartition("/")[2])


HOUSE = frozenset({"captcha", "lease", "login_attempt", "plugin_fault", "session"})
"""Tables whose rows belong to no tenant and no member, or (sessions, captchas) move with every visit."""
BELONGS: Mapping[str, str] = {
    "tenant": "id", "account": "account:id", "credential": "account:account_id", "signature": "account:account_id",
    "login_seen": "account:account_id", "remember": "account:account_id",
    "list_columns": "account:account_id", "setting": "scope_id", "delivery": "outbox_id",
}
"""Tables without a tenant's column of their own, and the column that says whose the row is."""


def rows_of(world: World) -> dict[str, str]:
    """A digest per table of every row that belongs to a world's tenants or its people.

    :raise KeyError: a table of which nobody said whose its rows are: see ``BELONGS`` and ``HOUSE``
    """
    with world.app.app_context(), all_tenants() as db:
        found = {}
        for table in metadata.sorted_tables:
            if table.name not in HOUSE:
                rows = db.execute(sa.select(table).where(_whose(world, table)).order_by(*table.primary_key.columns)).all()
                found[table.name] = hashlib.sha256(json.dumps([[str(v) for v in r] for r in rows]).encode()).hexdigest()
    return found


def _whose(world: World, table: sa.Table) -> sa.ColumnElement[bool]:
    tenants = (world.hospital.id, world.group.id)
    names = [c for c in ("tenant_id", "hospital_id", "group_id", "owner_tenant") if c in table.c]
    if names:
        return sa.or_(*(table.c[n].in_(tenants) for n in names))
    of, _, column = BELONGS[table.name].rpartition(":")
    if of == "account":
        return table.c[column].in_([m.account.id for m in world.people.values()])
    if column == "outbox_id":
        outbox = metadata.tables["outbox"]
        return table.c[column].in_(sa.select(outbox.c.id).where(outbox.c.tenant_id.in_(tenants)))
    return table.c[column].in_(tenants)


def files_of(app: Any) -> dict[str, int]:
    """Every file of the house's data folder and its length."""
    config = app.house.config
    return {
        str(path): path.stat().st_size
        for folder in (config.blobs, config.uploads) for path in folder.rglob("*") if path.is_file()
    }


class Writes:
    """Notes whether a statement that writes was sent to the database: without one there is no need to look."""

    def __init__(self) -> None:
        self.seen = False
        sa.event.listen(Engine, "before_cursor_execute", self._note)

    def _note(self, connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        self.seen |= not statement.lstrip().upper().startswith(("SELECT", "PRAGMA", "SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN"))

    def take(self) -> bool:
        seen, self.seen = self.seen, False
        return seen

    def close(self) -> None:
        sa.event.remove(Engine, "before_cursor_execute", self._note)


def changed(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return sorted(t for t in before if before[t] != after[t])


def switch(stage: Stage, plugin: str, on: bool) -> None:
    """Switch a plugin for both tenants of both worlds."""
    with stage.app.app_context(), all_tenants(write=True) as db:
        for world in (stage.mine, stage.theirs):
            for tenant in (world.hospital, world.group):
                row = db.get_one(Tenant, tenant.id)
                rest = {k: v for k, v in row.plugins.items() if k != plugin}
                row.plugins = {**rest, plugin: "on"} if on else rest
