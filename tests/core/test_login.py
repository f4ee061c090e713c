"""Logging in, staying in, and getting out."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core import clock
from core.accounts import passwords
from tests.conftest import PASSWORD, World, csrf
from tests.core.accounts.door import Door


def log_in(world: World, phone: str, password: str) -> tuple[int, str]:
    """From a new address, the captcha answered."""
    answer = Door(world.app).enter(phone, password)
    return answer.status_code, answer.get_data(as_text=True)


@pytest.mark.feature("S-005")
def test_the_right_password_leads_to_the_workbench_and_a_wrong_one_says_nothing_of_the_phone(world: World) -> None:
    phone = world.technician.account.phone
    assert log_in(world, phone, PASSWORD)[0] == 303
    wrong, unknown = log_in(world, phone, "Wrong2026$"), log_in(world, "13000000000", "Wrong2026$")
    assert (wrong[0], unknown[0]) == (401, 401)
    assert "手机号或密码不正确" in wrong[1] and "手机号或密码不正确" in unknown[1]


@pytest.mark.feature("S-022")
def test_after_30_idle_minutes_the_session_is_over_and_polling_does_not_keep_it(world: World) -> None:
    client, base = world.technician.browser(), f"/t/{world.hospital.code}"
    clock.shift(timedelta(minutes=29))
    assert client.get(f"{base}/notices/counts").status_code == 200
    clock.shift(timedelta(minutes=2))
    assert client.get(f"{base}/studies").status_code == 303
    client = world.technician.browser()
    clock.shift(timedelta(minutes=29))
    assert client.get(f"{base}/studies").status_code == 200
    clock.shift(timedelta(minutes=29))
    assert client.get(f"{base}/studies").status_code == 200


def test_a_session_ends_after_twelve_hours_whatever_happens(world: World) -> None:
    client = world.technician.browser()
    for _ in range(24):
        clock.shift(timedelta(minutes=29))
        client.get("/")
    clock.shift(timedelta(minutes=29))
    assert client.get("/").status_code == 303


@pytest.mark.feature("S-025")
def test_a_cookie_copied_before_log_out_is_worth_nothing_after_it(world: World) -> None:
    client = world.technician.browser()
    cookie = client.get_cookie("session")
    assert cookie is not None
    client.post("/logout", data={"csrf_token": csrf(client, "/me")})
    thief = world.app.test_client()
    thief.set_cookie("session", cookie.value)
    assert thief.get("/").status_code == 303


def test_logging_in_makes_a_new_session_key(world: World) -> None:
    client = world.app.test_client()
    token = csrf(client)
    before = client.get_cookie("session")
    client.post("/login", data={"phone": world.technician.account.phone, "password": PASSWORD, "csrf_token": token})
    after = client.get_cookie("session")
    assert before is not None and after is not None and before.value != after.value


@pytest.mark.feature("S-020")
def test_changing_the_password_needs_the_current_one_and_ends_other_sessions(world: World) -> None:
    mine, other = world.doctor.browser(), world.doctor.browser()
    form = {"csrf_token": csrf(mine, "/me/password"), "current": "Wrong2026$", "password": "Fresh2026$", "again": "Fresh2026$"}
    assert "当前密码不正确" in mine.post("/me/password", data=form).get_data(as_text=True)
    assert mine.post("/me/password", data={**form, "current": PASSWORD}).status_code == 303
    assert mine.get("/").status_code == 200
    assert other.get("/").status_code == 303
    assert log_in(world, world.doctor.account.phone, "Fresh2026$")[0] == 303


@pytest.mark.feature("S-021")
@pytest.mark.parametrize(
    ("password", "allowed"),
    [
        ("Abcde12$", True), ("Abcd12$", False), ("A" + "b" * 20 + "12$", True), ("A" + "b" * 21 + "12$", False),
        ("abcde12$", False), ("ABCDE12$", False), ("Abcdefg$", False), ("Abcde123", False), ("Abcde12!", False), ("Abcde 1$", False),
    ],
)
def test_a_password_has_8_to_24_characters_of_each_class_and_no_others(password: str, allowed: bool) -> None:
    assert (passwords.problem(password) is None) is allowed


@pytest.mark.feature("S-034")
def test_the_switcher_names_the_persons_tenants_and_no_others(world: World) -> None:
    text = world.technician.browser().get(f"/t/{world.hospital.code}/").get_data(as_text=True)
    assert world.hospital.name in text and world.group.name not in text


def test_a_redirect_after_login_stays_on_this_site(world: World) -> None:
    for target in ("https://elsewhere.example/", "//elsewhere.example/", "/\\elsewhere.example", "javascript:alert(1)"):
        client = world.app.test_client()
        answer = client.post(
            "/login",
            data={"phone": world.technician.account.phone, "password": PASSWORD, "csrf_token": csrf(client), "next": target},
        )
        assert answer.headers["Location"] == "/"
