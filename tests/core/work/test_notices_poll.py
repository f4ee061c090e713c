"""The poll of every open browser: two index look-ups, and 304 without a page when nothing changed."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from core import clock
from core.tenancy.sessions import all_tenants
from core.work.models import Notice
from tests.conftest import World


def tell(world: World, number: int, **given: object) -> None:
    with world.app.app_context(), all_tenants(write=True) as db:
        db.add_all(
            Notice(tenant_id=world.hospital.id, account_id=world.doctor.account.id, kind="upload.done",
                   ref=f"studies:study:{n}", at=clock.now(), **given)
            for n in range(number)
        )


def poll(world: World, tag: str = "") -> tuple[int, str, str]:
    answer = world.app.test_client().get(
        f"/t/{world.hospital.code}/notices/counts",
        headers={"Authorization": f"Bearer {world.doctor.token}", **({"If-None-Match": tag} if tag else {})},
    )
    return answer.status_code, answer.headers["ETag"], answer.get_data(as_text=True)


def test_the_counts_are_unread_notices_and_open_to_dos(world: World) -> None:
    tell(world, 3)
    tell(world, 2, todo=True)
    tell(world, 4, read_at=clock.now())
    tell(world, 1, todo=True, done_at=clock.now())
    tell(world, 1, todo=True, read_at=clock.now())
    assert poll(world)[:2] == (200, '"3-3"')


def test_nothing_new_is_304_without_a_body_and_something_new_is_not(world: World) -> None:
    tell(world, 1)
    _, tag, text = poll(world)
    assert text
    assert poll(world, tag) == (304, tag, "")
    tell(world, 1)
    assert poll(world, tag)[0] == 200


@pytest.mark.sqlite
def test_counting_walks_the_partial_indexes(world: World) -> None:
    tell(world, 200, read_at=clock.now())
    seen: list[tuple[str, object]] = []

    def watch(connection: object, cursor: object, statement: str, parameters: object, *_: object) -> None:
        seen.append((statement, parameters))

    sa.event.listen(Engine, "before_cursor_execute", watch)
    try:
        poll(world)
    finally:
        sa.event.remove(Engine, "before_cursor_execute", watch)
    (statement, parameters), = ((s, p) for s, p in seen if "FROM notice" in s)
    with world.app.app_context(), all_tenants() as db:
        plan = str(db.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all())
    assert "ix_notice_unread" in plan and "ix_notice_open" in plan, plan
