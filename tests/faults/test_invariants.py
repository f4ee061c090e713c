"""Each rule holds over a told story, and each is broken once to see that it says so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from core import clock, invariants
from core.access.models import StudyAccess
from core.app import TeleradFlask
from core.run.doctor import Finding, examine
from core.store.blobs import storage_key
from core.store.models import Blob
from core.studies.models import Instance, Study
from core.tenancy.sessions import all_tenants
from core.work.models import Delivery, Job
from plugins.consultation.models import Document, Entry, ReportVersion, Request
from tests.conftest import World
from tests.faults import story
from tests.faults.story import Journal
from tests.faults.trial import make_app

pytestmark = [pytest.mark.slow, pytest.mark.sqlite]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TeleradFlask, World]]:
    folder = tmp_path_factory.mktemp("told")
    app = make_app(folder)
    world = story.make_world(app)
    story.tell(world, Journal(folder / "journal"))
    yield app, world


def broken(app: TeleradFlask) -> set[str]:
    with app.app_context():
        return {b.rule for b in invariants.check(app.house)}


def test_a_told_story_breaks_no_rule_and_the_doctor_says_so(told: tuple[TeleradFlask, World]) -> None:
    app, _ = told
    assert broken(app) == set()
    with app.app_context():
        assert Finding("invariants", "ok", "0 broken") in list(examine(app.house, deep=True))


def set_all(table: Any, **changed: Any) -> None:
    """Change every row of a table."""
    with all_tenants(write=True) as db:
        db.execute(sa.update(table).values(**changed).execution_options(synchronize_session=False))


HELD = clock.now() - timedelta(days=3)
PLANTED: list[tuple[str, Any, dict[str, Any]]] = [
    ("I2", Study, {"n_instances": Study.n_instances + 1}),
    ("I2", Study, {"bytes": 0}),
    ("I2", Instance, {"rank": 1}),
    ("I5", ReportVersion, {"n": ReportVersion.n + 1}),
    ("I5", ReportVersion, {"impression": "另一句话"}),
    ("I5", Request, {"sealed_version": 9}),
    ("I5", Document, {"version_n": 7}),
    ("I6", Request, {"version": Request.version + 1}),
    ("I6", Request, {"state": "APPROVED"}),
    ("I6", Entry, {"before": "SUBMITTED"}),
    ("I6", Study, {"status": "normal"}),
    ("I7", Request, {"claim_user": 1}),
    ("I8", Delivery, {"state": "lost"}),
    ("I8", Job, {"state": "running", "lease_until": HELD}),
    ("I8", Job, {"state": "queued", "tries": 0, "queued_at": HELD}),
]


@pytest.mark.parametrize(("rule", "table", "changed"), PLANTED, ids=[f"{r}-{t.__name__}-{next(iter(c))}" for r, t, c in PLANTED])
def test_a_rule_that_is_broken_is_named(
    told: tuple[TeleradFlask, World], rule: str, table: Any, changed: dict[str, Any]
) -> None:
    app, _ = told
    columns = [sa.inspect(table).primary_key[0], *(table.__table__.c[name] for name in changed)]
    with app.app_context():
        with all_tenants() as db:
            before = [dict(row._mapping) for row in db.execute(sa.select(*columns))]
        try:
            set_all(table, **changed)
            assert rule in broken(app)
        finally:
            with all_tenants(write=True) as db:
                key = columns[0]
                for row in before:
                    db.execute(
                        sa.update(table.__table__).where(key == row[key.name]).values({n: row[n] for n in changed})
                    )
        assert broken(app) == set()


def blob_path(app: TeleradFlask) -> Path:
    with app.app_context(), all_tenants() as db:
        tenant, sha256, gen = db.execute(
            sa.select(Blob.tenant_id, Blob.sha256, Blob.gen).join(Instance, Instance.blob_id == Blob.id)
        ).first()
        code = app.house.tenant_row(tenant).code
    return app.house.disk.path(storage_key(code, sha256, gen))


def test_bytes_that_are_gone_or_other_bytes_are_named(told: tuple[TeleradFlask, World]) -> None:
    app, _ = told
    path = blob_path(app)
    data = path.read_bytes()
    try:
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        assert broken(app) == {"I1"}
        path.unlink()
        assert broken(app) == {"I3"}
    finally:
        path.write_bytes(data)
    assert broken(app) == set()


def test_a_log_that_lost_an_entry_is_named(told: tuple[TeleradFlask, World]) -> None:
    from core.audit.models import AuditHead

    app, _ = told
    with app.app_context():
        set_all(AuditHead, seq=AuditHead.seq + 1)
        assert "I10" in broken(app)
        set_all(AuditHead, seq=AuditHead.seq - 1)
        assert broken(app) == set()


def test_an_opening_that_shows_more_than_its_grants_is_named(told: tuple[TeleradFlask, World]) -> None:
    app, world = told
    with app.app_context():
        with all_tenants(write=True) as db:
            db.add(StudyAccess(id="0" * 26, principal="user:x", tenant_id=world.group.id, owner_tenant=world.hospital.id,
                               study_ids=[1], grant_ids=[], created_at=clock.now(), expires_at=clock.now()))
        assert broken(app) == {"I11"}
        with all_tenants(write=True) as db:
            db.execute(sa.delete(StudyAccess))
        assert broken(app) == set()


def test_the_digest_of_a_tenant_sees_one_changed_column(told: tuple[TeleradFlask, World]) -> None:
    app, world = told
    with app.app_context():
        before = invariants.digest_of_tenant(world.hospital.id)
        assert invariants.digest_of_tenant(world.hospital.id) == before
        set_all(Study, description="x")
        assert invariants.digest_of_tenant(world.hospital.id) != before
