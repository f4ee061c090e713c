"""What a plugin adds to somebody else's list: a column that sorts by a table of its own, and parts that fail."""

from __future__ import annotations

import html
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from core.app import TeleradFlask, create_app
from core.lists import actions as list_actions
from core.lists import page as list_page
from core.studies.models import Study
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants
from core.work import sweep
from plugin_sdk.api import Plugin, Registry
from plugin_sdk.db import db
from plugin_sdk.lists import Column, ManyAction, RowAction
from plugin_sdk.types import Ctx, RowKey
from tests.conftest import World
from tests.core.lists.test_every_list import ids, link

SCORE = sa.Table("marks_score", sa.MetaData(), sa.Column("study_id", sa.BigInteger, primary_key=True), sa.Column("value", sa.BigInteger))
loads: list[int] = []


def scores(ctx: Ctx, keys: Sequence[RowKey]) -> Mapping[int, object]:
    loads.append(len(keys))
    return dict(ctx.db.execute(sa.select(SCORE.c.study_id, SCORE.c.value).where(SCORE.c.study_id.in_([k.id for k in keys]))).all())


def score_column() -> Column:
    return Column(key="marks.score", label="分数", load=scores, sort=sa.func.coalesce(SCORE.c.value, 0), join=(SCORE, SCORE.c.study_id == Study.id))


def falling_action() -> RowAction:
    def fall(row: Any) -> bool:
        raise RuntimeError("planted")

    return RowAction(key="marks.fall", label="打分", url=lambda r: "/", when=fall)


class Marks(Plugin):
    name = "marks"
    title = "演示评分"

    def register(self, reg: Registry) -> None:
        reg.column("studies", f"{__name__}:score_column")
        reg.row_action("studies", f"{__name__}:falling_action")


@pytest.fixture
def marked(app: TeleradFlask, world: World) -> Iterator[TeleradFlask]:
    """The house with the plugin on in this hospital, and its table."""
    with app.app_context():
        SCORE.create(db.engine)
        with all_tenants(write=True) as session:
            row = session.get_one(Tenant, world.hospital.id)
            row.plugins = {**row.plugins, "marks": "on"}
    loads.clear()
    yield create_app(replace(app.house.config, strict_plugins=False), extra=(Marks,))
    with app.app_context():
        SCORE.drop(db.engine)


def page(app: TeleradFlask, world: World, query: str) -> str:
    answer = app.test_client().get(f"/t/{world.hospital.code}/studies?{query}", headers={"Authorization": f"Bearer {world.technician.token}"})
    assert answer.status_code == 200, answer.get_data(as_text=True)[:400]
    return answer.get_data(as_text=True)


def give(app: TeleradFlask, made: list[Study], values: Sequence[int | None]) -> None:
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(sa.insert(SCORE), [{"study_id": s.id, "value": v} for s, v in zip(made, values, strict=True) if v is not None])


def test_a_list_is_sorted_and_paged_by_a_plugins_own_table_and_rows_without_one_stay(
    marked: TeleradFlask, world: World, make_study: Callable[..., Study]
) -> None:
    made = [make_study(world) for _ in range(5)]
    give(marked, made, [30, None, 10, 30, 20])
    first = page(marked, world, "uploaded_from=&limit=3&sort=-marks.score")
    rest = page(marked, world, link(first, "next").partition("?")[2])
    order = [made[i].public_id for i in (3, 0, 4, 2, 1)]
    assert ids(first) + ids(rest) == order
    assert ">30<" in first and "分数" in first and "演示评分" in first


def test_its_table_is_read_only_while_the_column_shows_or_sorts(
    marked: TeleradFlask, world: World, make_study: Callable[..., Study]
) -> None:
    make_study(world)
    seen: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        seen.append(statement)

    sa.event.listen(Engine, "before_cursor_execute", note)
    try:
        page(marked, world, "col=name")
        assert loads == [] and not any("marks_score" in s for s in seen)
        page(marked, world, "col=name&col=marks.score")
    finally:
        sa.event.remove(Engine, "before_cursor_execute", note)
    assert loads == [1] and sum("marks_score" in s for s in seen) == 1


def test_an_action_that_raises_stands_grey_and_the_others_work(
    marked: TeleradFlask, world: World, make_study: Callable[..., Study]
) -> None:
    make_study(world)
    text = page(marked, world, "")
    assert 'title="暂不可用">打分' in text and "详情" in text


ORDERS = ("accession_number", "modality", "series_count", "status", "uploader", "study_date", "instance_count", "uploaded_at")


@pytest.mark.sqlite
@pytest.mark.parametrize("key", ORDERS)
def test_each_order_of_the_study_list_walks_an_index_and_sorts_nothing(
    app: TeleradFlask, world: World, make_study: Callable[..., Study], key: str
) -> None:
    """The statement is the one that a real page sends."""
    make_study(world)
    sent: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "FROM study" in statement and "LIMIT" in statement and "ORDER BY" in statement:
            sent.append((statement, parameters))

    sa.event.listen(Engine, "before_cursor_execute", note)
    try:
        page(app, world, f"uploaded_from=&sort=-{key}")
    finally:
        sa.event.remove(Engine, "before_cursor_execute", note)
    assert len(sent) == 1
    with app.app_context(), db.engine.connect() as connection:
        plan = " | ".join(r[-1] for r in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sent[0][0]}", sent[0][1]))
    assert "INDEX ix_study" in plan and "TEMP B-TREE" not in plan, plan


def slow_column() -> Column:
    def hang(ctx: Ctx, keys: Sequence[RowKey]) -> Mapping[int, object]:
        while True:
            pass

    return Column(key="slow.load", label="慢", load=hang)


def slow_action() -> RowAction:
    def hang(row: Any) -> bool:
        while True:
            pass

    return RowAction(key="slow.act", label="慢操作", url=lambda r: "/", when=hang)


class Slow(Plugin):
    name = "slow"
    title = "演示迟缓"

    def register(self, reg: Registry) -> None:
        reg.column("studies", f"{__name__}:slow_column")
        reg.row_action("studies", f"{__name__}:slow_action")


def test_parts_that_hang_say_so_and_the_list_comes_in_its_time(
    app: TeleradFlask, world: World, make_study: Callable[..., Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_page, "SECONDS", 0.3)
    monkeypatch.setattr(list_actions, "SECONDS", 0.1)
    studies = [make_study(world) for _ in range(6)]
    made = create_app(replace(app.house.config, strict_plugins=False), extra=(Slow,))
    with made.app_context(), all_tenants(write=True) as session:
        row = session.get_one(Tenant, world.hospital.id)
        row.plugins = {**row.plugins, "slow": "on"}
    started = time.monotonic()
    text = page(made, world, "")
    assert time.monotonic() - started < 8  # three are given up; after that it is not asked
    assert all(s.accession in text for s in studies)
    assert text.count("暂不可用") >= 2 * len(studies)


def wrong_column() -> Column:
    def load(ctx: Ctx, keys: Sequence[RowKey]) -> Mapping[int, object]:
        return {k.id: ctx.db.scalar(sa.text("SELECT worth FROM no_such_table")) for k in keys}

    return Column(key="wrong.worth", label="错", load=load)


class Wrong(Plugin):
    name = "wrong"
    title = "演示错误"

    def register(self, reg: Registry) -> None:
        reg.column("studies", f"{__name__}:wrong_column")
        reg.column("studies", f"{__name__}:right_column")


def right_column() -> Column:
    def load(ctx: Ctx, keys: Sequence[RowKey]) -> Mapping[int, object]:
        return {k.id: f"right{ctx.db.scalar(sa.select(sa.func.count()).select_from(Study))}" for k in keys}

    return Column(key="wrong.right", label="对", load=load)


def test_a_statement_of_a_plugin_that_fails_takes_no_other_part_of_the_page_with_it(
    app: TeleradFlask, world: World, make_study: Callable[..., Study]
) -> None:
    """PostgreSQL answers nothing more in a transaction that saw an error."""
    study = make_study(world)
    made = create_app(replace(app.house.config, strict_plugins=False), extra=(Wrong,))
    with made.app_context(), all_tenants(write=True) as session:
        row = session.get_one(Tenant, world.hospital.id)
        row.plugins = {**row.plugins, "wrong": "on"}
    text = page(made, world, "")
    assert study.accession in text and "暂不可用" in text and "right1" in text


def falling_many() -> ManyAction:
    def fall() -> str:
        raise RuntimeError("planted")

    return ManyAction(key="marks.many", label="批量打分", url=fall, least=1, most=9, when=lambda row: bool(row.no_such_thing))


class Many(Plugin):
    name = "many"
    title = "演示批量"

    def register(self, reg: Registry) -> None:
        reg.row_action("studies", f"{__name__}:falling_many")


def test_an_action_for_many_rows_that_raises_leaves_the_list_and_its_poll_standing(
    app: TeleradFlask, world: World, make_study: Callable[..., Study]
) -> None:
    study = make_study(world)
    made = create_app(replace(app.house.config, strict_plugins=False), extra=(Many,))
    with made.app_context(), all_tenants(write=True) as session:
        row = session.get_one(Tenant, world.hospital.id)
        row.plugins = {**row.plugins, "many": "on"}
    text = page(made, world, "")
    assert study.accession in text
    assert 'disabled title="暂不可用" data-many="marks.many"' in text
    assert json.loads(html.unescape(text.partition('data-refused="')[2].partition('"')[0])) == {"marks.many": f"{study.accession} 暂不可用"}


@pytest.mark.sqlite
def test_the_hourly_sweep_lets_an_exact_search_find_its_index(house: Any, world: World, make_study: Callable[..., Study]) -> None:
    for _ in range(8):
        make_study(world)
    sweep.sweep(house)
    with db.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM sqlite_stat1 WHERE tbl = 'study'").scalar_one() > 0
