"""Negative controls: each defect is put into a plugin of its own, and the matrix must report it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Blueprint, jsonify

from core.app import TeleradFlask, create_app
from core.store.models import Blob
from core.studies.models import Study
from core.tenancy.sessions import all_tenants
from core.web.gate import NoMark
from core.work.models import Notice
from plugin_sdk.api import Plugin, Registry
from plugin_sdk.errors import NotFound
from plugin_sdk.web import ctx, requires
from tests.contract import matrix, stage
from tests.contract.stage import Stage

VIEW = "hospital.study.view"
Route = Callable[[Blueprint], None]


def clean(bp: Blueprint) -> None:
    """As it should be."""

    @bp.get("/planted/<study:id>")
    @requires(VIEW)
    def show(id: str) -> Any:
        return jsonify({"name": ctx.studies.own(id).name})


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

    @bp.get("/planted")
    @requires(VIEW)
    def index() -> Any:
        return jsonify(_all())

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
    @requires("hospital.home.view")
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


def new_kind(bp: Blueprint) -> None:
    @bp.get("/planted/<member_id>")
    @requires(VIEW)
    def show(member_id: str) -> Any:
        return jsonify({})


def unmarked(bp: Blueprint) -> None:
    @bp.get("/planted")
    def index() -> Any:
        return "secret"


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


class Planted(Plugin):
    name = "planted"

    def register(self, reg: Registry) -> None:
        reg.blueprint(f"{__name__}:blueprint", scope="tenant")


blueprint = Blueprint("planted", __name__)


def plant(monkeypatch: pytest.MonkeyPatch, app: TeleradFlask, route: Route) -> TeleradFlask:
    """The same house once more, with one plugin beside the others."""
    bp = Blueprint("planted", __name__)
    route(bp)
    monkeypatch.setattr(sys.modules[__name__], "blueprint", bp)
    return create_app(app.house.config, extra=(Planted,))


@pytest.fixture(scope="module")
def built(request: pytest.FixtureRequest) -> Iterator[Stage]:
    staged = stage.build(request.getfixturevalue("app"))
    stage.switch(staged, "planted", on=True)
    yield staged
    stage.switch(staged, "planted", on=False)


def walk(built: Stage, app: TeleradFlask) -> tuple[str, ...]:
    """What the matrix says of the planted routes alone."""
    staged = Stage(app, built.mine, built.theirs, built.ids, built.cards)
    found = list(matrix.cases(app, only=lambda endpoint: endpoint.startswith("planted.")))
    failures = matrix.walk(staged, found).failures
    return failures + tuple(f"{c}: {a} / {b}" for c in found for a, b in matrix.pairs(staged, c) if a != b)


def test_a_view_as_it_should_be_passes(monkeypatch: pytest.MonkeyPatch, app: TeleradFlask, built: Stage) -> None:
    assert walk(built, plant(monkeypatch, app, clean)) == ()


@pytest.mark.parametrize(
    ("route", "said"),
    [
        (unscoped, "foreign: 200, not 404"),
        (without_where, "shows a text of the other tenant"),
        (deletes_first, "changed ['notice'] of theirs"),
        (writes_on_get, "changed ['blob'] of theirs"),
        (tells_apart, "no such study"),
    ],
)
def test_a_planted_defect_is_reported(
    monkeypatch: pytest.MonkeyPatch, app: TeleradFlask, built: Stage, route: Route, said: str
) -> None:
    failures = walk(built, plant(monkeypatch, app, route))
    assert any(said in line for line in failures), failures


def test_an_id_that_names_nothing_stops_the_walk(monkeypatch: pytest.MonkeyPatch, app: TeleradFlask, built: Stage) -> None:
    with pytest.raises(matrix.Gap, match="<member_id> names nothing"):
        walk(built, plant(monkeypatch, app, new_kind))


def test_a_view_without_a_mark_stops_the_start(monkeypatch: pytest.MonkeyPatch, app: TeleradFlask) -> None:
    with pytest.raises(NoMark, match=r"planted\.index"):
        plant(monkeypatch, app, unmarked)
