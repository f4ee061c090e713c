"""Sight of a study that is given for several reasons ends reason by reason."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from core import clock
from core.access import grants
from core.studies.models import Study
from tests.conftest import World


def sees(world: World, study: Study, part: str = "images") -> bool:
    with world.app.app_context(), world.app.house.system_ctx(world.group.id, write=False) as ctx:
        return bool(grants.readable(ctx, [study.id], part))


def act(world: World, what: Callable[[Any], Any]) -> Any:
    with world.app.app_context(), world.app.house.system_ctx(world.hospital.id) as ctx:
        return what(ctx.grants)


def test_ending_one_request_leaves_the_sight_that_another_gave(world: World, make_study: Callable[..., Study]) -> None:
    study, to = make_study(world), world.group.id
    for reason in ("test:first", "test:second"):
        act(world, lambda g, r=reason: g.give(study.id, tenant_id=to, scope=frozenset({"images"}), reason_ref=r))
    assert act(world, lambda g: g.revoke(study.id, tenant_id=to, reason_ref="test:second")) == 1
    assert sees(world, study)
    assert act(world, lambda g: g.revoke(study.id, tenant_id=to, reason_ref="test:first")) == 1
    assert not sees(world, study)


def test_a_study_seen_for_two_reasons_is_one_study(world: World, make_study: Callable[..., Study]) -> None:
    study, to = make_study(world), world.group.id
    for reason in ("test:first", "test:second"):
        act(world, lambda g, r=reason: g.give(study.id, tenant_id=to, scope=frozenset({"images"}), reason_ref=r))
    with world.app.app_context(), world.app.house.system_ctx(world.group.id, write=False) as ctx:
        (found,) = grants.readable(ctx, [study.id], "images")
    assert found.study_ids == (study.id,) and len(found.grant_ids) == 2


def test_giving_again_for_the_same_reason_widens_and_never_shortens(world: World, make_study: Callable[..., Study]) -> None:
    study, to, at = make_study(world), world.group.id, clock.now()
    for parts, days in (({"images"}, 9), ({"report"}, 1)):
        act(world, lambda g, p=parts, d=days: g.give(
            study.id, tenant_id=to, scope=frozenset(p), reason_ref="test:one", until=at + timedelta(days=d)
        ))
    clock.shift(timedelta(days=5))
    assert sees(world, study) and sees(world, study, "report") and not sees(world, study, "captures")
    clock.shift(timedelta(days=5))
    assert not sees(world, study)
