"""Core's own pages: a study, the operation log, the personal centre, notices; and how a list finds a row."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import quote

import pytest

from core import clock
from core.studies.models import Study
from tests.conftest import World
from tests.desk import Desk, row_of, text_of
from tests.plugins.consultation.test_main_job import approved, ask, step


def log_rows(page: str) -> list[str]:
    return [text_of(row) for row in re.findall(r'<tr id="row-.*?</tr>', page, flags=re.DOTALL)]


def details_of(page: str, title: str) -> str:
    """A card of definitions, as a person reads it."""
    return text_of(page.partition(f"<h2>{title}")[2].partition("</section>")[0])


@pytest.mark.feature("S-054")
def test_a_study_shows_patient_exam_and_medical_order(world: World, make_study: Callable[..., Study]) -> None:
    study = make_study(world, name="孙<八>", pid="P888", department="骨科", physician="周医生", device="CT-01")
    page = Desk(world.technician).page(f"/studies/{study.public_id}")
    assert "孙<八>" not in page
    for words in ("姓名 孙<八>", "病人ID P888", "性别 男", "年龄 58岁", "出生日期 1968-05-01"):
        assert words in details_of(page, "患者信息"), words
    for words in (f"检查编号 {study.accession}", "检查类型 CT", "检查部位 胸部平扫", "检查时间 2026-11-25 08:51", "机构名称 测试医院",
                  "检查设备 CT-01", "序列数 1", "影像数 2", f"数据ID {study.public_id}", "上传人 technician"):
        assert words in details_of(page, "检查信息"), words
    assert "申请科室 骨科 申请医生 周医生" in details_of(page, "医嘱信息")


@pytest.mark.feature("S-057")
def test_a_series_that_is_switched_off_is_hidden_from_the_group_only_and_nothing_is_deleted(
    world: World, make_study: Callable[..., Study]
) -> None:
    study, desk = make_study(world), Desk(world.technician)
    ask(world, study)
    path = f"/studies/{study.public_id}/series/{study.uid}.1/visibility"
    reader = Desk(world.reader)

    def series_seen_by_the_group() -> int:
        request = reader.client.get(f"{reader.root}/diagnosis?data_id={study.public_id}").get_data(as_text=True)
        found = re.search(r'id="row-([0-9A-Z]{26})"', request)
        assert found is not None
        opened = reader.post(f"/diagnosis/{found[1]}/images").headers["Location"]
        access = opened.rpartition("access=")[2]
        answer = reader.client.get(
            f"/g/{access}/dicom-web/studies/{study.uid}/series", headers={"Accept": "application/dicom+json"}
        )
        return len(answer.get_json()) if answer.status_code == 200 else 0

    assert series_seen_by_the_group() == 1
    page = desk.follow(desk.post(path, {"visible": "no"}))
    assert "诊断端不可见，数据不删除" in page and 'aria-checked="false"' in page
    assert series_seen_by_the_group() == 0
    own = world.technician.call("GET", f"/studies/{study.public_id}").get_json()["series"]
    assert [(s["hidden"], s["instance_count"]) for s in own] == [(True, 2)]
    assert "切换序列状态" in log_rows(desk.page("/"))[0]
    desk.post(path, {"visible": "yes"})
    assert series_seen_by_the_group() == 1
    assert desk.post(f"/studies/{study.public_id}/series/1.2.3/visibility", {"visible": "no"}).status_code == 404
    assert reader.post(path, {"visible": "no"}).status_code == 404


def test_a_study_of_another_hospital_does_not_exist(
    world: World, make_world: Callable[..., World], make_study: Callable[..., Study]
) -> None:
    study, stranger = make_study(world), Desk(make_world("他").technician)
    for path in ("", "/series", "/images"):
        assert stranger.get(f"/studies/{study.public_id}{path}").status_code == 404, path
    for path in ("/lock", "/images", f"/series/{study.uid}.1/visibility"):
        assert stranger.post(f"/studies/{study.public_id}{path}").status_code == 404, path


@pytest.mark.feature("S-045")
def test_the_preview_of_a_study_opens_the_viewer_by_a_form_from_page_and_list(
    world: World, make_study: Callable[..., Study]
) -> None:
    study, desk = make_study(world), Desk(world.technician)
    page = desk.page(f"/studies/{study.public_id}")
    assert re.search(rf'<form method="post" action="[^"]*/studies/{study.public_id}/images" target="_blank"', page)
    link = re.search(rf'<a class="eye" href="([^"]*/studies/{study.public_id}/images)" target="_blank"', desk.page("/studies"))
    assert link is not None
    opener = desk.client.get(link[1]).get_data(as_text=True)
    assert 'method="post"' in opener and "data-post-itself" in opener
    answer = desk.post(f"/studies/{study.public_id}/images")
    assert answer.headers["Location"].startswith(f"/viewer/viewer?StudyInstanceUIDs={study.uid}&access=")


@pytest.mark.feature("S-066")
def test_locking_on_the_study_page_returns_to_it_and_says_why_nothing_can_be_asked(
    world: World, make_study: Callable[..., Study]
) -> None:
    study, desk = make_study(world), Desk(world.technician)
    page = desk.follow(desk.post(f"/studies/{study.public_id}/lock", {"from": "study"}))
    assert "患者信息" in page and 'aria-disabled="true" tabindex="0" title="检查已锁定"' in page
    assert "解锁" in page
    page = desk.follow(desk.post(f"/studies/{study.public_id}/unlock", {"from": "study"}))
    assert f"/studies/{study.public_id}/request" in page


@pytest.mark.feature("S-036")
@pytest.mark.feature("S-037")
@pytest.mark.feature("S-171")
def test_the_log_shows_own_entries_and_everybodys_only_with_the_right(
    world: World, make_study: Callable[..., Study]
) -> None:
    request = ask(world, make_study(world))
    step(world.reader, request, "accept")
    desk = Desk(world.technician)
    desk.post(f"/studies/{make_study(world).public_id}/lock")
    own = desk.page("/")
    assert "technician 锁定检查" in log_rows(own)[0]
    assert not any("doctor" in r for r in log_rows(own)) and 'name="user"' not in own and "仅显示本人操作" in own
    admin = Desk(world.h_admin)
    everybody = admin.page("/")
    assert any("doctor 发起诊断" in r for r in log_rows(everybody)) and any("technician 锁定检查" in r for r in log_rows(everybody))
    only = log_rows(admin.page(f"/?user={world.doctor.account.public_id}"))
    assert only and all(" doctor " in r for r in only)
    assert admin.get(f"/?user={world.reader.account.public_id}").status_code == 422
    assert any("reader 接单" in r for r in log_rows(Desk(world.g_admin).page("/")))


def acts(page: str) -> list[str]:
    """Entries of the log but those of coming and going."""
    return [row for row in log_rows(page) if " 登录" not in row]


@pytest.mark.feature("S-038")
@pytest.mark.feature("S-039")
def test_the_log_is_searched_by_word_and_by_time(world: World, make_study: Callable[..., Study]) -> None:
    old, new = make_study(world), make_study(world)
    desk = Desk(world.technician)
    desk.post(f"/studies/{old.public_id}/lock")
    clock.shift(timedelta(days=10))
    desk = Desk(world.technician)
    desk.post(f"/studies/{new.public_id}/delete")
    page = desk.page("/")
    assert ["删除检查" in r for r in acts(page)] == [True]
    for days, expected in ((6, 1), (15, 2), (30, 2)):
        link = re.search(rf'<a href="([^"]*at_from=[^"]*)">近{days}天</a>', page)
        assert link is not None
        found = acts(desk.client.get(link[1]).get_data(as_text=True))
        assert len(found) == expected, days
    assert [("锁定检查" in r) for r in log_rows(desk.page("/?q=" + quote("锁定")))] == [True]
    assert len(log_rows(desk.page(f"/?q={old.accession}"))) == 1
    today = (clock.now() + timedelta(hours=8)).date()
    assert len(acts(desk.page(f"/?at_to={today - timedelta(days=5)}"))) == 1
    assert desk.get("/?at_from=yesterday").status_code == 422


@pytest.mark.feature("S-040")
def test_an_entry_of_the_log_leads_to_what_it_is_about(world: World, make_study: Callable[..., Study]) -> None:
    study = make_study(world)
    request = ask(world, study)
    step(world.reader, request, "accept")
    desk = Desk(world.technician)
    desk.post(f"/studies/{make_study(world, uid='1.2.3.4').public_id}/lock")
    assert re.search(r'<a href="/t/\w+/studies/[0-9A-Z]{26}">CT\d{6}</a>', desk.page("/"))
    hospital = Desk(world.h_admin).page("/?q=" + quote("发起诊断"))
    assert f'href="/t/{world.hospital.code}/requests/{request["id"]}"' in hospital
    group = Desk(world.reader).page("/")
    assert f'href="/t/{world.group.code}/diagnosis/{request["id"]}"' in group


@pytest.mark.feature("S-018")
def test_a_person_changes_the_basic_info_and_the_language_but_not_the_phone(world: World) -> None:
    desk = Desk(world.technician)
    token = desk.page("/").split('name="csrf_token" value="')[1].split('"')[0]
    form = {"csrf_token": token, "name": "新名字", "gender": "女", "email": "a@example.org", "introduction": "十年经验", "phone": "1"}
    answer = desk.client.post("/me", data={**form, "language": "zh_CN"})
    page = desk.client.get(answer.headers["Location"]).get_data(as_text=True)
    for words in ('value="新名字"', '<option value="女" selected>', 'value="a@example.org"', "十年经验</textarea>",
                  f'value="{world.technician.account.phone}"', "/me/password"):
        assert words in page, words
    desk.client.post("/me", data={**form, "language": "en"})
    assert '<html lang="en"' in desk.client.get("/me").get_data(as_text=True)
    assert desk.client.post("/me", data={**form, "name": " "}).status_code == 422


@pytest.mark.feature("S-017")
@pytest.mark.feature("S-035")
@pytest.mark.feature("S-170")
def test_the_menu_of_the_user_has_workbench_personal_centre_and_log_out(world: World) -> None:
    for member in (world.technician, world.reader):
        desk = Desk(member)
        top = desk.page("/").partition('<header class="top">')[2].partition("</header>")[0]
        assert [w in text_of(top) for w in ("工作台", "个人中心", "退出登录")] == [True] * 3
        assert 'href="/"' in top and 'href="/me"' in top and 'action="/logout"' in top
        assert ("数据上传" in top) is (member is world.technician)


@pytest.mark.feature("S-030")
@pytest.mark.feature("S-031")
def test_clicking_a_notice_marks_it_read_and_leads_to_its_row(world: World, make_study: Callable[..., Study]) -> None:
    request = ask(world, make_study(world, name="吴九"))
    reader = Desk(world.reader)
    drawer = reader.page("/notices", HX_Target="dialog#drawer")
    assert "<html" not in drawer and "新的诊断申请" in drawer and "吴九" not in drawer
    action = re.search(r'action="(/t/\w+)(/notices/[0-9A-Z]{26}/read)"', drawer)
    assert action is not None and 'class="unread"' in drawer
    answer = reader.post(action[2])
    assert answer.headers["Location"].endswith(f"/diagnosis?at={request['id']}")
    assert re.search(rf'<tr id="row-{request["id"]}" class="[^"]*located', reader.follow(answer))
    assert 'class="read"' in reader.page("/notices")
    assert Desk(world.reader2).post(action[2]).status_code == 404


@pytest.mark.feature("S-032")
@pytest.mark.feature("S-033")
def test_a_to_do_stays_until_it_is_done_and_finds_its_row_however_old(
    world: World, make_study: Callable[..., Study]
) -> None:
    request = ask(world, make_study(world))
    reader = Desk(world.reader)
    step(world.reader, request, "accept")
    step(world.reader, request, "unlock")
    reader.post(f"/diagnosis/{request['id']}/return", {"version": "3", "reason": "缺少序列"})
    clock.shift(timedelta(days=5))
    doctor = Desk(world.doctor)
    drawer = doctor.page("/todos")
    assert "诊断退回" in text_of(drawer)
    action = re.search(r'action="/t/\w+(/notices/[0-9A-Z]{26}/read)"', drawer)
    assert action is not None
    page = doctor.follow(doctor.post(action[1]))
    assert "诊断方退回" in row_of(page, request["id"]) and "located" in page
    assert "诊断退回" in text_of(doctor.page("/todos"))


@pytest.mark.feature("S-032")
def test_asking_again_does_the_to_do_of_a_returned_request(world: World, make_study: Callable[..., Study]) -> None:
    study = make_study(world)
    request, doctor = ask(world, study), Desk(world.doctor)
    step(world.reader, request, "return", reason="缺少序列")
    assert "诊断退回" in text_of(doctor.page("/todos"))
    ask(world, study)
    assert "诊断退回" not in text_of(doctor.page("/todos"))


def test_the_drawer_says_so_when_there_is_nothing(world: World) -> None:
    desk = Desk(world.technician)
    assert "没有待办" in text_of(desk.page("/todos")) and "没有通知" in text_of(desk.page("/notices"))


def test_a_row_is_found_on_the_page_that_has_it(world: World, make_study: Callable[..., Study]) -> None:
    studies = [make_study(world) for _ in range(53)]
    desk = Desk(world.technician)
    assert f'id="row-{studies[0].public_id}"' not in desk.page("/studies")
    page = desk.page(f"/studies?at={studies[0].public_id}")
    assert re.search(rf'<tr id="row-{studies[0].public_id}" class="[^"]*located', page) and 'rel="prev"' in page
    newest = desk.page(f"/studies?at={studies[-1].public_id}")
    assert re.search(rf'<tr id="row-{studies[-1].public_id}" class="[^"]*located', newest) and 'rel="prev"' not in newest


def test_a_confirmed_report_is_no_to_do_any_more(world: World, make_study: Callable[..., Study]) -> None:
    request, doctor = approved(world, make_study(world)), Desk(world.doctor)
    assert "报告已审核，待确认" in text_of(doctor.page("/todos"))
    sha256 = world.doctor.call("GET", f"/requests/{request['id']}").get_json()["report"]["sha256"]
    step(world.doctor, request, "confirm", sha256=sha256)
    assert "报告已审核，待确认" not in text_of(doctor.page("/todos"))
