"""The start dialog: choose group, reader, parts and urgency on one screen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from plugin_sdk.capabilities import Billing, PartMatcher
from plugin_sdk.consultation import PartCount, Terms, Urgency
from plugin_sdk.errors import DomainError, Invalid
from plugin_sdk.i18n import now as _
from plugin_sdk.types import LinkView, StudyFacts
from plugin_sdk.web import ctx, requires
from plugin_sdk.words import SEX
from plugins.consultation.requests import create
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


@bp.post("/studies/<study:id>/request")
@requires("hospital.request.create")
def submit(id: str) -> ResponseReturnValue:
    ctx.studies.own(id)  # 404 comes before anything about the form
    form = request.form
    ticked = {name: form.get(f"count-{name}", 1, type=int) or 0 for name in form.getlist("part")}
    try:
        urgency = Urgency(form.get("urgency", "normal"))
    except ValueError as error:
        raise Invalid(errors=[{"field": "urgency", "message": "normal, urgent"}]) from error
    terms = Terms(
        group=form.get("group", ""), urgency=urgency, reader=form.get("reader") or None,
        purpose=form.get("purpose", ""), parts=[PartCount(name=n, count=c) for n, c in ticked.items()],
    )
    try:
        create.request(ctx, id, terms)
    except DomainError as error:
        ctx.rollback()  # type: ignore[attr-defined]
        errors = {e["field"]: e["message"] for e in error.facts.get("errors", ())} or {"": str(error.sentence)}
        return _page(ctx.studies.own(id), group=terms.group, ticked=ticked, errors=errors), error.status
    flash(_("已提交申请"), "good")
    return redirect(url_for("studies.index", at=id), 303)


@dataclass(frozen=True)
class Promise:
    """Minutes within which a group promises a report, and until when (UTC) if asked now."""

    normal: int
    urgent: int
    normal_at: datetime
    urgent_at: datetime


def _page(study: StudyFacts, *, group: str, ticked: dict[str, int], errors: dict[str, str]) -> str:
    links = ctx.links.active()
    open_links = [v for v in links if v.accepting]
    chosen = next((v for v in open_links if v.group.code == group), open_links[0] if open_links else None)
    parts = [str.__str__(p) for p in create.PARTS]
    return render_template(
        "consultation/start.html", study=study, sex=SEX.get(study.sex, "-"), links=links, chosen=chosen, wrong=errors,
        ticked=ticked, parts=[*parts, *(n for n in ticked if n and n not in parts)], readers=_readers(chosen, study),
        form=request.form, promise=_promise(chosen), purpose_required=ctx.settings(Reading).purpose_required,
        fragment=request.headers.get("HX-Target", "") in ("dialog#dialog", "fieldset#start-readers"),
    )


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
    billing = other.get(Billing)
    fees = billing.fees(link.id, [p.id for p in people], "/".join(study.modalities)) if billing else {}
    return [{"id": p.public_id, "name": p.name, "fee": fees.get(p.id)} for p in people]
