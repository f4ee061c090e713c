"""What was looked at, in batches: one entry per person, study and minute or so, never one per image.

An opening is written when it is made, in its own transaction. What is then read through it, and what programs read from
the hospital's own root, is gathered in this process and written a little later. A process that is killed loses the
last batch, not the opening.
"""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from core.access.models import StudyGrant
from core.audit import chain
from core.studies.models import Study
from core.tenancy.sessions import all_tenants

if TYPE_CHECKING:
    from core.host.house import Application

log = logging.getLogger(__name__)
PAUSE = 60.0
"""Seconds between the first look of a batch and its entry."""


@dataclass(frozen=True)
class Who:
    """Whose eyes, on which study. ``tenant_id`` is where they are a member, ``owner`` whose study it is."""

    tenant_id: int
    account_id: int
    owner: int
    study_uid: str


@dataclass
class Seen:
    series: set[str] = field(default_factory=set)
    objects: int = 0


class Looks:
    """The batch of one process. Writing is left to a timer, or to :meth:`flush`."""

    def __init__(self, house: Application, *, pause: float | None = PAUSE) -> None:
        self.house, self.pause = house, pause
        self._lock = threading.Lock()
        self._seen: dict[Who, Seen] = {}
        self._timer: threading.Timer | None = None
        if pause is not None:
            atexit.register(self.flush)

    def saw(self, who: Who, series: set[str], objects: int) -> None:
        """Note what a request is about to answer with."""
        with self._lock:
            seen = self._seen.setdefault(who, Seen())
            seen.series |= series
            seen.objects += objects
            if self._timer is None and self.pause is not None:
                self._timer = threading.Timer(self.pause, self.flush)
                self._timer.daemon = True
                self._timer.start()

    def flush(self) -> int:
        """Write what was gathered; if the database refuses, it waits for the next time. :return: how many entries"""
        with self._lock:
            batch, self._seen, self._timer = self._seen, {}, None
        if not batch:
            return 0
        try:
            with self.house.flask.app_context(), all_tenants(write=True) as db:
                for who in sorted(batch, key=lambda w: (w.tenant_id, w.account_id, w.study_uid)):
                    _enter(db, who, batch[who])
        except SQLAlchemyError as error:
            log.error("looks not written", extra={"count": len(batch), "error": type(error).__name__})
            self._again(batch)
            return 0
        return len(batch)

    def _again(self, batch: Mapping[Who, Seen]) -> None:
        for who, seen in batch.items():
            self.saw(who, seen.series, seen.objects)


def _enter(session: Session, who: Who, seen: Seen) -> None:
    study = session.execute(
        sa.select(Study.id, Study.public_id).where(Study.tenant_id == who.owner, Study.uid == who.study_uid)
    ).one_or_none()
    if study is None:
        return
    ref = f"studies:study:{study.public_id}"
    if who.owner != who.tenant_id:
        given_for = session.scalar(
            sa.select(StudyGrant.reason_ref)
            .where(StudyGrant.study_id == study.id, StudyGrant.grantee_kind == "tenant", StudyGrant.grantee == who.tenant_id)
            .order_by(StudyGrant.id.desc())
            .limit(1)
        )
        ref = given_for or ref
    chain.append(
        session, tenant_id=who.tenant_id, account_id=who.account_id, kind="study.viewed", ref=ref,
        series=len(seen.series), frames=seen.objects,
    )
