"""Nothing of another tenant, of another's opening, of the recycle bin or of a hidden series, by any address."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
import requests
import sqlalchemy as sa

from core import clock
from core.access import doors, openings
from core.access.models import StudyAccess
from core.accounts.login import by_token
from core.studies.models import Instance, Series, Study
from core.tenancy.sessions import all_tenants

from .conftest import image

S, R, I = "1.2.77.1", "1.2.77.1.1", "1.2.77.1.1.1"
HIDDEN, HIDDEN_I = "1.2.77.1.2", "1.2.77.1.2.1"
PRIOR, PRIOR_R, PRIOR_I = "1.2.77.2", "1.2.77.2.1", "1.2.77.2.1.1"
INSTANCE = f"/studies/{S}/series/{R}/instances/{I}"


def below(study, series, sop):
    """Every address that names a study, series or instance."""
    one = f"/studies/{study}/series/{series}/instances/{sop}"
    return [
        f"/studies/{study}/series", f"/studies/{study}/instances", f"/studies/{study}/series/{series}/instances",
        f"/studies/{study}", f"/studies/{study}/metadata", f"/studies/{study}/thumbnail",
        f"/studies/{study}/series/{series}", f"/studies/{study}/series/{series}/metadata",
        f"/studies/{study}/series/{series}/thumbnail", one, f"{one}/metadata", f"{one}/frames/1",
        f"{one}/frames/1/rendered", f"{one}/rendered", f"{one}/thumbnail", f"{one}/bulkdata/60003000",
    ]


ALL = below(S, R, I)


@pytest.fixture
def world(app, make_tenant, make_member, ingested):
    """Hospital A with a study, its prior and a hidden series; hospital B with the very same UIDs; a reading group."""
    a, b, group = make_tenant(), make_tenant(), make_tenant("group")
    for tenant, name in ((a, "Alpha^One"), (b, "Beta^Two")):
        same = {"StudyInstanceUID": S, "PatientID": "SAME", "PatientName": name, "AccessionNumber": "SAME"}
        ingested(tenant, image(**same, SeriesInstanceUID=R, SOPInstanceUID=I, InstitutionName=name))
    about = {"PatientID": "SAME", "PatientName": "Alpha^One"}
    ingested(a, image(StudyInstanceUID=S, SeriesInstanceUID=HIDDEN, SOPInstanceUID=HIDDEN_I, Modality="OT", **about,
                      AccessionNumber="SAME"))
    ingested(a, image(StudyInstanceUID=PRIOR, SeriesInstanceUID=PRIOR_R, SOPInstanceUID=PRIOR_I, **about,
                      AccessionNumber="OLD"))
    with all_tenants(write=True) as session:
        session.execute(sa.update(Series).where(Series.uid == HIDDEN, Series.tenant_id == a.id).values(hidden=True))
        ids = dict(session.execute(sa.select(Study.uid, Study.id).where(Study.tenant_id == a.id)).all())
    return SimpleNamespace(
        a=a, b=b, group=group, ids=ids, alice=make_member(a), bob=make_member(b), reader=make_member(group, "reader"),
        other=make_member(group, "reader"), nobody=make_member(a, "none"),
    )


@pytest.fixture
def opening(app, world):
    """The reader's opening of A's study, through a grant to the group."""
    with app.house.system_ctx(world.a.id) as ctx:
        ctx.grants.give(world.ids[S], tenant_id=world.group.id, scope=frozenset({"images"}), reason_ref="test:1")
    return open_for(app, world, world.reader, world.group)


def open_for(app, world, member, tenant, study=S):
    principal = by_token(member.token)
    ctx = app.house.member_ctx(tenant, principal.account, write=True, principal=principal.name)
    try:
        found = openings.open_images(ctx, [world.ids[study]])
        ctx.commit()
    finally:
        ctx.close()
    return found.access


def names(answer):
    assert answer.status_code == 200
    return [study["00100010"]["Value"][0]["Alphabetic"] for study in answer.json()]


def test_equal_uids_of_two_hospitals_never_meet(world, ask, web):
    for member, name in ((world.alice, "Alpha One"), (world.bob, "Beta Two")):
        for query in (f"StudyInstanceUID={S}", "AccessionNumber=SAME", f"00100020=SAME&StudyInstanceUID={S}"):
            assert names(ask(member, f"/studies?{query}")) == [name]
        [got] = web(member).retrieve_series(S, R)
        assert str(got.PatientName) == name.replace(" ", "^")
        assert ask(member, f"{INSTANCE}/metadata").json()[0]["00080080"]["Value"] == [name.replace(" ", "^")]


@pytest.mark.parametrize("path", ["/studies", "/series", "/instances", *ALL])
def test_the_other_hospitals_root_is_404(world, ask, path):
    foreign = ask(world.bob, path, tenant=world.a.code)
    unknown = ask(world.bob, path, tenant="NOSUCH")
    assert (foreign.status_code, foreign.content) == (404, unknown.content)


@pytest.mark.parametrize("path", below(PRIOR, PRIOR_R, PRIOR_I))
def test_the_other_hospitals_study_is_the_same_404_as_an_unknown_one(world, ask, path):
    foreign, unknown = ask(world.bob, path), ask(world.bob, path.replace("1.2.77", "1.2.78"))
    assert (foreign.status_code, foreign.content) == (404, unknown.content)


@pytest.mark.parametrize("query", [f"StudyInstanceUID={PRIOR}", "AccessionNumber=OLD", "PatientName=Alpha*",
                                   "PatientName=alphaone"])
@pytest.mark.parametrize("level", ["/studies", "/series", "/instances"])
def test_the_other_hospitals_values_find_nothing(world, ask, level, query):
    answer = ask(world.bob, f"{level}?{query}")
    assert (answer.status_code, answer.json()) == (200, [])


@pytest.mark.parametrize("path", ["/studies", f"/studies/{S}", "/studies/1.2.3"])
def test_a_member_without_the_right_is_403_whatever_the_study(world, ask, path):
    answer = ask(world.nobody, path)
    assert (answer.status_code, answer.json()["permission"]) == (403, "hospital.study.view")


def test_nobody_is_401_and_a_group_has_no_studies(world, ask, server):
    for root in (f"/t/{world.a.code}", "/g/00000000000000000000000000"):
        assert requests.get(f"{server}{root}/dicom-web/studies", timeout=10).status_code == 401
    assert ask(world.reader, "/studies").status_code == 404


def test_an_opening_shows_exactly_its_study(world, opening, ask, web):
    for query in ("", "?00100020=SAME", "?PatientID=*", "?AccessionNumber=SAME", "?PatientName=*"):
        found = ask(world.reader, f"/studies{query}", access=opening).json()
        assert [study["0020000D"]["Value"][0] for study in found] == [S]
    assert ask(world.reader, f"/studies?StudyInstanceUID={PRIOR}", access=opening).json() == []
    assert ask(world.reader, "/studies?AccessionNumber=OLD", access=opening).json() == []
    [got] = web(world.reader, access=opening).retrieve_series(S, R)
    assert str(got.PatientName) == "Alpha^One"


@pytest.mark.parametrize("path", below(PRIOR, PRIOR_R, PRIOR_I))
def test_an_opening_shows_no_other_study(world, opening, ask, path):
    assert ask(world.reader, path, access=opening).status_code == 404


def test_a_hidden_series_does_not_exist_for_an_opening(world, opening, ask):
    [study] = ask(world.reader, "/studies", access=opening).json()
    assert study["00201206"]["Value"] == [1] and study["00201208"]["Value"] == [1]
    assert study["00080061"]["Value"] == ["MR"]
    assert ask(world.reader, "/studies?ModalitiesInStudy=OT", access=opening).json() == []
    for path in below(S, HIDDEN, HIDDEN_I)[2:]:
        if HIDDEN in path:
            assert ask(world.reader, path, access=opening).status_code == 404, path
    assert [m["00080018"]["Value"][0] for m in ask(world.reader, f"/studies/{S}/metadata", access=opening).json()] == [I]
    assert HIDDEN_I not in ask(world.reader, f"/studies/{S}", access=opening, Accept="*/*").text


def test_the_owner_sees_a_hidden_series(world, ask):
    assert ask(world.alice, f"/studies/{S}/series/{HIDDEN}/metadata").status_code == 200
    [study] = ask(world.alice, f"/studies?StudyInstanceUID={S}").json()
    assert study["00201206"]["Value"] == [2]


def test_a_revoked_grant_ends_at_the_next_frame(world, opening, ask, app):
    path = f"{INSTANCE}/frames/1"
    first = ask(world.reader, path, access=opening)
    assert first.status_code == 200
    with app.house.system_ctx(world.a.id) as ctx:
        ctx.grants.revoke(world.ids[S], tenant_id=world.group.id, reason_ref="test:1")
    for again in ALL:
        assert ask(world.reader, again, access=opening, If_None_Match=first.headers["ETag"]).status_code == 404


def test_another_readers_opening_is_404(world, opening, ask):
    for path in ("/studies", *ALL):
        foreign = ask(world.other, path, access=opening)
        unknown = ask(world.other, path, access="7ZZZZZZZZZZZZZZZZZZZZZZZZZ")
        assert (foreign.status_code, foreign.content) == (404, unknown.content)


def test_an_opening_ends_with_its_time(world, opening, ask):
    with all_tenants(write=True) as session:
        session.get(StudyAccess, opening).expires_at = clock.now() - timedelta(seconds=1)
    assert ask(world.reader, "/studies", access=opening).status_code == 404


def test_openings_that_ended_a_day_ago_are_forgotten_and_no_others(world, app):
    ended, lately, alive = (open_for(app, world, world.alice, world.a) for _ in range(3))
    with all_tenants(write=True) as session:
        session.get(StudyAccess, ended).expires_at = clock.now() - timedelta(days=1, minutes=1)
        session.get(StudyAccess, lately).expires_at = clock.now() - timedelta(hours=23)
    doors.sweep(app.house)
    with all_tenants() as session:
        left = set(session.scalars(sa.select(StudyAccess.id).where(StudyAccess.id.in_([ended, lately, alive]))))
    assert left == {lately, alive}


def test_an_opening_of_ones_own_study_shows_hidden_series_and_nothing_else(world, app, ask):
    access = open_for(app, world, world.alice, world.a)
    found = ask(world.alice, "/studies?00100020=SAME", access=access).json()
    assert [study["0020000D"]["Value"][0] for study in found] == [S]
    assert ask(world.alice, f"/studies/{S}/series/{HIDDEN}/metadata", access=access).status_code == 200


def test_a_study_in_the_bin_does_not_exist(world, opening, ask):
    with all_tenants(write=True) as session:
        session.execute(sa.update(Study).where(Study.id == world.ids[S]).values(trashed_at=clock.now()))
    for path in ALL:
        assert ask(world.alice, path).status_code == 404, path
        assert ask(world.reader, path, access=opening).status_code == 404, path
    assert names(ask(world.alice, "/studies")) == ["Alpha One"]


def test_other_bytes_under_the_same_uid_are_not_shown(world, ask):
    """The second object is kept with rank 1; only the first is counted, listed and sent."""
    with all_tenants(write=True) as session:
        first = session.scalars(sa.select(Instance).where(Instance.tenant_id == world.a.id, Instance.sop_uid == I)).one()
        session.add(Instance(
            tenant_id=first.tenant_id, series_id=first.series_id, sop_uid=I, sop_class=first.sop_class,
            transfer_syntax=first.transfer_syntax, number=1, blob_id=first.blob_id, data_sha256="0" * 64, n_frames=1,
            rank=1, received_at=clock.now(),
        ))
    found = ask(world.alice, f"/studies/{S}/series/{R}/instances").json()
    assert [one["00080018"]["Value"][0] for one in found] == [I]
    assert len(ask(world.alice, f"/studies/{S}/series/{R}/metadata").json()) == 1
