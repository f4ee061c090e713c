"""The hospital's pages of a request: what it shows, the one button, and what a refusal looks like."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from core import clock
from core.studies.models import Study
from tests.conftest import World
from tests.desk import Desk, field, row_of, text_of
from tests.plugins.consultation.test_main_job import WORDS, approved, ask, step


def tabs(page: str) -> list[str]:
    line = re.search(r'<nav class="tabs".*?</nav>', page, flags=re.DOTALL)
    assert line is not None
    return [re.sub(r" \d+$", "", text_of(tab)) for tab in re.findall(r"<a .*?</a>", line[0], flags=re.DOTALL)]


def stages(page: str) -> list[tuple[str, str]]:
    """Class and text of each step of the progress line."""
    line = re.search(r'<ol class="stages">.*?</ol>', page, flags=re.DOTALL)
    assert line is not None
    return [
        (mark, text_of(inner))
        for mark, inner in re.findall(r'<li class="(\w+)"[^>]*><span class="dot">.*?</span>(.*?)</li>', line[0], re.DOTALL)
    ]


def confirmed(world: World, study: Study) -> dict[str, Any]:
    request = approved(world, study)
    sha256 = world.doctor.call("GET", f"/requests/{request['id']}").get_json()["report"]["sha256"]
    return step(world.doctor, request, "confirm", sha256=sha256)


@pytest.fixture
def doctor(world: World) -> Desk:
    return Desk(world.doctor)


@pytest.mark.feature("S-084")
def test_before_anybody_accepted_there_are_consultation_and_case_and_no_more(
    world: World, make_study: Callable[..., Study], doctor: Desk
) -> None:
    request = ask(world, make_study(world))
    assert tabs(doctor.page(f"/requests/{request['id']}")) == ["咨询信息", "病例信息"]
    assert doctor.get(f"/requests/{request['id']}/content").status_code == 404
    assert doctor.get(f"/requests/{request['id']}/history").status_code == 404


@pytest.mark.feature("S-085")
@pytest.mark.feature("S-089")
def test_once_accepted_content_and_record_are_there_and_the_draft_is_not_shown(
    world: World, make_study: Callable[..., Study], doctor: Desk
) -> None:
    request = ask(world, make_study(world))
    step(world.reader, request, "accept")
    step(world.reader, request, "open")
    world.reader.call("PUT", f"/requests/{request['id']}/draft", {"rev": 0, **WORDS})
    assert tabs(doctor.page(f"/requests/{request['id']}")) == ["咨询信息", "病例信息", "诊断内容", "诊断记录"]
    content = text_of(doctor.page(f"/requests/{request['id']}/content"))
    assert "报告尚未签发" in content and WORDS["findings"] not in content
    record = text_of(doctor.page(f"/requests/{request['id']}/history").partition("<table")[2])
    assert record.index("开始诊断") < record.index("接单 reader") < record.index("发起诊断 doctor")


@pytest.mark.feature("S-086")
def test_consultation_info_is_the_progress_and_the_order(
    world: World, make_study: Callable[..., Study], doctor: Desk
) -> None:
    parts = [{"name": "胸部", "count": 1}, {"name": "腹部", "count": 2}]
    request = ask(world, make_study(world), parts=parts, purpose="咳嗽三天", reader=world.reader.account.public_id)
    page = doctor.page(f"/requests/{request['id']}")
    assert [mark for mark, _ in stages(page)] == ["done", "now", "next", "next", "next"]
    assert re.fullmatch(r"提交申请 doctor \d\d-\d\d \d\d:\d\d", stages(page)[0][1])
    assert stages(page)[1][1] == "接单 等待接单"
    text = text_of(page)
    for words in (f"目标团队 {world.group.name}", "指定接单人 reader", "申请类型 普通", "胸部、腹部 ×2", "（计 3）", "申请目的 咳嗽三天"):
        assert words in text, words


@pytest.mark.feature("S-087")
def test_case_info_is_patient_exam_and_medical_order(
    world: World, make_study: Callable[..., Study], doctor: Desk
) -> None:
    study = make_study(world, name="王五", pid="P777", department="呼吸科", physician="李医生")
    text = text_of(doctor.page(f"/requests/{ask(world, study)['id']}/case"))
    for words in ("姓名 王五", "性别 男", "年龄 58岁", "病人ID P777", "出生日期 1968-05-01", f"检查编号 {study.accession}",
                  "检查类型 CT", "检查时间 2026-11-25 08:51", "影像数 2", "申请科室 呼吸科", "申请医生 李医生"):
        assert words in text, words


@pytest.mark.feature("S-088")
@pytest.mark.feature("S-079")
def test_the_signed_text_is_confirmed_by_the_version_and_digest_that_were_shown(
    world: World, make_study: Callable[..., Study], doctor: Desk
) -> None:
    request = approved(world, make_study(world))
    report = world.doctor.call("GET", f"/requests/{request['id']}").get_json()["report"]
    page = doctor.page(f"/requests/{request['id']}/content")
    text = text_of(page)
    for words in ("状态 已审核", "结果 阳性", "已签名", "诊断医生 reader", "审核医生 reviewer", report["sha256"][:16],
                  WORDS["findings"], WORDS["impression"], "确认后不可退回诊断"):
        assert words in text, words
    form = {"version": field(page, "version"), "sha256": field(page, "sha256")}
    assert form["sha256"] == report["sha256"]
    after = doctor.follow(doctor.post(f"/requests/{request['id']}/confirm", form))
    assert "报告已确认" in after and "报告预览" in after
    assert [mark for mark, _ in stages(after)] == ["done"] * 5
    assert world.doctor.call("GET", f"/requests/{request['id']}").get_json()["state"] == "CONFIRMED"


def test_a_report_that_changed_since_it_was_shown_is_not_confirmed(
    world: World, make_study: Callable[..., Study], doctor: Desk
) -> None:
    request = approved(world, make_study(world))
    page = doctor.page(f"/requests/{request['id']}/content")
    form = {"version": field(page, "version"), "sha256": "0" * 64}
    assert doctor.post(f"/requests/{request['id']}/confirm", form).status_code == 409
    stale = {"version": str(int(form["version"]) - 1), "sha256": field(page, "sha256")}
    answer = doctor.post(f"/requests/{request['id']}/confirm", stale)
    assert answer.status_code == 409 and "已被他人修改，请刷新后再试" in text_of(answer)
    toast = doctor.post(f"/requests/{request['id']}/confirm", stale, HX_Request="true", HX_Target="dialog#dialog")
    assert (toast.status_code, toast.headers["HX-Retarget"]) == (409, "#toasts")
    assert "<html" not in toast.get_data(as_text=True)
    assert world.doctor.call("GET", f"/requests/{request['id']}").get_json()["state"] == "APPROVED"


def test_a_technician_sees_no_confirm_button_and_is_refused_before_anything_is_looked_up(
    world: World, make_study: Callable[..., Study]
) -> None:
    request = approved(world, make_study(world))
    technician = Desk(world.technician)
    page = text_of(technician.page(f"/requests/{request['id']}/content"))
    assert "确认报告" not in page and "退回诊断" not in page
    for event in ("confirm", "return_report", "delete_report"):
        assert technician.post(f"/requests/{request['id']}/{event}", {"version": "1"}).status_code == 403
        assert technician.post(f"/requests/{'0' * 26}/{event}", {"version": "1"}).status_code == 403
    assert technician.get(f"/requests/{request['id']}/ask/return_report").status_code == 403
    assert technician.post("/requests/confirm", {"row": [request["id"]] * 2}).status_code == 403


@pytest.mark.feature("S-093")
def test_a_request_is_withdrawn_after_saying_what_that_does(
    world: World, make_study: Callable[..., Study], doctor: Desk
) -> None:
    study = make_study(world)
    request = ask(world, study)
    dialog = doctor.page(f"/requests/{request['id']}/ask/withdraw")
    assert "撤回后诊断方不再能查看影像，需从检查列表重新申请" in text_of(dialog)
    after = doctor.follow(doctor.post(f"/requests/{request['id']}/withdraw", {"version": field(dialog, "version")}))
    assert stages(after)[1][0] == "returned" and stages(after)[1][1].endswith("撤回申请")
    assert world.doctor.call("GET", f"/studies/{study.public_id}").get_json()["status"] == "normal"
    other = ask(world, make_study(world))
    step(world.reader, other, "accept")
    assert doctor.get(f"/requests/{other['id']}/ask/withdraw").status_code == 409
    assert "撤回申请" not in text_of(doctor.page(f"/requests/{other['id']}"))


@pytest.mark.feature("S-094")
def test_a_report_is_returned_with_a_reason_which_stands_beside_the_step_back(
    world: World, make_study: Callable[..., Study], doctor: Desk
) -> None:
    request = approved(world, make_study(world))
    dialog = doctor.page(f"/requests/{request['id']}/ask/return_report", HX_Target="dialog#dialog")
    assert "<html" not in dialog and 'name="reason"' in dialog
    form = {"version": field(dialog, "version"), "reason": "少"}
    again = doctor.post(f"/requests/{request['id']}/return_report", form)
    assert again.status_code == 422 and "请填写原因，至少 2 个字" in text_of(again)
    assert ">少</textarea>" in again.get_data(as_text=True)
    after = doctor.follow(doctor.post(f"/requests/{request['id']}/return_report", {**form, "reason": "请补充测量"}))
    assert [mark for mark, _ in stages(after)] == ["done", "done", "returned", "next", "next"]
    assert "申请方退回 请补充测量" in text_of(after)
    assert "请补充测量" in text_of(Desk(world.reader).page(f"/diagnosis/{request['id']}"))


def test_a_reviewers_rejection_is_no_step_back_for_the_hospital_and_its_reason_stays_in_the_group(
    world: World, make_study: Callable[..., Study], doctor: Desk
) -> None:
    request = ask(world, make_study(world))
    step(world.reader, request, "accept")
    step(world.reader, request, "open")
    step(world.reader, request, "send_to_review", **WORDS)
    step(world.reviewer, request, "start_review")
    step(world.reviewer, request, "reject", reason="描述不够具体")
    page = doctor.page(f"/requests/{request['id']}")
    assert stages(page)[2][0] == "now"
    assert "描述不够具体" not in page + doctor.page(f"/requests/{request['id']}/history")
    case = Desk(world.reader).page(f"/diagnosis/{request['id']}")
    assert stages(case)[2][0] == "returned" and "描述不够具体" in text_of(case)


@pytest.mark.feature("S-096")
def test_deleting_the_report_voids_the_file_and_opens_the_request_again(
    world: World, make_study: Callable[..., Study], doctor: Desk
) -> None:
    request = confirmed(world, make_study(world))
    doctor.page(f"/requests/{request['id']}/report")
    dialog = doctor.page(f"/requests/{request['id']}/ask/delete_report")
    assert "诊断内容不变，确认后重新生成" in text_of(dialog)
    doctor.follow(doctor.post(f"/requests/{request['id']}/delete_report", {"version": field(dialog, "version")}))
    assert world.doctor.call("GET", f"/requests/{request['id']}").get_json()["state"] == "APPROVED"
    assert doctor.get(f"/requests/{request['id']}/report").status_code == 409


@pytest.mark.feature("S-079")
@pytest.mark.feature("S-080")
def test_many_reports_are_confirmed_and_those_that_cannot_be_are_named(
    world: World, make_study: Callable[..., Study], doctor: Desk
) -> None:
    ready = [approved(world, make_study(world)) for _ in range(2)]
    early = ask(world, make_study(world, accession="CT-EARLY"))
    one = doctor.post("/requests/confirm", {"row": [ready[0]["id"], early["id"]]})
    assert one.status_code == 422 and "批量确认至少选择 2 项" in text_of(one)
    answer = doctor.post("/requests/confirm", {"row": [ready[0]["id"], early["id"], ready[1]["id"]], "query": "urgency=normal"})
    assert answer.headers["Location"].endswith("/requests?urgency=normal")
    page = doctor.follow(answer)
    assert "2 项已确认，1 项未确认：CT-EARLY（当前状态不能执行此操作）" in text_of(page)
    assert "已完成" in row_of(page, ready[0]["id"]) and "已完成" in row_of(page, ready[1]["id"])
    assert "待处理" in row_of(page, early["id"])


def test_no_page_of_a_request_exists_for_another_hospital(
    world: World, make_world: Callable[..., World], make_study: Callable[..., Study]
) -> None:
    mine = f"/requests/{confirmed(world, make_study(world))['id']}"
    stranger = Desk(make_world("他").doctor)
    for path in ("", "/case", "/content", "/history", "/report", "/ask/withdraw", f"/captures/{'0' * 26}"):
        answer = stranger.get(mine + path)
        assert answer.status_code == 404 and "不存在或无权查看" in text_of(answer), path
    for path in ("/withdraw", "/confirm", "/report/save", "/report/print"):
        assert stranger.post(mine + path, {"version": "1"}).status_code == 404, path
    assert Desk(world.reader).get(mine).status_code == 404


def test_the_row_that_was_acted_on_is_found_in_its_list_even_when_it_is_old(
    world: World, make_study: Callable[..., Study], doctor: Desk
) -> None:
    old = ask(world, make_study(world))
    clock.shift(timedelta(days=3))
    doctor = Desk(world.doctor)
    assert f'id="row-{old["id"]}"' not in doctor.page("/requests")
    page = doctor.page(f"/requests?at={old['id']}")
    assert re.search(rf'<tr id="row-{old["id"]}" class="[^"]*located', page)
