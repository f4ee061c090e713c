"""Notices and to-dos: rows per person, written with what they tell of."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import clock
from core.work.models import Notice
from plugin_sdk.declared import NoticeKind


def tell(
    session: Session, kind: NoticeKind, *, tenant_id: int, accounts: Collection[int], ref: str, facts: dict[str, Any]
) -> list[Notice]:
    """Write one notice per account. A to-do that is open already is not doubled. :return: what was written"""
    at = clock.now()
    if kind.todo:
        have = set(
            session.scalars(
                sa.select(Notice.account_id).where(
                    Notice.tenant_id == tenant_id, Notice.ref == ref, Notice.kind == kind.code, Notice.done_at.is_(None)
                )
            )
        )
        accounts = [a for a in accounts if a not in have]
    told = [
        Notice(tenant_id=tenant_id, account_id=account, kind=kind.code, todo=kind.todo, ref=ref, facts=facts, at=at)
        for account in dict.fromkeys(accounts)
    ]
    session.add_all(told)
    return told


def done(session: Session, *, tenant_id: int, kind: str, ref: str) -> None:
    """Close the to-dos of one kind about one thing, for everybody."""
    session.execute(
        sa.update(Notice)
        .where(Notice.tenant_id == tenant_id, Notice.ref == ref, Notice.kind == kind, Notice.done_at.is_(None))
        .values(done_at=clock.now())
        .execution_options(synchronize_session=False)
    )


def seen(session: Session, *, tenant_id: int, ref: str) -> None:
    """Mark every notice about one thing as read, for everybody: it is dealt with."""
    session.execute(
        sa.update(Notice)
        .where(Notice.tenant_id == tenant_id, Notice.ref == ref, Notice.read_at.is_(None))
        .values(read_at=clock.now())
        .execution_options(synchronize_session=False)
    )
