"""Move old entries out of the database into a file whose digest the chain carries.

What a report rests on stays as long as the report, and so does what the log says about itself.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import clock
from core.audit import chain
from core.audit.models import Audit, AuditGap
from core.audit.settings import Keeping
from core.audit.verify import digest_of
from core.store.disk import Disk
from core.tenancy import settings
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants

if TYPE_CHECKING:
    from core.host.house import Application

log = logging.getLogger(__name__)
MOST = 20_000
STAY = ("audit", "request", "report", "draft", "proposal", "critical", "grant", "charge", "bill")
"""First words of kinds that never leave: reports live on, and their log with them (names.md 8)."""


def archive(house: Application) -> int:
    """Archive what is older than ``audit.keep_months``. Monthly. :return: how many entries left"""
    with all_tenants() as db:
        before = cutoff(clock.now(), settings.load(db, Keeping, 0).keep_months)
        tenants = [(t.id, t.code) for t in db.scalars(sa.select(Tenant).order_by(Tenant.id))]
    return sum(_of_chain(house, tenant_id, code, name, before) for tenant_id, code in tenants for name in chain.CHAINS)


def cutoff(at: datetime, months: int) -> datetime:
    """The first day, in UTC, of the month that lies ``months`` before ``at``: nothing younger leaves."""
    year, month = divmod(at.year * 12 + at.month - 1 - months, 12)
    return at.replace(year=year, month=month + 1, day=1, hour=0, minute=0, second=0, microsecond=0)


def _of_chain(house: Application, tenant_id: int, code: str, name: str, before: datetime) -> int:
    moved = 0
    while rows := _due(tenant_id, name, before):
        path = house.config.audit_archive / f"{code}-{name}-{rows[0].seq}-{rows[-1].seq}.jsonl"
        sha256 = _write(path, rows)
        with all_tenants(write=True) as db:
            _leave(db, tenant_id, name, rows, path.name, sha256)
        moved += len(rows)
        log.info("audit archived", extra={"tenant": code, "place": name, "count": len(rows)})
    return moved


def _due(tenant_id: int, name: str, before: datetime) -> Sequence[Audit]:
    with all_tenants() as db:
        return db.scalars(
            sa.select(Audit)
            .where(
                Audit.tenant_id == tenant_id, Audit.chain == name, Audit.at < before,
                *(~Audit.kind.startswith(f"{word}.", autoescape=True) for word in STAY),
            )
            .order_by(Audit.seq)
            .limit(MOST)
        ).all()


def _write(path: Path, rows: Sequence[Audit]) -> str:
    """One line per entry, as its digest covers it, with the digest. Durable before anything is deleted. :return: SHA-256"""
    data = "".join(json.dumps({**chain.body(r), "sha256": r.sha256}, ensure_ascii=False) + "\n" for r in rows).encode()
    disk = Disk(path.parent)
    disk.make_folder("")
    disk.write(f"{path.name}.part", data)
    disk.sync(f"{path.name}.part")
    path.with_name(f"{path.name}.part").chmod(0o600)
    disk.rename(f"{path.name}.part", path.name)
    disk.sync_folder("")
    return hashlib.sha256(data).hexdigest()


def _leave(session: Session, tenant_id: int, name: str, rows: Sequence[Audit], file: str, sha256: str) -> None:
    """Write the gaps, which let the database delete, then delete, then say so in the chain."""
    gaps: list[AuditGap] = []
    for row in rows:
        if not gaps or gaps[-1].last_seq != row.seq - 1:
            gaps.append(
                AuditGap(
                    tenant_id=tenant_id, chain=name, first_seq=row.seq, last_seq=row.seq, sha256="", file=file,
                    file_sha256=sha256, at=clock.now(),
                )
            )
        gaps[-1].last_seq, gaps[-1].sha256 = row.seq, row.sha256
    session.add_all(gaps)
    session.flush()
    for gap in gaps:
        session.execute(
            sa.delete(Audit)
            .where(Audit.tenant_id == tenant_id, Audit.chain == name, Audit.seq.between(gap.first_seq, gap.last_seq))
            .execution_options(synchronize_session=False)
        )
    chain.append(
        session, tenant_id=tenant_id, account_id=0, kind="audit.archived", ref="", chain=name, count=len(rows),
        file=file, file_sha256=sha256, gaps=digest_of(gaps),
    )
