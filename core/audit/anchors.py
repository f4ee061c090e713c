"""Where a chain stood, kept where whoever can write the chain cannot: in a file outside the database, and by partners.

Without an anchor a chain proves only that nobody changed it by halves: who rewrites everything from an entry on, or
cuts the end off and moves the head, leaves a chain that fits. An anchor names an entry and its digest once and for all.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from core import clock
from core.audit import chain
from core.audit.models import Audit, AuditHead
from core.tenancy.models import Tenant, TenantLink
from core.tenancy.sessions import all_tenants
from plugin_sdk.words import stamp

if TYPE_CHECKING:
    from core.host.house import Application

log = logging.getLogger(__name__)
KIND = "audit.anchored"
PREFIX = "tenancy:tenant:"


@dataclass(frozen=True, kw_only=True)
class Anchor:
    """The entry ``seq`` of a tenant's chain had this digest. ``kept_by``: the file, or a partner's code."""

    tenant: str
    chain: str
    seq: int
    sha256: str
    kept_by: str = "file"


def anchor(house: Application) -> int:
    """Keep where every chain stands now, in the file first. Daily. :return: how many heads"""
    with all_tenants() as db:
        heads = _heads(db)
    _write(house.config.audit_anchors, heads)
    with all_tenants(write=True) as db:
        _tell_partners(db, heads)
    log.info("audit anchored", extra={"count": len(heads)})
    return len(heads)


def of_file(path: Path) -> Sequence[Anchor]:
    """Anchors that were written to the file; a line that a crash cut short is left out."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            read = json.loads(line)
        except ValueError:
            log.warning("anchor not readable", extra={"place": path.name})
            continue
        found.append(Anchor(tenant=read["tenant"], chain=read["chain"], seq=read["seq"], sha256=read["sha256"]))
    return found


def of_partners(session: Session) -> Sequence[Anchor]:
    """What partners wrote down about each other in their own chains: one pass over all entries."""
    keeper = aliased(Tenant)
    rows = session.execute(
        sa.select(Audit.facts, Tenant.code, keeper.code)
        .join(keeper, keeper.id == Audit.tenant_id)
        .join(Tenant, Audit.ref == PREFIX + Tenant.public_id)
        .where(Audit.kind == KIND)
    )
    return [
        Anchor(tenant=code, chain=name, seq=facts[name][0], sha256=facts[name][1], kept_by=kept_by)
        for facts, code, kept_by in rows
        for name in chain.CHAINS
        if name in facts
    ]


def _heads(session: Session) -> Sequence[Anchor]:
    rows = session.execute(
        sa.select(Tenant.code, AuditHead.chain, AuditHead.seq, AuditHead.sha256)
        .join(Tenant, Tenant.id == AuditHead.tenant_id)
        .where(AuditHead.seq > 0)
        .order_by(Tenant.code, AuditHead.chain)
    )
    return [Anchor(tenant=code, chain=name, seq=seq, sha256=sha256) for code, name, seq, sha256 in rows]


def _write(path: Path, heads: Iterable[Anchor]) -> None:
    """Add one line per head and sync file and folder."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    at = stamp(clock.now())
    text = "".join(
        json.dumps({"at": at, "tenant": a.tenant, "chain": a.chain, "seq": a.seq, "sha256": a.sha256}) + "\n" for a in heads
    )
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, text.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _tell_partners(session: Session, heads: Sequence[Anchor]) -> None:
    """One entry per side of each live connection, with both heads of the other side."""
    hospital, group = aliased(Tenant), aliased(Tenant)
    pairs = session.execute(
        sa.select(hospital, group)
        .select_from(TenantLink)
        .join(hospital, hospital.id == TenantLink.hospital_id)
        .join(group, group.id == TenantLink.group_id)
        .where(TenantLink.state == "active")
        .order_by(TenantLink.id)
    ).all()
    by_tenant: dict[str, dict[str, list[object]]] = {}
    for head in heads:
        by_tenant.setdefault(head.tenant, {})[head.chain] = [head.seq, head.sha256]
    for one, other in pairs:
        for keeper, kept in ((one, other), (other, one)):
            if kept.code in by_tenant:
                chain.append(
                    session, tenant_id=keeper.id, account_id=0, kind=KIND, ref=_ref(kept), **by_tenant[kept.code]
                )


def _ref(tenant: Tenant) -> str:
    return PREFIX + tenant.public_id
