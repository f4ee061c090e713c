"""Sensitive acts ask for the password again, and then do what was wanted."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest

from core import clock
from tests.conftest import PASSWORD, World, csrf
from tests.core.accounts.door import WRONG, Door, entries

NEW = "13700000001"


def inside(world: World) -> Door:
    door = Door(world.app)
    assert door.enter(world.doctor.account.phone).status_code == 303
    return door


def hidden(page: str) -> dict[str, str]:
    """The hidden fields of the question."""
    form = page.split('name="fresh_password"')[0].rpartition("<form")[2]
    return {unescape(n): unescape(v) for n, v in re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', form)}


@pytest.mark.feature("S-018")
def test_a_password_of_nine_minutes_is_young_enough_and_one_of_eleven_is_not(world: World) -> None:
    door = inside(world)
    clock.shift(timedelta(minutes=9))
    assert door.send("/me/phone", phone=f"136{world.hospital.id:08d}").status_code == 303
    clock.shift(timedelta(minutes=2))
    assert door.send("/me/phone", phone=world.doctor.account.phone).status_code == 403
    assert entries(world.doctor, "phone.changed") == ["phone.changed"]


def test_the_question_carries_the_wish_and_the_answer_fulfils_it(world: World) -> None:
    door, phone = inside(world), f"135{world.hospital.id:08d}"
    clock.shift(timedelta(minutes=11))
    page = door.send("/me/phone", phone=phone).get_data(as_text=True)
    assert 'action="/me/phone"' in page
    wish = hidden(page)
    assert wish["phone"] == phone
    wrong = door.client.post("/me/phone", data={**wish, "fresh_password": WRONG})
    assert wrong.status_code == 403 and "当前密码不正确" in wrong.get_data(as_text=True)
    assert hidden(wrong.get_data(as_text=True))["phone"] == phone
    assert door.client.post("/me/phone", data={**wish, "fresh_password": PASSWORD}).status_code == 303
    assert phone in door.client.get("/me").get_data(as_text=True)


def test_a_script_of_a_page_gets_the_question_as_a_dialog(world: World) -> None:
    door = inside(world)
    token = csrf(door.client, "/me")
    clock.shift(timedelta(minutes=11))
    answer = door.client.post("/me/phone", data={"phone": NEW}, headers={"HX-Request": "true", "X-CSRFToken": token})
    assert (answer.status_code, answer.headers["HX-Retarget"], answer.headers["HX-Reswap"]) == (403, "#dialog", "innerHTML")
    page = answer.get_data(as_text=True)
    assert "<html" not in page and hidden(page)["phone"] == NEW


def test_a_script_confirms_and_hears_whether_it_was_right(world: World) -> None:
    door = inside(world)
    token = csrf(door.client, "/me")
    assert 'name="fresh_password"' in door.client.get("/me/confirm", headers={"HX-Request": "true"}).get_data(as_text=True)
    headers = {"X-CSRFToken": token, "HX-Request": "true"}
    assert door.client.post("/me/confirm", data={"fresh_password": WRONG}, headers=headers).status_code == 422
    assert door.client.post("/me/confirm", data={"fresh_password": PASSWORD}, headers=headers).status_code == 204


def test_a_remembered_login_has_no_recent_password(world: World) -> None:
    door = Door(world.app)
    door.enter(world.doctor.account.phone, remember="yes")
    door.client.delete_cookie("session")
    door.client.post("/login/remembered", data={"csrf_token": csrf(door.client), "next": "/"})
    assert door.inside()
    assert door.client.get("/me/session").get_json()["fresh_seconds"] == 0
    assert door.send("/me/phone", phone=NEW).status_code == 403


def test_a_token_does_not_change_the_phone(world: World) -> None:
    answer = world.app.test_client().post(
        "/me/phone", data={"phone": NEW}, headers={"Authorization": f"Bearer {world.doctor.token}"}
    )
    assert answer.status_code == 403


def test_the_phone_of_somebody_else_is_refused_and_a_wrong_one_too(world: World) -> None:
    door = inside(world)
    taken = door.send("/me/phone", phone=world.technician.account.phone)
    assert taken.status_code == 422 and "该手机号已被使用" in taken.get_data(as_text=True)
    assert door.send("/me/phone", phone="12345").status_code == 422


def test_wrong_passwords_to_the_question_lock_like_a_login(world: World) -> None:
    door = inside(world)
    answers = [door.send("/me/confirm", fresh_password=WRONG, next="/").status_code for _ in range(6)]
    assert answers == [422] * 5 + [429]
