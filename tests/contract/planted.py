"""Defects, each a plugin of its own or a patch of the core: what the walks of this folder must report."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import openpyxl
import sqlalchemy as sa
from flask import Blueprint, Response, jsonify, request
from pydantic import Field
from sqlalchemy import event

from core.store.models import Blob
from core.studies.models import Study
from core.tenancy import sessions
from core.tenancy.sessions import TenantSession, all_tenants
from core.work.models import Notice
from plugin_sdk.api import Plugin, Registry
from plugin_sdk.errors import NotFound
from plugin_sdk.events import StudyComplete
from plugin_sdk.ids import row_id
from plugin_sdk.types import Ctx
from plugin_sdk.web import Body, ctx, read_body, requires, takes
from tests.canary import XLSX

VIEW, HOME = "hospital.study.view", "hospital.home.view"
Route = Callable[[Blueprint], None]


def clean(bp: Blueprint) -> None:
    """As it should be: a view, a list with a cursor, a bulk verb, a write without reading first."""

    @bp.get("/planted/<study:id>")
    @requires(VIEW)
    def show(id: str) -> Any:
        return jsonify({"name": ctx.studies.own(id).name})

    @bp.get("/planted")
    @requires(VIEW)
    def index() -> Any:
        place = ctx.db.scalar(sa.select(Study.id).where(Study.public_id == request.args.get("after", "")))
        rows = ctx.db.scalars(sa.select(Study).where(Study.id > (place or 0)).order_by(Study.id))
        return jsonify([s.public_id for s in rows])

    @bp.post("/planted/many")
    @requires(VIEW)
    @takes(Many)
    def many() -> Any:
        ids = read_body(Many).study_ids
        rows = ctx.db.scalars(sa.select(Study).where(Study.public_id.in_(ids))).all()
        if len(rows) != len(set(ids)):
            raise NotFound
        for row in rows:
            row.department = row_id()
        return "", 204

    _blind_update(bp)


class Many(Body):
    study_ids: list[str] = Field(json_schema_extra={"ref": "study"})


def _blind_update(bp: Blueprint) -> None:
    """Writes by a public id and trusts the session to keep to its tenant."""

    @bp.post("/planted/<study:id>/rename")
    @requires(VIEW)
    def rename(id: str) -> Any:
        ctx.db.execute(sa.update(Study).where(Study.public_id == id).values(department=row_id()))
        ctx.commit()  # type: ignore[attr-defined]
        ctx.studies.own(id)
        return "", 204


def unscoped(bp: Blueprint) -> None:
    """Reads whatever study is asked for."""

    @bp.get("/planted/<study:id>")
    @requires(VIEW)
    def show(id: str) -> Any:
        with all_tenants() as db:
            row = db.scalars(sa.select(Study).where(Study.public_id == id)).one_or_none()
            if row is None:
                raise NotFound
            return jsonify({"name": row.description})


def without_where(bp: Blueprint) -> None:
    """Answers the right statuses, and everybody's studies beside them."""

    @bp.get("/planted/<study:id>")
    @requires(VIEW)
    def show(id: str) -> Any:
        try:
            ctx.studies.own(id)
        except NotFound:
            return jsonify(_all()), 404
        return jsonify({})


def _all() -> list[str]:
    with all_tenants() as db:
        return list(db.scalars(sa.select(Study.description)))


def deletes_first(bp: Blueprint) -> None:
    """Looks for the owner after the deed; the answer is right."""

    @bp.post("/planted/<notice:id>/delete")
    @requires(HOME)
    def delete(id: str) -> Any:
        with all_tenants(write=True) as db:
            db.execute(sa.delete(Notice).where(Notice.public_id == id))
        raise NotFound


def tells_apart(bp: Blueprint) -> None:
    """404 both times, with another sentence for what exists elsewhere."""

    @bp.get("/planted/<study:id>")
    @requires(VIEW)
    def show(id: str) -> Any:
        with all_tenants() as db:
            known = db.scalar(sa.select(Study.id).where(Study.public_id == id)) is not None
        try:
            return jsonify({"name": ctx.studies.own(id).name})
        except NotFound:
            raise NotFound("belongs to somebody else" if known else "no such study") from None


def writes_on_get(bp: Blueprint) -> None:
    """Leaves a row behind for whoever looks, also for those who are turned away."""

    @bp.get("/planted/<study:id>")
    @requires(VIEW)
    def show(id: str) -> Any:
        with all_tenants(write=True) as db:
            row = db.scalars(sa.select(Study).where(Study.public_id == id)).one_or_none()
            if row is not None:
                blob = db.scalars(sa.select(Blob).where(Blob.tenant_id == row.tenant_id)).first()
                assert blob is not None
                blob.size += 1
        return jsonify({"name": ctx.studies.own(id).name})


def cursor_of_others(bp: Blueprint) -> None:
    """Reads where a page ended without a tenant: the page moves with a row that is not ours."""

    @bp.get("/planted")
    @requires(VIEW)
    def index() -> Any:
        with all_tenants() as db:
            place = db.scalar(sa.select(Study.id).where(Study.public_id == request.args.get("after", "")))
        rows = ctx.db.scalars(sa.select(Study).where(Study.id > (place or 0)).order_by(Study.id))
        return jsonify([s.public_id for s in rows])


def drops_silently(bp: Blueprint) -> None:
    """Changes those of a bulk list that are ours and says that all is well."""

    @bp.post("/planted/many")
    @requires(VIEW)
    @takes(Many)
    def many() -> Any:
        ctx.db.execute(sa.update(Study).where(Study.public_id.in_(read_body(Many).study_ids)).values(department=row_id()))
        return jsonify({"done": True})


def export_of_all(bp: Blueprint) -> None:
    """A workbook whose cells are everybody's; no text of them stands in the bytes."""

    @bp.get("/planted/export")
    @requires(VIEW)
    def export() -> Any:
        book, out = openpyxl.Workbook(), io.BytesIO()
        for name in _all():
            book.active.append([name])
        book.save(out)
        return Response(out.getvalue(), mimetype=XLSX)


def nothing(bp: Blueprint) -> None:
    """No route: the defect is elsewhere."""


def selects_only() -> None:
    """The session narrows what is read, not what is written."""
    event.remove(TenantSession, "do_orm_execute", sessions._scope)

    @event.listens_for(TenantSession, "do_orm_execute")
    def narrow(state: Any) -> None:
        if state.is_select:
            sessions._scope(state)


def raw_job(ctx: Ctx, *, study_id: int) -> None:
    """Takes a number and believes it."""
    with all_tenants(write=True) as db:
        db.execute(sa.update(Study).where(Study.id == study_id).values(department=row_id()))


def believing_listener(ctx: Ctx, event: StudyComplete) -> None:
    raw_job(ctx, study_id=event.study_id)


class Planted(Plugin):
    name = "planted"

    def register(self, reg: Registry) -> None:
        reg.blueprint(f"{__name__}:blueprint", scope="tenant")


class WithJob(Planted):
    def register(self, reg: Registry) -> None:
        super().register(reg)
        reg.job("planted.touch", f"{__name__}:raw_job")


class WithListener(Planted):
    def register(self, reg: Registry) -> None:
        super().register(reg)
        reg.listen(StudyComplete, f"{__name__}:believing_listener")


blueprint = Blueprint("planted", __name__)


def plant(route: Route) -> None:
    """Put a route into the blueprint that the plugin declares."""
    bp = Blueprint("planted", __name__)
    route(bp)
    globals()["blueprint"] = bp
