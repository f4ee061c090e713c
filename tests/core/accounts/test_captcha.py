"""The captcha: when it is asked, and that an answer counts once and not for long."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from PIL import Image

from core import clock
from core.accounts import captcha
from tests.conftest import PASSWORD, World, csrf
from tests.core.accounts.door import WRONG, Door


@pytest.mark.feature("S-008")
def test_the_first_login_from_an_address_needs_a_captcha_and_the_next_ones_do_not(world: World) -> None:
    door, phone = Door(world.app), world.doctor.account.phone
    assert door.asks_captcha()
    assert door.knock(phone).status_code == 401
    assert "请输入验证码" in door.knock(phone).get_data(as_text=True)
    assert door.enter(phone).status_code == 303
    again = Door(world.app, door.address)
    assert not again.asks_captcha()
    assert again.knock(phone).status_code == 303


@pytest.mark.feature("S-008")
def test_another_person_at_a_known_address_is_asked_when_the_form_is_sent(world: World) -> None:
    door = Door(world.app)
    assert door.enter(world.doctor.account.phone).status_code == 303
    colleague = Door(world.app, door.address)
    assert not colleague.asks_captcha()
    refused = colleague.knock(world.technician.account.phone)
    assert refused.status_code == 401 and 'name="captcha"' in refused.get_data(as_text=True)
    assert colleague.enter(world.technician.account.phone).status_code == 303


def test_after_90_days_an_address_is_new_again(world: World) -> None:
    door, phone = Door(world.app), world.doctor.account.phone
    door.enter(phone)
    clock.shift(timedelta(days=90) - timedelta(minutes=1))
    assert not Door(world.app, door.address).asks_captcha()
    clock.shift(timedelta(minutes=2))
    assert Door(world.app, door.address).asks_captcha()
    assert Door(world.app, door.address).knock(phone).status_code == 401


def test_three_failures_bring_the_captcha_back(world: World) -> None:
    door, phone = Door(world.app), world.doctor.account.phone
    door.enter(phone)
    known = Door(world.app, door.address)
    for _ in range(2):
        assert 'name="captcha"' not in known.knock(phone, WRONG).get_data(as_text=True)
    assert 'name="captcha"' in known.knock(phone, WRONG).get_data(as_text=True)
    assert known.knock(phone).status_code == 401
    assert known.enter(phone).status_code == 303


def test_a_wrong_password_with_the_right_captcha_asks_for_a_new_one(world: World) -> None:
    door, phone = Door(world.app), world.doctor.account.phone
    answer = door.captcha()
    assert door.knock(phone, WRONG, captcha=answer).status_code == 401
    assert "验证码不正确" in door.knock(phone, captcha=answer).get_data(as_text=True)


def test_an_answer_is_tried_once_even_when_it_is_wrong(world: World) -> None:
    door, phone = Door(world.app), world.doctor.account.phone
    answer = door.captcha()
    assert door.knock(phone, captcha="----").status_code == 401
    assert door.knock(phone, captcha=answer).status_code == 401


def test_an_answer_lasts_five_minutes(world: World) -> None:
    early, late = Door(world.app), Door(world.app)
    first, second = early.captcha(), late.captcha()
    clock.shift(timedelta(minutes=4, seconds=59))
    assert early.knock(world.doctor.account.phone, captcha=first.lower()).status_code == 303
    clock.shift(timedelta(seconds=2))
    assert late.knock(world.doctor.account.phone, captcha=second).status_code == 401


def test_a_new_picture_makes_the_one_before_worthless_and_another_browser_cannot_use_it(world: World) -> None:
    door, other = Door(world.app), Door(world.app)
    first = door.captcha()
    second = door.captcha()
    csrf(other.client)
    assert other.knock(world.doctor.account.phone, captcha=second).status_code == 401
    if first != second:
        assert door.knock(world.doctor.account.phone, captcha=first).status_code == 401


def test_the_page_never_holds_the_text_and_says_what_to_do_without_seeing_it(world: World) -> None:
    door = Door(world.app)
    text = door.captcha()
    page = door.page()
    csrf_value = page.split('name="csrf_token" value="')[1].split('"')[0]
    assert text not in page.replace(csrf_value, "")
    assert "无法辨认图片请联系管理员免验证码" in page and 'alt="验证码图片"' in page


def test_a_session_gets_thirty_pictures_and_no_more(world: World) -> None:
    door = Door(world.app)
    csrf(door.client)
    assert [door.client.get("/login/captcha").status_code for _ in range(31)] == [200] * 30 + [429]


def test_without_a_login_page_there_is_no_picture(world: World) -> None:
    assert Door(world.app).client.get("/login/captcha").status_code == 404


def test_a_picture_shows_its_text_differently_each_time() -> None:
    one, two = captcha.picture("AB34"), captcha.picture("AB34")
    assert one != two
    image = Image.open(io.BytesIO(one))
    assert image.size == (236, 80)
    assert len(image.convert("L").getcolors() or []) > 20


def test_an_administrator_lets_a_person_in_who_cannot_read_pictures(world: World) -> None:
    from core.accounts import actions

    door, phone = Door(world.app), world.doctor.account.phone
    with world.app.app_context():
        assert actions.admit(phone, door.address)
        assert not actions.admit("13000000000", door.address)
    assert door.knock(phone, PASSWORD).status_code == 303
