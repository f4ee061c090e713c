"""功能插件 at a hospital and a group: what administrators see, switch and set, and what others may not."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from core import clock
from core.app import TeleradFlask, create_app
from core.audit.models import Audit
from core.host import providers
from core.host import settings as host_settings
from core.intake.settings import Intake
from core.tenancy import settings
from core.tenancy.models import Setting, Tenant
from core.tenancy.sessions import all_tenants
from plugin_sdk.api import Plugin, Registry, hookimpl
from plugin_sdk.errors import Invalid
from plugin_sdk.settings import setting
from plugin_sdk.types import Ctx, Problem
from plugins.consultation.settings import Connection, Reading
from tests.conftest import PASSWORD, Member, World
from tests.desk import Desk, field, text_of
from tests.plugins.consultation.test_main_job import ask

busy: list[str] = []


@dataclass(frozen=True)
class Odd:
    """One setting of each kind of field."""

    loud: bool = setting(True, "打开铃声", label="铃声")
    limit: int | None = setting(None, "几次后停止，空白为不限", label="次数上限", least=1, most=9)
    tone: str = setting("low", "音调", choices=("low", "high"), words={"low": "低", "high": "高"})
    names: list[str] | None = setting(None, "名单")  # noqa: RUF009
    motto: str = setting("", "标语")
    key: str = setting("", "密钥", secret=True)
    ours: int = setting(3, "医院自己的", side="hospital")
    theirs: int = setting(4, "诊断组自己的", side="group")
    tries: int | None = setting(5, "试几次，空白为不试", least=1)


class Ground(Plugin):
    name, title, summary = "ground", "地基", "一切的基础"
    settings = {"tenant": f"{__name__}:Odd"}

    @hookimpl
    def check_disable(self, ctx: Ctx) -> list[Problem]:
        return [Problem(code="busy", text=text) for text in busy]


class Upper(Plugin):
    name, title, requires = "upper", "楼上", ("ground",)


class Fallen(Plugin):
    name, title = "fallen", "倒下的"

    def register(self, reg: Registry) -> None:
        raise RuntimeError("no licence for 病人王五")


class Second(Plugin):
    """Another viewer."""

    name, title, provides = "second", "另一个阅片", ("viewer",)

    def register(self, reg: Registry) -> None:
        reg.capability("viewer", "plugins.viewer.provider:provider")


@pytest.fixture
def other(app: TeleradFlask) -> Iterator[TeleradFlask]:
    """The same house with plugins of its own beside the installed ones."""
    busy.clear()
    made = create_app(replace(app.house.config, strict_plugins=False), extra=(Ground, Upper, Fallen, Second))
    made.test_client_class = app.test_client_class
    yield made


def desk_in(app: TeleradFlask, member: Member) -> Desk:
    return Desk(replace(member, app=app))


@pytest.fixture
def desk(other: TeleradFlask, world: World) -> Desk:
    return desk_in(other, world.h_admin)


@contextmanager
def ctx_of(app: TeleradFlask, tenant: Tenant) -> Iterator[Any]:
    with app.app_context(), app.house.system_ctx(tenant.id) as ctx:
        yield ctx


def turn(desk: Desk, name: str, was: str, to: str) -> Any:
    return desk.post(f"/manage/plugins/{name}/switch", {"was": was, "to": to})


def state(world: World, name: str) -> str:
    with world.app.app_context(), all_tenants() as session:
        return str(session.get_one(Tenant, world.hospital.id).plugins.get(name, "off"))


def note(page: str) -> str:
    """What the page says went wrong."""
    found = re.search(r'<p class="note error" role="alert">.*?</p>', page, flags=re.DOTALL)
    return text_of(found[0]) if found else ""


def form_of(page: str, title: str) -> str:
    """The settings form under a heading."""
    return page.partition(f"</i>{title}<")[2].partition("</form>")[0]


def below(page: str, name: str) -> str:
    """One setting of a form with what stands below it."""
    found = re.search(rf'name="set\.{name}".*?<div class="hint".*?</div>', page, flags=re.DOTALL)
    assert found is not None, name
    return text_of("<" + found[0])


def entries(world: World, tenant: Tenant, kind: str) -> list[tuple[str, dict[str, Any]]]:
    with world.app.app_context(), all_tenants() as session:
        rows = session.execute(
            sa.select(Audit.ref, Audit.facts).where(Audit.tenant_id == tenant.id, Audit.kind == kind).order_by(Audit.id)
        )
        return [(ref, facts) for ref, facts in rows]


def test_the_list_says_of_each_plugin_what_it_does_needs_and_how_it_stands(desk: Desk) -> None:
    page = desk.page("/manage/plugins")
    rows = [text_of(r) for r in re.findall(r"<tr>.*?</tr>", page, flags=re.DOTALL)]
    assert any(r.startswith("远程诊断 consultation 医院向诊断组申请诊断") and "已启用 运行 设置" in r for r in rows)
    assert any(r.startswith("地基 ground 一切的基础 - 已停用 运行 设置") for r in rows)
    assert any(r.startswith("楼上 upper - 地基 已停用 运行 详情") for r in rows)
    assert any(r.startswith("倒下的 fallen - 启动失败，暂时不能启用") and "已停用 未启动" in r for r in rows)
    assert 'href="' + desk.root + '/manage/plugins"' in desk.page("/studies"), "the menu leads to it"


def test_a_page_says_what_a_plugin_adds_and_how_many_rows_of_its_tables_are_this_hospitals(
    app: TeleradFlask, world: World, make_world: Callable[..., World], make_study: Callable[..., Any]
) -> None:
    stranger = make_world()
    for whose in (world, stranger, stranger):
        ask(whose, make_study(whose))
    page = text_of(Desk(world.h_admin).page("/manage/plugins/consultation"))
    assert "菜单 申请列表" in page and "提供 远程诊断" in page and "发起诊断" in page and "待诊断数据" not in page
    assert "consultation_request 本机构 1 行" in page
    assert "此插件没有自己的数据表" in text_of(Desk(world.h_admin).page("/manage/plugins/viewer"))


def test_switching_on_brings_what_is_required_and_off_goes_the_other_way_round(desk: Desk, world: World) -> None:
    assert "会同时启用它需要的插件： 地基" in text_of(desk.page("/manage/plugins/upper"))
    said = desk.follow(turn(desk, "upper", "off", "on"))
    assert "地基、楼上：已启用" in text_of(said)
    assert (state(world, "ground"), state(world, "upper")) == ("on", "on")
    page = desk.page("/manage/plugins/ground")
    assert "这些插件需要它，请先停用： 楼上" in text_of(page) and 'value="off"' not in page
    refused = turn(desk, "ground", "on", "off")
    assert (refused.status_code, note(refused.get_data(as_text=True))) == (409, "请先停用需要它的插件：楼上")
    desk.follow(turn(desk, "upper", "on", "off"))
    desk.follow(turn(desk, "ground", "on", "off"))
    assert (state(world, "ground"), state(world, "upper")) == ("off", "off")
    kinds = [ref for ref, _ in entries(world, world.hospital, "plugin.enabled")]
    assert kinds == ["host:plugin:ground", "host:plugin:upper"]
    log = text_of(desk.page("/"))
    assert "启用插件 楼上" in log and "停用插件 地基" in log


def test_a_plugin_with_open_cases_says_all_of_them_and_offers_to_drain(desk: Desk, world: World) -> None:
    desk.follow(turn(desk, "ground", "off", "on"))
    busy.extend(["还有 3 个申请未完成", "还有 1 张账单未付"])
    page = desk.page("/manage/plugins/ground")
    assert "现在不能直接停用：还有 3 个申请未完成；还有 1 张账单未付" in text_of(page)
    assert "停止新增" in page and 'name="to" value="off"' not in page
    refused = turn(desk, "ground", "on", "off")
    assert (refused.status_code, note(refused.get_data(as_text=True))) == (409, "还有 3 个申请未完成；还有 1 张账单未付")
    page = desk.follow(turn(desk, "ground", "on", "draining"))
    assert "不再接受新的事项，未完成的完成后自动停用" in text_of(page) and "重新启用" in page
    assert state(world, "ground") == "draining"
    desk.follow(turn(desk, "ground", "draining", "on"))
    assert state(world, "ground") == "on"


def test_of_two_administrators_the_second_is_told_who_was_quicker(desk: Desk, world: World) -> None:
    desk.follow(turn(desk, "ground", "off", "on"))
    late = turn(desk, "ground", "off", "on")
    assert late.status_code == 409
    assert re.fullmatch(r"h_admin 于 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d 将“地基”改为已启用，请确认后再操作", note(late.get_data(as_text=True)))
    assert len(entries(world, world.hospital, "plugin.enabled")) == 1
    assert turn(desk, "ground", "on", "sideways").status_code == 422


def at_once(desks: list[Desk], path: str, form: dict[str, str]) -> list[int]:
    """Send the same form from several browsers at the same instant. :return: the answers' statuses, sorted"""
    start = threading.Barrier(len(desks))
    tokens = [field(d.page("/manage/plugins/ground"), "csrf_token") for d in desks]

    def send(desk: Desk, token: str) -> int:
        start.wait()
        return desk.client.post(f"{desk.root}{path}", data={"csrf_token": token, **form}).status_code

    with ThreadPoolExecutor(len(desks)) as pool:
        return sorted(pool.map(send, desks, tokens))


def test_of_administrators_at_the_same_instant_exactly_one_wins(other: TeleradFlask, world: World) -> None:
    desks = [desk_in(other, world.h_admin) for _ in range(3)]
    assert at_once(desks, "/manage/plugins/ground/switch", {"was": "off", "to": "on"}) == [303, 409, 409]
    version = field(form_of(desks[0].page("/manage/plugins/ground"), "设置"), "version")
    assert at_once(desks, "/manage/plugins/ground/settings", {"version": version, **{f"set.{k}": v for k, v in {**ALL, "limit": "4"}.items()}}) == [303, 409, 409]
    assert len(entries(world, world.hospital, "plugin.enabled")) == len(entries(world, world.hospital, "setting.changed")) == 1


def test_what_the_platform_does_not_allow_says_since_when_and_cannot_be_switched_on(desk: Desk, world: World) -> None:
    with world.app.app_context(), all_tenants(write=True) as session:
        settings.store(session, host_settings.Allowed, world.hospital.id, by=0, allowed=["upper", "consultation"])
    page = text_of(desk.page("/manage/plugins/ground"))
    assert re.search(r"未开放 .*平台管理员于 20\d\d-\d\d-\d\d \d\d:\d\d 设为不向本机构开放", page) and "启用后它的菜单" not in page
    refused = turn(desk, "upper", "off", "on")
    assert (refused.status_code, note(refused.get_data(as_text=True))) == (422, "平台未允许本机构使用“地基”")
    assert state(world, "upper") == "off"


def test_a_broken_plugin_that_is_on_is_said_on_every_page_without_its_error_and_can_be_switched_off(
    desk: Desk, other: TeleradFlask, world: World
) -> None:
    with world.app.app_context(), all_tenants(write=True) as session:
        row = session.get_one(Tenant, world.hospital.id)
        row.plugins = {**row.plugins, "fallen": "on"}
    page = desk.page("/studies")
    assert "功能插件“倒下的”未启动，需要它的操作暂不可用" in text_of(page) and f'href="{desk.root}/manage/plugins/fallen"' in page
    technician = desk_in(other, world.technician).page("/studies")
    assert "功能插件“倒下的”未启动" in technician and "/manage/plugins/fallen" not in technician
    page = desk.page("/manage/plugins/fallen")
    assert "启动失败，依赖它的操作会提示“暂不可用”，不会跳过它的检查" in text_of(page) and "王五" not in page
    desk.follow(turn(desk, "fallen", "on", "off"))
    assert state(world, "fallen") == "off" and "未启动，需要它" not in desk.page("/studies")


def test_a_plugin_that_was_uninstalled_while_on_is_named_and_can_be_switched_off(world: World) -> None:
    with world.app.app_context(), all_tenants(write=True) as session:
        row = session.get_one(Tenant, world.hospital.id)
        row.plugins = {**row.plugins, "gone_away": "on"}
    desk = Desk(world.h_admin)
    assert "gone_away 未安装 已不在系统中，数据保留" in text_of(desk.page("/manage/plugins"))
    desk.follow(turn(desk, "gone_away", "on", "off"))
    assert desk.get("/manage/plugins/gone_away").status_code == 404


def test_where_several_plugins_provide_one_thing_the_chosen_one_is_asked(desk: Desk, other: TeleradFlask, world: World) -> None:
    assert "由谁提供" not in desk.page("/manage/plugins")
    desk.follow(turn(desk, "second", "off", "on"))
    page = desk.page("/manage/plugins")
    assert "由谁提供" in page and field(page, "was") == "viewer"
    said = desk.follow(desk.post("/manage/plugins/provider", {"capability": "viewer", "provider": "second", "was": "viewer"}))
    assert "阅片由“另一个阅片”提供" in text_of(said)
    with ctx_of(other, world.hospital) as ctx:
        assert providers.able(ctx, "viewer")[0] == "second"
    late = desk.post("/manage/plugins/provider", {"capability": "viewer", "provider": "viewer", "was": "viewer"})
    assert (late.status_code, "现在由“另一个阅片”提供" in text_of(late)) == (409, True)


@pytest.mark.parametrize("who", ["technician", "reader"])
def test_only_administrators_come_in(world: World, who: str) -> None:
    desk = Desk(world.people[who])
    for path in ("/manage/plugins", "/manage/plugins/consultation", "/manage/settings"):
        assert desk.get(path).status_code == 403, path
    assert turn(desk, "viewer", "on", "off").status_code == 403
    assert "/manage/plugins" not in desk.page("/")


def test_a_plugin_of_the_other_side_or_of_nobody_does_not_exist(world: World) -> None:
    for name in ("nobody_knows", "fallen"):
        assert Desk(world.h_admin).get(f"/manage/plugins/{name}").status_code == 404, name
        assert turn(Desk(world.h_admin), name, "off", "on").status_code == 404, name


def test_switches_and_settings_ask_for_the_password_when_it_was_given_long_ago(world: World) -> None:
    desk = Desk(world.h_admin)
    clock.shift(timedelta(minutes=11))
    asked = turn(desk, "viewer", "on", "off")
    assert asked.status_code == 403 and "请再次输入密码" in text_of(asked) and state(world, "viewer") == "on"
    done = desk.post("/manage/plugins/viewer/switch", {"was": "on", "to": "off", "fresh_password": PASSWORD})
    assert done.status_code == 303 and state(world, "viewer") == "off"


# Settings.


def save(desk: Desk, name: str, form: dict[str, Any], title: str = "设置") -> Any:
    page = desk.page(f"/manage/plugins/{name}")
    given = {f"set.{k}": v for k, v in form.items() if k not in ("with", "reset", "version")}
    rest = {k: v for k, v in form.items() if k in ("with", "reset", "version")}
    return desk.post(f"/manage/plugins/{name}/settings", {"version": field(form_of(page, title), "version"), **given, **rest})


ALL = {"loud": "yes", "limit": "", "tone": "low", "names": "", "motto": "", "ours": "3", "tries": "5"}


def stored(world: World, name: str) -> dict[str, Any]:
    with world.app.app_context(), all_tenants() as session:
        rows = session.execute(
            sa.select(Setting.name, Setting.value).where(Setting.scope_id == world.hospital.id, Setting.scope == "tenant", Setting.name.startswith(f"{name}."))
        )
        return {n.partition(".")[2]: v for n, v in rows}


def test_a_form_has_a_field_for_each_setting_of_this_side_with_bounds_and_default(desk: Desk) -> None:
    page = desk.page("/manage/plugins/ground")
    assert below(page, "loud") == "铃声 打开铃声，默认：开"
    assert below(page, "limit") == "几次后停止，空白为不限，1 到 9，默认：无"
    assert re.search(r'<select class="form-select" id="[^"]*" name="set.tone".*<option value="low" selected>低</option>', page, flags=re.DOTALL)
    assert '<textarea class="form-control" id="s-ground-own-names" name="set.names"' in page
    assert 'name="set.ours"' in page and 'name="set.theirs"' not in page


def test_what_is_saved_counts_at_once_and_says_who_changed_it(desk: Desk, other: TeleradFlask, world: World) -> None:
    typed = {**ALL, "limit": "7", "tone": "high", "names": "甲\r\n\r\n 乙 ", "motto": "<b>"}
    page = desk.follow(save(desk, "ground", {k: v for k, v in typed.items() if k != "loud"}))
    with ctx_of(other, world.hospital) as ctx:
        assert ctx.settings(Odd) == Odd(loud=False, limit=7, tone="high", names=["甲", "乙"], motto="<b>", ours=3)
    assert re.search(r"h_admin 于 20\d\d-\d\d-\d\d \d\d:\d\d 修改", below(page, "limit")) and "h_admin" not in below(page, "ours")
    assert 'value="&lt;b&gt;"' in page
    assert entries(world, world.hospital, "setting.changed") == [
        ("host:plugin:ground", {"names": ["ground.loud", "ground.limit", "ground.tone", "ground.names", "ground.motto"]})
    ]
    assert "修改设置 地基 项目 铃声、次数上限、音调、名单、标语" in text_of(desk.page("/"))
    assert "没有修改" in desk.follow(save(desk, "ground", {k: v for k, v in typed.items() if k != "loud"}))


@pytest.mark.parametrize(("name", "typed", "why"), [
    ("limit", "10", "1 到 9"), ("limit", "0", "1 到 9"), ("limit", "三", "请填写整数"), ("limit", "1.5", "请填写整数"), ("limit", "٣", "请填写整数"),
    ("ours", "", "请填写"), ("tone", "loud", "不是可选的值"), ("motto", "x" * 2001, "最多 2000 个字"), ("motto", "a\0b", "含有不能保存的字符"),
])
def test_what_does_not_fit_is_said_at_its_field_and_all_that_was_typed_stays(
    desk: Desk, world: World, name: str, typed: str, why: str
) -> None:
    answer = save(desk, "ground", {**ALL, "names": "还在", name: typed})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422 and stored(world, "ground") == {}
    at = f"s-ground-own-{name}"
    assert re.search(rf'<div class="err" id="{at}-error">.*?{why}</div>', page, flags=re.DOTALL)
    assert re.search(rf'id="{at}"[^>]*aria-invalid="true"', page) and ">还在</textarea>" in page


def test_a_number_that_may_be_nothing_can_be_blanked_whatever_its_default_is(desk: Desk, other: TeleradFlask, world: World) -> None:
    desk.follow(save(desk, "ground", {**ALL, "tries": ""}))
    assert stored(world, "ground") == {"tries": None}
    with ctx_of(other, world.hospital) as ctx:
        assert ctx.settings(Odd).tries is None


@pytest.mark.parametrize(("name", "value", "why"), [
    ("limit", 10, "应为 1 到 9"), ("tries", 0, "应为 不小于 1"), ("tries", "x", "请填写整数"), ("ours", None, "请填写整数"),
    ("loud", 1, "应为开或关"), ("motto", 3, "请填写文字"), ("tone", "shrill", "不是可选的值"),
])
def test_what_a_plugin_may_not_store_is_said_in_words_that_people_read(
    other: TeleradFlask, world: World, name: str, value: object, why: str
) -> None:
    with other.app_context(), all_tenants(write=True) as session, pytest.raises(Invalid) as refused:
        settings.store(session, Odd, world.hospital.id, by=0, **{name: value})
    assert refused.value.facts["errors"] == [{"field": name, "message": why}]


def test_a_secret_is_kept_and_never_shown_again(desk: Desk, world: World) -> None:
    page = desk.follow(save(desk, "ground", {**ALL, "key": "k-0123456789"}))
    assert stored(world, "ground")["key"] == "k-0123456789"
    assert "k-0123456789" not in page and 'type="password"' in page and 'placeholder="已设置"' in page
    assert below(page, "key").startswith("不再显示，留空则不变")
    refused = save(desk, "ground", {**ALL, "key": "k-typed-and-refused", "limit": "x"}).get_data(as_text=True)
    assert "k-typed" not in refused and "请填写整数" in refused
    desk.follow(save(desk, "ground", {**ALL, "key": "", "motto": "别的"}))
    assert stored(world, "ground")["key"] == "k-0123456789"
    page = desk.follow(save(desk, "ground", {**ALL, "reset": "key"}))
    assert "key" not in stored(world, "ground") and "已设置" not in page
    assert "k-0123456789" not in str(entries(world, world.hospital, "setting.changed")) + desk.page("/")


def test_what_a_form_carries_of_its_secrets_cannot_be_tried_against_guesses(desk: Desk, other: TeleradFlask) -> None:
    desk.follow(save(desk, "ground", {**ALL, "key": "1234"}))
    shown = field(form_of(desk.page("/manage/plugins/ground"), "设置"), "version")
    desk.follow(save(desk, "ground", {**ALL, "key": "5678"}))
    changed = field(form_of(desk.page("/manage/plugins/ground"), "设置"), "version")
    desk.follow(save(desk, "ground", {**ALL, "key": "1234"}))
    assert shown != changed, "who changes the secret alone is noticed"
    keys = other.house.config.secret_keys
    other.house.config = replace(other.house.config, secret_keys=("another-key-of-the-house-0123456789", *keys))
    assert field(form_of(desk.page("/manage/plugins/ground"), "设置"), "version") not in (shown, changed), "it hangs on the key"


def test_a_secret_is_a_text() -> None:
    with pytest.raises(TypeError):
        setting(3, "号码", secret=True)


def test_a_setting_goes_back_to_its_default_and_the_rest_is_saved(desk: Desk, world: World) -> None:
    desk.follow(save(desk, "ground", {**ALL, "limit": "7", "ours": "8"}))
    page = desk.follow(save(desk, "ground", {**ALL, "limit": "5", "ours": "8", "reset": "ours"}))
    assert stored(world, "ground") == {"limit": 5} and "恢复默认" not in below(page, "ours")
    desk.follow(save(desk, "ground", {**ALL, "limit": "99", "reset": "*"}))
    assert stored(world, "ground") == {}
    assert [facts["names"] for _, facts in entries(world, world.hospital, "setting.changed")] == [
        ["ground.limit", "ground.ours"], ["ground.limit", "ground.ours"], ["ground.limit"]
    ]


def test_of_two_who_save_the_second_is_told_and_keeps_what_was_typed(desk: Desk, world: World) -> None:
    first = field(form_of(desk.page("/manage/plugins/ground"), "设置"), "version")
    desk.follow(save(desk, "ground", {**ALL, "limit": "7"}))
    late = save(desk, "ground", {**ALL, "limit": "8", "version": first})
    page = late.get_data(as_text=True)
    assert (late.status_code, stored(world, "ground")) == (409, {"limit": 7})
    assert re.fullmatch(r"h_admin 于 .* 修改了这些设置", note(page)) and 'value="8"' in page
    assert "现在存的是 7" in below(page, "limit")
    again = desk.post("/manage/plugins/ground/settings", {
        "version": field(form_of(page, "设置"), "version"), **{f"set.{k}": v for k, v in {**ALL, "limit": "8"}.items()}})
    assert again.status_code == 303 and stored(world, "ground") == {"limit": 8}


def test_a_connections_settings_are_one_value_for_both_and_some_are_only_one_sides_to_write(world: World) -> None:
    hospital, group = Desk(world.h_admin), Desk(world.g_admin)
    page = form_of(hospital.page("/manage/plugins/consultation"), "与对接方的设置")
    assert world.group.name in hospital.page("/manage/plugins/consultation")
    assert "由对方设置" in below(page, "allow_single_sign") and "由对方设置" not in below(page, "promise_urgent_minutes")
    typed = {"promise_normal_minutes": "200", "promise_urgent_minutes": "20", "report_footer": "", "with": world.group.code}
    hospital.follow(save(hospital, "consultation", typed, "与对接方的设置"))

    def now() -> Connection:
        with ctx_of(world.app, world.group) as ctx:
            found: Connection = ctx.settings(Connection, scope_id=world.link.id)
            return found

    assert now() == Connection(allow_single_sign=True, promise_normal_minutes=200, promise_urgent_minutes=20)
    assert 'value="200"' in form_of(group.page("/manage/plugins/consultation"), "与对接方的设置")
    group.follow(save(group, "consultation", {**typed, "with": world.hospital.code}, "与对接方的设置"))
    assert now().allow_single_sign is False
    for tenant, partner in ((world.hospital, world.group), (world.group, world.hospital)):
        noted = entries(world, tenant, "setting.changed")
        assert [f["names"] for _, f in noted] == [
            ["consultation.promise_normal_minutes", "consultation.promise_urgent_minutes"], ["consultation.allow_single_sign"]]
        assert {f["to"] for _, f in noted} == {partner.code}


@pytest.mark.parametrize("side", ["hospital", "group"])
def test_whoever_saves_a_connections_settings_locks_the_hospitals_log_first(world: World, side: str) -> None:
    """As a report that is confirmed with a fee does; two who write in both logs would block each other else."""
    heads: list[int] = []

    def note_heads(_c: Any, _cursor: Any, statement: str, values: Any, *_rest: Any) -> None:
        if "FROM audit_head" in statement:
            heads.append(next(iter(values.values() if isinstance(values, dict) else values)))

    who, other = (world.h_admin, world.group) if side == "hospital" else (world.g_admin, world.hospital)
    typed = {"allow_single_sign": "yes", "promise_normal_minutes": "200", "promise_urgent_minutes": "20", "with": other.code}
    desk = Desk(who)
    sa.event.listen(sa.Engine, "before_cursor_execute", note_heads)
    try:
        desk.follow(save(desk, "consultation", typed, "与对接方的设置"))
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note_heads)
    assert heads == [world.hospital.id, world.group.id]


def test_settings_of_a_connection_to_somebody_else_do_not_exist(world: World, make_world: Callable[..., World]) -> None:
    stranger = make_world()
    desk = Desk(world.h_admin)
    for code in (stranger.group.code, "NOBODY"):
        refused = desk.post("/manage/plugins/consultation/settings", {"with": code, "version": "x"})
        assert refused.status_code == 404, code


def test_settings_of_a_group_are_not_a_hospitals(world: World) -> None:
    assert 'name="set.hold_minutes"' not in Desk(world.h_admin).page("/manage/plugins/consultation")
    desk = Desk(world.g_admin)
    desk.follow(save(desk, "consultation", {"hold_minutes": "45", "author_minutes": "30"}))
    with ctx_of(world.app, world.group) as ctx:
        assert ctx.settings(Reading).hold_minutes == 45
    assert save(desk, "consultation", {"hold_minutes": "241", "author_minutes": "30"}).status_code == 422


# Core's own.


def of_core(desk: Desk, owner: str, title: str, form: dict[str, str]) -> Any:
    page = form_of(desk.page("/manage/settings"), title)
    return desk.post("/manage/settings", {"owner": owner, "version": field(page, "version"), **{f"set.{k}": v for k, v in form.items()}})


def test_a_hospital_may_lower_what_an_upload_may_weigh_and_not_raise_it(world: World) -> None:
    desk = Desk(world.h_admin)
    assert of_core(desk, "intake", "数据上传", {"dcm_max_mb": "21", "zip_max_mb": "500"}).status_code == 422
    desk.follow(of_core(desk, "intake", "数据上传", {"dcm_max_mb": "10", "zip_max_mb": "500"}))
    with ctx_of(world.app, world.hospital) as ctx:
        assert ctx.settings(Intake) == Intake(dcm_max_mb=10)
    with world.app.app_context(), all_tenants(write=True) as session:
        settings.store(session, Intake, world.hospital.id, by=0, dcm_max_mb=40)  # by the operator
    desk.follow(of_core(desk, "intake", "数据上传", {"dcm_max_mb": "40", "zip_max_mb": "400"}))
    assert of_core(desk, "intake", "数据上传", {"dcm_max_mb": "41", "zip_max_mb": "400"}).status_code == 422
    assert 'name="set.dcm_max_mb"' not in Desk(world.g_admin).page("/manage/settings"), "a group uploads nothing"


def test_each_side_decides_about_its_passwords(world: World) -> None:
    for member, tenant in ((world.h_admin, world.hospital), (world.g_admin, world.group)):
        desk = Desk(member)
        desk.follow(of_core(desk, "accounts", "账号与密码", {"password_symbol": "yes"}))
        assert entries(world, tenant, "setting.changed") == [
            (f"accounts:settings:{tenant.code}", {"names": ["accounts.must_change_password"]})]
        assert "修改设置" in text_of(desk.page("/"))
    assert Desk(world.g_admin).post("/manage/settings", {"owner": "intake", "version": ""}).status_code == 404
