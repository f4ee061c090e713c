"""报告预览: what is printed, kept and handed out, and the key images of a report."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from core.studies.models import Study
from tests.conftest import Member, World
from tests.desk import Desk, text_of
from tests.plugins.consultation.test_main_job import WORDS, approved, ask, step
from tests.plugins.consultation.test_pages import confirmed


def picture() -> io.BytesIO:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "grey").save(out, "PNG")
    out.seek(0)
    return out


def capture(member: Member, request: dict[str, Any], caption: str) -> str:
    answer = member.call(
        "POST", f"/requests/{request['id']}/captures",
        data={"file": (picture(), "key.png", "image/png"), "caption": caption}, content_type="multipart/form-data",
    )
    assert answer.status_code == 201, answer.get_json()
    return str(answer.get_json()["id"])


def printed_at(world: World, request: dict[str, Any]) -> str | None:
    return world.doctor.call("GET", f"/requests/{request['id']}").get_json()["printed_at"]  # type: ignore[no-any-return]


@pytest.mark.feature("S-090")
def test_only_a_confirmed_report_has_a_preview_and_it_shows_what_was_signed(
    world: World, make_study: Callable[..., Study]
) -> None:
    doctor = Desk(world.doctor)
    early = doctor.get(f"/requests/{approved(world, make_study(world))['id']}/report")
    assert early.status_code == 409 and "确认报告后才能预览和打印" in text_of(early)
    assert doctor.get(f"/requests/{ask(world, make_study(world))['id']}/report").status_code == 404
    page = doctor.page(f"/requests/{confirmed(world, make_study(world, name='赵<六>'))['id']}/report")
    assert '<article class="report-sheet"' in page and "赵<六>" not in page
    for words in ("赵<六>", world.hospital.name, WORDS["findings"], WORDS["impression"], "未保存"):
        assert words in text_of(page), words


@pytest.mark.feature("S-091")
def test_saving_freezes_the_file_that_every_later_download_hands_out(
    world: World, make_study: Callable[..., Study]
) -> None:
    request, doctor = confirmed(world, make_study(world)), Desk(world.doctor)
    page = doctor.follow(doctor.post(f"/requests/{request['id']}/report/save"))
    assert "已保存" in text_of(page) and "/report/save" not in page
    first = doctor.post(f"/requests/{request['id']}/report/download")
    second = doctor.post(f"/requests/{request['id']}/report/download")
    assert first.data.startswith(b"%PDF-") and first.data == second.data


@pytest.mark.feature("S-090")
@pytest.mark.feature("S-201")
def test_the_first_print_or_download_by_the_hospital_marks_the_report_as_printed_once(
    world: World, make_study: Callable[..., Study]
) -> None:
    request, doctor = confirmed(world, make_study(world)), Desk(world.doctor)
    doctor.page(f"/requests/{request['id']}/report")
    assert printed_at(world, request) is None
    opened = doctor.post(f"/requests/{request['id']}/report/print")
    assert opened.mimetype == "application/pdf"
    assert opened.headers["Content-Disposition"].startswith("inline") and "测试甲" not in opened.headers["Content-Disposition"]
    first = printed_at(world, request)
    assert first is not None
    saved = doctor.post(f"/requests/{request['id']}/report/download")
    assert saved.headers["Content-Disposition"].startswith("attachment")
    assert printed_at(world, request) == first
    assert "已打印" in text_of(Desk(world.reader).page("/diagnosis/done"))


def test_key_images_of_a_report_are_shown_to_both_sides_and_those_of_another_study_are_not(
    world: World, make_world: Callable[..., World], make_study: Callable[..., Study]
) -> None:
    request = ask(world, make_study(world))
    other = ask(world, make_study(world))
    step(world.reader, request, "accept")
    step(world.reader, request, "open")
    key = capture(world.reader, request, "轴位 12/24")
    foreign = capture(world.reader, other, "别的检查")
    step(world.reader, request, "send_to_review", **WORDS, images=[key])
    step(world.reviewer, request, "start_review")
    step(world.reviewer, request, "approve")
    doctor = Desk(world.doctor)
    page = doctor.page(f"/requests/{request['id']}/content")
    assert f"/requests/{request['id']}/captures/{key}" in page and "轴位 12/24" in text_of(page)
    for member in (world.doctor, world.reader):
        desk = Desk(member)
        image = desk.get(f"/requests/{request['id']}/captures/{key}")
        assert (image.status_code, image.mimetype) == (200, "image/png") and image.data.startswith(b"\x89PNG")
        assert desk.get(f"/requests/{request['id']}/captures/{foreign}").status_code == 404
    assert Desk(make_world("他").reader).get(f"/requests/{request['id']}/captures/{key}").status_code == 404
