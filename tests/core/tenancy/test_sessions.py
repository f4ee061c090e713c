"""What a session of one tenant can reach: its own rows, however it asks, reads or writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from core import clock
from core.studies.models import Patient, Series, Study, StudyModality
from core.tenancy.models import Tenant
from core.tenancy.sessions import ScopeError, all_tenants, insert_all, nobody, tenant_session
from core.work.models import CoreTimer
from plugin_sdk.db import TenantMixin, metadata
from plugins.consultation.models import Request
from tests.conftest import World
from tests.plugins.consultation.test_main_job import ask


class Two:
    """Two hospitals with a study each, and a writing session of the first."""

    def __init__(self, mine: World, theirs: World, own: Study, other: Study, db: Any) -> None:
        self.mine, self.theirs, self.own, self.other, self.db = mine, theirs, own, other, db


@pytest.fixture
def two(make_world: Callable[..., World], make_study: Callable[..., Study]) -> Iterator[Two]:
    mine, theirs = make_world(), make_world()
    own, other = make_study(mine), make_study(theirs)
    with mine.app.app_context(), tenant_session(mine.hospital.id, "hospital", write=True) as db:
        yield Two(mine, theirs, own, other, db)


def _exists(db: Session) -> list[Any]:
    inner = aliased(Study)
    return list(db.scalars(sa.select(Study.id).where(sa.exists().where(inner.id == Study.id))))


READS: dict[str, Callable[[Session], Any]] = {
    "entities": lambda db: [s.id for s in db.scalars(sa.select(Study))],
    "columns": lambda db: list(db.scalars(sa.select(Study.id))),
    "alias": lambda db: list(db.scalars(sa.select(aliased(Study).id))),
    "subquery": lambda db: list(db.scalars(sa.select(sa.select(Study.id).subquery().c.id))),
    "cte": lambda db: list(db.scalars(sa.select(sa.select(Study.id).cte().c.id))),
    "union": lambda db: list(db.scalars(sa.union_all(sa.select(Study.id), sa.select(Study.id).where(sa.false())))),
    "exists": _exists,
    "join": lambda db: list(db.scalars(sa.select(Study.id).join(Patient, Patient.id == Study.patient_id))),
    "in": lambda db: list(db.scalars(sa.select(Study.id).where(Study.patient_id.in_(sa.select(Patient.id))))),
    "query": lambda db: [s.id for s in db.query(Study)],
}


@pytest.mark.parametrize("how", READS)
def test_every_way_to_read_gives_the_own_rows_alone(two: Two, how: str) -> None:
    assert READS[how](two.db) == [two.own.id]


def test_a_row_of_others_is_not_found_by_its_key_and_not_counted(two: Two) -> None:
    assert two.db.get(Study, two.other.id) is None
    assert two.db.scalar(sa.select(sa.func.count()).select_from(Study)) == 1
    assert two.db.scalar(sa.select(Study.id).where(Study.public_id == two.other.public_id)) is None


@pytest.mark.parametrize("synchronize", ["auto", "fetch", False])
def test_updates_and_deletes_without_where_touch_the_own_rows_alone(two: Two, synchronize: Any) -> None:
    how = {"synchronize_session": synchronize}
    assert two.db.execute(sa.update(Study).values(department="x"), execution_options=how).rowcount == 1
    assert two.db.execute(sa.delete(StudyModality), execution_options=how).rowcount == 1
    found = two.db.execute(sa.update(Study).where(Study.id == two.other.id).values(department="x"), execution_options=how)
    assert found.rowcount == 0
    assert two.db.execute(sa.delete(Request).where(Request.id > 0), execution_options=how).rowcount == 0


def test_a_new_row_gets_the_tenant_and_one_for_others_is_refused(two: Two) -> None:
    mine = Patient(pid="NEW", name="新", pinyin="xin", sex="", seq=0)
    two.db.add(mine)
    two.db.flush()
    assert mine.tenant_id == two.mine.hospital.id
    two.db.add(Patient(tenant_id=two.theirs.hospital.id, pid="NEW", name="新", pinyin="xin", sex="", seq=0))
    with pytest.raises(ScopeError):
        two.db.flush()


def test_moving_a_row_to_another_tenant_is_refused(two: Two) -> None:
    two.db.get(Study, two.own.id).tenant_id = two.theirs.hospital.id
    with pytest.raises(ScopeError):
        two.db.flush()


def test_a_row_cannot_hang_on_one_of_another_tenant(two: Two) -> None:
    two.db.add(Series(study_id=two.other.id, uid="1.2.3.9", modality="CT", number=1, n_instances=0))
    with pytest.raises(IntegrityError):
        two.db.flush()


def test_bulk_inserts_go_through_the_one_function_that_sets_the_tenant(two: Two) -> None:
    row = {"pid": "BULK", "name": "新", "pinyin": "xin", "sex": "", "seq": 0, "public_id": "7BULK", "tenant_id": two.theirs.hospital.id}
    with pytest.raises(ScopeError):
        two.db.execute(sa.insert(Patient), [row])
    defaults = {c.name: c.default.arg for c in Patient.__table__.c if c.default is not None and not callable(c.default.arg)}
    insert_all(two.db, Patient, [{**defaults, **row}])
    assert two.db.scalar(sa.select(Patient.tenant_id).where(Patient.pid == "BULK")) == two.mine.hospital.id


def test_what_the_session_cannot_narrow_is_what_the_source_rules_forbid(two: Two) -> None:
    """The control: a table instead of its class, or text, reaches everybody's rows."""
    ids = {two.own.id, two.other.id}
    assert ids <= set(two.db.scalars(sa.select(Study.__table__.c.id)))
    assert ids <= set(two.db.scalars(sa.text("SELECT id FROM study")))


def test_a_session_of_nobody_reads_accounts_and_refuses_rows_of_tenants(two: Two) -> None:
    with nobody() as db:
        assert db.get(Tenant, two.mine.hospital.id) is not None
        for statement in (sa.select(Study), sa.update(Study).values(department="x"), sa.delete(Request)):
            with pytest.raises(ScopeError):
                db.execute(statement)


def test_a_reading_session_refuses_to_write(two: Two) -> None:
    with tenant_session(two.mine.hospital.id, "hospital", write=False) as db:
        db.get(Study, two.own.id).department = "x"
        with pytest.raises(ScopeError):
            db.flush()


def test_a_request_belongs_to_its_two_sides(world: World, make_world: Callable[..., World], make_study: Callable[..., Study]) -> None:
    request, other = ask(world, make_study(world)), make_world()
    seen = {}
    with world.app.app_context():
        for name, tenant, side in (
            ("hospital", world.hospital, "hospital"), ("group", world.group, "group"), ("others", other.group, "group"),
            ("swapped", world.hospital, "group"),
        ):
            with tenant_session(tenant.id, side, write=False) as db:
                seen[name] = list(db.scalars(sa.select(Request.public_id)))
    assert seen == {"hospital": [request["id"]], "group": [request["id"]], "others": [], "swapped": []}


def test_a_timer_of_one_tenant_leaves_that_of_another_under_the_same_key_alone(make_world: Callable[..., World]) -> None:
    worlds, at = [make_world(), make_world()], clock.now() + timedelta(days=1)
    for n, world in enumerate(worlds):
        with world.app.app_context(), world.app.house.system_ctx(world.hospital.id) as ctx:
            ctx.at_time(at + timedelta(hours=n), "intake.process_upload", key="same", upload=str(n))
    with worlds[1].app.app_context(), worlds[1].app.house.system_ctx(worlds[1].hospital.id) as ctx:
        ctx.cancel_time("intake.process_upload", key="same")
    with worlds[0].app.app_context(), all_tenants() as db:
        tenants = [w.hospital.id for w in worlds]
        rows = db.scalars(sa.select(CoreTimer).where(CoreTimer.tenant_id.in_(tenants)).order_by(CoreTimer.id)).all()
    assert [(t.state, t.due_at, t.args) for t in rows] == [
        ("waiting", at, {"upload": "0"}), ("cancelled", at + timedelta(hours=1), {"upload": "1"}),
    ]


def test_a_foreign_key_inside_a_tenant_is_the_pair_with_the_tenant(two: Two) -> None:
    """Every key from a tenant's table to a tenant's table: the database itself refuses to cross."""
    tenants = {m.local_table.name for m in _mappers() if issubclass(m.class_, TenantMixin)}
    single = {
        f"{table.name}.{next(iter(key.columns)).name}"
        for table in metadata.sorted_tables if table.name in tenants
        for key in table.foreign_key_constraints
        if key.referred_table.name in tenants and "tenant_id" not in {c.name for c in key.columns}
    }
    assert len(tenants) > 10
    assert single == set(SINGLE)


SINGLE: dict[str, str] = {}
"""Keys without the tenant, and why that is right."""


def _mappers() -> Iterator[Any]:
    for registry in {m.registry for base in TenantMixin.__subclasses__() if hasattr(base, "__mapper__") for m in [base.__mapper__]}:
        yield from registry.mappers
