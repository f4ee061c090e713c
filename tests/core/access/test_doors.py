"""Links for people outside: who has the address sees one page of one plugin, as long as it lives, and leaves a trace."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from core import clock, limits
from core.access import doors
from core.access.models import LinkView, PublicLink
from core.accounts import passwords
from core.app import create_app
from core.audit import chain
from core.audit.models import Audit
from core.host import switches
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants
from core.web.logs import JsonLines
from plugin_sdk.doors import NewDoor
from tests.conftest import World, client_at, own_address
from tests.core.host import everything

KIND, REF = "everything.leaflet", "everything:leaflet:X"
MONTH = timedelta(days=30)


@pytest.fixture
def made(app: Any, world: World) -> Iterator[Any]:
    """The house with the plugin from outside switched on for the hospital."""
    everything.came.clear()
    everything.failing.clear()
    house = create_app(replace(app.house.config, strict_plugins=False), extra=(everything.Everything, everything.Neighbour))
    with house.app_context(), house.house.system_ctx(world.hospital.id) as ctx:
        switches.enable(ctx, "everything")
        switches.enable(ctx, "neighbour")
    yield house  # no context stays open: clients beside it would share its g
    everything.failing.clear()


@contextmanager
def acting(made: Any, tenant_id: int, account_id: int = 0) -> Iterator[Any]:
    with made.app_context(), made.house.system_ctx(tenant_id, account_id=account_id) as ctx:
        yield ctx


@contextmanager
def rows(made: Any, *, write: bool = False) -> Iterator[Any]:
    with made.app_context(), all_tenants(write=write) as db:
        yield db


@dataclass
class Visitor:
    """Somebody outside, in a browser that keeps cookies."""

    client: FlaskClient

    def gate(self, path: str) -> TestResponse:
        return self.client.get(path)

    def enter(self, path: str, **form: str) -> TestResponse:
        token = re.search(r'csrf_token" value="([^"]+)', self.gate(path).get_data(as_text=True))
        return self.client.post(path, data={"csrf_token": token[1] if token else "", **form})

    def page(self, path: str, **form: str) -> TestResponse:
        """Through the gate to what is behind it."""
        answer = self.enter(path, **form)
        return self.client.get(answer.headers["Location"]) if answer.status_code == 303 else answer


@pytest.fixture
def visitor(made: Any) -> Callable[[], Visitor]:
    return lambda: Visitor(client_at(made, own_address()))


@pytest.fixture
def link(made: Any, world: World) -> Callable[..., NewDoor]:
    def make(**given: Any) -> NewDoor:
        values = {"valid": MONTH, "facts": {"pages": 2}, **given}
        with acting(made, world.hospital.id, world.doctor.account.id) as ctx:
            return ctx.doors.open(KIND, REF, **values)  # type: ignore[no-any-return]

    return make


def revoke(made: Any, world: World, door: NewDoor) -> bool:
    with acting(made, world.hospital.id) as ctx:
        return bool(ctx.doors.revoke(door.id))


def entries(made: Any, world: World) -> list[tuple[str, str, int]]:
    with rows(made) as db:
        found = db.execute(
            sa.select(Audit.chain, Audit.kind, Audit.account_id)
            .where(Audit.tenant_id == world.hospital.id, Audit.ref == REF).order_by(Audit.id)
        )
        return [(c, k, a) for c, k, a in found]


def text(answer: TestResponse) -> str:
    return answer.get_data(as_text=True)


def test_who_has_the_address_sees_the_plugins_page_with_no_rights_at_all(
    visitor: Callable[[], Visitor], link: Callable[..., NewDoor], world: World
) -> None:
    page = visitor().page(link().path)
    assert page.status_code == 200
    assert "everything:leaflet:X 2 no rights" in text(page) and world.hospital.name in text(page)
    assert everything.came == [(world.hospital.code, True)]


def test_a_page_behind_the_door_is_for_no_search_engine_and_no_cache_and_its_address_travels_nowhere(
    visitor: Callable[[], Visitor], link: Callable[..., NewDoor]
) -> None:
    guest, door = visitor(), link()
    for answer in (guest.gate(door.path), guest.page(door.path), guest.gate("/s/" + "x" * 43)):
        assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
        assert (answer.headers["Cache-Control"], answer.headers["Referrer-Policy"]) == ("no-store", "strict-origin")
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
        assert 'name="viewport" content="width=device-width' in text(answer) and "noindex" in text(answer)


def test_looking_at_the_address_opens_nothing_and_sending_its_form_leads_to_an_address_without_the_token(
    visitor: Callable[[], Visitor], link: Callable[..., NewDoor], world: World, made: Any
) -> None:
    door, robot, guest = link(), visitor(), visitor()
    for _ in range(20):
        assert robot.gate(door.path).status_code == 200
    assert [e[1] for e in entries(made, world)] == ["link.made"]
    entered = guest.enter(door.path)
    assert (entered.status_code, entered.headers["Location"]) == (303, f"/v/{door.id}")
    assert robot.client.get(f"/v/{door.id}").status_code == 410, "a browser that did not open it"


def test_each_opening_is_counted_and_logged_among_the_views(
    visitor: Callable[[], Visitor], link: Callable[..., NewDoor], world: World, made: Any
) -> None:
    door = link()
    visitor().page(door.path)
    visitor().page(door.path)
    assert revoke(made, world, door)
    doctor = world.doctor.account.id
    assert entries(made, world) == [
        (chain.OPS, "link.made", doctor), (chain.VIEWS, "link.viewed", 0), (chain.VIEWS, "link.viewed", 0), (chain.OPS, "link.revoked", 0),
    ]
    with rows(made) as db:
        assert db.scalar(sa.select(PublicLink.views).where(PublicLink.public_id == door.id)) == 2


def test_neither_the_database_nor_the_log_holds_a_token_a_passcode_or_a_browsers_key(
    visitor: Callable[[], Visitor], link: Callable[..., NewDoor], caplog: pytest.LogCaptureFixture, made: Any
) -> None:
    guest, door = visitor(), link(passcode=True)
    with caplog.at_level(logging.DEBUG):
        guest.page(door.path, passcode=door.passcode)
        guest.gate(door.path)
    token, key = door.path.removeprefix("/s/"), guest.client.get_cookie("guest").value  # type: ignore[union-attr]
    with rows(made) as db:
        kept = str([[*r] for t in (PublicLink, LinkView, Audit) for r in db.execute(sa.select(t.__table__))])
    lines = "\n".join(JsonLines().format(record) for record in caplog.records)
    assert "/s/<token:token>" in lines
    for secret in (token, key, f'"{door.passcode}"'):
        assert secret not in kept and secret not in lines
    assert len(token) == 43 and re.fullmatch("[0-9]{6}", door.passcode)


def gone(how: str, made: Any, world: World, door: NewDoor) -> str:
    """:return: the address that no longer leads anywhere"""
    if how == "revoked":
        assert revoke(made, world, door)
    elif how == "expired":
        clock.shift(MONTH)
    elif how == "plugin off":
        with acting(made, world.hospital.id) as ctx:
            switches.disable(ctx, "everything")
    else:
        return "/s/" + {"never made": "A" * 43, "not even a token": "x"}[how]
    return door.path


@pytest.mark.parametrize("how", ["revoked", "expired", "plugin off", "never made", "not even a token"])
def test_whatever_is_wrong_with_a_link_looks_the_same(
    visitor: Callable[[], Visitor], link: Callable[..., NewDoor], made: Any, world: World, how: str
) -> None:
    door, guest = link(passcode=how == "revoked"), visitor()
    guest.page(door.path, passcode=door.passcode)
    where = gone(how, made, world, door)
    unknown, got = visitor().gate("/s/" + "B" * 43), visitor().gate(where)
    assert (got.status_code, text(got)) == (410, text(unknown)) and "链接已失效" in text(got)
    if where == door.path:
        assert guest.client.get(f"/v/{door.id}").status_code == 410, "who had it open is out at once"


def test_a_draining_plugin_shows_what_was_opened_before_and_opens_nothing_new(
    visitor: Callable[[], Visitor], link: Callable[..., NewDoor], made: Any, world: World
) -> None:
    door = link()
    with acting(made, world.hospital.id) as ctx:
        switches.drain(ctx, "everything")
    assert visitor().page(door.path).status_code == 200
    with pytest.raises(doors.Draining):
        link()


@pytest.mark.parametrize(("what", "status", "sentence"), [("down", 503, "暂不可用"), ("gone", 410, "链接已失效")])
def test_a_page_that_fails_says_so_and_one_whose_thing_is_gone_has_ended(
    visitor: Callable[[], Visitor], link: Callable[..., NewDoor], what: str, status: int, sentence: str
) -> None:
    door = link()
    everything.failing.append(what)
    page = visitor().page(door.path)
    assert (page.status_code, sentence in text(page)) == (status, True)


def test_a_plugin_that_is_on_and_did_not_start_is_unavailable_not_gone(
    app: Any, link: Callable[..., NewDoor], world: World
) -> None:
    answer = client_at(app, own_address()).get(link().path)  # this process knows no plugin of that name
    assert (answer.status_code, "暂不可用" in text(answer)) == (503, True)


def test_a_plugins_own_page_behind_the_door_takes_a_form_from_whoever_opened_the_link(
    visitor: Callable[[], Visitor], link: Callable[..., NewDoor], world: World, made: Any
) -> None:
    guest, door = visitor(), link()
    page = text(guest.page(door.path))
    action = re.search(r'action="([^"]+)', page)[1]  # type: ignore[index]
    form = {"csrf_token": re.search(r'csrf_token" value="([^"]+)', page)[1]}  # type: ignore[index]
    assert action == f"/x/everything/leaflet/{door.id}/read"
    assert text(guest.client.post(action, data=form, headers={"Idempotency-Key": "k1"})) == "thank you"
    assert entries(made, world)[-1] == (chain.OPS, "everything.read", 0)
    assert guest.client.post(action).status_code == 400
    assert visitor().client.get(f"/v/{door.id}").status_code == 410
    revoke(made, world, door)
    assert guest.client.post(action, data=form).status_code == 410


def test_a_link_opens_no_page_of_another_plugin(visitor: Callable[[], Visitor], link: Callable[..., NewDoor]) -> None:
    guest, door = visitor(), link()
    assert guest.page(door.path).status_code == 200
    assert guest.client.get(f"/x/neighbour/peek/{door.id}").status_code == 404


def test_a_wrong_passcode_is_refused_and_the_right_one_lets_in(visitor: Callable[[], Visitor], link: Callable[..., NewDoor]) -> None:
    door = link(passcode=True)
    wrong = f"{(int(door.passcode) + 1) % 10**6:06d}"
    refused = visitor().enter(door.path, passcode=wrong)
    assert (refused.status_code, "口令不正确" in text(refused)) == (422, True)
    assert visitor().page(door.path, passcode=f" {door.passcode} ").status_code == 200


def test_after_five_wrong_passcodes_the_link_is_shut_for_half_an_hour_also_for_the_right_one(
    visitor: Callable[[], Visitor], link: Callable[..., NewDoor]
) -> None:
    door, other = link(passcode=True), link(passcode=True)
    assert [visitor().enter(door.path, passcode="").status_code for _ in range(6)] == [422] * 5 + [429]
    clock.shift(timedelta(minutes=29))
    shut = visitor().enter(door.path, passcode=door.passcode)
    assert (shut.status_code, shut.headers["Retry-After"], "请 1 分钟后再试" in text(shut)) == (429, "60", True)
    assert visitor().page(other.path, passcode=other.passcode).status_code == 200
    clock.shift(timedelta(minutes=1))
    assert visitor().page(door.path, passcode=door.passcode).status_code == 200


def test_passcodes_tried_at_once_count_each_other(visitor: Callable[[], Visitor], link: Callable[..., NewDoor]) -> None:
    door, seen = link(passcode=True), []
    guests = [visitor() for _ in range(9)]
    tokens = [re.search(r'csrf_token" value="([^"]+)', text(g.gate(door.path)))[1] for g in guests]  # type: ignore[index]

    def attempt(guest: Visitor, token: str) -> None:
        seen.append(guest.client.post(door.path, data={"csrf_token": token, "passcode": "x"}).status_code)

    threads = [Thread(target=attempt, args=pair) for pair in zip(guests, tokens, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == [422] * 5 + [429] * 4


def test_a_server_too_busy_to_look_costs_no_try(
    visitor: Callable[[], Visitor], link: Callable[..., NewDoor], monkeypatch: pytest.MonkeyPatch
) -> None:
    door = link(passcode=True)
    monkeypatch.setattr(passwords, "PATIENCE", 0.01)
    for _ in range(passwords.AT_ONCE):
        assert passwords._TURNS.acquire(timeout=1)
    try:
        assert [visitor().enter(door.path, passcode=door.passcode).status_code for _ in range(6)] == [503] * 6
    finally:
        for _ in range(passwords.AT_ONCE):
            passwords._TURNS.release()
    assert visitor().page(door.path, passcode=door.passcode).status_code == 200


@pytest.mark.parametrize(("tries", "status"), [(1, 422), (2, 429)])
def test_the_operator_may_allow_fewer_tries(visitor: Callable[[], Visitor], link: Callable[..., NewDoor], tries: int, status: int) -> None:
    door = link(passcode=True)
    with limits.changed(passcode_tries=1):
        assert [visitor().enter(door.path, passcode="").status_code for _ in range(tries)][-1] == status


def test_one_browser_has_several_links_open_side_by_side(visitor: Callable[[], Visitor], link: Callable[..., NewDoor]) -> None:
    guest, first, second = visitor(), link(), link(facts={"pages": 3})
    for door in (first, second):
        assert guest.page(door.path).status_code == 200
    assert ["everything:leaflet:X 2" in text(guest.client.get(f"/v/{first.id}")), "X 3" in text(guest.client.get(f"/v/{second.id}"))] == [True] * 2


def test_an_opening_lasts_twelve_hours_and_the_link_can_be_opened_again(
    visitor: Callable[[], Visitor], link: Callable[..., NewDoor]
) -> None:
    guest, door = visitor(), link(valid=None)
    guest.page(door.path)
    clock.shift(timedelta(hours=12, minutes=1))
    assert guest.client.get(f"/v/{door.id}").status_code == 410
    assert guest.page(door.path).status_code == 200


def test_the_end_of_a_link_is_logged_once_and_its_openings_are_forgotten(
    visitor: Callable[[], Visitor], link: Callable[..., NewDoor], made: Any, world: World
) -> None:
    door, lasting = link(valid=timedelta(days=1)), link(valid=None)
    visitor().page(door.path)
    for _day in range(3):
        clock.shift(timedelta(days=1, minutes=1))
        with made.app_context():
            doors.sweep(made.house)
    assert [k for _, k, _ in entries(made, world)].count("link.expired") == 1
    with rows(made) as db:
        assert db.scalars(sa.select(LinkView.id).where(LinkView.tenant_id == world.hospital.id)).all() == []
    with acting(made, world.hospital.id) as ctx:
        assert [d.id for d in ctx.doors.of(REF)] == [lasting.id]


def test_another_tenant_neither_lists_nor_ends_a_link_nor_opens_one_of_a_plugin_it_has_not(
    link: Callable[..., NewDoor], made: Any, world: World, visitor: Callable[[], Visitor]
) -> None:
    door = link()
    with acting(made, world.group.id) as ctx:
        assert (ctx.doors.of(REF), ctx.doors.revoke(door.id)) == ([], False)
        with pytest.raises(LookupError):
            ctx.doors.open(KIND, REF, valid=MONTH)
    assert visitor().page(door.path).status_code == 200


def test_two_plugins_cannot_have_one_kind_of_link(app: Any) -> None:
    house = create_app(replace(app.house.config, strict_plugins=False), extra=(everything.Everything, everything.Rival)).house
    assert list(house.plugins.broken) == ["rival"] and "link_pages" in house.plugins.broken["rival"]


def test_a_logged_in_member_who_opens_a_link_sees_it_as_a_guest(
    made: Any, link: Callable[..., NewDoor], world: World
) -> None:
    """Whoever is logged in beside it gains nothing by the link and lends it nothing."""
    guest = Visitor(made.test_client())
    guest.client.set_cookie("session", world.doctor.browser().get_cookie("session").value)  # type: ignore[union-attr]
    page = guest.page(link().path)
    assert (page.status_code, "no rights" in text(page), world.doctor.account.name in text(page)) == (200, True, False)


def test_nobody_opens_links_of_a_hospital_that_is_gone_from_the_plugin(made: Any, link: Callable[..., NewDoor], world: World) -> None:
    door = link()
    with rows(made, write=True) as db:
        db.get_one(Tenant, world.hospital.id).plugins = {}
    assert client_at(made, own_address()).get(door.path).status_code == 410
