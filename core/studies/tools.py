"""Buttons that plugins put into the viewer: whose, for whom, and the studies that one is pressed for."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa
from flask import g, url_for
from sqlalchemy.orm import joinedload
from werkzeug.routing import BuildError

from core.access import openings
from core.studies.models import Study
from core.studies.service import facts_of
from core.tenancy.sessions import all_tenants
from plugin_sdk.errors import NotFound
from plugin_sdk.types import StudyFacts

if TYPE_CHECKING:
    from core.host.context import TenantCtx
    from core.host.house import Application

log = logging.getLogger(__name__)


def of_opening(house: Application, access: str) -> list[Mapping[str, str]]:
    """Tools for whoever opened these images: of plugins that are on in the tenant where that was, and permitted there.

    :raise NotFound: another's opening, or an ended one
    """
    person = g.principal
    scope = openings.scope_of(access, principals=frozenset({person.name}), account_id=person.account.id)
    ctx = house.member_ctx(house.tenant_row(scope.tenant_id), person.account, write=False, principal=person.name)
    found: list[Mapping[str, str]] = []
    for owner, declared in house.plugins.house.by_owner.items():
        for tool in declared.viewer_tools if owner in ctx.enabled else ():
            if not any(map(ctx.may, tool.codes)):
                continue
            try:
                url = url_for(tool.endpoint, tenant=ctx.tenant.code, access=access)
            except BuildError:
                log.error("tool leads nowhere", extra={"plugin": owner, "endpoint": tool.endpoint})
                continue
            found.append({"key": tool.key, "label": str(tool.label), "icon": tool.icon, "url": url})
    return found


def opened(ctx: TenantCtx, access: str, uids: Sequence[str]) -> Sequence[StudyFacts]:
    """Studies of an opening of the ctx's person that he still may see, narrowed to UIDs where some are given.

    :raise NotFound: another's opening, one of another tenant, or an ended one
    """
    scope = openings.scope_of(access, principals=frozenset({ctx.principal}), account_id=ctx.user.id if ctx.user else 0)
    if scope.tenant_id != ctx.tenant.id:
        raise NotFound
    wanted = sa.select(Study).where(Study.tenant_id == scope.owner_tenant, Study.id.in_(scope.study_ids or ()))
    if uids:
        wanted = wanted.where(Study.uid.in_(uids))
    with all_tenants() as db:
        return [facts_of(row) for row in db.scalars(wanted.options(joinedload(Study.patient)).order_by(Study.id))]
