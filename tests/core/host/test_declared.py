"""What a plugin declares works where it is on, and one that breaks a rule is left out with a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from core import clock
from core.accounts import queries
from core.app import create_app
from core.cli.foreign import Operator
from core.host import switches
from core.host.loader import PluginFailed
from core.run import migrate
from core.tenancy.models import Membership, Role
from core.tenancy.sessions import all_tenants
from core.work import runner
from core.work.models import Job
from tests.conftest import World
from tests.core.host import everything

if TYPE_CHECKING:
    from decimal import Decimal


@dataclass(frozen=True)
class Unread:
    limit: Decimal | None = None


@dataclass(frozen=True)
class Bare:
    limit: int


class Plain:
    limit: int = 3


@pytest.fixture
def make(app: Any) -> Callable[..., Any]:
    """The house with these plugins beside the installed ones."""
    return lambda *extra: create_app(replace(app.house.config, strict_plugins=False), extra=extra)


@pytest.fixture
def on(make: Callable[..., Any], world: World) -> Iterator[Any]:
    """The house with the plugin switched on for the hospital."""
    everything.sent.clear()
    everything.failing.clear()
    made = make(everything.Everything)
    with made.app_context():
        with made.house.system_ctx(world.hospital.id) as ctx:
            switches.enable(ctx, "everything")
        with all_tenants(write=True) as db:
            for role in db.scalars(sa.select(Role).where(Role.tenant_id == world.hospital.id)):
                role.permissions = [*role.permissions, "hospital.everything.view"]
        yield made


def tell(made: Any, world: World) -> None:
    with made.house.system_ctx(world.hospital.id) as ctx:
        ctx.notify("request.returned", users=[world.doctor.account.id], ref="consultation:request:X", urgency="urgent")
    runner.drain(made.house)


def test_a_notice_leaves_through_the_channel_of_an_enabled_plugin_and_carries_no_name(on: Any, world: World) -> None:
    tell(on, world)
    ((code, note),) = everything.sent
    assert (code, note.kind, note.title, note.todo) == (world.hospital.code, "request.returned", "诊断退回", True)
    assert note.path == f"/t/{world.hospital.code}/requests?at=X"
    assert [u.id for u in note.users] == [world.doctor.account.id]
    assert note.facts == {"urgency": "urgent"}


def test_a_channel_that_fails_is_tried_again_and_the_notice_stands_meanwhile(on: Any, world: World) -> None:
    everything.failing.append("down")
    tell(on, world)
    with all_tenants() as db:
        row = db.scalars(sa.select(Job).where(Job.name == "work.push", Job.tenant_id == world.hospital.id)).one()
        assert (row.state, row.tries, row.err) == ("queued", 1, "ConnectionError")
    everything.failing.clear()
    clock.shift(timedelta(minutes=1))
    runner.drain(on.house)
    assert len(everything.sent) == 1


def test_a_plugin_that_is_off_sends_nothing(on: Any, world: World) -> None:
    with on.house.system_ctx(world.hospital.id) as ctx:
        switches.disable(ctx, "everything")
    tell(on, world)
    assert everything.sent == []


def test_pages_of_a_plugin_from_outside_live_below_x_and_its_slots_fail_in_place(on: Any, world: World) -> None:
    answer = on.test_client().get(
        f"/t/{world.hospital.code}/x/everything/page", headers={"Authorization": f"Bearer {world.doctor.token}"}
    )
    assert (answer.status_code, answer.get_data(as_text=True)) == (200, 'parts: <span class="slot-failed">暂不可用</span>')


def test_a_command_of_a_plugin_works_in_a_tenants_ctx(on: Any, world: World) -> None:
    ran = CliRunner().invoke(everything.command, [world.hospital.code], obj=Operator(on.house.config))
    assert (ran.exit_code, ran.output) == (0, f"{world.hospital.name}\n")


@pytest.mark.parametrize(
    ("cls", "reason"),
    [
        (everything.Unmarked, "routes: RouteError: unmarked.no_mark has no access mark"),
        (everything.OpenDoor, "routes: RouteError: open_door.not_gated: public in scope tenant"),
        (everything.UnknownCode, "routes: RouteError: unknown_code.nobody_knows: nobody declared hospital.nobody.knows"),
        (everything.WrongCommand, "register: TypeError: the command of plugin wrong_command must be a click command of that name"),
    ],
)
def test_a_plugin_whose_routes_or_commands_break_a_rule_is_left_out_and_the_house_starts(
    make: Callable[..., Any], cls: Any, reason: str
) -> None:
    made = make(cls, everything.Everything)
    broken = made.house.plugins.broken[cls.name]
    assert broken.partition(": ")[2] == reason.partition(": ")[2]
    assert "everything" in made.house.plugins.ready
    assert made.test_client().get("/healthz").status_code == 200


def test_a_blueprint_of_a_taken_name_leaves_the_second_out(make: Callable[..., Any]) -> None:
    plugins = make(everything.Everything, everything.Twice).house.plugins
    assert plugins.broken == {"twice": "routes: RouteError: blueprint everything is taken"}


def test_whoever_requires_a_plugin_that_is_left_out_late_is_left_out_too(make: Callable[..., Any]) -> None:
    assert set(make(everything.Unmarked, everything.NeedsUnmarked).house.plugins.broken) == {"unmarked", "needs_unmarked"}


def test_where_faults_are_errors_a_bad_route_stops_the_start(app: Any) -> None:
    with pytest.raises(PluginFailed, match="has no access mark"):
        create_app(app.house.config, extra=(everything.Unmarked,))


VERSION = """
revision = "falls_0001"
down_revision = None
branch_labels = None
depends_on = None

def upgrade():
    raise RuntimeError("half way")
"""


def test_migrations_that_are_nowhere_leave_a_plugin_out(make: Callable[..., Any]) -> None:
    broken = make(everything.BadMigration).house.plugins.broken
    assert broken == {
        "bad_migration": "import models: LookupError: migrations nowhere.to.be.found are no folder and no package"
    }


def test_a_migration_that_fails_leaves_its_plugin_out_and_the_others_are_brought_up(
    make: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "0001_falls.py").write_text(VERSION, encoding="utf-8")
    made = make(type("Falls", (everything.Plugin,), {"name": "falls", "migrations": str(tmp_path)}), everything.Everything)
    with made.app_context():
        migrate.upgrade(made.house)
        assert made.house.plugins.broken == {"falls": "migrate: RuntimeError: half way"}
    assert {"consultation", "everything"} <= set(made.house.plugins.ready)


def test_a_process_that_finds_a_plugins_tables_not_as_its_code_wants_leaves_it_out(
    make: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "0001_falls.py").write_text(VERSION, encoding="utf-8")
    made = make(type("Falls", (everything.Plugin,), {"name": "falls", "migrations": str(tmp_path)}))
    with made.app_context():
        migrate.leave_out_unmigrated(made.house)
    assert set(made.house.plugins.broken) == {"falls"}
    assert "consultation" in made.house.plugins.ready


def test_nobody_who_left_is_told(on: Any, world: World) -> None:
    with all_tenants(write=True) as db:
        db.execute(
            sa.update(Membership)
            .where(Membership.tenant_id == world.hospital.id, Membership.account_id == world.doctor.account.id)
            .values(left_at=clock.now())
        )
    tell(on, world)
    assert everything.sent == []
    with on.house.system_ctx(world.hospital.id) as ctx:
        ctx.notify("request.returned", users=[world.doctor.account.id], code="hospital.request.create", ref="consultation:request:Y")
    runner.drain(on.house)
    ((_, note),) = everything.sent
    assert world.doctor.account.id not in {u.id for u in note.users} and world.technician.account.id in {u.id for u in note.users}


def test_a_figure_of_the_workbench_that_fails_is_said_and_leaves_the_page_standing(make: Callable[..., Any], world: World) -> None:
    made = make(everything.Figures)
    with made.app_context(), made.house.system_ctx(world.hospital.id) as ctx:
        switches.enable(ctx, "figures")
    with made.app_context():
        (card,) = queries.cards(made.house, world.doctor.account.id)
    assert [(str(c.label), c.number) for c in card.counts] == [("待确认报告", 0), ("暂不可用", None)]
    page = world.doctor.browser().get("/").get_data(as_text=True)
    assert "待确认报告" in page


def test_a_figure_is_shown_to_those_who_hold_its_permission(make: Callable[..., Any], world: World) -> None:
    made = make(everything.AdminsFigures)
    with made.app_context(), made.house.system_ctx(world.hospital.id) as ctx:
        switches.enable(ctx, "admins_figures")
    with made.app_context():
        shown = {
            who: [str(c.label) for c in queries.cards(made.house, getattr(world, who).account.id)[0].counts]
            for who in ("doctor", "h_admin")
        }
    assert shown == {"doctor": ["待确认报告"], "h_admin": ["待办插件", "待确认报告"]}


@pytest.mark.parametrize(("settings", "why"), [
    ("Unread", "NameError: name 'Decimal' is not defined"), ("Bare", "TypeError: settings without a default: limit"), ("Plain", "TypeError: "),
])
def test_settings_that_no_page_could_draw_leave_their_plugin_out_at_start(make: Callable[..., Any], settings: str, why: str) -> None:
    class Badly(everything.Plugin):
        name = "badly"

    Badly.settings = {"tenant": f"{__name__}:{settings}"}
    assert make(Badly).house.plugins.broken["badly"].startswith(f"register: {why}")
