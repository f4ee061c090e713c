"""Who looked at far more than colleagues do, at night, or after leaving. It counts and compares; it accuses nobody.

A person is measured against the median of the others with the same role in the same house, and only where the number
is large enough to mean anything. Night duty, a big clinic or a new colleague explain most lines: a person decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import clock
from core.accounts.models import Account
from core.audit.models import Audit
from core.tenancy.models import Membership, Role, Tenant

TIMES = 5
"""How many times the colleagues' median is unusual."""
LEAST = {"studies": 20, "nights": 10, "reveals": 5}
"""Below these numbers nothing is unusual."""
NIGHT = range(0, 6)
"""Hours of the tenant's wall clock."""


@dataclass
class Person:
    """What one account did in one house. ``reveals``: masked values; ``after``: looks after leaving."""

    role: str
    name: str
    left_at: datetime | None
    studies: set[str] = field(default_factory=set)
    nights: int = 0
    reveals: int = 0
    after: int = 0

    def number(self, what: str) -> int:
        return len(self.studies) if what == "studies" else int(getattr(self, what))


@dataclass(frozen=True, kw_only=True)
class Unusual:
    """``what``: ``studies nights reveals after``; ``peers``: the colleagues' median."""

    tenant: str
    account_id: int
    name: str
    role: str
    what: str
    number: int
    peers: float


def unusual(session: Session, *, days: int, tenant: str = "") -> Iterator[Unusual]:
    """Look back over whole chains of looks and reveals; the session sees all tenants."""
    since = clock.now() - timedelta(days=days)
    for row in session.scalars(sa.select(Tenant).where(*([Tenant.code == tenant] if tenant else [])).order_by(Tenant.code)).all():
        people = _people(session, row.id)
        for entry in _entries(session, row.id, since):
            person = people.setdefault(entry.account_id, Person(role="", name="", left_at=None))
            _count(person, entry, row.zone)
        for account_id, person in sorted(people.items()):
            yield from _compare(row.code, account_id, person, list(people.values()))


def _people(session: Session, tenant_id: int) -> dict[int, Person]:
    rows = session.execute(
        sa.select(Account.id, Account.name, Role.code, Membership.left_at)
        .join(Membership, Membership.account_id == Account.id)
        .join(Role, Role.id == Membership.role_id)
        .where(Membership.tenant_id == tenant_id)
    )
    return {account_id: Person(role=role, name=name, left_at=left_at) for account_id, name, role, left_at in rows}


def _entries(session: Session, tenant_id: int, since: datetime) -> Sequence[Any]:
    return session.execute(
        sa.select(Audit.account_id, Audit.kind, Audit.ref, Audit.at)
        .where(
            Audit.tenant_id == tenant_id, Audit.at >= since, Audit.account_id != 0,
            Audit.kind.in_(["study.viewed", "field.revealed", "study.downloaded"]),
        )
        .execution_options(yield_per=1000)
    )  # type: ignore[return-value]


def _count(person: Person, entry: Any, zone: str) -> None:
    person.studies.add(entry.ref)
    person.nights += clock.local(entry.at, zone).hour in NIGHT
    person.reveals += entry.kind == "field.revealed"
    person.after += not person.role or (person.left_at is not None and entry.at > person.left_at)


def _compare(code: str, account_id: int, person: Person, people: Sequence[Person]) -> Iterator[Unusual]:
    def line(what: str, number: int, peers: float) -> Unusual:
        return Unusual(
            tenant=code, account_id=account_id, name=person.name, role=person.role, what=what, number=number, peers=peers
        )

    colleagues = [p for p in people if p is not person and p.role == person.role and p.left_at is None]
    for what, least in LEAST.items():
        peers = median([p.number(what) for p in colleagues]) if colleagues else 0
        if colleagues and person.number(what) >= max(least, TIMES * peers):
            yield line(what, person.number(what), peers)
    if person.after:
        yield line("after", person.after, 0)


SAID: Mapping[str, str] = {
    "studies": "opened {number} studies, colleagues {peers:g}",
    "nights": "looked {number} times between 0 and 6 o'clock, colleagues {peers:g}",
    "reveals": "asked for {number} masked values, colleagues {peers:g}",
    "after": "looked {number} times after leaving, or without being a member",
}
