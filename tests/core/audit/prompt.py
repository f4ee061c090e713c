"""Somebody with a database prompt: what the triggers refuse, they switch off first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from core.audit import chain
from core.audit.models import Audit, AuditHead
from core.tenancy.sessions import all_tenants


@contextmanager
def at_the_prompt() -> Iterator[Any]:
    """A session without the triggers of the log; they are back afterwards."""
    with all_tenants(write=True) as db:
        sqlite = db.get_bind().dialect.name == "sqlite"
        if sqlite:
            found = db.execute(
                sa.text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN ('audit', 'audit_gap')")
            ).all()
            for name, _ in found:
                db.execute(sa.text(f"DROP TRIGGER {name}"))
        else:
            db.execute(sa.text("ALTER TABLE audit DISABLE TRIGGER USER"))
            db.execute(sa.text("ALTER TABLE audit_gap DISABLE TRIGGER USER"))
        yield db
        db.flush()
        if sqlite:
            for _, statement in found:
                db.execute(sa.text(statement))
        else:
            db.execute(sa.text("ALTER TABLE audit ENABLE TRIGGER USER"))
            db.execute(sa.text("ALTER TABLE audit_gap ENABLE TRIGGER USER"))


def entry(db: Any, tenant_id: int, seq: int, name: str = "ops") -> Audit:
    found: Audit = db.scalars(
        sa.select(Audit).where(Audit.tenant_id == tenant_id, Audit.chain == name, Audit.seq == seq)
    ).one()
    return found


def chain_anew(db: Any, tenant_id: int, start: int, name: str = "ops") -> None:
    """Work all digests out again from ``start`` on and move the head: a thorough forger."""
    rows = db.scalars(
        sa.select(Audit).where(Audit.tenant_id == tenant_id, Audit.chain == name).order_by(Audit.seq)
    ).all()
    previous = next((r.sha256 for r in rows if r.seq == start - 1), chain.ZERO)
    for row in rows:
        if row.seq >= start:
            row.sha256 = previous = chain.digest(previous, row)
    head = db.get_one(AuditHead, (tenant_id, name))
    head.seq, head.sha256 = (rows[-1].seq, rows[-1].sha256) if rows else (0, chain.ZERO)
