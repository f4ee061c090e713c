"""A hospital switches plugins on, draining and off; what others need stays; what is open goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from core.app import TeleradFlask, create_app
from core.audit.models import Audit
from core.host import settings as host_settings
from core.host import switches
from core.host.switches import Needed, NotAllowed, NotInstalled
from core.tenancy import actions as tenancy
from core.tenancy import settings
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants
from core.work import runner
from plugin_sdk.api import Plugin, Registry, hookimpl
from plugin_sdk.errors import DomainError, RefusedByPlugin
from plugin_sdk.types import Ctx, Problem
from tests.conftest import World

prepared: list[str] = []
busy: list[str] = []


class Ground(Plugin):
    """Stands alone."""

    name = "ground"

    @hookimpl
    def tenant_enabled(self, ctx: Ctx) -> None:
        prepared.append(ctx.tenant.code)

    @hookimpl
    def check_disable(self, ctx: Ctx) -> list[Problem]:
        return [Problem(code="busy", text="还有未完成的事项")] if busy else []


class Upper(Plugin):
    """Needs the ground."""

    name = "upper"
    requires = ("ground",)


class Refusing(Plugin):
    """Cannot prepare a tenant."""

    name = "refusing"

    @hookimpl
    def tenant_enabled(self, ctx: Ctx) -> None:
        raise RuntimeError("no licence")


class Fallen(Plugin):
    """Did not start."""

    name = "fallen"

    def register(self, reg: Registry) -> None:
        raise RuntimeError("no licence")


class GroupOnly(Plugin):
    name = "group_only"
    side = "group"


@pytest.fixture
def house(app: TeleradFlask) -> Iterator[Any]:
    """The house with plugins of its own beside the installed ones."""
    prepared.clear()
    busy.clear()
    made = create_app(replace(app.house.config, strict_plugins=False), extra=(Ground, Upper, Refusing, Fallen, GroupOnly))
    with made.app_context():
        yield made.house


@pytest.fixture
def turn(house: Any, world: World) -> Callable[..., Any]:
    """Do something with switches in the hospital's ctx, and commit."""

    def act(what: Callable[..., Any], *args: Any) -> Any:
        with house.system_ctx(world.hospital.id) as ctx:
            return what(ctx, *args)

    return act


def states(world: World) -> dict[str, str]:
    with all_tenants() as session:
        kept = session.get_one(Tenant, world.hospital.id).plugins
    return {k: v for k, v in kept.items() if k in ("ground", "upper", "refusing", "fallen")}


def entries(world: World) -> list[tuple[str, str]]:
    with all_tenants() as session:
        rows = session.execute(
            sa.select(Audit.kind, Audit.ref).where(Audit.tenant_id == world.hospital.id, Audit.kind.startswith("plugin."))
        )
        return [(kind, ref) for kind, ref in rows]


def test_switching_on_brings_what_is_required_and_prepares_the_tenant_once(turn: Any, world: World) -> None:
    assert turn(switches.enable, "upper") == ["ground", "upper"]
    assert turn(switches.enable, "upper") == []
    assert states(world) == {"ground": "on", "upper": "on"}
    assert prepared == [world.hospital.code]
    assert entries(world) == [("plugin.enabled", "host:plugin:ground"), ("plugin.enabled", "host:plugin:upper")]


def test_what_another_needs_cannot_be_switched_off_or_drained(turn: Any, world: World) -> None:
    turn(switches.enable, "upper")
    for act in (switches.disable, switches.drain):
        with pytest.raises(Needed) as caught:
            turn(act, "ground")
        assert caught.value.facts["plugins"] == ["upper"]
    turn(switches.disable, "upper")
    turn(switches.disable, "ground")
    assert states(world) == {}


def test_a_new_tenant_gets_what_comes_with_the_product_and_each_plugin_prepares_it(
    house: Any, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ground, "__module__", "plugins.ground.plugin")
    with all_tenants(write=True) as session:
        made = tenancy.create(session, house, code="HNEW", kind="hospital", name="演示新医院")
        assert (made.plugins["consultation"], made.plugins["ground"]) == ("on", "on")
        assert not {"upper", "refusing", "group_only"} & made.plugins.keys()
        assert prepared == ["HNEW"]
        session.rollback()


def test_a_plugin_that_cannot_prepare_a_tenant_stays_off_and_leaves_nothing_behind(turn: Any, world: World) -> None:
    with pytest.raises(DomainError) as caught:
        turn(switches.enable, "refusing")
    assert caught.value.facts["plugin"] == "refusing"
    assert (states(world), entries(world)) == ({}, [])


@pytest.mark.parametrize("name", ["fallen", "group_only", "nobody_knows"])
def test_what_did_not_start_or_is_for_the_other_side_cannot_be_switched_on(turn: Any, name: str) -> None:
    with pytest.raises(NotInstalled):
        turn(switches.enable, name)


def test_a_hospital_can_switch_a_broken_plugin_off(turn: Any, world: World) -> None:
    with all_tenants(write=True) as session:
        row = session.get_one(Tenant, world.hospital.id)
        row.plugins = {**row.plugins, "fallen": "on"}
    turn(switches.disable, "fallen")
    assert states(world) == {}


def test_a_plugin_with_open_cases_refuses_to_go_off_drains_and_then_goes_off_by_itself(
    house: Any, turn: Any, world: World
) -> None:
    turn(switches.enable, "ground")
    busy.append("a case")
    with pytest.raises(RefusedByPlugin, match="refused-by-plugin") as caught:
        turn(switches.disable, "ground")
    assert str(caught.value.sentence) == "还有未完成的事项"
    turn(switches.drain, "ground")
    assert turn(lambda ctx: ("ground" in ctx.enabled, sorted(ctx.draining))) == (True, ["ground"])
    switches.finish_draining(house)
    assert states(world) == {"ground": "draining"}
    busy.clear()
    switches.finish_draining(house)
    assert states(world) == {}
    assert [kind for kind, _ in entries(world)] == ["plugin.enabled", "plugin.draining", "plugin.disabled"]


def test_a_draining_plugin_can_be_switched_on_again(turn: Any, world: World) -> None:
    turn(switches.enable, "ground")
    turn(switches.drain, "ground")
    assert turn(switches.enable, "ground") == ["ground"]
    assert states(world) == {"ground": "on"}


def test_what_the_platform_does_not_allow_cannot_be_switched_on_not_even_as_a_requirement(turn: Any, world: World) -> None:
    with all_tenants(write=True) as session:
        settings.store(session, host_settings.Allowed, world.hospital.id, by=0, allowed=["upper"])
    for name in ("ground", "upper"):
        with pytest.raises(NotAllowed):
            turn(switches.enable, name)
    assert states(world) == {}


def test_while_consultation_drains_open_requests_go_on_and_new_ones_are_refused(
    app: TeleradFlask, world: World, make_study: Callable[..., Any]
) -> None:
    def ask() -> Any:
        study = make_study(world)
        return world.doctor.call(
            "POST", "/requests",
            {"study_id": study.public_id, "group": world.group.code, "parts": [{"name": "胸部", "count": 1}]},
        )

    first = ask().get_json()
    with app.app_context(), app.house.system_ctx(world.hospital.id) as ctx:
        with pytest.raises(RefusedByPlugin) as caught:
            switches.disable(ctx, "consultation")
        assert str(caught.value.sentence) == "还有 1 个申请未完成"
        switches.drain(ctx, "consultation")
    refused = ask()
    assert (refused.status_code, refused.get_json()["detail"]) == (409, "远程诊断正在停用，不再接受新的申请")
    done = world.reader.call("POST", f"/requests/{first['id']}/accept", {"version": first["version"]})
    assert done.status_code == 200
    with app.app_context():
        runner.drain(app.house)


def test_nothing_can_be_asked_of_a_group_whose_consultation_is_off(
    app: TeleradFlask, world: World, make_study: Callable[..., Any]
) -> None:
    with app.app_context(), app.house.system_ctx(world.group.id) as ctx:
        switches.disable(ctx, "consultation")
    study = make_study(world)
    answer = world.doctor.call(
        "POST", "/requests",
        {"study_id": study.public_id, "group": world.group.code, "parts": [{"name": "胸部", "count": 1}]},
    )
    assert (answer.status_code, answer.get_json()["type"]) == (409, "urn:telerad:problem:connection-inactive")
