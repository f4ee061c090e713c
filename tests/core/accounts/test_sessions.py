"""Sessions: what renews them, what ends them, and who sees them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core import clock
from core.accounts import sessions
from core.tenancy import actions as tenancy
from core.tenancy.sessions import all_tenants
from tests.conftest import PASSWORD, World, csrf
from tests.core.accounts.door import Door, entries


def inside(world: World, **form: str) -> Door:
    door = Door(world.app)
    assert door.enter(world.doctor.account.phone, **form).status_code == 303
    return door


def test_asking_how_long_it_lasts_does_not_prolong_it(world: World) -> None:
    door = inside(world)
    for minute in range(1, 30):
        clock.shift(timedelta(minutes=1))
        left = door.client.get("/me/session").get_json()
        assert abs(left["idle_seconds"] - (30 - minute) * 60) <= 30, minute
    assert left["warn_seconds"] == 120 and abs(left["absolute_seconds"] - (12 * 60 - 29) * 60) <= 30
    clock.shift(timedelta(minutes=2))
    over = door.client.get("/me/session")
    assert (over.status_code, over.mimetype) == (401, "application/problem+json")


@pytest.mark.feature("S-022")
def test_a_beat_a_minute_keeps_it_and_a_poll_does_not(world: World) -> None:
    working, away = inside(world), inside(world)
    token = csrf(working.client, "/me")
    counts = f"/t/{world.hospital.code}/notices/counts"
    for _ in range(31):
        clock.shift(timedelta(minutes=1))
        assert working.client.post("/me/alive", headers={"X-CSRFToken": token}).status_code == 204
        away.client.get(counts)
    assert working.inside() and not away.inside()


@pytest.mark.feature("S-022")
def test_images_that_are_fetched_ahead_keep_no_session_alive_and_a_hand_at_the_viewer_does(world: World) -> None:
    loading, working = inside(world), inside(world)
    for _ in range(31):
        clock.shift(timedelta(minutes=1))
        loading.client.get(f"/t/{world.hospital.code}/dicom-web/studies")
        token = working.client.get("/me/session").get_json()["csrf_token"]
        assert working.client.post("/me/alive", headers={"X-CSRFToken": token}).status_code == 204
    assert working.inside() and not loading.inside()


@pytest.mark.feature("S-022")
def test_with_automatic_log_out_off_only_the_twelve_hours_count(world: World) -> None:
    door = inside(world)
    door.send("/me/settings")
    clock.shift(timedelta(hours=11, minutes=59))
    assert door.client.get("/me/session").get_json()["idle_seconds"] is None
    assert door.inside()
    clock.shift(timedelta(minutes=2))
    assert not door.inside()


@pytest.mark.feature("S-022")
def test_automatic_log_out_is_on_until_somebody_switches_it_off_and_can_be_switched_on_again(world: World) -> None:
    door = inside(world)
    ticked = 'name="auto_logout" value="yes" checked'
    assert ticked in door.client.get("/me/settings").get_data(as_text=True)
    door.send("/me/settings")
    assert ticked not in door.client.get("/me/settings").get_data(as_text=True)
    door.send("/me/settings", auto_logout="yes")
    clock.shift(timedelta(minutes=31))
    assert not door.inside()


def test_the_page_lists_each_device_with_address_browser_and_time(world: World) -> None:
    door, phone = inside(world), Door(world.app)
    phone.client.environ_base["HTTP_USER_AGENT"] = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) Version/18.0 Mobile Safari/604.1"
    phone.enter(world.doctor.account.phone, remember="yes")
    page = door.client.get("/me/sessions").get_data(as_text=True)
    assert door.address in page and phone.address in page
    assert "Safari · iPhone" in page and "当前设备" in page and "已记住" in page
    assert page.count("结束登录</button>") == 1


def test_ending_one_device_leaves_the_others(world: World) -> None:
    mine, lost, third = inside(world), inside(world), inside(world)
    page = mine.client.get("/me/sessions").get_data(as_text=True)
    row = page.split(lost.address)[1]
    path = row.split('action="')[1].split('"')[0]
    assert mine.send(path).status_code == 303
    assert (mine.inside(), lost.inside(), third.inside()) == (True, False, True)
    assert entries(world.doctor, "session.ended") == ["session.ended"]


def test_ending_all_others_keeps_this_one(world: World) -> None:
    mine, other, third = inside(world), inside(world), inside(world)
    mine.send("/me/sessions/end")
    assert (mine.inside(), other.inside(), third.inside()) == (True, False, False)


def test_nobody_ends_a_strangers_session(world: World) -> None:
    mine, stranger = inside(world), Door(world.app)
    stranger.enter(world.technician.account.phone)
    mine2 = inside(world)
    page = mine2.client.get("/me/sessions").get_data(as_text=True)
    path = page.split(mine.address)[1].split('action="')[1].split('"')[0]
    assert stranger.send(path).status_code == 404
    assert mine.inside()


def test_another_role_ends_every_session(world: World) -> None:
    door = inside(world, remember="yes")
    with world.app.app_context(), all_tenants(write=True) as db:
        tenancy.join(db, tenant=world.hospital, account_id=world.doctor.account.id, role="doctor")
    assert door.inside()
    with world.app.app_context(), all_tenants(write=True) as db:
        tenancy.join(db, tenant=world.hospital, account_id=world.doctor.account.id, role="admin")
    assert not door.inside()
    assert "继续登录" not in door.page()


def test_a_rise_of_rights_changes_the_key_and_nothing_of_the_limits(world: World) -> None:
    door = inside(world)
    before = door.key
    clock.shift(timedelta(minutes=20))
    assert door.send("/me/confirm", fresh_password=PASSWORD, next="/").status_code == 303
    assert door.key != before and door.inside()
    assert abs(door.client.get("/me/session").get_json()["absolute_seconds"] - (12 * 60 - 20) * 60) <= 30
    thief = Door(world.app)
    thief.client.set_cookie("session", before)
    assert not thief.inside()


def test_the_cookie_of_an_encrypted_page_is_bound_to_this_host(world: World) -> None:
    client = Door(world.app).client
    answer = client.get("/login", base_url="https://localhost")
    cookie = next(c for c in answer.headers.getlist("Set-Cookie") if c.startswith("__Host-session="))
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))


def test_a_person_who_is_inside_passes_the_login_page(world: World) -> None:
    door = inside(world)
    answer = door.client.get("/login?next=/me")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/me")


def test_a_changed_password_keeps_the_session_that_changed_it(world: World) -> None:
    mine, other = inside(world), inside(world)
    mine.send("/me/password", current=PASSWORD)
    assert mine.send("/me/password", password="Fresh2026$", again="Fresh2026$").status_code == 303
    assert mine.inside() and not other.inside()
    assert entries(world.doctor, "password.changed", "session.ended") == ["session.ended", "password.changed"]


def test_an_ended_session_is_ended_for_good(world: World) -> None:
    door = inside(world)
    with world.app.app_context():
        sessions.end_all(world.doctor.account.id, why="test")
    assert not door.inside()
