"""The start dialog: choose group, reader, parts and urgency on one screen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from plugin_sdk.capabilities import PartMatcher
from plugin_sdk.consultation import Agreed, Charge, PartCount, Terms, Urgency
from plugin_sdk.errors import DomainError, Invalid, PluginUnavailable
from plugin_sdk.i18n import now as _
from plugin_sdk.money import yuan
from plugin_sdk.types import Ctx, LinkView, StudyFacts
from plugin_sdk.web import ctx, requires
from plugin_sdk.words import SEX
from plugins.consultation.requests import create, fees
from plugins.consultation.settings import Connection, Reading

bp = Blueprint("start", __name__, template_folder="../templates")


@bp.get("/studies/<study:id>/request")
@requires("hospital.request.create")
def dialog(id: str) -> ResponseReturnValue:
    """The form; ``?group=`` shows another group's readers and promise."""
    study = ctx.studies.own(id)
    matcher = ctx.get(PartMatcher)
    found = matcher.match([study.id]).get(study.id, []) if matcher else []
    ticked = {p.name: p.count for p in found} or {create.suggested(study.body_part): 1}
    return _page(study, group=request.args.get("group", ""), ticked=ticked, errors={})


@bp.post("/studies/<study:id>/request/fee")
@requires("hospital.request.create")
def fee(id: str) -> ResponseReturnValue:
    """What the choices so far would cost: drawn anew with each of them. Nothing is stored."""
    with ctx.reading() as seen:
        study = seen.studies.own(id)
        terms = _terms()
        _known(seen, terms)
        chosen = _chosen(seen, terms.group)
        return render_template("consultation/_fee.html", **_fee_of(seen, chosen, study, terms), study=study)


@bp.post("/studies/<study:id>/request")
@requires("hospital.request.create")
def submit(id: str) -> ResponseReturnValue:
    ctx.studies.own(id)  # 404 comes before anything about the form
    terms = _terms()
    try:
        create.request(ctx, id, terms)
    except DomainError as error:
        ctx.rollback()  # type: ignore[attr-defined]
        errors = {e["field"]: e["message"] for e in error.facts.get("errors", ())} or {"": str(error.sentence)}
        if isinstance(error, PluginUnavailable):
            raise  # nor could the form be drawn with a fee
        ticked = {p.name: p.count for p in terms.parts}
        return _page(ctx.studies.own(id), group=terms.group, ticked=ticked, errors=errors), error.status
    flash(_("已提交申请"), "good")
    return redirect(url_for("studies.index", at=id), 303)


def _known(of: Ctx, terms: Terms) -> None:
    """:raise Invalid: no group of ours, or a reader of none of them; one of another group is simply not named here yet"""
    links = of.links.active()
    if terms.group and terms.group not in {v.group.code for v in links}:
        raise Invalid(errors=[{"field": "group", "message": _("没有与该诊断组对接")}])
    if terms.reader and not any(of.at(v.id).users.by_public_id(terms.reader) for v in links):
        raise Invalid(errors=[{"field": "reader", "message": _("没有此接单人")}])


def _terms() -> Terms:
    """What the form says. :raise Invalid: an urgency that there is not"""
    form = request.form
    try:
        urgency = Urgency(form.get("urgency", "normal"))
    except ValueError as error:
        raise Invalid(errors=[{"field": "urgency", "message": "normal, urgent"}]) from error
    counts = {name: form.get(f"count-{name}", 1, type=int) or 0 for name in form.getlist("part")}
    return Terms(
        group=form.get("group", ""), urgency=urgency, reader=form.get("reader") or None, purpose=form.get("purpose", ""),
        parts=[PartCount(name=n, count=c) for n, c in counts.items()], fee=form.get("fee", type=int),
    )


@dataclass(frozen=True)
class Promise:
    """Minutes within which a group promises a report, and until when (UTC) if asked now."""

    normal: int
    urgent: int
    normal_at: datetime
    urgent_at: datetime


@dataclass(frozen=True)
class FeeLine:
    """A part's price, however it is shared. ``rule`` is in figures, ``amount`` in yuan."""

    name: str
    rule: str
    amount: str


def _page(study: StudyFacts, *, group: str, ticked: dict[str, int], errors: dict[str, str]) -> str:
    links, chosen = ctx.links.active(), _chosen(ctx, group)
    parts = [str.__str__(p) for p in create.PARTS]
    terms = Terms(
        group=group, urgency=Urgency(request.form.get("urgency", "normal")), reader=request.form.get("reader") or None,
        parts=[PartCount(name=n, count=c) for n, c in ticked.items() if n],
    )
    return render_template(
        "consultation/start.html", study=study, sex=SEX.get(study.sex, "-"), links=links, chosen=chosen, wrong=errors,
        ticked=ticked, parts=[*parts, *(n for n in ticked if n and n not in parts)], readers=_readers(chosen, study),
        form=request.form, promise=_promise(chosen), purpose_required=ctx.settings(Reading).purpose_required,
        fragment=request.headers.get("HX-Target", "") in ("dialog#dialog", "fieldset#start-readers"),
        **_fee_of(ctx, chosen, study, terms),
    )


def _chosen(of: Ctx, group: str) -> LinkView | None:
    """The group asked for, while it accepts; else the first that does."""
    open_links = [v for v in of.links.active() if v.accepting]
    return next((v for v in open_links if v.group.code == group), open_links[0] if open_links else None)


def _fee_of(of: Ctx, link: LinkView | None, study: StudyFacts, terms: Terms) -> dict[str, Any]:
    """The fee box: what is priced so far, line by line, and what plugins say above it."""
    parts = [p for p in terms.parts if 1 <= p.count <= create.MOST_COUNT]
    if link is None:
        return {"agreed": None, "fee_lines": [], "fee_total": "", "named": None, "parts_chosen": parts, "link": None}
    other = of.at(link.id)
    named = other.users.by_public_id(terms.reader) if terms.reader else None
    agreed = fees.asked(
        of, link, parts=parts, urgency=terms.urgency, modality="/".join(study.modalities), reader=named.id if named else None
    )
    return {
        "agreed": agreed, "fee_lines": fee_lines(agreed), "fee_total": yuan(agreed.fen) if agreed else "", "named": named,
        "parts_chosen": parts, "link": link,
    }


def fee_lines(agreed: Agreed | None) -> list[FeeLine]:
    """One line per part."""
    found: dict[str, list[Charge]] = {}
    for line in agreed.lines if agreed else ():
        found.setdefault(line.code, []).append(line)
    return [FeeLine(name, lines[0].rule, yuan(sum(x.fen for x in lines))) for name, lines in found.items()]


def _promise(link: LinkView | None) -> Promise | None:
    if link is None:
        return None
    asked, at = ctx.settings(Connection, scope_id=link.id), ctx.now()
    normal, urgent = asked.promise_normal_minutes, asked.promise_urgent_minutes
    return Promise(normal, urgent, at + timedelta(minutes=normal), at + timedelta(minutes=urgent))


def _readers(link: LinkView | None, study: StudyFacts) -> list[dict[str, Any]]:
    """Who may be named, with the fee of each where billing is on."""
    if link is None:
        return []
    other = ctx.at(link.id)
    people = other.users.holding("group.request.accept")
    found = fees.per_reader(other, link.id, [p.id for p in people], "/".join(study.modalities))
    return [{"id": p.public_id, "name": p.name, "fee": yuan(found[p.id]) if p.id in found else None} for p in people]
