"""Passcodes of links: five tries, then the link is shut for half an hour, whoever asks.

Each try is counted before the passcode is looked at, so tries sent at once count each other.
"""

from __future__ import annotations

import math
from datetime import timedelta

import sqlalchemy as sa

from core import clock, limits
from core.access.doors import Way
from core.access.models import PublicLink
from core.accounts import passwords
from core.tenancy.sessions import all_tenants
from plugin_sdk.errors import Invalid, RateLimited
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.i18n import now as translate

SHUT = timedelta(minutes=30)
LOCKED = _l("口令错误次数过多，请 %(minutes)s 分钟后再试")


class WrongPasscode(Invalid):
    sentence = _l("口令不正确")


class LinkShut(RateLimited):
    """Too many wrong passcodes."""

    def __init__(self, left: timedelta) -> None:
        seconds = max(1, math.ceil(left.total_seconds()))
        super().__init__(translate(LOCKED, minutes=math.ceil(seconds / 60)), retry_after=seconds)


def check(way: Way, passcode: str) -> None:
    """Let whoever knows the passcode pass, and everybody where none was set.

    :raise WrongPasscode: with one try less
    :raise LinkShut: no tries left; a right passcode is not looked at either
    :raise Busy: too many are looked at right now; costs no try
    """
    if not way.passcode_hash:
        return
    _count(way.link_id)
    try:
        right = passwords.verified(way.passcode_hash, passcode.strip())
    except passwords.Busy:
        _give_back(way.link_id)
        raise
    if not right:
        raise WrongPasscode


def _count(link_id: int) -> None:
    at = clock.now()
    with all_tenants(write=True) as db:
        row = db.get_one(PublicLink, link_id, with_for_update=True)
        if row.tried_at is None or row.tried_at <= at - SHUT:
            row.tries = 0
        if row.tries >= limits.current().passcode_tries and row.tried_at is not None:
            raise LinkShut(row.tried_at + SHUT - at)
        row.tries, row.tried_at = row.tries + 1, at


def _give_back(link_id: int) -> None:
    with all_tenants(write=True) as db:
        db.execute(sa.update(PublicLink).where(PublicLink.id == link_id).values(tries=PublicLink.tries - 1))
