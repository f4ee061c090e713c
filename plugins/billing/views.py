"""收费设置: the group's tariff for each connected hospital."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from plugin_sdk.errors import Conflict, Invalid, NotFound
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.i18n import now as _
from plugin_sdk.money import yuan
from plugin_sdk.types import LinkView
from plugin_sdk.web import ctx, fresh, render, requires
from plugins.billing import actions, forms, queries
from plugins.billing.actions import TariffChanged
from plugins.billing.forms import Form
from plugins.billing.models import Tariff

bp = Blueprint("fees", __name__, template_folder="templates")


class Ended(Conflict):
    code, sentence = "connection-inactive", _l("与该医院的对接未启用或已结束")


@bp.get("/manage/connections/fees")
@requires("group.tariff.manage")
def index() -> ResponseReturnValue:
    links = ctx.links.active()
    return render("billing/index.html", links=links, tariffs=queries.newest(ctx, [link.id for link in links]))


@bp.get("/manage/connections/<connection:id>/fees")
@requires("group.tariff.manage")
def show(id: str) -> ResponseReturnValue:
    link = ctx.links.by_public_id(id)
    return _page(link, forms.stored(ctx, queries.in_force(ctx, link.id)))


@bp.post("/manage/connections/<connection:id>/fees/rows")
@requires("group.tariff.manage")
def rows(id: str) -> ResponseReturnValue:
    """The form with one row more, or without one; nothing is saved."""
    link, form, drop = ctx.links.by_public_id(id), forms.sent(request.form), request.args.get("drop", "")
    return _page(link, form.without(int(drop[:4])) if drop.isdecimal() else form.added(), typed=True)


@bp.post("/manage/connections/<connection:id>/fees")
@requires("group.tariff.manage")
@fresh
def save(id: str) -> ResponseReturnValue:
    """Put what was typed in force as a new version."""
    link = ctx.links.by_public_id(id)
    if link.state != "active":
        raise Ended
    form = forms.sent(request.form)
    try:
        read = forms.read(ctx, form)
        actions.save(
            ctx, link, read.lines, urgent_percent=read.urgent_percent, diagnosis_percent=read.diagnosis_percent,
            base=form.base,
        )
    except Invalid as error:
        wrong = {e["field"]: e["message"] for e in error.facts.get("errors", ())}
        return _page(link, replace(form, errors=wrong), typed=True), error.status
    except TariffChanged as error:
        ctx.rollback()  # type: ignore[attr-defined]
        return _page(link, _after(link, form), typed=True), error.status
    flash(_("收费标准已保存，新的申请按此计费"), "good")
    return redirect(url_for(".show", id=id), 303)


@bp.get("/manage/connections/<connection:id>/fees/<tariff:version>")
@requires("group.tariff.manage")
def version(id: str, version: str) -> ResponseReturnValue:
    """One version as it was saved."""
    link, tariff = ctx.links.by_public_id(id), queries.tariff_or_404(ctx, version)
    if tariff.link_id != link.id:
        raise NotFound
    return render("billing/version.html", link=link, tariff=tariff, lines=queries.lines_of(ctx, tariff), yuan=yuan)


def _after(link: LinkView, form: Form) -> Form:
    """What was typed, now to follow the version that somebody else put in force meanwhile."""
    other = queries.in_force(ctx, link.id)
    assert other is not None
    words = _("%(name)s 已保存第 %(n)s 版，您的修改尚未保存；核对后再次保存，将成为第 %(next)s 版", name=other.made_name, n=other.version, next=other.version + 1)
    return replace(form, base=other.version, errors={"": words})


def _page(link: LinkView, form: Form, *, typed: bool = False) -> str:
    found: list[Tariff] = list(queries.versions(ctx, link.id))
    values: dict[str, Any] = {"link": link, "form": form, "versions": found, "typed": typed}
    return render(
        "billing/fees.html", **values, people=forms.readers(ctx), modalities=forms.MODALITIES,
        current=found[0] if found else None,
    )
