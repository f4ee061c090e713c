"""The operation log of a hospital or group: S-036 to S-040."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from typing import Any, cast
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import Flask, current_app, url_for

from core.accounts.models import Account
from core.audit import words
from core.audit.anchors import KIND
from core.audit.models import Audit
from core.lists import parts
from core.tenancy.models import Tenant
from core.tenancy.settings import catalogue
from core.web.gate import access_of
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.i18n import now as _
from plugin_sdk.ids import fold
from plugin_sdk.lists import Column, Filter, ListSpec, ListView, RowAction
from plugin_sdk.types import Ctx, RowKey
from plugin_sdk.web import ctx as here
from plugin_sdk.words import end_moment, moment

DAYS = (6, 15, 30)


@dataclass(frozen=True)
class Page:
    """What an entry is about: its exam number or the end of its id, and where it opens (empty: nowhere)."""

    label: object
    url: str = ""


def entries(ctx: Ctx) -> sa.Select[Any]:
    """The entries this person may see: own ones, or everybody's with the right."""
    stmt = sa.select(Audit).where(Audit.kind != KIND)  # what the system notes of partners' logs is nobody's operation
    if not sees_all(ctx):
        stmt = stmt.where(Audit.account_id == (ctx.user.id if ctx.user else 0))
    return stmt


def sees_all(ctx: Ctx) -> bool:
    return ctx.may(f"{ctx.side}.log.view_all")


def names(ctx: Ctx, keys: Sequence[RowKey]) -> Mapping[int, object]:
    rows = ctx.db.execute(
        sa.select(Audit.id, Account.name)
        .join(Account, Account.id == Audit.account_id, isouter=True)
        .where(Audit.id.in_([k.id for k in keys]))
    )
    return {row_id: name or _("系统") for row_id, name in rows}


def objects(ctx: Ctx, keys: Sequence[RowKey]) -> Mapping[int, object]:
    """What each entry of the page is about, with its page."""
    refs: dict[int, str] = {
        row_id: ref for row_id, ref in ctx.db.execute(sa.select(Audit.id, Audit.ref).where(Audit.id.in_([k.id for k in keys])))
    }
    ids: dict[str, set[str]] = {}
    for ref in refs.values():
        ids.setdefault(ref.split(":")[-2] if ref.count(":") == 2 else "", set()).add(ref.rpartition(":")[2])
    numbers: dict[str, str] = {}
    for resource, dotted in _numbers(ctx).items():
        if resource in ids:
            numbers |= ctx.app.resolve(dotted)(ctx, ids=ids[resource])  # type: ignore[attr-defined]
    if people := ids.get("user"):
        found = ctx.db.execute(sa.select(Account.public_id, Account.name).where(Account.public_id.in_(people)))
        numbers |= {public_id: name for public_id, name in found}
    return {row_id: page_of(ctx, ref, numbers) for row_id, ref in refs.items()}


def details(ctx: Ctx, keys: Sequence[RowKey]) -> Mapping[int, object]:
    """What each entry of the page says beside its kind and object."""
    rows = ctx.db.execute(sa.select(Audit.id, Audit.facts).where(Audit.id.in_([k.id for k in keys]))).all()
    codes = {str(v) for _id, facts in rows for k, v in facts.items() if k in words.TENANTS}
    tenants = {code: name for code, name in ctx.db.execute(sa.select(Tenant.code, Tenant.name).where(Tenant.code.in_(codes)))}
    labels = ctx.app.plugins.house.audit_facts  # type: ignore[attr-defined]
    return {row_id: words.said(_in_words(ctx, facts), labels, tenants) for row_id, facts in rows}


def _in_words(ctx: Ctx, facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """Settings, a list and its columns by their titles instead of their keys; what is no longer declared stays as it was noted."""
    if facts.get("names"):
        facts = {**facts, "names": [str(catalogue().label(name)) for name in facts["names"]]}
    if "list" not in facts:
        return facts
    _owner, spec = parts.registered(ctx).get(facts["list"], ("", None))
    if spec is None:
        return facts
    titles = {c.key: str(c.label) for c in parts.columns_of(ctx, spec)}
    return {**facts, "list": str(spec.title), "columns": [titles.get(key, key) for key in facts.get("columns", [])]}


def page_of(ctx: Ctx, ref: str, numbers: Mapping[str, str]) -> Page | None:
    """The page of ``<owner>:<resource>:<public id>`` that this member may open.

    It is the tenant's view named ``show`` whose address ends in the resource; its access mark decides.
    """
    resource, public_id = ref.split(":")[-2:] if ref.count(":") == 2 else ("", "")
    if resource == "plugin":
        plugin = ctx.app.plugins.found.get(public_id)  # type: ignore[attr-defined]
        may = ctx.may(f"{ctx.side}.plugin.manage")
        return Page(plugin.title if plugin else public_id, url_for("plugins.show", plugin=public_id) if may else "")
    if fold(public_id) is None:
        return None
    label = numbers.get(public_id) or f"…{public_id[-8:]}"
    for endpoint, argument in _pages(current_app._get_current_object(), resource):  # type: ignore[attr-defined]
        access = access_of(current_app, endpoint)
        if any(ctx.may(code) for code in access.any_of if code.startswith(f"{ctx.side}.")):
            return Page(label, url_for(endpoint, **cast(Any, {argument: public_id})))
    return Page(label)


@lru_cache(maxsize=200)
def _pages(app: Flask, resource: str) -> Sequence[tuple[str, str]]:
    """Where a resource of a tenant opens: its own page, else the list of the blueprint that knows it, at its row."""
    rules = [r for r in app.url_map.iter_rules() if r.rule.startswith("/t/") and f"<{resource}:" in r.rule]
    own = [(r.endpoint, "id") for r in rules if r.endpoint.endswith(".show") and r.rule.endswith(f"/<{resource}:id>")]
    lists = {f"{r.endpoint.rpartition('.')[0]}.index" for r in rules}
    return [*own, *((endpoint, "at") for endpoint in sorted(lists & app.view_functions.keys()))]


def _numbers(ctx: Ctx) -> Mapping[str, str]:
    found: Mapping[str, str] = ctx.app.plugins.house.numbers(ctx.enabled)  # type: ignore[attr-defined]
    return found


def _url(row: Audit) -> str:
    found = page_of(here, row.ref, {})
    return found.url if found else ""


def kinds(ctx: Ctx) -> Mapping[str, object]:
    found: Mapping[str, object] = ctx.app.plugins.house.audit_kinds  # type: ignore[attr-defined]
    return found


def _people() -> Iterable[tuple[str, object]]:
    return [(p.public_id, p.name) for p in here.users.holding(f"{here.side}.home.view")]


def _by(ctx: Ctx, value: str) -> sa.ColumnElement[bool]:
    person = ctx.users.by_public_id(value)
    if person is None:
        raise ValueError(value)
    return Audit.account_id == person.id


def _keyword(ctx: Ctx, value: str) -> sa.ColumnElement[bool]:
    """Part of what was done as it is shown, or the end of an id, or an exam number."""
    word = value.strip()
    done = [code for code, title in kinds(ctx).items() if word in str(title)]
    found = [
        public_id
        for dotted in _numbers(ctx).values()
        for public_id in ctx.app.resolve(dotted)(ctx, number=word)  # type: ignore[attr-defined]
    ]
    return sa.or_(
        Audit.kind.in_(done),
        Audit.ref.endswith(word.upper(), autoescape=True),
        sa.func.substr(Audit.ref, sa.func.length(Audit.ref) - 25).in_(found),  # a public id has 26 characters
    )


def since(ctx: Ctx, days: int = DAYS[0]) -> str:
    """The start of the last ``days`` days, as the form writes it."""
    return (ctx.now() - timedelta(days=days)).astimezone(ZoneInfo(ctx.tenant.zone)).strftime("%Y-%m-%dT%H:%M")


LOG = ListSpec(
    name="log",
    title=_l("操作日志"),
    query=entries,
    pk=Audit.id,
    public_id=Audit.public_id,
    key=lambda row: RowKey(id=row.id, study_id=0),
    sort="-at",
    columns=[
        Column(key="at", label=_l("时间"), cell=lambda r: r.at, sort=Audit.at, macro="time", fixed=True),
        Column(key="user", label=_l("操作人"), load=names),
        Column(key="kind", label=_l("操作"), cell=lambda r: kinds(here).get(r.kind, r.kind)),
        Column(key="object", label=_l("对象"), load=objects, macro="link"),
        Column(key="details", label=_l("说明"), load=details),
    ],
    filters=[
        Filter(key="user", label=_l("操作人"), kind="select", choices=_people, where=_by),
        Filter(key="q", label=_l("关键字"), where=_keyword),
        Filter(key="at_from", label=_l("时间"), kind="datetime", default=since, where=lambda c, v: Audit.at >= moment(c, v)),
        Filter(key="at_to", label=_l("至"), kind="datetime", where=lambda c, v: Audit.at < end_moment(c, v)),
    ],
    actions=[RowAction(key="open", label=_l("查看"), url=_url, show=lambda r: bool(_url(r)))],
    template="home.html",
    endpoint="home.index",
    export=("hospital.log.export", "group.log.export"),
    views=[
        ListView(key="recent", label=_l("近6天"), query={}),
        ListView(key="images", label=_l("影像查看"), query={"q": "查看影像", "at_from": ""}),
    ],
    called=lambda r: r.public_id[-8:],
)
OWN = replace(LOG, filters=[f for f in LOG.filters if f.key != "user"])
