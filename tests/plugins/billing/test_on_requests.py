"""费用 on a request's page and in the lists, for both sides and for whoever may see it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from core.studies.models import Study
from core.tenancy.models import Role
from core.tenancy.sessions import all_tenants
from tests.conftest import World
from tests.desk import Desk, row_of, text_of
from tests.plugins.billing.conftest import SetTariff, charged
from tests.plugins.billing.test_charges import confirmed
from tests.plugins.consultation.test_main_job import ask
from tests.plugins.consultation.test_races import ROUNDS, call, race


@pytest.mark.feature("S-238")
def test_both_sides_see_what_was_quoted_and_then_what_is_owed(
    world: World, make_study: Callable[..., Study], tariff: SetTariff
) -> None:
    tariff(world, ((None, "", 10000), (world.reader, "", 12050)))
    request = ask(world, make_study(world))
    hospital, group = Desk(world.h_admin), Desk(world.g_admin)
    for page in (hospital.page(f"/requests/{request['id']}"), group.page(f"/diagnosis/{request['id']}")):
        assert "预估 胸部 100.00 × 1 100.00 合计（元） 100.00" in text_of(page)
    assert "诊断费 70.00" not in text_of(hospital.page(f"/requests/{request['id']}"))
    assert "诊断费 70.00 · 审核费 30.00" in text_of(group.page(f"/diagnosis/{request['id']}"))
    confirmed(world, request, world.reader)
    page = text_of(hospital.page(f"/requests/{request['id']}"))
    assert "已计费 胸部 120.50 × 1 120.50 合计（元） 120.50" in page and "申请时 100.00" in page
    assert "120.50" in row_of(hospital.page("/requests"), request["id"])
    assert "120.50" in row_of(group.page("/diagnosis/done"), request["id"])


def test_who_may_not_see_fees_sees_neither_the_card_nor_the_column(
    world: World, make_study: Callable[..., Study], tariff: SetTariff
) -> None:
    tariff(world)
    request = ask(world, make_study(world))
    confirmed(world, request, world.reader)
    for member, one, many in (
        (world.doctor, f"/requests/{request['id']}", "/requests"),
        (world.reader, f"/diagnosis/{request['id']}", "/diagnosis/done"),
    ):
        desk = Desk(member)
        assert "100.00" not in text_of(desk.page(one))
        listed = desk.page(many)
        assert "费用" not in text_of(listed) and "100.00" not in row_of(listed, request["id"])
        assert "100.00" not in text_of(desk.page(f"{many}?col=fee&col=name")), "nor by its key in the address"
    with world.app.app_context(), all_tenants(write=True) as db:
        role = db.scalars(sa.select(Role).where(Role.tenant_id == world.hospital.id, Role.code == "doctor")).one()
        role.permissions = [*role.permissions, "hospital.billing.view"]
    assert "100.00" in row_of(Desk(world.doctor).page("/requests"), request["id"])


def test_of_two_who_confirm_at_once_one_wins_and_each_request_is_charged_once(
    world: World, make_study: Callable[..., Study], tariff: SetTariff
) -> None:
    from tests.plugins.consultation.test_main_job import approved

    tariff(world, diagnosis=100)
    requests = [approved(world, make_study(world)) for _ in range(ROUNDS)]
    seen = [world.doctor.call("GET", f"/requests/{r['id']}").get_json() for r in requests]
    bodies = [{"version": r["version"], "sha256": r["report"]["sha256"]} for r in seen]
    calls = [
        (m, [call(m, r, "confirm", body) for r, body in zip(seen, bodies, strict=True)]) for m in (world.doctor, world.h_admin)
    ]
    ours, theirs = race(world, calls)
    for request, a, b in zip(requests, ours, theirs, strict=True):
        assert sorted((a["status"], b["status"])) == [200, 409]
        assert charged(world, request) == [("胸部", "diagnosis", 10000)]
