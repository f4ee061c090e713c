"""The password that somebody else handed out, and the way to one's own."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from core import clock
from core.accounts.models import Credential
from core.tenancy import actions as tenancy
from core.tenancy.models import Setting, Tenant
from core.tenancy.sessions import all_tenants
from tests.conftest import PASSWORD, World, numbers
from tests.core.accounts.door import Door


def hand_out(world: World, *, strict: bool) -> str:
    """Make the doctor's password a first one. :return: the phone"""
    with world.app.app_context(), all_tenants(write=True) as db:
        db.get_one(Credential, world.doctor.account.id).must_change = True
        _strict(db, world.hospital, strict)
    return world.doctor.account.phone


def _strict(db: sa.orm.Session, tenant: Tenant, on: bool) -> None:
    db.get_one(Setting, ("tenant", tenant.id, "accounts.must_change_password")).value = on


@pytest.mark.feature("S-011")
def test_a_first_password_leads_to_the_change_and_nowhere_else(world: World) -> None:
    door = Door(world.app)
    door.enter(hand_out(world, strict=True))
    assert door.client.get("/").headers["Location"].startswith("/me/password")
    page = door.client.get("/me/password").get_data(as_text=True)
    assert "当前使用默认密码" in page and "本次跳过" not in page
    assert door.send("/me/password/skip").status_code == 403
    assert world.doctor.call("GET", "/studies").get_json()["type"] == "urn:telerad:problem:password-change-required"
    form = {"current": PASSWORD, "password": "Fresh2026$", "again": "Fresh2026$"}
    assert door.send("/me/password", **form).status_code == 303
    assert door.inside() and world.doctor.call("GET", "/studies").status_code == 200


@pytest.mark.feature("S-011")
def test_where_the_tenant_allows_it_a_first_password_is_kept_for_one_session(world: World) -> None:
    door, phone = Door(world.app), hand_out(world, strict=False)
    door.enter(phone)
    assert "本次跳过" in door.client.get("/me/password").get_data(as_text=True)
    assert door.send("/me/password/skip", next="/me").headers["Location"] == "/me"
    assert door.inside()
    clock.shift(timedelta(hours=13))
    door.enter(phone)
    assert not door.inside()
    assert "本次跳过" not in door.client.get("/me/password").get_data(as_text=True)
    assert door.send("/me/password/skip").status_code == 403


def test_the_strictest_tenant_of_a_person_decides(world: World) -> None:
    door, phone = Door(world.app), hand_out(world, strict=False)
    with world.app.app_context(), all_tenants(write=True) as db:
        other = tenancy.create(db, world.app.house, code=f"S{next(numbers):05d}", kind="hospital", name="另一医院")
        tenancy.join(db, tenant=other, account_id=world.doctor.account.id, role="doctor")
    door.enter(phone)
    assert door.send("/me/password/skip").status_code == 403
    with world.app.app_context(), all_tenants(write=True) as db:
        _strict(db, other, False)
    assert door.send("/me/password/skip").status_code == 303


def test_a_new_tenant_is_strict(world: World) -> None:
    with world.app.app_context(), all_tenants() as db:
        row = db.get_one(Setting, ("tenant", world.hospital.id, "accounts.must_change_password"))
    assert row.value is True


@pytest.mark.feature("S-020")
def test_the_new_fields_open_after_the_current_password_was_verified(world: World) -> None:
    door = Door(world.app)
    door.enter(world.doctor.account.phone)
    assert "<fieldset class=\"form\" disabled" in door.client.get("/me/password").get_data(as_text=True)
    refused = door.send("/me/password", password="Fresh2026$", again="Fresh2026$")
    assert refused.status_code == 422 and "请先输入当前密码" in refused.get_data(as_text=True)
    wrong = door.send("/me/password", current="Wrong2026$")
    assert wrong.status_code == 422 and "当前密码不正确" in wrong.get_data(as_text=True)
    assert door.send("/me/password", current=PASSWORD).status_code == 303
    page = door.client.get("/me/password").get_data(as_text=True)
    assert "当前密码已验证" in page and "disabled" not in page.split("<fieldset")[1].split(">")[0]
    clock.shift(timedelta(minutes=11))
    assert door.send("/me/password", password="Fresh2026$", again="Fresh2026$").status_code == 422
    door.send("/me/password", current=PASSWORD)
    clock.shift(timedelta(minutes=9))
    assert door.send("/me/password", password="Fresh2026$", again="Fresh2026$").status_code == 303
    assert Door(world.app).enter(world.doctor.account.phone, "Fresh2026$").status_code == 303


@pytest.mark.feature("S-021")
@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        ("Ab12$", "密码长度为 8-24 位"), ("abcdef12$", "密码需包含大写字母"), ("ABCDEF12$", "密码需包含小写字母"),
        ("Abcdefgh$", "密码需包含数字"), ("Abcdef123", "密码需包含 $@&amp;_ 之一"), ("Abcdef12!", "密码只能使用字母、数字和 $@&amp;_"),
        (PASSWORD, "新密码不能与当前密码相同"),
    ],
)
def test_each_missing_class_has_its_sentence(world: World, password: str, sentence: str) -> None:
    door = Door(world.app)
    door.enter(world.doctor.account.phone)
    answer = door.send("/me/password", current=PASSWORD, password=password, again=password)
    assert answer.status_code == 422 and sentence in answer.get_data(as_text=True)


def test_the_symbol_is_free_only_where_every_tenant_says_so(world: World) -> None:
    door = Door(world.app)
    door.enter(world.doctor.account.phone)
    form = {"current": PASSWORD, "password": "Abcdef123", "again": "Abcdef123"}
    assert door.send("/me/password", **form).status_code == 422
    with world.app.app_context(), all_tenants(write=True) as db:
        db.add(
            Setting(scope="tenant", scope_id=world.hospital.id, name="accounts.password_symbol", value=False, changed_at=clock.now())
        )
    assert door.send("/me/password", **form).status_code == 303


def test_guessing_the_current_password_in_an_open_session_locks_like_a_login(world: World) -> None:
    door = Door(world.app)
    door.enter(world.doctor.account.phone)
    answers = [door.send("/me/password", current="Wrong2026$").status_code for _ in range(6)]
    assert answers == [422] * 5 + [429]
    assert door.send("/me/password", current=PASSWORD).status_code == 429
