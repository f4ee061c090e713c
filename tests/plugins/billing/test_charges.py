"""What a request costs: quoted and frozen when it is made, charged once when its report is confirmed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from core.host import switches
from core.studies.models import Study
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants
from plugins.billing.models import ChargeRow
from plugins.billing.plugin import Billing
from plugins.consultation.models import Request
from tests.conftest import Member, World
from tests.desk import Desk
from tests.plugins.billing.conftest import SetTariff, charged
from tests.plugins.consultation.test_main_job import WORDS, ask, step


def frozen(world: World, request: dict[str, Any]) -> tuple[int | None, list[tuple[str, int]]]:
    """The tariff version of a request, and its quoted lines."""
    with world.app.app_context(), all_tenants() as db:
        row = db.scalars(sa.select(Request).where(Request.public_id == request["id"])).one()
        return row.tariff_version, [(line["share"], line["fen"]) for line in (row.quote or {"lines": []})["lines"]]


def signed(world: World, request: dict[str, Any], reader: Member) -> str:
    """Let a reader write and the reviewer sign. :return: the digest that the hospital confirms"""
    step(reader, request, "accept")
    step(reader, request, "open")
    step(reader, request, "send_to_review", **WORDS)
    step(world.reviewer, request, "start_review")
    step(world.reviewer, request, "approve")
    return str(world.doctor.call("GET", f"/requests/{request['id']}").get_json()["report"]["sha256"])


def confirmed(world: World, request: dict[str, Any], reader: Member) -> str:
    sha256 = signed(world, request, reader)
    step(world.doctor, request, "confirm", sha256=sha256)
    return sha256


@pytest.mark.feature("S-061")
def test_fee_times_parts_times_urgent_is_split_between_who_wrote_and_who_reviewed(
    world: World, make_study: Callable[..., Study], tariff: SetTariff
) -> None:
    tariff(world, ((None, "", 10001),))
    parts = [{"name": "胸部", "count": 1}, {"name": "腹部", "count": 2}]
    request = ask(world, make_study(world), parts=parts, urgency="urgent")
    assert frozen(world, request) == (1, [("diagnosis", 10501), ("review", 4501), ("diagnosis", 21002), ("review", 9001)])
    assert charged(world, request) == []
    confirmed(world, request, world.reader)
    assert charged(world, request) == [
        ("胸部", "diagnosis", 10501), ("胸部", "review", 4501), ("腹部", "diagnosis", 21002), ("腹部", "review", 9001),
    ]


def test_the_named_reader_is_quoted_and_the_one_who_wrote_is_charged_by_the_frozen_version(
    world: World, make_study: Callable[..., Study], tariff: SetTariff
) -> None:
    tariff(world, ((None, "", 5000), (world.reader, "", 15000), (world.reader2, "CT", 12000)), diagnosis=100)
    request = ask(world, make_study(world), reader=world.reader.account.public_id)
    assert frozen(world, request) == (1, [("diagnosis", 15000)])
    tariff(world, ((None, "", 99900),))
    step(world.g_admin, request, "assign", reader=world.reader2.account.public_id)
    step(world.reader2, request, "open")
    step(world.reader2, request, "send_to_review", **WORDS)
    step(world.reviewer, request, "start_review")
    step(world.reviewer, request, "approve")
    sha256 = world.doctor.call("GET", f"/requests/{request['id']}").get_json()["report"]["sha256"]
    step(world.doctor, request, "confirm", sha256=sha256)
    assert charged(world, request) == [("胸部", "diagnosis", 12000)]


def test_deleting_the_report_takes_the_charge_back_and_confirming_again_charges_once_more(
    world: World, make_study: Callable[..., Study], tariff: SetTariff
) -> None:
    tariff(world, diagnosis=100)
    request = ask(world, make_study(world))
    sha256 = confirmed(world, request, world.reader)
    step(world.doctor, request, "delete_report")
    assert charged(world, request) == [("胸部", "diagnosis", 10000), ("胸部", "diagnosis", -10000)]
    step(world.doctor, request, "confirm", sha256=sha256)
    assert [fen for _, _, fen in charged(world, request)] == [10000, -10000, 10000]


def test_an_adjustment_costs_nothing(world: World, make_study: Callable[..., Study], tariff: SetTariff) -> None:
    tariff(world, diagnosis=100)
    request = ask(world, make_study(world))
    confirmed(world, request, world.reader)
    step(world.reviewer, request, "adjust", reason="左右写反")
    step(world.reviewer, request, "submit", **WORDS)
    assert charged(world, request) == [("胸部", "diagnosis", 10000)]


def test_what_was_submitted_without_a_tariff_is_never_charged(
    world: World, make_study: Callable[..., Study], tariff: SetTariff
) -> None:
    request = ask(world, make_study(world))
    assert frozen(world, request) == (None, [])
    tariff(world)
    confirmed(world, request, world.reader)
    assert charged(world, request) == []


def test_without_the_plugin_there_is_no_fee(world: World, make_study: Callable[..., Study], tariff: SetTariff) -> None:
    tariff(world)
    with world.app.app_context():
        ctx = world.g_admin.ctx()
        switches.disable(ctx, "billing")
        ctx.commit()
        ctx.close()
    request = ask(world, make_study(world))
    confirmed(world, request, world.reader)
    assert frozen(world, request) == (None, []) and charged(world, request) == []
    readers = world.doctor.call("GET", "/groups").get_json()["items"][0]["readers"]
    assert {r["fee"] for r in readers} == {None}


def switch(world: World, on: bool) -> None:
    with world.app.app_context():
        ctx = world.g_admin.ctx()
        (switches.enable if on else switches.disable)(ctx, "billing")
        ctx.commit()
        ctx.close()


def test_a_report_deleted_while_billing_is_off_is_taken_back_all_the_same(
    world: World, make_study: Callable[..., Study], tariff: SetTariff
) -> None:
    tariff(world, diagnosis=100)
    request = ask(world, make_study(world))
    sha256 = confirmed(world, request, world.reader)
    switch(world, on=False)
    step(world.doctor, request, "delete_report")
    assert [fen for _, _, fen in charged(world, request)] == [10000, -10000]
    switch(world, on=True)
    step(world.doctor, request, "confirm", sha256=sha256)
    assert [fen for _, _, fen in charged(world, request)] == [10000, -10000, 10000]


@pytest.mark.parametrize("off", [False, True])
def test_without_the_provider_nothing_that_it_priced_is_confirmed_or_taken_back(
    world: World, make_study: Callable[..., Study], tariff: SetTariff, monkeypatch: pytest.MonkeyPatch, off: bool
) -> None:
    tariff(world, diagnosis=100)
    done, waiting = ask(world, make_study(world)), ask(world, make_study(world))
    confirmed(world, done, world.reader)
    sha256 = signed(world, waiting, world.reader)
    if off:
        with world.app.app_context(), all_tenants(write=True) as db:
            row = db.get_one(Tenant, world.group.id)
            row.plugins = {name: state for name, state in row.plugins.items() if name != "billing"}
    with monkeypatch.context() as gone:
        gone.delitem(world.app.house.plugins.house.by_owner, "billing")
        for request, event, facts in ((done, "delete_report", {}), (waiting, "confirm", {"sha256": sha256})):
            seen = world.doctor.call("GET", f"/requests/{request['id']}").get_json()
            answer = world.doctor.call("POST", f"/requests/{request['id']}/{event}", {"version": seen["version"], **facts})
            assert (answer.status_code, answer.get_json()["plugin"]) == (503, "billing"), event
            assert world.doctor.call("GET", f"/requests/{request['id']}").get_json()["state"] == seen["state"]
    assert charged(world, done) == [("胸部", "diagnosis", 10000)] and charged(world, waiting) == []


@pytest.mark.parametrize("other", [{"person": 1}, {"report_n": 99}])
def test_what_stands_for_somebody_else_or_another_report_is_taken_back_before_the_charge(
    world: World, make_study: Callable[..., Study], tariff: SetTariff, other: dict[str, int]
) -> None:
    tariff(world, diagnosis=100)
    request = ask(world, make_study(world))
    sha256 = confirmed(world, request, world.reader)
    with world.app.app_context(), all_tenants(write=True) as db:  # as if a reversal had been lost
        db.execute(sa.update(ChargeRow).where(ChargeRow.request_public_id == request["id"]).values(**other))
        db.execute(sa.update(Request).where(Request.public_id == request["id"]).values(state="APPROVED"))
    step(world.doctor, request, "confirm", sha256=sha256)
    assert [fen for _, _, fen in charged(world, request)] == [10000, -10000, 10000]
    with world.app.app_context(), all_tenants() as db:
        last = db.scalars(
            sa.select(ChargeRow).where(ChargeRow.request_public_id == request["id"]).order_by(ChargeRow.id.desc())
        ).first()
        assert last is not None and (last.person, last.report_n) == (world.reader.account.id, 1)


def test_open_requests_with_a_price_keep_the_plugin_on(
    world: World, make_study: Callable[..., Study], tariff: SetTariff
) -> None:
    tariff(world)
    request = ask(world, make_study(world))
    with world.app.app_context():
        ctx = world.g_admin.ctx()
        with pytest.raises(switches.RefusedByPlugin, match="refused-by-plugin"):
            switches.disable(ctx, "billing")
        ctx.rollback()
        ctx.close()
    confirmed(world, request, world.reader)
    with world.app.app_context():
        ctx = world.g_admin.ctx()
        switches.disable(ctx, "billing")
        ctx.commit()
        ctx.close()


def test_what_another_provider_priced_since_hides_no_open_request(
    world: World, make_study: Callable[..., Study], tariff: SetTariff
) -> None:
    tariff(world)
    request = ask(world, make_study(world))
    table = sa.inspect(Request).local_table
    with world.app.app_context(), all_tenants(write=True) as db:
        kept = dict(db.execute(sa.select(table).where(table.c.public_id == request["id"])).mappings().one())
        del kept["id"]
        theirs = {**kept, "closed_at": kept["requested_at"], "quote": {"provider": "other", "lines": []}}
        db.execute(sa.insert(table), [{**theirs, "public_id": f"{n:026}"} for n in range(201)])
    with world.app.app_context():
        ctx = world.g_admin.ctx()
        with pytest.raises(switches.RefusedByPlugin, match="refused-by-plugin"):
            switches.disable(ctx, "billing")
        ctx.rollback()
        ctx.close()


def test_while_billing_drains_nothing_new_is_priced_and_what_was_agreed_is_charged(
    world: World, make_study: Callable[..., Study], tariff: SetTariff
) -> None:
    tariff(world, diagnosis=100)
    agreed = ask(world, make_study(world))
    with world.app.app_context():
        ctx = world.g_admin.ctx()
        switches.drain(ctx, "billing")
        ctx.commit()
        ctx.close()
    free = ask(world, make_study(world))
    for request in (agreed, free):
        confirmed(world, request, world.reader)
    assert charged(world, agreed) == [("胸部", "diagnosis", 10000)] and charged(world, free) == []


def test_many_reports_confirmed_at_once_are_charged_each(
    world: World, make_study: Callable[..., Study], tariff: SetTariff
) -> None:
    tariff(world, diagnosis=100)
    requests = [ask(world, make_study(world)) for _ in range(3)]
    for request in requests:
        signed(world, request, world.reader)
    answer = Desk(world.doctor).post("/requests/confirm", {"row": [r["id"] for r in requests]})
    assert answer.status_code == 303
    assert [charged(world, r) for r in requests] == [[("胸部", "diagnosis", 10000)]] * 3


def test_a_provider_that_fails_stops_submission_and_confirmation_by_its_name(
    world: World, make_study: Callable[..., Study], tariff: SetTariff, monkeypatch: pytest.MonkeyPatch
) -> None:
    tariff(world)
    study, waiting = make_study(world), ask(world, make_study(world))
    sha256 = signed(world, waiting, world.reader)
    monkeypatch.setattr("plugins.billing.actions.price", lambda ctx, quote: 1 / 0)
    body = {"study_id": study.public_id, "group": world.group.code, "parts": [{"name": "胸部", "count": 1}]}
    answer = world.doctor.call("POST", "/requests", body)
    assert (answer.status_code, answer.get_json()["plugin"]) == (503, "billing")
    seen = world.doctor.call("GET", f"/requests/{waiting['id']}").get_json()
    answer = world.doctor.call("POST", f"/requests/{waiting['id']}/confirm", {"version": seen["version"], "sha256": sha256})
    assert (answer.status_code, answer.get_json()["plugin"]) == (503, "billing")
    assert world.doctor.call("GET", f"/requests/{waiting['id']}").get_json()["state"] == "APPROVED"
    monkeypatch.setattr("plugins.billing.actions.price", lambda ctx, quote: [])
    answer = world.doctor.call("POST", f"/requests/{waiting['id']}/confirm", {"version": seen["version"], "sha256": sha256})
    assert answer.status_code == 503, "a price of nothing for what had one"
    monkeypatch.undo()
    assert charged(world, waiting) == []
    step(world.doctor, waiting, "confirm", sha256=sha256)
    assert len(charged(world, waiting)) == 2


def test_a_broken_plugin_is_not_a_free_one(
    world: World, make_study: Callable[..., Study], tariff: SetTariff, monkeypatch: pytest.MonkeyPatch
) -> None:
    tariff(world)
    study = make_study(world)
    monkeypatch.setitem(world.app.house.plugins.broken, Billing.name, RuntimeError("import"))
    body = {"study_id": study.public_id, "group": world.group.code, "parts": [{"name": "胸部", "count": 1}]}
    answer = world.doctor.call("POST", "/requests", body)
    assert (answer.status_code, answer.get_json()["plugin"]) == (503, "billing")
    assert world.doctor.call("GET", f"/studies/{study.public_id}").get_json()["status"] == "normal"


@pytest.mark.feature("S-061")
def test_the_groups_of_the_api_say_each_readers_fee(world: World, tariff: SetTariff) -> None:
    tariff(world, ((None, "", 5000), (world.reader, "", 15000)))
    readers = world.doctor.call("GET", "/groups").get_json()["items"][0]["readers"]
    fees = {r["name"]: r["fee"] for r in readers}
    assert (fees["reader"], fees["reader2"]) == (15000, 5000)
