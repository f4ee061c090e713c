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
OPS, VIEWS = "ops", "views"
CHAINS = (OPS, VIEWS)
LOOKS = frozenset({"study.viewed", "link.viewed"})
"""Kinds that only tell of looking: many, and in a chain of their own, so that acts do not wait for them."""


def append(session: Session, *, tenant_id: int, account_id: int, kind: str, ref: str, **facts: Any) -> Audit:
    """Write one entry in the caller's transaction; the head row is locked first, so entries have no gaps.

    :param facts: JSON values; public ids and counts, never names of patients
    """
    chain = VIEWS if kind in LOOKS else OPS
    head = session.scalars(
        sa.select(AuditHead)
        .where(AuditHead.tenant_id == tenant_id, AuditHead.chain == chain)
        .with_for_update()
        .execution_options(populate_existing=True)  # locked may be newer than known
    ).one_or_none()
    if head is None:
        head = AuditHead(tenant_id=tenant_id, chain=chain, seq=0, sha256=ZERO)
        session.add(head)
        session.flush()
    at = clock.now()
    entry = Audit(
        tenant_id=tenant_id, public_id=row_id(), chain=chain, seq=head.seq + 1,
        at=at.replace(microsecond=at.microsecond // 1000 * 1000), account_id=account_id, kind=kind, ref=ref, facts=facts,
    )
    entry.sha256 = digest(head.sha256, entry)
    head.seq, head.sha256 = entry.seq, entry.sha256
    session.add(entry)
    return entry


def digest(previous: str, entry: Audit) -> str:
    """SHA-256 of the previous entry's 32 bytes and this entry's canonical JSON."""
    return hashlib.sha256(bytes.fromhex(previous) + rfc8785.dumps(body(entry))).hexdigest()


def body(entry: Audit) -> dict[str, Any]:
    """What an entry's digest covers, as it stands in archives too."""
    return {
        "id": entry.public_id,
        "chain": entry.chain,
        "seq": entry.seq,
        "at": stamp(entry.at),
        "account": entry.account_id,
        "kind": entry.kind,
        "ref": entry.ref,
        "facts": entry.facts,
    }


def first_bad(session: Session, tenant_id: int, chain: str = OPS) -> int | None:
    """The first entry of a chain that does not fit (its ``seq``), without asking anchors; ``None`` when all fit."""
    from core.audit import verify  # which walks what is appended here

    return verify.first_bad(session, tenant_id, chain)
