"""A plugin as somebody outside would write it: it uses what no bundled plugin uses."""

from __future__ import annotations

from typing import Any

import click
from flask import Blueprint, request

from plugin_sdk.api import Plugin, Registry
from plugin_sdk.declared import Note, Operator, ViewerTool
from plugin_sdk.doors import Door
from plugin_sdk.errors import DomainError, NotFound
from plugin_sdk.panels import Panel, PanelData, Period
from plugin_sdk.types import Ctx
from plugin_sdk.web import ctx, fill_slot, guest, public, render, requires

sent: list[tuple[str, Note]] = []
failing: list[str] = []
came: list[tuple[str, bool]] = []
bp = Blueprint("everything", __name__)
peeks = Blueprint("neighbour", __name__)
answers = Blueprint("everything_answer", __name__, template_folder="templates")
unmarked = Blueprint("unmarked", __name__)
open_door = Blueprint("open_door", __name__)
unknown = Blueprint("unknown_code", __name__)


@bp.get("/page")
@requires("hospital.everything.view")
def page() -> str:
    return "parts: " + " ".join(fill_slot("everything.part"))


@bp.get("/compare")
@requires("hospital.everything.view")
def compare() -> str:
    found = ctx.studies.opened(request.args["access"], request.args.getlist("study"))
    return "compared: " + ", ".join(study.accession_number for study in found)


@answers.post("/leaflet/<link:link>/read")
@guest
def answer() -> str:
    assert ctx.door is not None
    ctx.audit("everything.read", ref=ctx.door.ref)
    return "thank you"


def mood(ctx: Ctx, period: Period) -> Any:
    if "panel" in failing:
        raise RuntimeError("no mood today")
    if "rubbish" in failing:
        return {"columns": ("day", "mood")}
    if "odd" in failing:
        return PanelData(columns=("day", "mood"), rows=((period.first.isoformat(), period.first),))
    return PanelData(columns=("day", "mood"), rows=((period.first.isoformat(), 3),), chart="line")


def leaflet(ctx: Ctx, door: Door) -> str:
    if "gone" in failing:
        raise NotFound
    if "down" in failing:
        raise RuntimeError("no leaflet today")
    came.append((ctx.tenant.code, ctx.user is None))
    return render("everything_leaflet.html", door=door, rights="rights" if ctx.may("hospital.everything.view") else "no rights")


@unmarked.get("/page")
def no_mark() -> str:
    return "open to everybody"


@open_door.get("/page")
@public
def not_gated() -> str:
    return "open to everybody"


@unknown.get("/page")
@requires("hospital.nobody.knows")
def nobody_knows() -> str:
    return "for nobody"


class Bell:
    """A channel that remembers."""

    def send(self, ctx: Ctx, note: Note) -> None:
        if failing:
            raise ConnectionError("the other side is down")
        sent.append((ctx.tenant.code, note))


@click.command("everything")
@click.argument("code")
@click.pass_obj
def command(operator: Operator, code: str) -> None:
    """Say a tenant's name."""
    with operator.tenant(code) as ctx:
        click.echo(ctx.tenant.name)


class Everything(Plugin):
    name = "everything"

    def register(self, reg: Registry) -> None:
        reg.permission("hospital.everything.view", "x", roles=("doctor",))
        reg.blueprint(f"{__name__}:bp", scope="tenant")
        reg.channel("notify", "everything.bell", f"{__name__}:Bell")
        reg.command(f"{__name__}:command")
        reg.blueprint(f"{__name__}:answers", scope="public")
        reg.link_page("everything.leaflet", f"{__name__}:leaflet")
        reg.audit_kind("everything.read", "x")
        reg.panel("everything.mood", Panel(title="Mood", codes=("hospital.everything.view",), load=f"{__name__}:mood"))
        reg.viewer_tool(ViewerTool(
            key="everything.compare", label="比较", endpoint="everything.compare", codes=("hospital.everything.view",)
        ))
        reg.viewer_tool(ViewerTool(key="everything.lost", label="x", endpoint="nobody.knows", codes=("hospital.everything.view",)))
        reg.slot("everything.part", "notices.html", load=f"{__name__}:broken_part")


def broken_part(ctx: Ctx) -> dict[str, object]:
    raise DomainError("no part today")


@peeks.get("/peek/<link:link>")
@guest
def peek() -> str:
    return "seen"


class Neighbour(Plugin):
    """Has a page for guests, and no link of its own."""

    name = "neighbour"

    def register(self, reg: Registry) -> None:
        reg.blueprint(f"{__name__}:peeks", scope="public")


class Rival(Plugin):
    """Wants the same kind of link."""

    name, after = "rival", ("everything",)

    def register(self, reg: Registry) -> None:
        reg.link_page("everything.leaflet", f"{__name__}:leaflet")


class _Badly(Plugin):
    """Registers one blueprint that breaks a rule."""

    scope = "tenant"
    what = ""

    def register(self, reg: Registry) -> None:
        reg.blueprint(f"{__name__}:{self.what}", scope=self.scope)  # type: ignore[arg-type]


class Unmarked(_Badly):
    name, what = "unmarked", "unmarked"


class OpenDoor(_Badly):
    name, what = "open_door", "open_door"


class UnknownCode(_Badly):
    name, what = "unknown_code", "unknown"


class Twice(_Badly):
    name, what, after = "twice", "bp", ("everything",)


class NeedsUnmarked(Plugin):
    name, requires = "needs_unmarked", ("unmarked",)


class WrongCommand(Plugin):
    name = "wrong_command"

    def register(self, reg: Registry) -> None:
        reg.command(f"{__name__}:command")


class BadMigration(Plugin):
    """Its migrations are nowhere."""

    name, migrations = "bad_migration", "nowhere.to.be.found"


def broken_figure(ctx: Ctx) -> dict[str, object]:
    raise RuntimeError("no figures today")


def figure(ctx: Ctx) -> dict[str, object]:
    return {"counts": [("待办插件", 3, "/")]}


class Figures(Plugin):
    """Fills the workbench, and fails."""

    name = "figures"

    def register(self, reg: Registry) -> None:
        reg.slot("workbench.count", "notices.html", load=f"{__name__}:broken_figure")


class AdminsFigures(Plugin):
    """Fills the workbench of administrators."""

    name = "admins_figures"

    def register(self, reg: Registry) -> None:
        reg.slot("workbench.count", "notices.html", load=f"{__name__}:figure", code="hospital.plugin.manage")
