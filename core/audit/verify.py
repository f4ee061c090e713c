"""Walk a chain and name the first entry that does not fit."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import rfc8785
import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.audit import anchors, chain
from core.audit.anchors import Anchor
from core.audit.models import Audit, AuditGap, AuditHead
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants

if TYPE_CHECKING:
    from core.host.house import Application

log = logging.getLogger(__name__)
BACK = timedelta(seconds=60)
"""How far an entry may be dated before the one it follows: two servers' clocks differ by less."""
WHY: Mapping[str, str] = {
    "digest": "its content does not fit its digest",
    "missing": "it is missing",
    "clock": "it is dated before the entry it follows",
    "head": "the chain does not end where its head says",
    "cut": "the chain ends before an entry that was anchored",
    "anchor": "the chain was written anew: an anchor remembers another digest",
    "archive": "entries are gone that no archive vouches for",
}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The first bad entry of a chain. ``after``: for ``anchor``, the last entry known to be good."""

    seq: int
    why: str
    after: int = 0


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What was seen of one chain. ``anchored``: the newest anchored entry, 0 for none."""

    tenant: str
    tenant_id: int
    chain: str
    seq: int
    entries: int
    anchored: int
    bad: Finding | None


def verify(house: Application, *, tenant: str = "", only: str = "") -> Iterator[Verdict]:
    """Verify chains, of one tenant or of all, one or both. Reads only; other people write meanwhile."""
    kept = list(anchors.of_file(house.config.audit_anchors))
    with all_tenants() as db:
        kept += anchors.of_partners(db)
        for row in db.scalars(sa.select(Tenant).where(*([Tenant.code == tenant] if tenant else [])).order_by(Tenant.code)).all():
            for name in [only] if only else chain.CHAINS:
                yield of_chain(db, row, name, [a for a in kept if (a.tenant, a.chain) == (row.code, name)])


def of_chain(session: Session, tenant: Tenant, name: str, known: Sequence[Anchor] = ()) -> Verdict:
    """Verify one chain, against ``known`` anchors of it alone."""
    head = session.execute(
        sa.select(AuditHead.seq, AuditHead.sha256).where(AuditHead.tenant_id == tenant.id, AuditHead.chain == name)
    ).one_or_none()
    end, sha256 = (head.seq, head.sha256) if head is not None else (0, chain.ZERO)
    walk = _Walk(known)
    bad = (
        _unvouched(session, tenant.id, name)
        or walk.through(_rows(session, tenant.id, name, end), _gaps(session, tenant.id, name))
        or walk.ends_at(end, sha256)
        or _beyond(session, tenant.id, name)
    )
    return Verdict(
        tenant=tenant.code, tenant_id=tenant.id, chain=name, seq=end, entries=walk.entries,
        anchored=max((a.seq for a in known), default=0), bad=bad,
    )


def first_bad(session: Session, tenant_id: int, name: str = chain.OPS) -> int | None:
    """The first bad entry of a chain by itself, without anchors; ``None`` when it fits."""
    bad = of_chain(session, session.get_one(Tenant, tenant_id), name).bad
    return None if bad is None else bad.seq


class _Walk:
    """One way along a chain: what the next entry must be."""

    def __init__(self, known: Iterable[Anchor]) -> None:
        self.known: dict[int, set[str]] = {}
        for one in known:
            self.known.setdefault(one.seq, set()).add(one.sha256)
        self.previous, self.expected, self.entries, self.good = chain.ZERO, 1, 0, 0
        self.at: datetime | None = None

    def through(self, rows: Iterable[Any], gaps: Mapping[int, AuditGap]) -> Finding | None:
        for row in rows:
            if bad := self._over(gaps):
                return bad
            if row.seq != self.expected:
                return Finding(seq=self.expected, why="missing")
            if row.sha256 != chain.digest(self.previous, row):
                return Finding(seq=row.seq, why="digest")
            if self.at is not None and row.at < self.at - BACK:
                return Finding(seq=row.seq, why="clock")
            if bad := self._anchored(row.seq, row.sha256):
                return bad
            self.previous, self.expected, self.at, self.entries = row.sha256, row.seq + 1, row.at, self.entries + 1
        return self._over(gaps)

    def _over(self, gaps: Mapping[int, AuditGap]) -> Finding | None:
        """Step over entries that are in an archive."""
        while (gap := gaps.get(self.expected)) is not None:
            self.previous, self.expected = gap.sha256, gap.last_seq + 1
            if bad := self._anchored(gap.last_seq, gap.sha256):
                return bad
        return None

    def _anchored(self, seq: int, sha256: str) -> Finding | None:
        if (wanted := self.known.get(seq)) is None:
            return None
        if wanted != {sha256}:
            return Finding(seq=seq, why="anchor", after=self.good)
        self.good = seq
        return None

    def ends_at(self, end: int, sha256: str) -> Finding | None:
        if self.expected != end + 1 or self.previous != sha256:
            return Finding(seq=min(self.expected, end + 1), why="head")
        if self.known and max(self.known) > end:
            return Finding(seq=end + 1, why="cut")
        return None


def _rows(session: Session, tenant_id: int, name: str, end: int) -> Iterable[Any]:
    return session.execute(
        sa.select(
            Audit.public_id, Audit.chain, Audit.seq, Audit.at, Audit.account_id, Audit.kind, Audit.ref, Audit.facts, Audit.sha256
        )
        .where(Audit.tenant_id == tenant_id, Audit.chain == name, Audit.seq <= end)
        .order_by(Audit.seq)
        .execution_options(yield_per=1000)
    )


def _beyond(session: Session, tenant_id: int, name: str) -> Finding | None:
    """Entries that somebody put behind the head; one statement, or those written meanwhile would count."""
    head = (
        sa.select(sa.func.coalesce(sa.func.max(AuditHead.seq), 0))
        .where(AuditHead.tenant_id == tenant_id, AuditHead.chain == name)
        .scalar_subquery()
    )
    seq = session.scalar(
        sa.select(sa.func.min(Audit.seq)).where(Audit.tenant_id == tenant_id, Audit.chain == name, Audit.seq > head)
    )
    return None if seq is None else Finding(seq=seq, why="head")


def _gaps(session: Session, tenant_id: int, name: str) -> Mapping[int, AuditGap]:
    rows = session.scalars(sa.select(AuditGap).where(AuditGap.tenant_id == tenant_id, AuditGap.chain == name))
    return {row.first_seq: row for row in rows}


def _unvouched(session: Session, tenant_id: int, name: str) -> Finding | None:
    """A gap that no ``audit.archived`` entry names as it stands."""
    by_file: dict[str, list[AuditGap]] = {}
    for gap in sorted(_gaps(session, tenant_id, name).values(), key=lambda g: g.first_seq):
        by_file.setdefault(gap.file_sha256, []).append(gap)
    vouched = {
        (facts["file_sha256"], facts["gaps"])
        for facts in session.scalars(
            sa.select(Audit.facts).where(Audit.tenant_id == tenant_id, Audit.kind == "audit.archived")
        )
        if facts.get("chain") == name
    }
    for sha256, gaps in by_file.items():
        if (sha256, digest_of(gaps)) not in vouched:
            return Finding(seq=gaps[0].first_seq, why="archive")
    return None


def digest_of(gaps: Iterable[AuditGap]) -> str:
    """What the entry of an archive says of the gaps that it leaves, in order."""
    return hashlib.sha256(rfc8785.dumps([[g.first_seq, g.last_seq, g.sha256] for g in gaps])).hexdigest()
