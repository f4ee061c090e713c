"""The group's pages of a case: accept, look, send back."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from core.studies.models import Study
from tests.conftest import World
from tests.desk import Desk, field, row_of, text_of
from tests.plugins.consultation.test_main_job import WORDS, ask, step
from tests.plugins.consultation.test_pages import confirmed, stages, tabs


@pytest.mark.feature("S-178")
def test_a_pending_case_shows_case_and_images_and_a_started_one_content_and_record_too(
    world: World, make_study: Callable[..., Study]
) -> None:
    study = make_study(world, name="钱七", department="急诊科")
    request, reader = ask(world, study), Desk(world.reader)
    page = reader.page(f"/diagnosis/{request['id']}")
    assert "诊断内容" not in tabs(page) and "诊断记录" not in tabs(page) and tabs(page)[0] == "病例信息"
    assert "姓名 钱七" in text_of(page) and "申请科室 急诊科" in text_of(page) and "预览影像" in text_of(page)
    step(world.reader, request, "accept")
    assert {"病例信息", "诊断内容", "诊断记录"} <= set(tabs(reader.page(f"/diagnosis/{request['id']}")))


@pytest.mark.feature("S-203")
def test_a_finished_case_shows_text_record_and_images(world: World, make_study: Callable[..., Study]) -> None:
    request, reader = confirmed(world, make_study(world)), Desk(world.reader)
    assert WORDS["impression"] in text_of(reader.page(f"/diagnosis/{request['id']}/content"))
    assert "确认报告 doctor" in text_of(reader.page(f"/diagnosis/{request['id']}/history").partition("<table")[2])
    page = reader.page(f"/diagnosis/{request['id']}")
    assert "预览影像" in page and f"/diagnosis/{request['id']}/accept" not in page


@pytest.mark.feature("S-179")
def test_accepting_leads_to_the_editor_and_whoever_comes_second_is_told_who_was_first(
    world: World, make_study: Callable[..., Study]
) -> None:
    request = ask(world, make_study(world))
    first, second = Desk(world.reader), Desk(world.reader2)
    seen = field(second.page(f"/diagnosis/{request['id']}"), "version")
    answer = first.post(f"/diagnosis/{request['id']}/accept", {"version": seen})
    assert answer.status_code == 303 and answer.headers["Location"].endswith(f"/diagnosis/{request['id']}/report")
    page = second.follow(second.post(f"/diagnosis/{request['id']}/accept?version={seen}"))
    assert re.search(r"reader 已于 \d\d:\d\d:\d\d 接单", text_of(page))
    assert "已接收" in row_of(page, request["id"]) or "诊断中" in row_of(page, request["id"])
    state = world.reader.call("GET", f"/requests/{request['id']}").get_json()
    assert state["claim"]["user"] == "reader"


def test_a_version_that_is_no_number_changes_nothing(world: World, make_study: Callable[..., Study]) -> None:
    request, reader = ask(world, make_study(world)), Desk(world.reader)
    assert reader.post(f"/diagnosis/{request['id']}/accept?version=one").status_code == 422
    assert reader.post(f"/diagnosis/{request['id']}/accept").status_code == 422
    assert world.reader.call("GET", f"/requests/{request['id']}").get_json()["state"] == "SUBMITTED"


@pytest.mark.feature("S-177")
def test_a_state_in_hand_says_who_has_it_and_since_when(world: World, make_study: Callable[..., Study]) -> None:
    request, reader = ask(world, make_study(world)), Desk(world.reader)

    def at_hand(n: int) -> str:
        return stages(reader.page(f"/diagnosis/{request['id']}"))[n][1]

    assert at_hand(1) == "接单 等待接单"
    step(world.reader, request, "accept")
    assert re.fullmatch(r"诊断 reader \d\d-\d\d \d\d:\d\d 已接单", at_hand(2))
    step(world.reader, request, "open")
    assert re.fullmatch(r"诊断 reader \d\d-\d\d \d\d:\d\d 诊断中", at_hand(2))
    step(world.reader, request, "send_to_review", **WORDS)
    assert at_hand(3) == "审核 等待审核"
    step(world.reviewer, request, "start_review")
    assert re.fullmatch(r"审核 reviewer \d\d-\d\d \d\d:\d\d 审核中", at_hand(3))
    assert re.search(r" reviewer \d{4}-\d\d-\d\d \d\d:\d\d \d{4}-", row_of(reader.page("/diagnosis"), request["id"]))


@pytest.mark.feature("S-197")
def test_a_case_is_sent_back_with_a_reason_as_long_as_nobody_accepted_it(
    world: World, make_study: Callable[..., Study]
) -> None:
    study = make_study(world)
    request, reader = ask(world, study), Desk(world.reader)
    dialog = reader.page(f"/diagnosis/{request['id']}/ask/return")
    form = {"version": field(dialog, "version"), "reason": " "}
    assert reader.post(f"/diagnosis/{request['id']}/return", form).status_code == 422
    list_page = reader.follow(reader.post(f"/diagnosis/{request['id']}/return", {**form, "reason": "缺少 DWI 序列"}))
    assert "申请已退回" in text_of(list_page)
    page = Desk(world.doctor).page(f"/requests/{request['id']}")
    assert stages(page)[1][0] == "returned" and "诊断方退回 缺少 DWI 序列" in text_of(page)
    assert world.doctor.call("GET", f"/studies/{study.public_id}").get_json()["status"] == "normal"
    taken = ask(world, make_study(world))
    step(world.reader, taken, "accept")
    assert reader.get(f"/diagnosis/{taken['id']}/ask/return").status_code == 409
    assert reader.post(f"/diagnosis/{taken['id']}/return", {"version": "2", "reason": "不行了"}).status_code == 409


@pytest.mark.feature("S-198")
def test_the_images_of_a_case_open_in_the_viewer_by_an_opening_that_is_logged(
    world: World, make_study: Callable[..., Study]
) -> None:
    study = make_study(world)
    request, reader = ask(world, study), Desk(world.reader)
    answer = reader.post(f"/diagnosis/{request['id']}/images")
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith(f"/viewer/viewer?StudyInstanceUIDs={study.uid}&access=")
    assert "查看影像" in text_of(reader.page("/"))


def test_a_case_of_another_group_does_not_exist(
    world: World, make_world: Callable[..., World], make_study: Callable[..., Study]
) -> None:
    request = ask(world, make_study(world))
    stranger = Desk(make_world("他").reader)
    for path in ("", "/consult", "/content", "/history", "/images", "/ask/return"):
        assert stranger.get(f"/diagnosis/{request['id']}{path}").status_code == 404, path
    for path in ("/accept", "/return", "/images"):
        assert stranger.post(f"/diagnosis/{request['id']}{path}", {"version": "1", "reason": "缺少"}).status_code == 404, path
    assert Desk(world.doctor).get(f"/diagnosis/{request['id']}").status_code == 404


def test_the_menu_marks_the_one_entry_that_the_page_belongs_to(world: World, make_study: Callable[..., Study]) -> None:
    request, reader = ask(world, make_study(world)), Desk(world.reader)
    for path, entry in (("/diagnosis", "待诊断数据"), ("/diagnosis/done", "已完成数据"), (f"/diagnosis/{request['id']}", "待诊断数据"), ("/", "首页")):
        side = reader.page(path).partition('<nav class="side"')[2].partition("</nav>")[0]
        marked = [text_of("<a" + a) for a in side.split("<a")[1:] if 'aria-current="page"' in a]
        assert [m.split(" ")[0] for m in marked] == [entry], path
