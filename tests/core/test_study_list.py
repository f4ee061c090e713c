"""The study list: what it finds, what it shows at first, and that pages meet each row once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from core import clock
from core.studies.lists import STUDIES
from core.studies.models import Study
from core.tenancy.sessions import all_tenants
from tests.conftest import World


def found(world: World, query: str) -> list[str]:
    answer = world.technician.call("GET", f"/studies?{query}")
    assert answer.status_code == 200, answer.get_json()
    return [item["id"] for item in answer.get_json()["items"]]


def page(world: World, query: str = "") -> str:
    client = world.technician.browser()
    return client.get(f"/t/{world.hospital.code}/studies?{query}").get_data(as_text=True)


@pytest.mark.feature("S-041")
def test_an_exam_number_a_patient_id_and_a_data_id_find_exactly_their_study(
    world: World, make_study: Callable[..., Study]
) -> None:
    one, _ = make_study(world, pid="P-1", accession="CT-1"), make_study(world, pid="P-12", accession="CT-12")
    for query in ("accession_number=CT-1", "patient_id=P-1", f"data_id={one.public_id}", f"data_id={one.public_id.lower()}"):
        assert found(world, query) == [one.public_id]
    assert found(world, "patient_id=P") == []


@pytest.mark.feature("S-042")
def test_part_of_a_name_or_the_start_of_its_pinyin_finds_and_signs_are_letters(
    world: World, make_study: Callable[..., Study]
) -> None:
    one = make_study(world, name="张三丰")
    other = make_study(world, name="李%四")
    assert found(world, "name=三丰") == [one.public_id]
    assert found(world, "name=%25四") == [other.public_id]
    assert found(world, "name=_三") == []
    assert set(found(world, "name=ceshi")) == {one.public_id, other.public_id}


@pytest.mark.feature("S-043")
def test_sex_and_times_narrow_the_list(world: World, make_study: Callable[..., Study]) -> None:
    old = make_study(world, study_at="2020-01-02 10:00:00")
    new = make_study(world, study_at="2026-11-25 08:51:00")
    assert found(world, "study_to=2020-01-02") == [old.public_id]
    assert found(world, "study_from=2026-11-25&study_to=2026-11-25") == [new.public_id]
    assert found(world, "sex=F") == []
    assert world.technician.call("GET", "/studies?sex=X").status_code == 422


@pytest.mark.feature("S-044")
def test_the_page_starts_with_the_last_day_and_an_exact_id_ignores_it(
    world: World, make_study: Callable[..., Study]
) -> None:
    make_study(world, accession="OLD-1", uploaded_at=clock.now() - timedelta(hours=25))
    make_study(world, accession="NEW-1")
    text = page(world)
    assert "NEW-1" in text and "OLD-1" not in text
    assert "OLD-1" in page(world, "accession_number=OLD-1")


@pytest.mark.feature("S-045")
def test_the_page_has_the_manuals_columns_in_its_order(world: World, make_study: Callable[..., Study]) -> None:
    make_study(world)
    text = page(world)
    head = text[text.index("<thead") : text.index("</thead>")]
    words = ["预览", "检查编号", "病人ID", "姓名", "年龄", "性别", "检查部位", "检查类型", "序列数", "状态", "上传人", "检查时间", "机构名称", "操作"]
    places = [head.index(word) for word in words]
    assert places == sorted(places)


@pytest.mark.feature("S-046")
@pytest.mark.parametrize("modality", ["MR", "CT", "DR", "DX", "US"])
def test_each_modality_of_the_manual_can_be_chosen(world: World, make_study: Callable[..., Study], modality: str) -> None:
    study = make_study(world)
    with world.app.app_context(), all_tenants(write=True) as db:
        db.execute(sa.text("UPDATE study_modality SET modality = :m WHERE study_id = :s"), {"m": modality, "s": study.id})
    assert found(world, f"modality={modality}") == [study.public_id]
    assert f'value="{modality}"' in page(world)


@pytest.mark.feature("S-047")
def test_the_four_states_are_told_apart_and_locked_stands_for_normal_only(
    world: World, make_study: Callable[..., Study]
) -> None:
    made = {
        "normal": make_study(world), "locked": make_study(world, locked_by=1), "requested": make_study(world, status="requested"),
        "completed": make_study(world, status="completed", locked_by=1),
    }
    for status, study in made.items():
        assert found(world, f"status={status}") == [study.public_id]
    text = page(world)
    for word in ("正常", "锁定", "已申请", "已完成"):
        assert word in text


@pytest.mark.feature("S-048")
def test_a_person_chooses_columns_and_finds_them_again(world: World, make_study: Callable[..., Study]) -> None:
    make_study(world)
    client = world.technician.browser()
    url = f"/t/{world.hospital.code}/studies"
    token = client.get(url).get_data(as_text=True).split('name="csrf_token" value="')[1].split('"')[0]
    client.post(f"/t/{world.hospital.code}/lists/studies/columns", data={"csrf_token": token, "col": ["name", "phone"]})
    text = client.get(url).get_data(as_text=True)
    head = text[text.index("<thead") : text.index("</thead>")]
    assert "手机号" in head and "机构名称" not in head and "检查编号" in head


@pytest.mark.parametrize("sort", [c.key for c in STUDIES.columns if c.sort is not None])
@pytest.mark.parametrize("sign", ["", "-"])
def test_walking_every_page_meets_each_study_once_whatever_the_sort(
    world: World, make_study: Callable[..., Study], sort: str, sign: str
) -> None:
    made = {make_study(world).public_id for _ in range(7)}
    met: list[str] = []
    after = ""
    for _ in range(9):
        answer: Any = world.technician.call("GET", f"/studies?limit=2&sort={sign}{sort}{after}").get_json()
        met += [i["id"] for i in answer["items"]]
        if answer["next"] is None:
            break
        after = f"&after={answer['next']}"
    assert len(met) == 7 and set(met) == made


@pytest.mark.feature("S-066")
def test_a_locked_study_refuses_requests_until_it_is_unlocked(world: World, make_study: Callable[..., Study]) -> None:
    study = make_study(world)
    body = {"study_id": study.public_id, "group": world.group.code, "parts": [{"name": "胸部"}]}
    assert world.technician.call("POST", f"/studies/{study.public_id}/lock").get_json()["locked"] is True
    refused = world.technician.call("POST", "/requests", body)
    assert (refused.status_code, refused.get_json()["type"]) == (409, "urn:telerad:problem:study-locked")
    world.technician.call("POST", f"/studies/{study.public_id}/unlock")
    assert world.technician.call("POST", "/requests", body).status_code == 201


@pytest.mark.feature("S-069")
@pytest.mark.parametrize(
    ("given", "code"),
    [({"locked_by": 1}, "study-locked"), ({"status": "requested"}, "study-requested"), ({"status": "completed"}, "study-completed")],
)
def test_a_locked_requested_or_completed_study_is_not_deleted(
    world: World, make_study: Callable[..., Study], given: dict[str, Any], code: str
) -> None:
    study = make_study(world, **given)
    answer = world.technician.call("DELETE", f"/studies/{study.public_id}")
    assert (answer.status_code, answer.get_json()["type"]) == (409, f"urn:telerad:problem:{code}")
    assert world.technician.call("GET", f"/studies/{study.public_id}").status_code == 200


@pytest.mark.feature("S-069")
def test_a_normal_study_goes_to_the_recycle_bin(world: World, make_study: Callable[..., Study]) -> None:
    study = make_study(world)
    assert world.technician.call("DELETE", f"/studies/{study.public_id}").status_code == 204
    assert world.technician.call("GET", f"/studies/{study.public_id}").status_code == 404
