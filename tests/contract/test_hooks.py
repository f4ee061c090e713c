"""What the host does with plugins: order, failures, refusals. Each hook is called here by its name."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, cast

import pytest
from flask import Blueprint

from core import declarations
from core.app import TeleradFlask, create_app
from core.host import loader
from core.host.guard import Rubbish
from core.host.hooks import HookFailed, Hooks
from core.host.loader import PluginFailed, Plugins, load_plugins
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants
from core.work import runner
from plugin_sdk.api import HOOKS, Plugin, Registry, hookimpl
from plugin_sdk.capabilities import Billing
from plugin_sdk.consultation import Change, Charge, Draft, Event, Finding, PriceStage, Quote, State, Urgency
from plugin_sdk.errors import PluginUnavailable
from plugin_sdk.lists import Column
from plugin_sdk.types import Badge, Ctx, Hold, IngestItem, Problem, RowKey, StudyAction
from plugin_sdk.web import requires
from tests.conftest import World

ROOT = Path(__file__).resolve().parent.parent.parent
CTX = cast(Ctx, object())
ITEM = IngestItem(header={}, source_id=None, sha256="a", data_sha256="b", size=1)
ran: list[str] = []


class First(Plugin):
    """Answers every hook."""

    name = "first"

    @hookimpl
    def tenant_enabled(self, ctx: Ctx) -> None:
        ran.append("first")

    @hookimpl
    def check_disable(self, ctx: Ctx) -> list[Problem]:
        return [Problem(code="first", text="还有未完成的申请")]

    @hookimpl
    def check_study(self, ctx: Ctx, action: StudyAction) -> dict[int, list[Problem]]:
        return {i: [Problem(code="first", text="")] for i in action.study_ids}

    @hookimpl
    def ingest(self, ctx: Ctx, item: IngestItem) -> IngestItem | Hold:
        return replace(item, size=item.size + 1)

    @hookimpl
    def check_transition(self, ctx: Ctx, change: Change) -> list[Problem]:
        return [Problem(code="first", text="")]

    @hookimpl
    def check_report(self, ctx: Ctx, draft: Draft) -> list[Finding]:
        return [Finding(level="warn", code="first", text="左右不一致")]

    @hookimpl
    def price(self, ctx: Ctx, quote: Quote) -> list[Charge]:
        return [Charge(code="first", fen=100, share="diagnosis")]


class Second(First):
    """Answers after the first, and only some."""

    name = "second"
    after = ("first",)

    @hookimpl
    def tenant_enabled(self, ctx: Ctx) -> None:
        ran.append("second")

    @hookimpl
    def check_disable(self, ctx: Ctx) -> list[Problem]:
        return []

    @hookimpl
    def check_study(self, ctx: Ctx, action: StudyAction) -> dict[int, list[Problem]]:
        return {action.study_ids[0]: [Problem(code="second", text="")]}

    @hookimpl
    def ingest(self, ctx: Ctx, item: IngestItem) -> IngestItem | Hold:
        return Hold(reason="second", text=str(item.size))

    @hookimpl
    def check_transition(self, ctx: Ctx, change: Change) -> list[Problem]:
        return [Problem(code="second", text="")]

    @hookimpl
    def check_report(self, ctx: Ctx, draft: Draft) -> list[Finding]:
        return []

    @hookimpl
    def price(self, ctx: Ctx, quote: Quote) -> list[Charge]:
        return [Charge(code="second", fen=200, share="diagnosis")]


class Falls(Plugin):
    """Every hook fails. Its name sorts before the others'."""

    name = "a_falls"

    def _fall(self, *_: object) -> Any:
        raise ZeroDivisionError

    @hookimpl
    def check_study(self, ctx: Ctx, action: StudyAction) -> Any:
        self._fall()

    @hookimpl
    def ingest(self, ctx: Ctx, item: IngestItem) -> Any:
        self._fall()

    @hookimpl
    def check_transition(self, ctx: Ctx, change: Change) -> Any:
        self._fall()

    @hookimpl
    def check_report(self, ctx: Ctx, draft: Draft) -> Any:
        self._fall()

    @hookimpl
    def price(self, ctx: Ctx, quote: Quote) -> Any:
        self._fall()

    @hookimpl
    def tenant_enabled(self, ctx: Ctx) -> Any:
        self._fall()

    @hookimpl
    def check_disable(self, ctx: Ctx) -> Any:
        self._fall()


class Broken(Plugin):
    """Declares a right and a job, then does not start."""

    name = "broken"

    def register(self, reg: Registry) -> None:
        reg.permission("hospital.broken.use", "x")
        reg.job("broken.job", "nowhere:job")
        raise RuntimeError("no licence")


def load(*extra: type[Plugin], strict: bool = False) -> Plugins:
    return load_plugins(declarations.core(), allowed=frozenset(), strict=strict, extra=extra)


def hooks(*extra: type[Plugin], on: tuple[str, ...] | None = None) -> Hooks:
    plugins = load(*extra)
    return Hooks(plugins, frozenset(plugins.found if on is None else on))


def change() -> Change:
    return Change(request=cast(Any, None), event=Event.CONFIRM, before=State.APPROVED, after=State.CONFIRMED, by=1, reason="")


DRAFT = cast(Draft, object())
QUOTE = Quote(
    request=None, tariff_version=None, parts=(), urgency=Urgency.NORMAL, modality="CT", reader=None, reviewer=None, link_id=1
)
ACTION = StudyAction(kind="delete", study_ids=(1, 2))


def test_plugins_are_asked_in_the_order_they_name() -> None:
    assert load(Second, First).ready == ["first", "second"]
    assert [p.code for p in hooks(Second, First).check_transition(CTX, change())] == ["first", "second"]


def test_only_what_a_tenant_has_on_is_asked() -> None:
    assert [p.code for p in hooks(First, Second, on=("second",)).check_transition(CTX, change())] == ["second"]
    assert hooks(First, Second, on=()).check_transition(CTX, change()) == []


def test_problems_of_studies_are_put_together_by_study() -> None:
    found = hooks(First, Second).check_study(CTX, ACTION)
    assert {k: [p.code for p in v] for k, v in found.items()} == {1: ["first", "second"], 2: ["first"]}


def test_an_object_passes_from_one_to_the_next_until_one_holds_it() -> None:
    assert hooks(First).ingest(CTX, ITEM) == replace(ITEM, size=2)
    assert hooks(First, Second).ingest(CTX, ITEM) == Hold(reason="second", text="2")


def test_switching_asks_the_one_that_is_switched() -> None:
    both = hooks(First, Second)
    ran.clear()
    both.tenant_enabled(CTX, "second")
    assert ran == ["second"]
    assert ([p.code for p in both.check_disable(CTX, "first")], both.check_disable(CTX, "second")) == (["first"], [])


def test_only_the_chosen_provider_is_asked_for_a_price() -> None:
    assert [(c.code, c.fen) for c in hooks(First, Second).price(CTX, QUOTE, "second")] == [("second", 200)]


class Odd(Charge):
    """No charge of the product's."""


@pytest.mark.parametrize("stage", ["quote", "charge", "reversal"])
@pytest.mark.parametrize("line", [
    Charge(code="x", fen=cast(int, 1.5), share="diagnosis"), Charge(code="x", fen=True, share="diagnosis"),
    Charge(code="x", fen=-1, share="diagnosis"), Odd(code="x", fen=1, share="diagnosis"),
])
def test_a_price_is_whole_fen_and_only_a_reversal_is_negative(line: Charge, stage: PriceStage) -> None:
    class Sells(Plugin):
        name = "sells"

        @hookimpl
        def price(self, ctx: Ctx, quote: Quote) -> list[Charge]:
            return [line]

    asked = hooks(Sells)
    if stage == "reversal" and line.fen == -1:
        assert asked.price(CTX, replace(QUOTE, stage=stage), "sells") == [line]
        return
    with pytest.raises(HookFailed) as caught:
        asked.price(CTX, replace(QUOTE, stage=stage), "sells")
    assert (caught.value.facts["plugin"], type(caught.value.__cause__)) == ("sells", Rubbish)


def test_a_reversal_is_asked_of_a_provider_that_is_off_and_of_nobody_in_its_place() -> None:
    off = hooks(First, Second, on=("second",))
    assert off.price(CTX, QUOTE, "first") == []
    assert [c.code for c in off.price(CTX, replace(QUOTE, stage="reversal"), "first")] == ["first"]
    for stage in ("quote", "charge", "reversal"):
        with pytest.raises(PluginUnavailable):
            off.price(CTX, replace(QUOTE, stage=cast(PriceStage, stage)), "uninstalled")


CALLS: dict[str, Callable[[Hooks, str], Any]] = {
    "check_study": lambda h, n: h.check_study(CTX, ACTION),
    "check_transition": lambda h, n: h.check_transition(CTX, change()),
    "price": lambda h, n: h.price(CTX, QUOTE, n),
    "tenant_enabled": lambda h, n: h.tenant_enabled(CTX, n),
    "check_disable": lambda h, n: h.check_disable(CTX, n),
}


@pytest.mark.parametrize("name", sorted(CALLS))
def test_a_failure_fails_the_operation_and_names_the_plugin(name: str) -> None:
    with pytest.raises(HookFailed) as caught:
        CALLS[name](hooks(Falls, First), "a_falls")
    assert (caught.value.facts["plugin"], caught.value.status) == ("a_falls", 503)


@pytest.mark.parametrize("name", sorted(CALLS))
def test_broken_is_not_off(name: str) -> None:
    assert hooks(Broken, First).plugins.broken == {"broken": "register: RuntimeError: no licence"}
    with pytest.raises(PluginUnavailable) as caught:
        CALLS[name](hooks(Broken, First), "broken")
    assert caught.value.facts["plugin"] == "broken"


def test_an_object_is_held_never_dropped_when_a_plugin_fails_or_is_broken() -> None:
    for plugin in (Falls, Broken):
        assert hooks(plugin, First).ingest(CTX, ITEM) == Hold(reason="plugin_failed", text="")


def test_a_check_of_a_report_that_fails_or_is_broken_shows_as_unavailable_and_the_others_go_on() -> None:
    for plugin in (Falls, Broken):
        found = hooks(plugin, First).check_report(CTX, DRAFT)
        assert [(f.code, f.text) for f in found] == [("check-unavailable", "检查不可用"), ("first", "左右不一致")]


def test_a_plugin_that_fails_at_start_leaves_nothing_behind() -> None:
    plugins = load(Broken, First)
    assert plugins.ready == ["first"]
    assert "broken.job" not in plugins.house.jobs
    assert "hospital.broken.use" not in {p.code for p in plugins.house.permissions}


def misspelt() -> type[Plugin]:
    class Misspelt(Plugin):
        name = "bad"

        @hookimpl
        def check_reprot(self, ctx: Ctx, draft: Draft) -> list[Finding]:
            return []

    return Misspelt


def wraps() -> type[Plugin]:
    class Wraps(Plugin):
        name = "bad"

        @hookimpl(wrapper=True)
        def check_report(self, ctx: Ctx, draft: Draft) -> Any:
            return (yield)

    return Wraps


def wants_to_be_first() -> type[Plugin]:
    class Eager(Plugin):
        name = "bad"

        @hookimpl(tryfirst=True)
        def check_report(self, ctx: Ctx, draft: Draft) -> list[Finding]:
            return []

    return Eager


def needs(what: str) -> Callable[[], type[Plugin]]:
    def make() -> type[Plugin]:
        class Needs(Plugin):
            name = "bad"
            requires = (what,)

        return Needs

    return make


def promises() -> type[Plugin]:
    class Promises(Plugin):
        name = "bad"
        provides = ("billing",)

    return Promises


def takes_a_name() -> type[Plugin]:
    class Takes(Plugin):
        name = "bad"

        def register(self, reg: Registry) -> None:
            reg.resource("study", "nowhere:find")

    return Takes


def takes_a_job() -> type[Plugin]:
    class Takes(Plugin):
        name = "bad"

        def register(self, reg: Registry) -> None:
            reg.job("other.job", "nowhere:job")

    return Takes


REFUSED: tuple[tuple[Callable[[], type[Plugin]], str], ...] = (
    (misspelt, "hooks: LookupError: unknown hook check_reprot"),
    (wraps, "hooks: TypeError: check_report: wrappers and tryfirst are not allowed"),
    (wants_to_be_first, "hooks: TypeError: check_report: wrappers and tryfirst are not allowed"),
    (needs("lexicon"), "require: LookupError: requires lexicon"),
    (needs("billing"), "require: LookupError: nobody provides billing"),
    (needs("broken"), "require: LookupError: requires broken"),
    (promises, "register: LookupError: provides billing but binds no factory to it"),
    (takes_a_name, "declare: DeclarationError: resources ['study'] belong to core"),
    (takes_a_job, "register: DeclarationError: job 'other.job' must begin with bad."),
)


@pytest.mark.parametrize(("make", "reason"), REFUSED)
def test_a_plugin_that_breaks_the_rules_is_left_out_and_says_why(make: Callable[[], type[Plugin]], reason: str) -> None:
    plugins = load(make(), Broken, First)
    assert (plugins.broken["bad"], plugins.state("bad")) == (reason, "broken")
    assert plugins.ready == ["first"]
    assert Hooks(plugins, frozenset({"first"})).check_report(CTX, DRAFT) == First().check_report(CTX, DRAFT)


@pytest.mark.parametrize(("make", "reason"), REFUSED)
def test_where_faults_are_errors_it_stops_the_start(make: Callable[[], type[Plugin]], reason: str) -> None:
    with pytest.raises(PluginFailed, match="plugin bad failed"):
        load(make(), strict=True)


def test_plugins_that_wait_for_each_other_are_both_left_out() -> None:
    one = type("One", (Plugin,), {"name": "one", "after": ("two",)})
    two = type("Two", (Plugin,), {"name": "two", "after": ("one",)})
    plugins = load(one, two, First)
    assert (plugins.ready, sorted(plugins.broken)) == (["first"], ["one", "two"])


class TooNew(Plugin):
    name = "too_new"
    api = (2, 0)


def test_what_is_installed_but_not_allowed_too_new_or_no_plugin_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def point(name: str, what: str) -> EntryPoint:
        return EntryPoint(name, f"{__name__}:{what}", loader.GROUP)

    points = [point("too_new", "TooNew"), point("first", "First"), point("gone", "NoSuchClass"), point("other", "Second")]
    monkeypatch.setattr(loader, "entry_points", lambda group: points)
    plugins = load_plugins(declarations.core(), allowed=frozenset({"too_new", "first", "gone"}))
    assert (plugins.ready, plugins.not_allowed, plugins.state("other")) == (["first"], ["other"], "not_allowed")
    assert plugins.broken["too_new"].startswith("load: TypeError: needs plugin API (2, 0)")
    assert plugins.broken["gone"].startswith("load: AttributeError")


# In the running house.

door = Blueprint("planted_door", __name__)


@door.get("/door")
@requires("hospital.door.use")
def open_door() -> str:
    return "open"


def note(ctx: Ctx, **_: Any) -> None:
    ran.append(ctx.tenant.code)


def numbers(ctx: Ctx, keys: Sequence[RowKey]) -> Mapping[int, object]:
    return {k.id: f"planted-cell-{k.study_id == k.id}" for k in keys}


def marks(ctx: Ctx, keys: Sequence[RowKey]) -> Mapping[int, Sequence[Badge]]:
    return {k.id: [Badge(key="door.mark", label="planted-badge", tone="wait")] for k in keys}


class Door(Plugin):
    name = "door"

    def register(self, reg: Registry) -> None:
        reg.permission("hospital.door.use", "x")
        reg.blueprint(f"{__name__}:door", scope="api")
        reg.menu("hospital", "door", "planted-menu", "planted_door.open_door", "hospital.door.use")
        reg.job("door.note", f"{__name__}:note")
        reg.column("studies", Column(key="door.number", label="planted-column", load=numbers))
        reg.badges("studies", "door.mark", f"{__name__}:marks")


@pytest.fixture
def other(app: TeleradFlask) -> Callable[..., TeleradFlask]:
    """The same house with other plugins beside the installed ones."""

    def make(*extra: type[Plugin]) -> TeleradFlask:
        return create_app(replace(app.house.config, strict_plugins=False), extra=extra)

    return make


def set_plugin(app: TeleradFlask, tenant: Tenant, name: str, state: str | None) -> None:
    with app.app_context(), all_tenants(write=True) as db:
        row = db.get_one(Tenant, tenant.id)
        row.plugins = {**{k: v for k, v in row.plugins.items() if k != name}, **({name: state} if state else {})}


def get(app: TeleradFlask, world: World, path: str) -> Any:
    return app.test_client().get(path.format(world.hospital.code), headers={"Authorization": f"Bearer {world.h_admin.token}"})


def give(app: TeleradFlask, world: World, code: str) -> None:
    from core.tenancy.models import Role

    with app.app_context(), all_tenants(write=True) as db:
        for role in db.query(Role).where(Role.tenant_id == world.hospital.id, Role.code == "admin"):
            role.permissions = [*role.permissions, code]


def test_a_switch_works_at_once_for_routes_menus_and_waiting_jobs(
    other: Callable[..., TeleradFlask], world: World
) -> None:
    app = other(Door)
    give(app, world, "hospital.door.use")
    ran.clear()

    def seen() -> tuple[int, bool, list[str]]:
        with app.app_context():
            with app.house.system_ctx(world.hospital.id) as ctx:
                ctx.enqueue("door.note")
            runner.drain(app.house)
        page = get(app, world, "/t/{}/studies").get_data(as_text=True)
        return get(app, world, "/api/v1/t/{}/x/door/door").status_code, "planted-menu" in page, list(ran)

    assert seen() == (404, False, [])
    set_plugin(app, world.hospital, "door", "on")
    assert seen() == (200, True, [world.hospital.code])
    set_plugin(app, world.hospital, "door", None)
    assert seen() == (404, False, [world.hospital.code])


def test_a_plugin_adds_columns_and_badges_to_a_list_only_where_it_is_on(
    other: Callable[..., TeleradFlask], world: World, make_study: Callable[..., Any]
) -> None:
    app, study = other(Door), make_study(world)

    def seen() -> list[bool]:
        text = get(app, world, f"/t/{{}}/studies?at={study.public_id}").get_data(as_text=True)
        return [word in text for word in ("planted-column", "planted-cell-True", "planted-badge")]

    assert seen() == [False, False, False]
    set_plugin(app, world.hospital, "door", "on")
    assert seen() == [True, True, True]


def fails(ctx: Ctx, keys: Sequence[RowKey]) -> Mapping[int, Any]:
    raise RuntimeError("planted")


class Stumbles(Plugin):
    name = "stumbles"

    def register(self, reg: Registry) -> None:
        reg.column("studies", Column(key="stumbles.number", label="stumbling-column", load=fails))
        reg.badges("studies", "stumbles.mark", f"{__name__}:fails")


def test_a_column_or_badge_that_raises_says_so_and_leaves_the_list_standing(
    other: Callable[..., TeleradFlask], world: World, make_study: Callable[..., Any]
) -> None:
    app, study = other(Stumbles, Door), make_study(world)
    set_plugin(app, world.hospital, "stumbles", "on")
    set_plugin(app, world.hospital, "door", "on")
    answer = get(app, world, f"/t/{{}}/studies?at={study.public_id}")
    text = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert study.accession in text and "planted-cell-True" in text and "planted-badge" in text
    assert "stumbling-column" in text and text.count("暂不可用") == 2


def test_pages_of_a_plugin_that_is_off_leave_no_menu_action_or_count(app: TeleradFlask, world: World) -> None:
    def shown() -> str:
        return str(world.h_admin.browser().get(f"/t/{world.hospital.code}/studies").get_data(as_text=True))

    assert "申请列表" in shown()
    set_plugin(app, world.hospital, "consultation", None)
    assert "申请列表" not in shown() and "发起诊断" not in shown()


def test_a_broken_plugin_stops_what_it_may_object_to_and_nothing_else(
    other: Callable[..., TeleradFlask], world: World, make_study: Callable[..., Any]
) -> None:
    app, study = other(Broken), make_study(world)
    body = {"study_id": study.public_id, "group": world.group.code, "parts": [{"name": "胸部"}]}

    def ask() -> Any:
        headers = {"Authorization": f"Bearer {world.h_admin.token}"}
        return app.test_client().post(f"/api/v1/t/{world.hospital.code}/requests", json=body, headers=headers)

    set_plugin(app, world.hospital, "broken", "on")
    refused = ask()
    assert (refused.status_code, refused.get_json()["type"]) == (503, "urn:telerad:problem:plugin-unavailable")
    assert refused.get_json()["plugin"] == "broken"
    assert get(app, world, "/api/v1/t/{}/studies").status_code == 200
    assert app.test_client().get("/readyz").get_json()["broken_plugins"] == ["broken"]
    set_plugin(app, world.hospital, "broken", None)
    assert ask().status_code == 201


def test_a_capability_of_a_plugin_that_could_not_be_read_is_unavailable_not_absent(
    other: Callable[..., TeleradFlask], world: World
) -> None:
    app = other()
    app.house.plugins.broken["gone"] = "load: ImportError: gone"
    set_plugin(app, world.hospital, "billing", None)  # which would be found before it
    for state, raises in ((None, False), ("on", True)):
        set_plugin(app, world.hospital, "gone", state)
        with app.app_context(), app.house.system_ctx(world.hospital.id, write=False) as ctx:
            if raises:
                with pytest.raises(PluginUnavailable):
                    ctx.get(Billing)
            else:
                assert ctx.get(Billing) is None


def test_each_hook_is_called_by_its_name_and_each_declaration_has_a_user() -> None:
    called = {n.func.attr for n in ast.walk(ast.parse(Path(__file__).read_text(encoding="utf-8")))
              if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)}
    assert set(HOOKS) - called == set()
    users = "".join(
        p.read_text(encoding="utf-8") for p in [*ROOT.glob("plugins/*/plugin.py"), ROOT / "core/declarations.py", Path(__file__), ROOT / "tests/core/host/everything.py"]
    )
    declared = {n for n in vars(Registry) if not n.startswith("_")}
    assert {n for n in declared if f".{n}(" not in users} == set()


def test_every_hook_says_when_it_runs_and_what_an_error_does() -> None:
    for name in HOOKS:
        method = getattr(Plugin, name)
        assert method.on_error in ("raise", "isolate", "hold"), name
        assert len((method.__doc__ or "").split()) >= 8, name


