"""Negative controls: each defect is put into a house of its own, in a process of its own, and the walks must report it."""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from flask import Blueprint

from core.app import TeleradFlask, create_app
from core.host.loader import PluginFailed
from plugin_sdk.api import Plugin
from plugin_sdk.db import db
from plugin_sdk.web import ctx, requires
from tests import conftest
from tests.contract import matrix, others, planted, stage
from tests.contract.matrix import Case
from tests.contract.planted import Planted, Route, WithJob, WithListener
from tests.contract.stage import Stage


@pytest.fixture(scope="module")
def built(app: TeleradFlask) -> Stage:
    """A stage of its own: defects leave their traces in it."""
    staged = stage.build(app)
    stage.switch(staged, "planted", on=True)
    return staged


def house(app: TeleradFlask, route: Route, plugin: type[Plugin] = Planted) -> TeleradFlask:
    """The same house once more, with one plugin beside the others."""
    planted.plant(route)
    return create_app(app.house.config, extra=(plugin,))


def walks(built: Stage, app: TeleradFlask) -> list[str]:
    """What all walks together say of the planted routes, jobs and listeners."""
    staged = Stage(app, built.mine, built.theirs, built.ids, built.cards)
    found = list(matrix.cases(app, only=lambda endpoint: endpoint.startswith("planted.")))
    failures = list(matrix.walk(staged, found).failures)
    failures += [f"{c}: {a} / {b}" for c in found for a, b in matrix.pairs(staged, c) if a != b]
    failures += others.walk_bodies(staged, found, ready)[1] + others.walk_cursors(staged, found)[1]
    failures += others.walk_jobs(staged)[1] + others.walk_events(staged)[1]
    return failures + [f"{c}: shows a text of the other tenant" for c in found if stage.MARK in _answer(staged, c)]


def ready(staged: Stage, case: Case) -> dict[str, str]:
    ids = staged.ids["mine"]
    return {**ids, "study": stage.make_study(staged.mine).public_id} if case.method == "POST" else ids


def _answer(staged: Stage, case: Case) -> str:
    where = matrix.url(staged, case, tenant=staged.tenant(case.side).code, ids=staged.ids["mine"])
    return matrix.readable(matrix.call(staged, case, where, staged.cards["right"][case.side], staged.ids["mine"]))


def apart(work: Callable[[], list[str]]) -> list[str]:
    """Do ``work`` in a process of its own, so that a patched core stays there. :return: what it found"""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            db.engine.dispose(close=False)
            conftest.numbers = count(os.getpid() * 1000)  # what it makes stays in the house: not the next one's numbers
            said = work()
        except BaseException:  # the edge of the process: told to the parent
            said = ["broke: " + traceback.format_exc()]
        with os.fdopen(write, "w") as out:
            out.write(json.dumps(said))
        os._exit(1 if said else 0)
    os.close(write)
    with os.fdopen(read) as back:
        said = json.loads(back.read())
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == (1 if said else 0)
    return list(said)


def look(built: Stage, route: Route, plugin: type[Plugin] = Planted, patch: Callable[[], None] = lambda: None) -> list[str]:
    def work() -> list[str]:
        patch()
        app = house(built.app, route, plugin)
        with app.app_context():
            db.engine.dispose()
        return walks(built, app)

    with built.app.app_context():
        return apart(work)


def test_views_lists_and_verbs_as_they_should_be_pass(built: Stage) -> None:
    assert look(built, planted.clean) == []


@pytest.mark.parametrize(
    ("route", "said"),
    [
        (planted.unscoped, "foreign: 200, not 404"),
        (planted.deletes_first, "changed ['notice'] of theirs"),
        *(pytest.param(*case, marks=pytest.mark.sampled) for case in (
            (planted.without_where, "shows a text of the other tenant"),
            (planted.writes_on_get, "changed ['blob'] of theirs"),
            (planted.tells_apart, "no such study"),
            (planted.cursor_of_others, "?after=<their study>"),
            (planted.drops_silently, "study_ids: changed ['study'] of ours"),
            (planted.export_of_all, "shows a text of the other tenant"),
        )),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_planted_defect_is_reported(built: Stage, route: Route, said: str) -> None:
    failures = look(built, route)
    assert any(said in line for line in failures), failures


def test_a_session_that_narrows_only_what_is_read_is_reported(built: Stage) -> None:
    failures = look(built, planted.clean, patch=planted.selects_only)
    assert any("rename" in line and "changed ['study'] of theirs" in line for line in failures), failures


@pytest.mark.parametrize(
    ("plugin", "said"),
    [(WithJob, "job planted.touch as hospital: changed ['study'] of theirs"), (WithListener, "believing_listener as hospital: changed ['study'] of theirs")],
)
def test_work_that_believes_an_id_is_reported(built: Stage, plugin: type[Plugin], said: str) -> None:
    failures = look(built, planted.nothing, plugin)
    assert any(said in line for line in failures), failures


@pytest.mark.sampled
def test_an_id_that_names_nothing_stops_the_walk(built: Stage) -> None:
    def new_kind(bp: Blueprint) -> None:
        @bp.get("/planted/<member_id>")
        @requires(planted.VIEW)
        def show(member_id: str) -> Any:
            return str(ctx.tenant.id)

    failures = look(built, new_kind)
    assert len(failures) == 1 and "Gap" in failures[0] and "<member_id> names nothing" in failures[0], failures


def test_a_view_without_a_mark_stops_the_start(built: Stage) -> None:
    def unmarked(bp: Blueprint) -> None:
        @bp.get("/planted")
        def index() -> Any:
            return "secret"

    with pytest.raises(PluginFailed, match=r"planted\.index has no access mark"):
        house(built.app, unmarked)
