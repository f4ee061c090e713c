"""I4: what `telerad doctor --deep` says of charges, and that it sees what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from core.studies.models import Study
from core.tenancy.sessions import all_tenants
from plugins.billing import invariants
from plugins.billing.models import ChargeRow
from plugins.consultation.models import Request
from tests.conftest import World
from tests.plugins.billing.conftest import SetTariff
from tests.plugins.billing.test_charges import confirmed
from tests.plugins.consultation.test_main_job import ask, step


def found(world: World) -> list[str]:
    with world.app.app_context():
        return [b.what for b in invariants.check(world.app.house) if b.tenant_id == world.group.id]


def planted(world: World, statement: Any) -> None:
    with world.app.app_context(), all_tenants(write=True) as db:
        db.execute(statement.execution_options(synchronize_session=False))


def test_a_charged_a_taken_back_and_a_free_request_are_in_order(
    world: World, make_study: Callable[..., Study], tariff: SetTariff
) -> None:
    confirmed(world, ask(world, make_study(world)), world.reader)
    tariff(world)
    back = ask(world, make_study(world))
    sha256 = confirmed(world, back, world.reader)
    step(world.doctor, back, "delete_report")
    assert found(world) == []
    step(world.doctor, back, "confirm", sha256=sha256)
    ask(world, make_study(world))
    assert found(world) == []


@pytest.mark.parametrize("what", ["confirmed and not charged", "is charged and APPROVED", "was taken back by None"])
def test_what_is_wrong_is_found(world: World, make_study: Callable[..., Study], tariff: SetTariff, what: str) -> None:
    tariff(world, diagnosis=100)
    request = ask(world, make_study(world))
    confirmed(world, request, world.reader)
    of_it = ChargeRow.request_public_id == request["id"]
    planted(
        world,
        {
            "confirmed and not charged": sa.delete(ChargeRow).where(of_it),
            "is charged and APPROVED": sa.update(Request).where(Request.public_id == request["id"]).values(state="APPROVED"),
            "was taken back by None": sa.update(ChargeRow).where(of_it).values(reversed_at=ChargeRow.made_at),
        }[what],
    )
    assert [line for line in found(world) if what in line]
    planted(world, sa.delete(ChargeRow).where(of_it))
    planted(world, sa.update(Request).where(Request.public_id == request["id"]).values(quote=None, state="CONFIRMED"))
