"""The public door: links for people who have no account, each to one page of one plugin.

A token is 256 random bits, kept as its SHA-256. Looking at its address changes nothing, so a program that previews
addresses leaves it unused. Sending the form of that page opens it: the browser gets a key of its own for this link, and
goes on at an address without the token. Whatever is wrong with a link (no such token, expired, revoked, its plugin off)
looks the same from outside.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import clock
from core.access.models import LinkView, PublicLink, StudyAccess
from core.accounts.sessions import digest
from core.audit import chain
from core.tenancy.sessions import all_tenants
from plugin_sdk.doors import Door, NewDoor
from plugin_sdk.errors import Conflict, DomainError
from plugin_sdk.i18n import lazy as _l

if TYPE_CHECKING:
    from core.host.context import TenantCtx
    from core.host.house import Application

STAY = timedelta(hours=12)
"""How long a browser that opened a link may go on without opening it again."""
OPENED_AT_ONCE = 5
"""Links that one browser has open side by side."""


class LinkEnded(DomainError):
    """Nothing to see by this token or link, for whatever reason."""

    status, code, sentence = 410, "link-ended", _l("链接已失效")


class LinkUnavailable(DomainError):
    """The plugin that shows this link is on but did not start, or failed just now."""

    status, code, sentence = 503, "link-unavailable", _l("暂不可用")


class Draining(Conflict):
    code, sentence = "draining", _l("功能插件正在停用，不能新建链接")


@dataclass(frozen=True, kw_only=True)
class Way:
    """A live link on its way to its page. ``passcode_hash`` is empty where none is asked for."""

    link_id: int
    public_id: str
    tenant_id: int
    plugin: str
    page: str
    passcode_hash: str


def knock(house: Application, token: str) -> Way:
    """What a token leads to. Changes nothing.

    :raise LinkEnded: nothing; :raise LinkUnavailable: a plugin that cannot show it now
    """
    with all_tenants() as db:
        row = db.scalars(sa.select(PublicLink).where(PublicLink.token_hash == digest(token))).one_or_none()
    return _way(house, row)


def step_in(way: Way) -> str:
    """Open a link for one browser, count it and log it.

    :return: the key for the browser's cookie
    :raise LinkEnded: it ended in between
    """
    at, key = clock.now(), secrets.token_urlsafe(32)
    with all_tenants(write=True) as db:
        row = db.get_one(PublicLink, way.link_id, with_for_update=True)
        if not _alive(row, at):
            raise LinkEnded
        row.views, row.tries = row.views + 1, 0
        db.add(LinkView(tenant_id=row.tenant_id, link_id=row.id, key_hash=digest(key), at=at, until=at + STAY))
        chain.append(db, tenant_id=row.tenant_id, account_id=0, kind="link.viewed", ref=row.ref, link=row.public_id)
    return key


def through(house: Application, public_id: str, keys: Sequence[str], *, write: bool) -> tuple[TenantCtx, Way]:
    """The ctx of a browser that opened a link: its tenant's, with no user and no permission. The caller closes it.

    :raise LinkEnded: this browser did not open it, or it ended since
    """
    from core.host.context import TenantCtx

    with all_tenants() as db:
        row = db.scalars(
            sa.select(PublicLink).where(
                PublicLink.public_id == public_id,
                sa.exists().where(
                    LinkView.link_id == PublicLink.id, LinkView.key_hash.in_([digest(k) for k in keys]), LinkView.until > clock.now()
                ),
            )
        ).one_or_none()
    way = _way(house, row)
    assert row is not None
    ctx = TenantCtx(
        house, house.tenant_row(way.tenant_id), user=None, permissions=frozenset(), write=write,
        principal=f"link:{row.public_id}", door=_view(row),
    )
    return ctx, way


def sweep(house: Application) -> None:
    """Log the end of links whose time came, and forget openings, of links and of the viewer, that ended a day ago."""
    at = clock.now()
    with all_tenants(write=True) as db:
        ended = sa.select(PublicLink).where(PublicLink.noted_at.is_(None), PublicLink.expires_at <= at)
        for row in db.scalars(ended.order_by(PublicLink.tenant_id, PublicLink.id).limit(1000)):
            row.noted_at = at
            chain.append(db, tenant_id=row.tenant_id, account_id=0, kind="link.expired", ref=row.ref, link=row.public_id)
        yesterday = at - timedelta(days=1)
        for old in (sa.delete(LinkView).where(LinkView.until < yesterday), sa.delete(StudyAccess).where(StudyAccess.expires_at < yesterday)):
            db.execute(old.execution_options(synchronize_session=False))


def _way(house: Application, row: PublicLink | None) -> Way:
    if row is None or not _alive(row, clock.now()):
        raise LinkEnded
    if house.tenant_row(row.tenant_id).plugins.get(row.plugin) not in ("on", "draining"):
        raise LinkEnded
    declared = house.plugins.house.by_owner.get(row.plugin)
    if declared is None or row.plugin in house.plugins.broken:
        raise LinkUnavailable
    if (page := declared.link_pages.get(row.kind)) is None:
        raise LinkEnded
    return Way(
        link_id=row.id, public_id=row.public_id, tenant_id=row.tenant_id, plugin=row.plugin, page=page,
        passcode_hash=row.passcode_hash,
    )


def _alive(row: PublicLink, at: datetime) -> bool:
    return row.revoked_at is None and (row.expires_at is None or row.expires_at > at)


def _view(row: PublicLink) -> Door:
    return Door(
        id=row.public_id, kind=row.kind, ref=row.ref, facts=dict(row.facts), passcode=bool(row.passcode_hash),
        made_at=row.made_at, expires_at=row.expires_at, views=row.views,
    )


class DoorService:
    """Implements :class:`plugin_sdk.doors.Doors`."""

    def __init__(self, ctx: TenantCtx) -> None:
        self.ctx = ctx

    @property
    def db(self) -> Session:
        return self.ctx.db

    def open(
        self, kind: str, ref: str, *, valid: timedelta | None, passcode: bool = False, facts: Mapping[str, Any] | None = None
    ) -> NewDoor:
        """Make a link.

        :param valid: how long from now; ``None`` until it is revoked
        :param passcode: draw 6 digits that are asked for at the door
        :raise LookupError: no plugin that is on here shows this kind
        :raise Draining: its plugin begins nothing new
        """
        from core.accounts import passwords

        owners = self.ctx.app.plugins.house.by_owner
        plugin = next((n for n, d in owners.items() if kind in d.link_pages and n in self.ctx.enabled), None)
        if plugin is None:
            raise LookupError(f"nobody shows links of the kind {kind}")
        if plugin in self.ctx.draining:
            raise Draining
        token, digits, at = secrets.token_urlsafe(32), f"{secrets.randbelow(10**6):06d}" if passcode else "", clock.now()
        row = PublicLink(
            tenant_id=self.ctx.tenant.id, plugin=plugin, kind=kind, token_hash=digest(token), ref=ref, facts=dict(facts or {}),
            passcode_hash=passwords.hashed(digits) if digits else "", made_by=self.ctx.user.id if self.ctx.user else 0,
            made_at=at, expires_at=at + valid if valid is not None else None,
        )
        self.db.add(row)
        self.db.flush()
        until = row.expires_at.isoformat(timespec="minutes") if row.expires_at else None
        self.ctx.audit("link.made", ref=ref, link=row.public_id, until=until, passcode=passcode)
        return NewDoor(
            id=row.public_id, path=f"/s/{token}", address=self.ctx.address(f"/s/{token}"), passcode=digits, expires_at=row.expires_at
        )

    def revoke(self, door_id: str) -> bool:
        """End a link now, for those who have it open too. :return: whether there was a live one"""
        row = self.db.scalars(
            sa.select(PublicLink).where(PublicLink.public_id == door_id).with_for_update()
        ).one_or_none()
        if row is None or not _alive(row, at := clock.now()):
            return False
        row.revoked_at = row.noted_at = at
        self.ctx.audit("link.revoked", ref=row.ref, link=row.public_id)
        self.db.flush()
        return True

    def of(self, ref: str) -> Sequence[Door]:
        """Live links to a thing, newest first."""
        rows = self.db.scalars(sa.select(PublicLink).where(PublicLink.ref == ref).order_by(PublicLink.id.desc())).all()
        return [_view(row) for row in rows if _alive(row, clock.now())]
