"""功能插件 for the platform's operators: how each plugin does, who uses it and who may; nothing of any patient."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from core import clock
from core.accounts.models import Account
from core.app import TeleradFlask, create_app
from core.audit.models import Audit
from core.host import faults, switches
from core.host import settings as host_settings
from core.host.ledger import Tally
from core.host.models import PluginFault
from core.tenancy import settings
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants
from core.work.models import Notice
from plugin_sdk.api import Plugin, Registry, hookimpl
from plugin_sdk.types import Ctx, Problem
from tests.canary import MARK, without_tenants
from tests.conftest import World, csrf, make_member
from tests.desk import Desk, text_of

busy: list[str] = []


class Ground(Plugin):
    name, title = "ground", "地基"

    @hookimpl
    def check_disable(self, ctx: Ctx) -> list[Problem]:
        return [Problem(code="busy", text=text) for text in busy]


class Upper(Plugin):
    name, title, requires = "upper", "楼上", ("ground",)


class Fallen(Plugin):
    name, title = "fallen", "倒下的"

    def register(self, reg: Registry) -> None:
        raise RuntimeError("no licence")


@pytest.fixture
def other(app: TeleradFlask) -> Iterator[TeleradFlask]:
    """The same house with plugins of its own beside the installed ones."""
    busy.clear()
    made = create_app(replace(app.house.config, strict_plugins=False), extra=(Ground, Upper, Fallen))
    made.test_client_class = app.test_client_class
    yield made
    with app.app_context(), all_tenants(write=True) as session:
        session.execute(sa.delete(PluginFault))


@pytest.fixture
def operator(other: TeleradFlask, world: World) -> Iterator[Any]:
    """An operator who is a member of the hospital, too."""
    with other.app_context():
        member = make_member(other, world.hospital, "admin", "operator")
        with all_tenants(write=True) as session:
            session.get_one(Account, member.account.id).platform_role = "operator"
    yield member
    with other.app_context(), all_tenants(write=True) as session:
        session.get_one(Account, member.account.id).platform_role = ""


@pytest.fixture
def client(operator: Any) -> FlaskClient:
    return operator.browser()  # type: ignore[no-any-return]


def page(client: FlaskClient, path: str = "") -> str:
    answer = client.get(f"/admin/plugins{path}")
    assert answer.status_code == 200, answer.get_data(as_text=True)[:300]
    return answer.get_data(as_text=True)


def send(client: FlaskClient, path: str, **form: str) -> Any:
    return client.post(f"/admin/plugins{path}", data={"csrf_token": csrf(client, "/me"), **form})


def note(answer: Any) -> str:
    found = re.search(r'<p class="note error" role="alert">.*?</p>', answer.get_data(as_text=True), flags=re.DOTALL)
    return text_of(found[0]) if found else ""


def state(world: World, name: str) -> str:
    with world.app.app_context(), all_tenants() as session:
        return str(session.get_one(Tenant, world.hospital.id).plugins.get(name, "off"))


def allowed(world: World) -> list[str] | None:
    with world.app.app_context(), all_tenants() as session:
        return settings.load(session, host_settings.Allowed, world.hospital.id).allowed


def fail(app: TeleradFlask, name: str, times: int) -> None:
    at = clock.now()
    with app.app_context():
        faults.write(app.house, {(name, "check_report"): Tally(calls=20, ms=100.0, slowest_ms=40, failed=[at] * times, error="KeyError")})


def test_the_list_says_of_each_plugin_its_version_level_state_and_use(client: FlaskClient, world: World) -> None:
    seen = page(client)
    rows = [text_of(r) for r in re.findall(r"<tr>.*?</tr>", seen, flags=re.DOTALL)]
    assert any(re.match(r"consultation 远程诊断 telerad \S+ 1\.0 两端 - \d+ - 0 运行", r) for r in rows), rows
    assert any(r.startswith("upper 楼上 - 1.0 两端 ground 0 - 0 运行") for r in rows)
    assert "fallen 未启动 register: RuntimeError('no licence')" in text_of(seen) or "fallen 未启动 register: RuntimeError: no licence" in text_of(seen)
    assert re.search(r"已安装 \d+ · 运行 \d+ · 未启动 1", text_of(seen))


def test_a_page_counts_calls_time_and_errors_by_place(client: FlaskClient, other: TeleradFlask) -> None:
    fail(other, "ground", 3)
    seen = text_of(page(client, "/ground"))
    assert re.search(r"check_report 20 5\.0 毫秒 40 毫秒 3 KeyError 20\d\d-\d\d-\d\d \d\d:\d\d", seen)
    assert re.search(r"consultation_request [\d,]+ 行", text_of(page(client, "/consultation")))


def test_ten_failures_make_it_degraded_until_an_operator_counts_anew(client: FlaskClient, other: TeleradFlask) -> None:
    fail(other, "ground", 10)
    assert "ground 降级 check_report KeyError" in text_of(page(client))
    assert "5 分钟内出错 10 次以上" in text_of(page(client, "/ground"))
    assert send(client, "/ground/reset").status_code == 303
    assert "降级" not in text_of(page(client))


def test_a_degraded_plugin_is_told_to_its_tenants_and_to_operators_each_with_a_page_they_can_open(
    operator: Any, client: FlaskClient, other: TeleradFlask, world: World
) -> None:
    with other.app_context(), other.house.system_ctx(world.hospital.id) as ctx:
        switches.enable(ctx, "ground")
    fail(other, "ground", 10)
    with other.app_context(), all_tenants() as session:
        kept = session.execute(
            sa.select(Notice.account_id, Notice.ref, Notice.public_id).where(Notice.tenant_id == world.hospital.id, Notice.kind == "plugin.degraded")
        ).all()
    for_admin = next(i for a, ref, i in kept if (a, ref) == (world.h_admin.account.id, "host:plugin:ground"))
    for_operator = next(i for a, ref, i in kept if (a, ref) == (operator.account.id, "platform:plugin:ground"))
    desk = Desk(replace(world.h_admin, app=other))
    assert desk.post(f"/notices/{for_admin}/read").headers["Location"] == f"{desk.root}/manage/plugins/ground"
    assert "最近多次出错" in text_of(desk.page("/manage/plugins/ground"))
    root = f"/t/{world.hospital.code}"
    answer = client.post(f"{root}/notices/{for_operator}/read", data={"csrf_token": csrf(client, "/me")})
    assert answer.headers["Location"] == "/admin/plugins/ground" and client.get("/admin/plugins/ground").status_code == 200


def test_a_tenant_is_found_by_name_or_code_and_its_switch_turned_under_the_operators_name(
    client: FlaskClient, world: World, make_world: Callable[..., World]
) -> None:
    stranger, code = make_world(), world.hospital.code
    seen = page(client, f"/ground?q={code.lower()}")
    assert world.hospital.name in seen and stranger.hospital.name not in seen
    assert send(client, "/upper/switch", tenant=code, to="on", was="off").status_code == 303
    assert (state(world, "ground"), state(world, "upper")) == ("on", "on")
    refused = send(client, "/ground/switch", tenant=code, to="off", was="on")
    assert (refused.status_code, note(refused)) == (409, "请先停用需要它的插件：楼上")
    late = send(client, "/upper/switch", tenant=code, to="on", was="off")
    assert late.status_code == 409 and note(late).startswith("operator 于 ")
    with world.app.app_context(), all_tenants() as session:
        who = session.scalars(sa.select(Audit.account_id).where(Audit.tenant_id == world.hospital.id, Audit.kind == "plugin.enabled"))
        assert len(set(who)) == 1
    assert send(client, "/upper/switch", tenant="NOBODY", to="on", was="off").status_code == 404


def test_withdrawing_switches_off_and_allowing_again_leaves_no_list_behind(client: FlaskClient, world: World) -> None:
    code = world.hospital.code
    send(client, "/ground/switch", tenant=code, to="on", was="off")
    assert send(client, "/ground/allow", tenant=code, allowed="no", was="yes").status_code == 303
    assert state(world, "ground") == "off" and allowed(world) is not None and "ground" not in (allowed(world) or [])
    refused = send(client, "/upper/switch", tenant=code, to="on", was="off")
    assert (refused.status_code, note(refused)) == (422, "平台未允许本机构使用“地基”")
    late = send(client, "/ground/allow", tenant=code, allowed="no", was="yes")
    assert (late.status_code, note(late)) == (409, "开放状态已被他人修改，请确认后再操作")
    assert send(client, "/ground/allow", tenant=code, allowed="yes", was="no").status_code == 303
    assert allowed(world) is None
    log = text_of(Desk(world.h_admin).page("/"))
    assert "修改设置 ground 项目 允许使用的插件 · 原值 是 · 新值 否" in log


def test_withdrawing_what_has_open_cases_lets_them_finish(client: FlaskClient, world: World) -> None:
    code = world.hospital.code
    send(client, "/ground/switch", tenant=code, to="on", was="off")
    busy.append("还有未完成的事项")
    assert send(client, "/ground/allow", tenant=code, allowed="no", was="yes").status_code == 303
    assert state(world, "ground") == "draining"


def test_withdrawing_what_another_plugin_needs_changes_nothing(client: FlaskClient, world: World) -> None:
    code = world.hospital.code
    send(client, "/upper/switch", tenant=code, to="on", was="off")
    refused = send(client, "/ground/allow", tenant=code, allowed="no", was="yes")
    assert (refused.status_code, note(refused)) == (409, "请先停用需要它的插件：楼上")
    assert (state(world, "ground"), allowed(world)) == ("on", None)


def test_a_broken_plugin_shows_why_and_cannot_be_switched_on(client: FlaskClient, world: World) -> None:
    seen = text_of(page(client, "/fallen"))
    assert "启动失败： register: RuntimeError" in seen and "no licence" in seen
    refused = send(client, "/fallen/switch", tenant=world.hospital.code, to="on", was="off")
    assert (refused.status_code, note(refused)) == (422, "“倒下的”未安装或未启动")


def test_a_plugin_that_is_gone_but_on_somewhere_is_shown_and_can_be_switched_off(client: FlaskClient, world: World) -> None:
    with world.app.app_context(), all_tenants(write=True) as session:
        row = session.get_one(Tenant, world.hospital.id)
        row.plugins = {**row.plugins, "gone_away": "on"}
    assert "gone_away 未安装 有机构启用，但没有安装；数据保留" in text_of(page(client))
    assert world.hospital.name in page(client, f"/gone_away?q={world.hospital.code}")
    assert send(client, "/gone_away/switch", tenant=world.hospital.code, to="off", was="on").status_code == 303
    assert state(world, "gone_away") == "off" and client.get("/admin/plugins/gone_away").status_code == 404


def test_withdrawing_a_plugin_that_is_not_installed_holds_when_it_comes_back(client: FlaskClient, world: World) -> None:
    code = world.hospital.code
    with world.app.app_context(), all_tenants(write=True) as session:
        row = session.get_one(Tenant, world.hospital.id)
        row.plugins = {**row.plugins, "gone_away": "on"}
    assert send(client, "/gone_away/allow", tenant=code, allowed="no", was="yes").status_code == 303
    found = allowed(world)
    assert found is not None and "gone_away" not in found and "ground" in found


def test_to_anybody_else_the_platforms_pages_do_not_exist(world: World) -> None:
    client = world.h_admin.browser()
    for path in ("", "/consultation", "/nobody_knows"):
        answer = client.get(f"/admin/plugins{path}")
        assert answer.status_code == 404 and "平台管理" not in answer.get_data(as_text=True)


def test_the_workbench_leads_an_operator_to_the_platform_and_nobody_else(client: FlaskClient, world: World) -> None:
    assert 'href="/admin/plugins"' in client.get("/").get_data(as_text=True)
    assert "/admin" not in world.h_admin.browser().get("/").get_data(as_text=True)


def test_that_operators_know_tenants_does_not_let_anything_else_of_theirs_pass() -> None:
    assert MARK not in without_tenants(f"<td>医院{MARK}12</td> 诊断组{MARK}7")
    assert MARK in without_tenants(f"<td>医院{MARK}12</td> 孙{MARK}")


def test_a_name_that_nobody_installed_does_not_exist(client: FlaskClient, world: World) -> None:
    assert client.get("/admin/plugins/nobody_knows").status_code == 404
    for path in ("reset", "allow", "switch"):
        assert send(client, f"/nobody_knows/{path}", tenant=world.hospital.code, was="off", to="on").status_code == 404, path
