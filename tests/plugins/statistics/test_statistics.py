"""数据统计: panels of enabled plugins as charts and tables, for a period that stands in the URL."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from core import clock
from core.app import create_app
from core.host import switches
from core.studies.models import Study
from core.tenancy.models import Role
from core.tenancy.sessions import all_tenants
from plugin_sdk.panels import PanelData
from plugins.statistics.views import drawn
from tests.conftest import Member, World
from tests.core.host import everything
from tests.desk import Desk, text_of
from tests.plugins.consultation.test_main_job import ask, step

NOON = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)  # 12:00 of the 25th at the hospital


@pytest.fixture(autouse=True)
def _noon(app: Any) -> None:
    """The 25th of November, noon in China, whatever the day is."""
    clock.shift(NOON - clock.now())


def tables(page: str) -> dict[str, list[list[str]]]:
    """The tables of a page by their title, cell by cell."""
    found = {}
    for section in re.findall(r'<section class="card".*?</section>', page, flags=re.DOTALL):
        title = text_of(section.split("</h2>")[0])
        found[title] = [
            [text_of(cell) for cell in re.findall(r"<t[hd][ >].*?</t[hd]>", row, flags=re.DOTALL)]
            for row in re.findall(r"<tr>.*?</tr>", section, flags=re.DOTALL)
        ]
    return found


def charts(page: str) -> list[Any]:
    return [json.loads(html.unescape(text)) for text in re.findall(r'data-chart="([^"]+)"', page)]


@pytest.fixture
def came(world: World, make_study: Callable[..., Study], app: Any) -> Callable[..., None]:
    def make(day: date, *modalities: str, **given: Any) -> None:
        at = datetime(day.year, day.month, day.day, 3, tzinfo=UTC)
        study = make_study(world, uploaded_at=at, uploaded_day=day, **given)
        with app.app_context(), all_tenants(write=True) as db:
            db.execute(sa.text("DELETE FROM study_modality WHERE study_id = :id"), {"id": study.id})
            for modality in modalities:
                db.execute(
                    sa.text("INSERT INTO study_modality (tenant_id, study_id, modality, study_at, uploaded_at)"
                            " SELECT tenant_id, id, :modality, study_at, uploaded_at FROM study WHERE id = :id"),
                    {"id": study.id, "modality": modality},
                )

    return make


def test_studies_are_counted_by_day_and_modality_with_days_without_any(
    world: World, came: Callable[..., None], make_world: Callable[..., World], make_study: Callable[..., Study]
) -> None:
    for day, *modalities in ((25, "CT"), (25, "CT", "SR"), (23, "DX"), (18, "MR")):
        came(date(2026, 11, day), *modalities)
    came(date(2026, 11, 25), "CT", trashed_at=clock.now())
    make_study(make_world("丁"))
    page = Desk(world.doctor).page("/statistics/tables")
    assert tables(page)["影像接收量"] == [
        ["日期", "CT", "DX", "SR"],
        ["2026-11-19", "0", "0", "0"], ["2026-11-20", "0", "0", "0"], ["2026-11-21", "0", "0", "0"], ["2026-11-22", "0", "0", "0"],
        ["2026-11-23", "0", "1", "0"], ["2026-11-24", "0", "0", "0"], ["2026-11-25", "2", "0", "1"],
        ["合计", "2", "1", "1"],
    ]
    assert charts(page) == []


def test_the_chart_draws_the_numbers_of_the_table_beside_it_without_the_totals(world: World, came: Callable[..., None]) -> None:
    came(date(2026, 11, 25), "CT")
    page = Desk(world.doctor).page("/statistics?from=2026-11-24&to=2026-11-25")
    assert {"kind": "bar", "names": ["2026-11-24", "2026-11-25"], "series": [{"name": "CT", "data": [0, 1]}]} in charts(page)
    assert tables(page)["影像接收量"] == [["日期", "CT"], ["2026-11-24", "0"], ["2026-11-25", "1"], ["合计", "1"]]


def test_zeros_alone_are_a_table_and_no_chart(world: World) -> None:
    page = Desk(world.doctor).page("/statistics")
    assert charts(page) == [] and tables(page)["申请状态分布"][-1] == ["合计", "0"]
    assert "影像接收量" in tables(page) and "所选时间内没有数据" in page


def test_the_period_stands_in_the_url_and_goes_along_from_charts_to_tables(world: World) -> None:
    desk = Desk(world.doctor)
    for query, first, kept in (
        ("", "2026-11-19", "days=7"), ("?days=30", "2026-10-27", "days=30"), ("?from=2026-11-01", "2026-11-01", "from=2026-11-01&amp;to=2026-11-25"),
        ("?from=2025-11-25&to=2026-11-25", "2025-11-25", "from=2025-11-25&amp;to=2026-11-25"),
    ):
        page = desk.page(f"/statistics{query}")
        assert f'name="from" value="{first}"' in page and 'name="to" value="2026-11-25"' in page
        assert f'/statistics/tables?{kept}"' in page
    assert f'<a href="/t/{world.hospital.code}/statistics?days=30"' in desk.page("/statistics")


@pytest.mark.parametrize("query", [
    "days=8", "days=x", "from=yesterday", "to=2026-13-01", "from=2026-11-25&to=2026-11-24", "from=2025-11-24&to=2026-11-25",
    "from=9999-12-31&to=9999-12-31", "from=0001-01-01&to=0001-01-01",
])
def test_a_period_that_cannot_be_is_refused(world: World, query: str) -> None:
    assert Desk(world.doctor).get(f"/statistics?{query}").status_code == 422


def test_the_day_of_a_panel_begins_at_midnight_of_the_tenant(world: World, make_study: Callable[..., Study]) -> None:
    clock.shift(datetime(2026, 11, 24, 15, 59, tzinfo=UTC) - clock.now())  # a minute to midnight in China
    ask(world, make_study(world))
    clock.shift(timedelta(minutes=2))
    ask(world, make_study(world))
    desk = Desk(world.doctor)
    for day in ("2026-11-24", "2026-11-25"):
        found = tables(desk.page(f"/statistics/tables?from={day}&to={day}"))["申请状态分布"]
        assert found[-1] == ["合计", "1"], day


def test_requests_are_counted_by_the_words_of_each_side_and_withdrawn_ones_at_the_hospital_only(
    world: World, make_study: Callable[..., Study]
) -> None:
    first, second, third = (ask(world, make_study(world)) for _ in range(3))
    step(world.reader, first, "accept")
    step(world.doctor, third, "withdraw", reason="申请有误")
    hospital = dict(tables(Desk(world.doctor).page("/statistics/tables"))["申请状态分布"])
    group = dict(tables(Desk(world.reviewer).page("/statistics/tables"))["申请状态分布"])
    assert {k: v for k, v in hospital.items() if v != "0"} == {"状态": "申请数", "待处理": "1", "诊断中": "1", "已撤回": "1", "合计": "3"}
    assert {k: v for k, v in group.items() if v != "0"} == {"状态": "申请数", "待接单": "1", "已接收": "1", "合计": "2"}
    assert second["id"]


@pytest.mark.parametrize(("who", "status"), [("doctor", 200), ("reviewer", 200), ("technician", 403), ("reader", 403)])
def test_who_may_see_statistics_finds_them_in_the_menu(world: World, who: str, status: int) -> None:
    desk = Desk(getattr(world, who))
    assert desk.get("/statistics").status_code == desk.get("/statistics/tables").status_code == status
    assert ("数据统计" in desk.page("/")) == (status == 200)


def test_a_hospital_that_has_it_off_has_no_such_page(world: World, app: Any) -> None:
    with app.app_context(), app.house.system_ctx(world.hospital.id) as ctx:
        switches.disable(ctx, "statistics")
    assert Desk(world.doctor).get("/statistics").status_code == 404


@pytest.fixture
def foreign(app: Any, world: World) -> Iterator[Any]:
    """The house with a plugin from outside on; its panel is for administrators."""
    everything.failing.clear()
    made = create_app(replace(app.house.config, strict_plugins=False), extra=(everything.Everything,))
    with made.app_context():
        with made.house.system_ctx(world.hospital.id) as ctx:
            switches.enable(ctx, "everything")
        with all_tenants(write=True) as db:
            for role in db.scalars(sa.select(Role).where(Role.tenant_id == world.hospital.id, Role.code == "admin")):
                role.permissions = [*role.permissions, "hospital.everything.view"]
    yield made
    everything.failing.clear()


def look(made: Any, member: Member) -> str:
    client = made.test_client()
    client.reads = member.tenant.name
    client.set_cookie("session", member.browser().get_cookie("session").value)  # type: ignore[union-attr]
    answer = client.get(f"/t/{member.tenant.code}/statistics?from=2026-11-25")
    assert answer.status_code == 200
    return str(answer.get_data(as_text=True))


def test_a_plugin_from_outside_has_its_panel_beside_the_others_where_it_is_on(foreign: Any, world: World) -> None:
    page = look(foreign, world.h_admin)
    assert tables(page)["Mood"] == [["day", "mood"], ["2026-11-25", "3"]]
    assert {"kind": "line", "names": ["2026-11-25"], "series": [{"name": "mood", "data": [3]}]} in charts(page)
    assert "Mood" not in look(foreign, world.doctor), "who lacks its permission"
    with foreign.app_context(), foreign.house.system_ctx(world.hospital.id) as ctx:
        switches.disable(ctx, "everything")
    assert "Mood" not in look(foreign, world.h_admin)


@pytest.mark.parametrize("how", ["panel", "rubbish", "odd"])
def test_a_panel_that_fails_says_so_in_its_place_and_the_others_stand(foreign: Any, world: World, how: str) -> None:
    everything.failing.append(how)
    page = look(foreign, world.h_admin)
    card = re.search(r'<section class="card"[^>]*>\s*<h2[^>]*>Mood.*?</section>', page, flags=re.DOTALL)
    assert card is not None and text_of(card[0]) == "Mood 暂不可用 everything 重试"
    assert tables(page)["申请状态分布"][-1] == ["合计", "0"]


def test_a_row_has_as_many_cells_as_there_are_columns_and_a_chart_is_one_that_is_known() -> None:
    for wrong in ({"rows": ((1,),)}, {"rows": (), "totals": (1, 2, 3)}, {"rows": (), "chart": "radar"}):
        with pytest.raises(ValueError, match=r"row|chart"):
            PanelData(columns=("a", "b"), **wrong)  # type: ignore[arg-type]


def test_a_row_is_named_by_a_text_and_holds_numbers_that_a_browser_can_read() -> None:
    for cell in (date(2026, 11, 25), float("nan"), float("inf"), Decimal("NaN"), None, "3", True):
        with pytest.raises(ValueError, match="finite numbers"):
            PanelData(columns=("a", "b"), rows=(("x", 1), ("y", cell)))
    for wrong in ({"rows": ((3, 1),)}, {"rows": (), "totals": ("all", float("nan"))}):
        with pytest.raises(ValueError, match="finite numbers"):
            PanelData(columns=("a", "b"), **wrong)  # type: ignore[arg-type]
    made = PanelData(columns=("a", "b"), rows=(("x", Decimal("1.5")), ("y", 2)), totals=("all", ""))
    assert json.loads(drawn(made))["series"] == [{"name": "b", "data": [1.5, 2]}]


def test_two_plugins_cannot_have_one_panel(app: Any) -> None:
    class Copy(everything.Plugin):
        name, after = "copy", ("everything",)

        def register(self, reg: Any) -> None:
            reg.panel("everything.mood", everything.Panel(title="x", codes=("hospital.home.view",), load="x:y"))

    house = create_app(replace(app.house.config, strict_plugins=False), extra=(everything.Everything, Copy)).house
    assert list(house.plugins.broken) == ["copy"] and "panels" in house.plugins.broken["copy"]
