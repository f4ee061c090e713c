"""Append to a tenant's operation log: each entry's digest covers the one before."""

from __future__ import annotations

import hashlib
from typing import Any

import rfc8785
import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import clock
from core.audit.models import Audit, AuditHead
from plugin_sdk.ids import row_id
from plugin_sdk.words import stamp

ZERO = "0" * 64


def append(
    session: Session, *, tenant_id: int, account_id: int, kind: str, ref: str, chain: str = "ops", **facts: Any
) -> None:
    """Write one entry in the caller's transaction; the head row is locked first, so entries have no gaps.

    :param facts: JSON values; ids and counts, never names
    """
    head = session.scalars(
        sa.select(AuditHead).where(AuditHead.tenant_id == tenant_id, AuditHead.chain == chain).with_for_update()
    ).one_or_none()
    if head is None:
        head = AuditHead(tenant_id=tenant_id, chain=chain, seq=0, sha256=ZERO)
        session.add(head)
        session.flush()
    entry = Audit(
        tenant_id=tenant_id, public_id=row_id(), chain=chain, seq=head.seq + 1, at=clock.now(), account_id=account_id,
        kind=kind, ref=ref, facts=facts,
    )
    entry.sha256 = digest(head.sha256, entry)
    head.seq, head.sha256 = entry.seq, entry.sha256
    session.add(entry)


def digest(previous: str, entry: Audit) -> str:
    """SHA-256 of the previous entry's 32 bytes and this entry's canonical JSON."""
    body = rfc8785.dumps(
        {
            "id": entry.public_id,
            "chain": entry.chain,
            "seq": entry.seq,
            "at": stamp(entry.at),
            "account": entry.account_id,
            "kind": entry.kind,
            "ref": entry.ref,
            "facts": entry.facts,
        }
    )
    return hashlib.sha256(bytes.fromhex(previous) + body).hexdigest()


def first_bad(session: Session, tenant_id: int, chain: str = "ops") -> int | None:
    """Walk a chain and name the first entry that does not fit (its ``seq``), or ``None``."""
    previous, expected = ZERO, 1
    rows = session.scalars(
        sa.select(Audit).where(Audit.tenant_id == tenant_id, Audit.chain == chain).order_by(Audit.seq)
    )
    for entry in rows:
        if entry.seq != expected or entry.sha256 != digest(previous, entry):
            return entry.seq
        previous, expected = entry.sha256, expected + 1
    head = session.get(AuditHead, (tenant_id, chain))
    if head is not None and (head.seq != expected - 1 or head.sha256 != previous):
        return expected
    return None
