"""What is true of every list, whatever it lists: paging, sorts, filters, statements, columns, views, the poll."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from core import clock
from core.accounts.models import LoginSession
from core.app import TeleradFlask
from core.audit.lists import LOG
from core.audit.models import Audit
from core.lists.models import SavedView
from core.studies.lists import STUDIES
from core.studies.models import Study
from core.tenancy.sessions import all_tenants
from core.work.models import Notice
from plugin_sdk.lists import ListSpec
from plugins.consultation.models import Request
from plugins.consultation.requests.lists import COMPLETED, PENDING, REQUESTS
from tests.conftest import Member, World
from tests.contract import others
from tests.desk import Desk
from tests.plugins.consultation.test_main_job import approved, ask, step

SPECS: dict[str, ListSpec] = {s.name: s for s in (STUDIES, LOG, REQUESTS, PENDING, COMPLETED)}
PATH = {"studies": "/studies", "log": "/", "requests": "/requests", "diagnosis.pending": "/diagnosis", "diagnosis.done": "/diagnosis/done"}
ALL = {"studies": "uploaded_from=", "log": "at_from=", "requests": "requested_from=", "diagnosis.pending": "requested_from=",
       "diagnosis.done": "requested_from="}
"""The default range of each list, taken away."""
BAD = {"studies": ("uploaded_from=x", "sex=X", "status=lost", "study_from=2026-13-01"), "log": ("at_to=x", "user=nobody"),
       "requests": ("state=LOST", "urgency=very", "requested_to=soon"), "diagnosis.pending": ("state=LOST", "requested_from=x"),
       "diagnosis.done": ("requested_to=x",)}
names = pytest.mark.parametrize("name", list(SPECS))


def reader_of(world: World, name: str) -> Member:
    """Somebody who sees every row of the list that ``make_rows`` makes."""
    return {"studies": world.technician, "log": world.h_admin, "requests": world.doctor}.get(name, world.reviewer)


@pytest.fixture
def make_rows(world: World, make_study: Callable[..., Study]) -> Callable[..., list[str]]:
    """Make rows of a list, some equal in what they sort by, some not. :return: their ids"""

    def make(name: str, n: int) -> list[str]:
        if name == "log":
            return _entries(world, n)
        given = [{"accession": f"CT-{i // 2}", "study_at": f"2026-11-{10 + i // 2} 08:00:00", "n_series": i % 2, "name": "甲乙丙"[i % 3]} for i in range(n)]
        studies = [make_study(world, **g) for g in given]
        if name == "studies":
            return [s.public_id for s in studies]
        made = [ask(world, s, urgency=("normal", "urgent")[i % 2])["id"] for i, s in enumerate(studies)]
        if name == "diagnosis.done":
            with world.app.app_context(), all_tenants(write=True) as db:
                db.execute(sa.update(Request).where(Request.public_id.in_(made)).values(state="CONFIRMED"))
        return made

    return make


def _entries(world: World, n: int) -> list[str]:
    with world.app.app_context():
        ctx = world.doctor.ctx()
        for _ in range(n):
            ctx.audit("study.locked", ref="studies:study:x")
        ctx.commit()
        found = ctx.db.scalars(sa.select(Audit.public_id).where(Audit.kind == "study.locked")).all()
        ctx.close()
    return list(found)


def ids(page: str) -> list[str]:
    return re.findall(r'<tr id="row-([0-9A-Z]{26})"', page)


def link(page: str, rel: str) -> str:
    found = re.search(rf'<a rel="{rel}" class="btn" href="([^"]*)"', page)
    return found[1].replace("&amp;", "&") if found else ""


def walk(desk: Desk, url: str, rel: str = "next", most: int = 40) -> list[list[str]]:
    """Pages from here to the end, following the links."""
    pages = []
    while url:
        answer = desk.client.get(url)
        assert answer.status_code == 200, url
        page = answer.get_data(as_text=True)
        pages.append(ids(page))
        url = link(page, rel)
        assert len(pages) < most
    return pages


def only(name: str) -> str:
    """A query for the rows of ``make_rows`` alone."""
    return "at_from=&q=锁定检查" if name == "log" else ALL[name]


def test_every_list_of_the_house_is_declared_and_stands_here(app: TeleradFlask) -> None:
    house = app.house.plugins.house
    declared = {app.house.resolve(d).name for o in house.by_owner.values() for d in o.listings}
    assert declared == set(SPECS)
    assert {s.name for s in others.lists() if s.template in ("list.html", "home.html")} <= declared


@pytest.mark.parametrize(("name", "sort"), [(n, c.key) for n, s in SPECS.items() for c in s.columns if c.sort is not None])
def test_walking_all_pages_there_and_back_meets_each_row_once_whatever_the_sort(
    world: World, make_rows: Callable[..., list[str]], name: str, sort: str
) -> None:
    made, desk = set(make_rows(name, 7)), Desk(reader_of(world, name))
    for sign in ("", "-"):
        pages = walk(desk, f"{desk.root}{PATH[name]}?{only(name)}&limit=3&sort={sign}{sort}")
        assert [len(p) for p in pages] == [3, 3, 1]
        met = [i for p in pages for i in p]
        assert set(met) == made
        if sign == "":
            up = met
    assert up == met[::-1]
    last = f"{desk.root}{PATH[name]}?{only(name)}&limit=3&sort=-{sort}&before={met[-1]}"
    back = walk(desk, last, "prev")
    assert [i for p in reversed(back) for i in p] == met[:-1]


def numbers_of(page: str) -> list[int]:
    return [int(n) for n in re.findall(r'<td class="num ink3 no">(\d+)</td>', page)]


@names
def test_a_row_found_in_the_middle_of_a_list_has_the_number_it_has_there_and_paging_goes_on_from_it(
    world: World, make_rows: Callable[..., list[str]], name: str
) -> None:
    make_rows(name, 8)
    desk, url = Desk(reader_of(world, name)), f"{PATH[name]}?{only(name)}&limit=3"
    order = [i for p in walk(desk, desk.root + url) for i in p]
    page = desk.page(f"{url}&at={order[4]}")
    assert ids(page) == order[4:7] and numbers_of(page) == [5, 6, 7] and "第 5-7 条" in page
    following = desk.client.get(link(page, "next")).get_data(as_text=True)
    assert ids(following) == order[7:] and numbers_of(following) == [8]
    former = desk.client.get(link(page, "prev")).get_data(as_text=True)
    assert ids(former) == order[1:4] and numbers_of(former) == [2, 3, 4]


@names
def test_rows_that_come_and_go_while_paging_neither_hide_nor_double_the_others(
    world: World, make_rows: Callable[..., list[str]], name: str
) -> None:
    made, desk = make_rows(name, 8), Desk(reader_of(world, name))
    first = desk.page(f"{PATH[name]}?{only(name)}&limit=3")
    gone, stays = ids(first)[0], set(made) - set(ids(first))
    fresh = set(make_rows(name, 2)) - set(made)
    if name == "studies":
        assert world.technician.call("DELETE", f"/studies/{gone}").status_code == 204
    elif name != "log":
        with world.app.app_context(), all_tenants(write=True) as db:
            db.execute(sa.update(Request).where(Request.public_id == gone).values(state="WITHDRAWN"))
    met = [i for p in walk(desk, link(first, "next")) for i in p]
    assert len(met) == len(set(met)) and set(met) - fresh == stays


@names
def test_the_row_that_ended_a_page_may_go_and_paging_starts_again(
    world: World, make_rows: Callable[..., list[str]], name: str
) -> None:
    made, desk = make_rows(name, 3), Desk(reader_of(world, name))
    page = desk.page(f"{PATH[name]}?{only(name)}&after=7ZZZZZZZZZZZZZZZZZZZZZZZZZ")
    assert set(ids(page)) == set(made)


@names
def test_an_unknown_sort_limit_or_filter_value_is_422_and_an_unknown_column_is_left_out(world: World, name: str) -> None:
    desk = Desk(reader_of(world, name))
    fixed = next((c.key for c in SPECS[name].columns if c.sort is None), "")
    for query in ("sort=nothing", "sort=-", "limit=0", "limit=101", "limit=x", *([f"sort={fixed}"] if fixed else []), *BAD[name]):
        assert desk.get(f"{PATH[name]}?{query}").status_code == 422, query
    assert desk.get(f"{PATH[name]}?col=gone.column&limit=100").status_code == 200


@names
def test_a_fragment_has_the_rows_of_the_page(world: World, make_rows: Callable[..., list[str]], name: str) -> None:
    make_rows(name, 3)
    desk, spec = Desk(reader_of(world, name)), SPECS[name]
    whole = desk.get(f"{PATH[name]}?{only(name)}")
    part = desk.get(f"{PATH[name]}?{only(name)}", HX_Target=f"section#{spec.dom_id}", HX_Request="true")
    assert ids(whole.get_data(as_text=True)) == ids(part.get_data(as_text=True))
    assert "<html" not in part.get_data(as_text=True) and "HX-Target" in part.headers["Vary"]


@contextmanager
def statements() -> Iterator[list[str]]:
    seen: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.lstrip().upper().startswith("SELECT"):
            seen.append(statement)

    sa.event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sa.event.remove(Engine, "before_cursor_execute", note)


@names
def test_ten_rows_take_as_many_statements_as_two(world: World, make_rows: Callable[..., list[str]], name: str) -> None:
    desk = Desk(reader_of(world, name))
    make_rows(name, 2)
    every = "&".join(f"col={c.key}" for c in SPECS[name].columns)
    asked = f"{PATH[name]}?{only(name)}&{every}"
    desk.page(asked)  # the first page of a session also notes when it was seen
    with statements() as few:
        assert len(ids(desk.page(asked))) == 2
    make_rows(name, 8)
    with statements() as many:
        assert len(ids(desk.page(asked))) == 10
    assert len(many) == len(few), "\n".join(sorted(set(many) - set(few)))


# Columns.


def heads(page: str) -> list[str]:
    return [re.sub(r"<[^>]*>", "", h).strip() for h in re.findall(r"<th [^>]*scope=\"col\"[^>]*>(.*?)</th>", page, flags=re.DOTALL)]


@names
def test_columns_are_chosen_and_ordered_per_person_and_can_go_back_to_the_default(world: World, name: str) -> None:
    member, spec = reader_of(world, name), SPECS[name]
    desk, other = Desk(member), Desk(world.h_admin if member.tenant.kind == "hospital" and name != "log" else world.g_admin if name != "log" else world.doctor)
    usual, theirs = heads(desk.page(PATH[name])), heads(other.page(PATH[name]))  # an administrator may see more columns
    free = [c for c in spec.columns if not c.fixed]
    chosen = [free[-1], free[0]]
    page = desk.follow(desk.post(f"/lists/{name}/columns", {"col": [c.key for c in chosen] + ["gone.column"], "query": "sort=" + spec.sort}))
    fixed = [str(c.label) for c in spec.columns if c.fixed]
    assert heads(page) == ["序号", *fixed, *(str(c.label) for c in chosen), "操作"]
    assert heads(desk.page(PATH[name])) == heads(page)
    assert heads(other.page(PATH[name])) == theirs
    desk.post(f"/lists/{name}/columns", {"reset": "yes"})
    assert heads(desk.page(PATH[name])) == usual


def test_a_column_that_identifies_keeps_the_place_it_was_given_and_is_never_hidden(world: World) -> None:
    desk = Desk(world.technician)
    page = desk.follow(desk.post("/lists/studies/columns", {"col": ["name", "patient_id", "accession_number", "preview", "sex"]}))
    assert heads(page) == ["序号", "姓名", "病人ID", "检查编号", "预览", "性别", "操作"]
    assert heads(desk.page("/studies?col=sex"))[1:] == ["预览", "检查编号", "病人ID", "性别", "操作"]


# Views.


@names
def test_two_views_come_with_each_list_and_each_opens_what_it_says(world: World, name: str) -> None:
    desk, spec = Desk(reader_of(world, name)), SPECS[name]
    assert len(spec.views) >= 2
    page = desk.page(PATH[name])
    tabs = re.findall(r'<a href="([^"]*)"( aria-current="page")?>', page[page.index('<nav class="views"') : page.index("</nav>", page.index('<nav class="views"'))])
    assert [bool(active) for _, active in tabs][: len(spec.views)] == [True] + [False] * (len(spec.views) - 1)
    second = desk.client.get(tabs[1][0].replace("&amp;", "&"))
    assert second.status_code == 200
    assert f"{tabs[1][0]}\" aria-current=\"page\">{spec.views[1].label}" in second.get_data(as_text=True)


@names
def test_a_filter_is_saved_as_a_tab_renamed_counted_and_deleted(
    world: World, make_rows: Callable[..., list[str]], name: str
) -> None:
    make_rows(name, 3)
    desk, spec = Desk(reader_of(world, name)), SPECS[name]
    form = {"name": "我的视图", "query": f"{only(name)}&sort={spec.sort}&after=x&at=y", "counted": "yes"}
    page = desk.follow(desk.post(f"/lists/{name}/views", form))
    assert re.search(r'aria-current="page">我的视图 <span class="count">3</span>', page) and len(ids(page)) == 3
    again = desk.post(f"/lists/{name}/views", form)
    assert again.status_code == 409 and "已有同名视图" in again.get_data(as_text=True)
    view = _view(reader_of(world, name))
    assert "after" not in view.query and "at=y" not in view.query
    page = desk.follow(desk.post(f"/views/{view.public_id}", {"name": "改名"}))
    assert "改名</a>" in page and "我的视图" not in page
    assert "视图已删除" in desk.follow(desk.post(f"/views/{view.public_id}/delete"))
    assert "改名" not in desk.page(PATH[name])


def _view(member: Member) -> SavedView:
    with member.app.app_context(), all_tenants() as db:
        return db.scalars(sa.select(SavedView).where(SavedView.account_id == member.account.id)).one()


def test_a_view_belongs_to_one_person(world: World) -> None:
    desk = Desk(world.technician)
    desk.post("/lists/studies/views", {"name": "只有我", "query": "sex=M"})
    view = _view(world.technician)
    colleague = Desk(world.h_admin)
    assert "只有我" not in colleague.page("/studies")
    for path, form in ((f"/views/{view.public_id}", {"name": "x"}), (f"/views/{view.public_id}/delete", {})):
        assert colleague.post(path, form).status_code == 404
    assert colleague.get(f"/views/{view.public_id}").status_code == 404
    assert "只有我" in desk.page("/studies")


@pytest.mark.parametrize(("form", "status"), [
    ({"name": ""}, 422), ({"name": "二十一个字二十一个字二十一个字二十一个字长"}, 422), ({"name": "x", "query": "sex=X"}, 422),
])
def test_a_view_that_cannot_be_is_refused_in_its_dialog(world: World, form: dict[str, str], status: int) -> None:
    answer = Desk(world.technician).post("/lists/studies/views", form)
    assert answer.status_code == status and 'name="name"' in answer.get_data(as_text=True)


def test_an_exact_number_ignores_the_default_range_and_says_so(world: World, make_study: Callable[..., Study]) -> None:
    make_study(world, accession="OLD-2", uploaded_at=clock.now() - timedelta(hours=25))
    page = Desk(world.technician).page("/studies?accession_number=OLD-2")
    assert "OLD-2" in page and "默认时间范围不生效" in page
    assert "默认时间范围不生效" not in Desk(world.technician).page("/studies")


# The poll of an open page.


def mark(page: str) -> str:
    found = re.search(r'data-mark="([0-9A-Z]{26})"', page)
    assert found is not None
    return found[1]


@names
def test_the_poll_counts_rows_that_came_and_fit_and_is_304_when_nothing_did(
    world: World, make_rows: Callable[..., list[str]], name: str
) -> None:
    old, desk = make_rows(name, 2), Desk(reader_of(world, name))
    page = desk.page(f"{PATH[name]}?{only(name)}")
    asked = f"/lists/{name}/fresh?{only(name)}&mark={mark(page)}" + "".join(f"&row={i}" for i in ids(page))
    quiet = desk.get(asked)
    assert "条新数据" not in quiet.get_data(as_text=True) and set(ids(quiet.get_data(as_text=True))) == set(old)
    assert desk.get(asked, If_None_Match=quiet.headers["ETag"]).status_code == 304
    make_rows(name, 3)
    told = desk.get(asked, If_None_Match=quiet.headers["ETag"])
    assert told.status_code == 200 and "有 3 条新数据" in told.get_data(as_text=True)
    tabs = desk.page(f"{asked}&tabs=")
    assert 'class="views"' in tabs and 'class="views"' not in told.get_data(as_text=True)
    saving = re.search(r'hx-get="([^"]*/views/new[^"]*)"', tabs) or re.search(r'href="([^"]*/views/new[^"]*)"', tabs)
    assert saving is not None and not re.search(r"[?&;](mark|row|tabs)=", saving[1]), "the poll's own words are no filter"


@pytest.mark.parametrize("name", ["requests", "diagnosis.done"])
def test_a_row_that_enters_by_a_change_of_state_is_announced_too(
    world: World, make_study: Callable[..., Study], name: str
) -> None:
    waiting = approved(world, make_study(world))
    query = {"requests": "state=CONFIRMED&requested_from=", "diagnosis.done": "requested_from="}[name]
    desk = Desk(reader_of(world, name))
    page = desk.page(f"{PATH[name]}?{query}")
    assert ids(page) == []
    clock.shift(timedelta(seconds=30))
    sha256 = world.doctor.call("GET", f"/requests/{waiting['id']}").get_json()["report"]["sha256"]
    step(world.doctor, waiting, "confirm", sha256=sha256)
    assert "有 1 条新数据" in desk.page(f"/lists/{name}/fresh?{query}&mark={mark(page)}")


def test_the_poll_shows_a_changed_row_with_another_stamp_and_leaves_out_one_that_has_gone(
    world: World, make_study: Callable[..., Study]
) -> None:
    kept, locked, gone = make_study(world), make_study(world), make_study(world)
    desk = Desk(world.technician)
    page = desk.page("/studies")
    assert world.technician.call("POST", f"/studies/{locked.public_id}/lock").status_code == 200
    assert world.technician.call("DELETE", f"/studies/{gone.public_id}").status_code == 204
    now = desk.page(f"/lists/studies/fresh?mark={mark(page)}" + "".join(f"&row={i}" for i in ids(page)))
    before, after = (dict(re.findall(r'<tr id="row-([0-9A-Z]{26})"[^>]*data-stamp="([0-9a-f]{8})"', p)) for p in (page, now))
    assert set(after) == {kept.public_id, locked.public_id}
    assert after[kept.public_id] == before[kept.public_id] and after[locked.public_id] != before[locked.public_id]
    assert "锁定" in now[now.index(f"row-{locked.public_id}") :].partition("</tr>")[0]


def test_a_stamp_does_not_change_with_the_clock(world: World, make_study: Callable[..., Study]) -> None:
    ask(world, make_study(world))
    desk = Desk(world.reviewer)
    before = re.findall(r'data-stamp="([0-9a-f]{8})"', desk.page("/diagnosis"))
    clock.shift(timedelta(minutes=7))
    assert re.findall(r'data-stamp="([0-9a-f]{8})"', desk.page("/diagnosis")) == before


def test_the_poll_does_not_keep_a_session_alive(world: World) -> None:
    desk = Desk(world.technician)
    page = desk.page("/studies")
    seen = _seen(world.technician)
    clock.shift(timedelta(minutes=10))
    desk.page(f"/lists/studies/fresh?mark={mark(page)}")
    assert _seen(world.technician) == seen
    desk.page("/studies")
    assert _seen(world.technician) > seen


def test_the_poll_of_a_list_brings_the_counts_of_the_top_bar(world: World) -> None:
    desk = Desk(world.technician)
    asked = f"/lists/studies/fresh?mark={mark(desk.page('/studies'))}"
    quiet = desk.get(asked)
    with world.app.app_context(), all_tenants(write=True) as db:
        for todo in (False, True, True):
            db.add(Notice(tenant_id=world.hospital.id, account_id=world.technician.account.id, kind="upload.done", ref="",
                          at=clock.now(), todo=todo))
    told = desk.get(asked, If_None_Match=quiet.headers["ETag"])
    assert told.status_code == 200
    assert dict(re.findall(r'id="count-(\w+)"[^>]*>(\d*)<', told.get_data(as_text=True))) == {"notices": "1", "todos": "2"}


def _seen(member: Member) -> Any:
    with member.app.app_context(), all_tenants() as db:
        return max(db.scalars(sa.select(LoginSession.seen_at).where(LoginSession.account_id == member.account.id)))


@pytest.mark.parametrize(("who", "name", "status"), [
    ("reader", "studies", 404), ("technician", "diagnosis.pending", 404), ("technician", "nothing", 404), ("technician", "requests", 200),
])
def test_a_list_of_the_other_side_or_of_nobody_has_no_pages_beside_it(world: World, who: str, name: str, status: int) -> None:
    assert Desk(world.people[who]).get(f"/lists/{name}/fresh").status_code == status


# Many rows.


def test_rows_that_a_many_row_button_cannot_take_are_named_with_the_reason(
    world: World, make_study: Callable[..., Study]
) -> None:
    waiting = ask(world, make_study(world, accession="P2044948"))["id"]
    page = Desk(world.doctor).page("/requests")
    row = page[page.index(f"row-{waiting}") :].partition("</tr>")[0]
    refused = json.loads(html.unescape(row.partition('data-refused="')[2].partition('"')[0]))
    assert refused == {"confirm_many": "P2044948 待处理，不可批量确认"}
