"""A remembered login: one token, one login; a copied token ends everything it opened."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from core import clock
from core.accounts.models import Remember
from core.tenancy.sessions import nobody
from tests.conftest import PASSWORD, World, csrf
from tests.core.accounts.door import Door, entries


def remembered(world: World) -> Door:
    door = Door(world.app)
    assert door.enter(world.doctor.account.phone, remember="yes").status_code == 303
    return door


def come_back(door: Door, token: str = "") -> bool:
    """Start the browser again, with its token or a copied one, and press the button."""
    door.client.delete_cookie("session")
    if token:
        door.client.set_cookie("remember", token)
    door.client.post("/login/remembered", data={"csrf_token": csrf(door.client), "next": "/"})
    return door.inside()


@pytest.mark.feature("S-009")
def test_a_remembered_browser_comes_back_without_the_password(world: World) -> None:
    door, phone = remembered(world), world.doctor.account.phone
    door.client.delete_cookie("session")
    assert not door.inside()
    assert f"以 {phone[:3]}****{phone[-4:]} 继续登录" in door.page()
    assert come_back(door)


@pytest.mark.feature("S-009")
def test_without_the_tick_nothing_is_remembered(world: World) -> None:
    door = Door(world.app)
    door.enter(world.doctor.account.phone)
    assert door.cookie("remember") == ""


def test_neither_the_cookie_nor_the_row_holds_the_password_and_the_row_not_the_token(world: World) -> None:
    token = remembered(world).cookie("remember")
    with world.app.app_context(), nobody() as db:
        row = db.scalars(sa.select(Remember).where(Remember.account_id == world.doctor.account.id)).one()
    validator = token.partition(".")[2]
    assert len(validator) == 43 and validator not in str(vars(row)) and PASSWORD not in token + str(vars(row))


def test_each_login_replaces_the_token(world: World) -> None:
    door = remembered(world)
    first = door.cookie("remember")
    assert come_back(door)
    second = door.cookie("remember")
    assert first != second
    assert come_back(door) and door.cookie("remember") not in (first, second)


def test_a_copied_token_ends_the_family_and_every_session_of_it(world: World) -> None:
    door, thief = remembered(world), Door(world.app)
    stolen = door.cookie("remember")
    assert come_back(thief, stolen)
    clock.shift(timedelta(seconds=11))
    assert not come_back(door, stolen)
    assert not thief.inside()
    assert not come_back(thief)
    assert entries(world.doctor, "session.ended") == ["session.ended"]


def test_the_right_half_with_a_wrong_proof_ends_the_family(world: World) -> None:
    door = remembered(world)
    token = door.cookie("remember")
    assert not come_back(Door(world.app), token.partition(".")[0] + "." + "A" * 43)
    assert not come_back(door, token)


def test_a_second_click_opens_nothing_and_ends_nothing(world: World) -> None:
    door, second = remembered(world), Door(world.app)
    token = door.cookie("remember")
    assert come_back(door)
    clock.shift(timedelta(seconds=9))
    assert not come_back(second, token)
    assert door.inside()
    assert come_back(door)


def test_after_thirty_days_the_password_is_asked_however_often_it_was_used(world: World) -> None:
    door = remembered(world)
    clock.shift(timedelta(days=29))
    assert come_back(door)
    clock.shift(timedelta(days=1, seconds=1))
    assert not come_back(door)


def test_logging_out_ends_the_remembered_login(world: World) -> None:
    door = remembered(world)
    token = door.cookie("remember")
    door.send("/logout")
    assert not come_back(Door(world.app), token)


def test_ending_all_others_ends_their_remembered_logins(world: World) -> None:
    door, other = remembered(world), Door(world.app)
    token = door.cookie("remember")
    other.enter(world.doctor.account.phone)
    other.send("/me/sessions/end")
    assert not door.inside()
    assert not come_back(Door(world.app), token)


def test_a_new_password_ends_remembered_logins_elsewhere(world: World) -> None:
    door, other = remembered(world), Door(world.app)
    token = door.cookie("remember")
    other.enter(world.doctor.account.phone)
    form = {"current": PASSWORD, "password": "Fresh2026$", "again": "Fresh2026$"}
    assert other.send("/me/password", **form).status_code == 303
    assert not come_back(Door(world.app), token)


def test_a_disabled_account_does_not_come_back(world: World) -> None:
    from core.accounts import actions
    from core.tenancy.sessions import all_tenants

    door = remembered(world)
    with world.app.app_context(), all_tenants(write=True) as db:
        actions.disable(db, world.doctor.account.id, why="test")
    assert not come_back(door)
