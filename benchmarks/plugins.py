"""What 25 installed plugins cost, 8 of them on: start-up, a gated request, a hook call.

Run by ``python -m benchmarks.plugins``. Peers in the same run: the same house without the 25 (start-up, request), and
pluggy's own ``subset_hook_caller`` over the same 8 implementations (hook call).
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Blueprint

from core import config
from core.app import create_app
from core.host import switches
from core.run import migrate
from core.tenancy import actions
from core.tenancy.sessions import all_tenants
from plugin_sdk.api import Plugin, Registry, hookimpl
from plugin_sdk.consultation import Draft, Finding
from plugin_sdk.types import Ctx
from plugin_sdk.web import requires

INSTALLED, ON = 25, 8
DRAFT: Any = object()
START = """
import sys, time
started = time.perf_counter()
from core.app import create_app
from core import config
from pathlib import Path
extra = ()
if sys.argv[2] == "25":
    sys.path.insert(0, sys.argv[3])
    from benchmarks.plugins import family
    extra = family()
create_app(config.load({}, data=Path(sys.argv[1]), testing=True), extra=extra)
print(time.perf_counter() - started)
"""


def family() -> tuple[type[Plugin], ...]:
    """25 plugins, each with a permission, a page, a menu entry, a slot, a job and a hook."""
    return tuple(_make(n) for n in range(INSTALLED))


def _make(n: int) -> type[Plugin]:
    name = f"bench{n:02d}"
    blueprint = Blueprint(name, __name__)

    def page() -> str:
        return "here"

    blueprint.add_url_rule("/page", view_func=requires(f"hospital.{name}.view")(page))
    globals()[name] = blueprint

    def register(self: Plugin, reg: Registry) -> None:
        reg.permission(f"hospital.{name}.view", name, roles=("doctor",))
        reg.blueprint(f"{__name__}:{name}", scope="tenant")
        reg.menu("hospital", name, name, f"{name}.page", f"hospital.{name}.view")
        reg.job(f"{name}.nightly", f"{__name__}:nightly", cron="0 3 * * *")

    def check_report(self: Plugin, ctx: Ctx, draft: Draft) -> list[Finding]:
        return []

    return type(name.title(), (Plugin,), {"name": name, "register": register, "check_report": hookimpl(check_report)})


def nightly(ctx: Ctx) -> None:
    """A job that is never due here."""


def median(call: Callable[[], Any], rounds: int) -> float:
    """Median seconds of a call, after one that warms up."""
    call()
    spent = []
    for _ in range(rounds):
        started = time.perf_counter()
        call()
        spent.append(time.perf_counter() - started)
    return statistics.median(spent)


def start_up(data: Path) -> None:
    """A process of its own each time, from the first import to the application."""
    took: dict[str, list[float]] = {"0": [], "25": []}
    for _ in range(5):
        for which, times in took.items():
            ran = subprocess.run(
                [sys.executable, "-c", textwrap.dedent(START), str(data), which, str(Path.cwd())],
                capture_output=True, text=True, check=True,
            )
            times.append(float(ran.stdout))
    none, all_of_them = (statistics.median(took[k]) for k in ("0", "25"))
    print(f"start-up with 25 plugins            {all_of_them * 1000:7.0f} ms                 ratio to none {all_of_them / none:6.2f}")


def request(data: Path) -> None:
    """A page of the operation log: none of the 25, all installed and off, 8 of them on."""
    spent: dict[str, float] = {}
    for which, extra, on in (("none", (), 0), ("off", family(), 0), ("on", family(), ON)):
        app = create_app(config.load({}, data=data / which, testing=True), extra=extra)
        with app.app_context():
            migrate.upgrade(app.house)
            token = _member(app.house, on)
        client = app.test_client()
        headers = {"Authorization": f"Bearer {token}"}

        def get(client: Any = client, headers: Any = headers) -> None:
            assert client.get("/t/HBENCH/", headers=headers).status_code == 200

        spent[which] = median(get, 150)
    for which, words in (("off", "25 installed, all off"), ("on", "25 installed, 8 on")):
        print(f"request, {words:<26} {spent[which] * 1000:7.2f} ms                 ratio to none {spent[which] / spent['none']:6.2f}")


def _member(house: Any, on: int) -> str:
    from core.accounts import actions as accounts
    from core.accounts import login

    with all_tenants(write=True) as db:
        tenant = actions.create(db, house, code="HBENCH", kind="hospital", name="测速医院")
        tenant.plugins = {k: v for k, v in tenant.plugins.items() if not k.startswith("bench")}
        account = accounts.create(db, phone="13900000001", name="测速", password="Bench2026$", must_change=False)
        actions.join(db, tenant=tenant, account_id=account.id, role="admin")
        ids = tenant.id, account.id
    with house.system_ctx(ids[0]) as ctx:
        for n in range(on):
            switches.enable(ctx, f"bench{n:02d}")
    return login.make_token(ids[1], ids[0], days=1)


def hook(data: Path) -> None:
    """One call that asks 8 plugins of 25, through the guard and through pluggy itself."""
    app = create_app(config.load({}, data=data / "hook", testing=True), extra=family())
    with app.app_context():
        migrate.upgrade(app.house)
        _member(app.house, ON)
        row = app.house.tenant_by_code("HBENCH")
        with app.house.system_ctx(row.id) as ctx:
            manager = app.house.plugins.manager
            off = [p for n, p in manager.list_name_plugin() if n not in ctx.enabled]
            subset = manager.subset_hook_caller("check_report", off)
            ours = median(lambda: ctx.hooks.check_report(ctx, DRAFT), 2000)
            peer = median(lambda: subset(ctx=ctx, draft=DRAFT), 2000)
    print(f"hook call, 8 of 25 answer           {ours * 1e6:7.0f} us                 ratio to pluggy's subset {ours / peer:6.2f}")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        start_up(data / "start")
        request(data)
        hook(data)


if __name__ == "__main__":
    from benchmarks import plugins  # the module by its name, which the declarations carry

    plugins.main()
