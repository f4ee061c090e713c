"""A third tenant, a stranger to both, gets one grant of one part of one study: that part passes and nothing else does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
import sqlalchemy as sa

from core import clock
from core.access import grants, openings
from core.host.context import TenantCtx
from core.studies.models import Study
from core.tenancy.sessions import all_tenants
from plugin_sdk.errors import NotFound
from plugin_sdk.types import Opening
from tests import conftest
from tests.conftest import Member, World
from tests.contract import matrix, stage
from tests.contract.matrix import Case
from tests.contract.stage import Card, Stage


@pytest.fixture(scope="module")
def third(staged: Stage) -> World:
    return conftest.make_world.__wrapped__(staged.app)("丙")  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def study(staged: Stage) -> Study:
    with staged.app.app_context(), all_tenants() as db:
        return db.scalars(sa.select(Study).where(Study.public_id == staged.ids["mine"]["study"])).one()


@contextmanager
def acting(member: Member, *, write: bool = True) -> Iterator[TenantCtx]:
    """A member's ctx, committed and closed; no application context stays open for the clients beside it."""
    with member.app.app_context():
        ctx = member.ctx(write=write)
        try:
            yield ctx
            if write:
                ctx.commit()
        finally:
            ctx.close()


@contextmanager
def granted(staged: Stage, third: World, study: Study, *scope: str, days: int = 0) -> Iterator[None]:
    """One grant to the third tenant's group, taken back afterwards."""
    until = clock.now() + timedelta(days=days) if days else None
    with acting(staged.mine.h_admin) as owner:
        owner.grants.give(study.id, tenant_id=third.group.id, scope=frozenset(scope), reason_ref="test:one", until=until)
    try:
        yield
    finally:
        with acting(staged.mine.h_admin) as owner:
            owner.grants.revoke(study.id, tenant_id=third.group.id, reason_ref="test:one")


def open_images(third: World, *study_ids: int) -> Opening:
    with acting(third.g_admin) as ctx:
        return openings.open_images(ctx, list(study_ids))


def ask(third: World, path: str) -> tuple[int, str]:
    """As the member in a browser: an opening belongs to the session or token that made it."""
    answer = third.g_admin.browser().get(path)
    return answer.status_code, answer.get_data().decode("utf-8", "replace")


@pytest.mark.parametrize("part", sorted(grants.PARTS))
def test_exactly_the_granted_part_of_exactly_that_study_is_readable(staged: Stage, third: World, study: Study, part: str) -> None:
    other = stage.make_study(staged.mine)
    with granted(staged, third, study, part):
        with acting(third.g_admin, write=False) as ctx:
            seen = {p: [r.study_ids for r in grants.readable(ctx, [study.id, other.id], p)] for p in grants.PARTS}
        with acting(third.h_admin, write=False) as ctx:
            beside = [grants.readable(ctx, [study.id], p) for p in grants.PARTS]
    assert seen == {p: [(study.id,)] if p == part else [] for p in grants.PARTS}
    assert beside == [[]] * len(grants.PARTS)


def test_an_opening_under_the_grant_shows_that_study_alone(staged: Stage, third: World, study: Study) -> None:
    other = stage.make_study(staged.mine)
    with granted(staged, third, study, "images"):
        opened = open_images(third, study.id)
        status, listed = ask(third, f"{opened.dicomweb}/studies")
        assert (status, listed.count("0020000D"), study.uid in listed) == (200, 1, True)
        assert ask(third, f"{opened.dicomweb}/studies/{study.uid}/metadata")[0] == 200
        assert ask(third, f"{opened.dicomweb}/studies/{study.uid}/series/{study.uid}.1/instances/{study.uid}.1.1/frames/1")[0] == 200
        assert ask(third, f"{opened.dicomweb}/studies/{other.uid}/metadata")[0] == 404
        assert ask(third, f"/t/{staged.mine.hospital.code}/dicom-web/studies")[0] == 404
        for ids in ([other.id], [study.id, other.id]):
            with pytest.raises(NotFound):
                open_images(third, *ids)


def test_without_the_part_no_opening_is_made(staged: Stage, third: World, study: Study) -> None:
    with granted(staged, third, study, "case", "report"), pytest.raises(NotFound):
        open_images(third, study.id)


def test_revoking_ends_the_opening_at_the_next_frame(staged: Stage, third: World, study: Study) -> None:
    with granted(staged, third, study, "images"):
        opened = open_images(third, study.id)
        assert ask(third, f"{opened.dicomweb}/studies")[0] == 200
    assert ask(third, f"{opened.dicomweb}/studies")[0] == 404


def test_a_grant_ends_when_its_time_is_over(staged: Stage, third: World, study: Study) -> None:
    with granted(staged, third, study, "images", days=1), acting(third.g_admin, write=False) as ctx:
        for hours, readable in ((23, 1), (2, 0)):
            clock.shift(timedelta(hours=hours))
            assert len(grants.readable(ctx, [study.id], "images")) == readable
        clock.reset()


def test_on_every_route_the_rest_does_not_exist_for_the_third_tenant(staged: Stage, third: World, study: Study, walked: list[Case]) -> None:
    passed, asked = [], 0
    before = stage.rows_of(staged.mine)
    with granted(staged, third, study, *grants.PARTS):
        with_grant = stage.rows_of(staged.mine)
        for case in walked:
            if "tenant" not in case.rule.arguments or not case.owned:
                continue
            member = third.g_admin if case.side == "group" else third.h_admin
            where = matrix.url(staged, case, tenant=member.tenant.code, ids=staged.ids["mine"])
            answer = matrix.call(staged, case, where, Card(token=member.token), staged.ids["mine"])
            asked += 1
            if answer.status_code != 404:
                passed.append(f"{case}: {answer.status_code}")
        assert stage.changed(with_grant, stage.rows_of(staged.mine)) == []
    assert passed == [] and asked > len(walked) / 3
    assert set(stage.changed(before, stage.rows_of(staged.mine))) == {"study_grant", "audit", "audit_head"}
