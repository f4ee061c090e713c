"""Masked values: what shows instead, and that the whole one shows only to who asks, says why, and is remembered."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from core.audit.models import Audit
from core.audit.verify import verify
from core.studies.models import Patient, Study
from core.tenancy.sessions import all_tenants
from plugin_sdk import masking
from tests.conftest import World
from tests.desk import Desk, text_of
from tests.plugins.consultation.test_main_job import ask

PHONE = "13812345678"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("13812345678", "138****5678"), ("+8613812345678", "+86****5678"), (" 13812345678 ", "138****5678"),
        ("88886666", "****"), ("1", "****"), ("", "-"), ("  ", "-"),
    ],
)
def test_a_phone_shows_its_ends_or_nothing(value: str, shown: str) -> None:
    assert masking.phone(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("330106196805011234", "3301**********1234"), ("33010619680501123X", "3301**********123X"),
        ("330106680501123", "3301*******1123"), ("E12345678", "****"), ("", "-"),
    ],
)
def test_an_id_card_shows_its_ends_or_nothing(value: str, shown: str) -> None:
    assert masking.id_card(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [("张三", "张*"), ("欧阳小明", "欧*"), ("Zhang^San", "Z*"), ("张", "张*"), ("", "-"), (" ", "-")]
)
def test_a_name_shows_its_first_letter(value: str, shown: str) -> None:
    assert masking.name(value) == shown


@pytest.fixture
def study(world: World, make_study: Callable[..., Study]) -> Study:
    made = make_study(world, name="测试乙")
    with world.app.app_context(), all_tenants(write=True) as db:
        db.get_one(Patient, made.patient_id).phone = PHONE
    return made


def entries(world: World, tenant_id: int) -> list[tuple[str, dict[str, Any]]]:
    with world.app.app_context(), all_tenants() as db:
        rows = db.execute(
            sa.select(Audit.ref, Audit.facts).where(Audit.tenant_id == tenant_id, Audit.kind == "field.revealed")
        )
        return [(ref, facts) for ref, facts in rows]


def test_a_doctor_of_the_hospital_says_why_and_sees_one_value(
    world: World, study: Study, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    desk, path = Desk(world.doctor), f"/studies/{study.public_id}/reveal/phone"
    for page in (f"/studies/{study.public_id}", "/studies?col=phone", path):
        assert PHONE not in desk.page(page), page
    assert "138****5678" in desk.page(f"/studies/{study.public_id}")
    assert 'href="' + desk.root + path in desk.page(f"/studies/{study.public_id}")
    assert [desk.post(path, form).status_code for form in ({}, {"purpose": "sale"}, {"purpose": "other", "reason": " "})] == [422] * 3
    assert entries(world, world.hospital.id) == []
    answer = desk.post(path, {"purpose": "other", "reason": "家属来电核实"}, HX_Request="true", HX_Target="dialog#dialog")
    assert PHONE in text_of(answer) and "<html" not in answer.get_data(as_text=True)
    assert answer.headers["Cache-Control"] == "no-store"
    assert entries(world, world.hospital.id) == [
        (f"studies:study:{study.public_id}", {"field": "phone", "purpose": "other", "reason": "家属来电核实"})
    ]
    assert PHONE not in desk.page(f"/studies/{study.public_id}")
    log = text_of(desk.page("/"))
    assert f"显示隐藏信息 {study.accession} 字段 手机号 · 用途 其他 · 原因 家属来电核实" in log
    assert PHONE not in log
    assert PHONE not in caplog.text + "".join(str(vars(r)) for r in caplog.records if r.name.startswith(("core", "plugins")))
    with world.app.app_context():
        assert [v.bad for v in verify(world.app.house, tenant=world.hospital.code)] == [None, None]


def test_a_technician_sees_no_eye_and_may_not_ask(world: World, study: Study) -> None:
    desk, path = Desk(world.technician), f"/studies/{study.public_id}/reveal/phone"
    page = desk.page(f"/studies/{study.public_id}")
    assert "138****5678" in page and "/reveal/" not in page
    assert (desk.get(path).status_code, desk.post(path, {"purpose": "treatment"}).status_code) == (403, 403)


def test_a_reader_of_the_group_sees_it_for_a_request_that_was_granted(world: World, study: Study) -> None:
    request = ask(world, study)
    desk, path = Desk(world.reader), f"/diagnosis/{request['id']}/reveal/phone"
    page = desk.page(f"/diagnosis/{request['id']}")
    assert "138****5678" in page and PHONE not in page
    answer = desk.post(path, {"purpose": "contact"})
    assert PHONE in text_of(answer)
    assert entries(world, world.group.id) == [
        (f"consultation:request:{request['id']}", {"field": "phone", "purpose": "contact", "reason": ""})
    ]
    assert world.h_admin.call("POST", f"/requests/{request['id']}/withdraw", {"version": 1, "reason": "重复申请"}).status_code == 200
    assert desk.post(path, {"purpose": "contact"}).status_code == 404
    assert len(entries(world, world.group.id)) == 1
