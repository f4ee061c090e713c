"""收费设置: one tariff per connected hospital, in versions; amounts in yuan, exactly."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from core.audit.models import Audit
from core.tenancy import actions as tenancy
from core.tenancy.models import TenantLink
from core.tenancy.sessions import all_tenants
from plugins.billing import actions
from plugins.billing.actions import Line, TariffChanged
from plugins.billing.models import Tariff, TariffLine
from tests.conftest import Member, World
from tests.desk import Desk, text_of
from tests.plugins.billing.conftest import SetTariff


def fees_of(world: World) -> str:
    return f"/manage/connections/{world.link.public_id}/fees"


def form(*rows: tuple[Member | None, str, str], base: int = 0, urgent: str = "1.5", diagnosis: str = "70") -> dict[str, Any]:
    return {
        "base": str(base), "urgent": urgent, "diagnosis": diagnosis,
        "reader": [m.account.public_id if m else "" for m, _, _ in rows], "modality": [w for _, w, _ in rows],
        "fee": [fee for _, _, fee in rows],
    }


def stored(world: World) -> list[tuple[int, int, str, int]]:
    """Version, reader, modality and fen of every line."""
    with world.app.app_context(), all_tenants() as db:
        rows = db.execute(
            sa.select(Tariff.version, TariffLine.reader, TariffLine.modality, TariffLine.fen)
            .join(TariffLine, TariffLine.tariff_id == Tariff.id).where(Tariff.link_id == world.link.id).order_by(TariffLine.id)
        )
        return [tuple(row) for row in rows]  # type: ignore[misc]


@pytest.mark.feature("S-238")
def test_saving_makes_a_version_and_the_one_before_stays_readable_with_who_and_when(world: World) -> None:
    desk = Desk(world.g_admin)
    assert "未设置，申请不计费" in text_of(desk.page("/manage/connections/fees"))
    answer = desk.post(fees_of(world), form((None, "", "80"), (world.reader, "CT", "120.50"), (world.reader, "", "99.9")))
    page = desk.follow(answer)
    assert "收费标准已保存" in page and 'value="120.50"' in page and 'value="99.90"' in page and 'value="1.50"' in page
    reader = world.reader.account.id
    first = [(1, 0, "", 8000), (1, reader, "CT", 12050), (1, reader, "", 9990)]
    assert stored(world) == first
    desk.post(fees_of(world), form((None, "", "81"), base=1, urgent="1", diagnosis="100"))
    assert stored(world) == [*first, (2, 0, "", 8100)]
    page = desk.page(fees_of(world))
    old = re.findall(rf'href="[^"]*({re.escape(fees_of(world))}/[0-9A-Z]+)"', page)[-1]
    seen = text_of(desk.page(old))
    for word in ("收费标准第 1 版", "reader", "CT", "120.50", "99.90", "80.00", "g_admin", "1.50"):
        assert word in seen, word
    with world.app.app_context(), all_tenants() as db:
        kinds = list(db.scalars(sa.select(Audit.facts).where(Audit.tenant_id == world.group.id, Audit.kind == "tariff.changed")))
    assert [(f["n"], f["count"], f["urgent_percent"]) for f in kinds] == [(1, 3, 150), (2, 1, 100)]


@pytest.mark.feature("S-238")
@pytest.mark.parametrize(
    ("rows", "more", "words"),
    [
        ([("", "")], {}, "请填写金额"), ([("", "12.345")], {}, "请填写金额"), ([("", "-1")], {}, "请填写金额"),
        ([("", "1e3")], {}, "请填写金额"), ([("", "80"), ("CT", "1"), ("CT", "2")], {}, "与第 2 行相同"),
        ([("CT", "80")], {}, "第 1 行须为全部医生、全部类型"), ([("", "80"), ("ZZ", "1")], {}, "没有此检查类型"),
        ([("", "80")], {"urgent": "0.9"}, "系数 1 至 10"), ([("", "80")], {"urgent": "10.01"}, "系数 1 至 10"),
        ([("", "80")], {"diagnosis": "101"}, "整数 0 至 100"), ([("", "80")], {"diagnosis": "7.5"}, "整数 0 至 100"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_saved(
    world: World, rows: list[tuple[str, str]], more: dict[str, str], words: str
) -> None:
    answer = Desk(world.g_admin).post(fees_of(world), form(*((None, w, fee) for w, fee in rows), **more))
    assert answer.status_code == 422
    page = answer.get_data(as_text=True)
    assert words in page and ('aria-invalid="true"' in page or words.startswith("第 1 行"))
    assert all(f'value="{fee}"' in page for _, fee in rows) and stored(world) == []


def test_a_reader_of_another_group_is_no_reader_here(world: World, make_world: Callable[..., World]) -> None:
    stranger = make_world("他").reader
    answer = Desk(world.g_admin).post(fees_of(world), form((None, "", "80"), (stranger, "", "1")))
    assert answer.status_code == 422 and "没有此诊断医生" in text_of(answer) and stored(world) == []


@pytest.mark.feature("S-238")
def test_of_two_who_change_the_same_version_the_second_is_told_and_loses_nothing(world: World) -> None:
    desk = Desk(world.g_admin)
    desk.follow(desk.post(fees_of(world), form((None, "", "80"))))
    desk.follow(desk.post(fees_of(world), form((None, "", "90"), base=1)))
    late = desk.post(fees_of(world), form((None, "", "70"), base=1))
    page = late.get_data(as_text=True)
    assert late.status_code == 409 and "g_admin 已保存第 2 版" in page and 'value="70"' in page
    assert [fen for *_, fen in stored(world)] == [8000, 9000]
    assert 'name="base" value="2"' in page, "saving once more is a decision, and follows the other version"
    desk.follow(desk.post(fees_of(world), form((None, "", "70"), base=2)))
    assert [fen for *_, fen in stored(world)] == [8000, 9000, 7000]


def test_two_who_save_at_the_same_instant_make_one_version(
    world: World, tariff: SetTariff, monkeypatch: pytest.MonkeyPatch
) -> None:
    tariff(world)
    seen = Tariff(version=1)
    tariff(world)
    monkeypatch.setattr("plugins.billing.actions.queries.in_force", lambda ctx, link_id: seen)  # read before the other's commit
    with world.app.app_context():
        ctx = world.g_admin.ctx()
        line = Line(reader=0, reader_name="", modality="", fen=1)
        with pytest.raises(TariffChanged):
            actions.save(ctx, ctx.links.get(world.link.id), [line], urgent_percent=100, diagnosis_percent=100, base=1)
        ctx.rollback()
        ctx.close()
    assert [(version, fen) for version, _, _, fen in stored(world)] == [(1, 10000), (2, 10000)]


def test_rows_are_added_and_taken_away_without_saving(world: World) -> None:
    desk = Desk(world.g_admin)
    typed = form((None, "", "80"), (world.reader, "CT", "12.3"))
    more = desk.post(f"{fees_of(world)}/rows", typed).get_data(as_text=True)
    assert more.count('name="fee"') == 3 and 'value="12.3"' in more
    less = desk.post(f"{fees_of(world)}/rows?drop=1", typed).get_data(as_text=True)
    assert less.count('name="fee"') == 1 and 'value="80"' in less
    assert desk.post(f"{fees_of(world)}/rows?drop=0", typed).get_data(as_text=True).count('name="fee"') == 2
    assert stored(world) == []


def test_a_tariff_is_its_groups_alone(world: World, make_world: Callable[..., World], tariff: SetTariff) -> None:
    tariff(world)
    other = make_world("他")
    for member in (other.g_admin, world.h_admin):
        desk = Desk(member)
        assert desk.get(fees_of(world)).status_code == 404
        assert desk.post(fees_of(world), form((None, "", "1"), base=1)).status_code == 404
    assert Desk(world.reviewer).get(fees_of(world)).status_code == 403
    assert [fen for *_, fen in stored(world)] == [10000]


def test_a_connection_that_has_ended_keeps_its_tariff_as_it_was(world: World, tariff: SetTariff) -> None:
    tariff(world)
    with world.app.app_context(), all_tenants(write=True) as db:
        db.execute(sa.update(TenantLink).where(TenantLink.id == world.link.id).values(state="ended"))
    desk = Desk(world.g_admin)
    assert 'value="100.00"' in desk.page(fees_of(world))
    assert desk.post(fees_of(world), form((None, "", "1"), base=1)).status_code == 409


def test_each_hospital_has_its_own(world: World, make_world: Callable[..., World], tariff: SetTariff) -> None:
    tariff(world)
    other = make_world("乙")
    with world.app.app_context(), all_tenants(write=True) as db:
        link = tenancy.connect(db, hospital=other.hospital, group=world.group)
        path = f"/manage/connections/{link.public_id}/fees"
    desk = Desk(world.g_admin)
    assert other.hospital.name in text_of(desk.page("/manage/connections/fees"))
    desk.follow(desk.post(path, form((None, "", "1"))))
    assert 'value="1.00"' in desk.page(path) and 'value="100.00"' in desk.page(fees_of(world))
