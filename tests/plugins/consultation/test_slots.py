"""Slots on the pages of requests, the start dialog, the workspace and a study: any plugin may fill them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from core.studies.models import Study
from plugin_sdk.consultation import Draft, RequestView
from plugin_sdk.declared import Slot
from plugin_sdk.types import Ctx
from tests.conftest import World
from tests.desk import Desk, text_of
from tests.plugins.consultation.test_main_job import WORDS, ask, step

SLOTS = (
    "request.tab", "request.side", "request.action", "request.banner", "report.tab", "report.banner", "report.tool",
    "report.aside", "report.foot", "start.section", "study.tab", "study.side", "study.action",
)
Given = dict[str, dict[str, Any]]


@pytest.fixture
def given(world: World) -> Iterator[Given]:
    """A plugin fills every slot with the slot's name. :return: what each was given, by slot"""
    seen: Given = {}
    declared = world.app.house.plugins.house.by_owner["viewer"]
    before = list(declared.slots)

    def filler(name: str) -> Callable[..., dict[str, Any]]:
        def load(ctx: Ctx, **facts: Any) -> dict[str, Any]:
            seen[name] = facts
            return {"words": f"<here {name}>"}

        return load

    template: Any = world.app.jinja_env.from_string("<p>{{ words }}</p>")
    declared.slots.extend(
        Slot(name=name, template=template, load=filler(name), title=f"tab {name}", plugin="viewer") for name in SLOTS
    )
    yield seen
    declared.slots[:] = before


def filled(page: str) -> set[str]:
    return {name for name in SLOTS if f"&lt;here {name}&gt;" in page}


def test_a_request_has_a_banner_actions_cards_and_a_tab_on_both_sides(
    world: World, make_study: Callable[..., Study], given: Given
) -> None:
    request = ask(world, make_study(world))
    for member, side, path in ((world.doctor, "hospital", "/requests"), (world.reader, "group", "/diagnosis")):
        desk, here = Desk(member), f"{path}/{request['id']}"
        page = desk.page(here)
        assert filled(page) == {"request.banner", "request.action", "request.side"}
        assert given["request.side"]["side"] == side
        assert isinstance(given["request.side"]["request"], RequestView)
        assert f"{here}?part=viewer" in page and "tab request.tab" in text_of(page)
        page = desk.page(f"{here}?part=viewer")
        assert "request.tab" in filled(page) and 'aria-current="page">tab request.tab' in page
        assert desk.get(f"{here}?part=nobody").status_code == 404


def test_the_workspace_has_tabs_a_banner_a_tool_a_column_and_a_button(
    world: World, make_study: Callable[..., Study], given: Given
) -> None:
    request = ask(world, make_study(world))
    step(world.reader, request, "accept")
    world.reader.call("PUT", f"/requests/{request['id']}/draft", {"rev": 0, **WORDS})
    page = Desk(world.reader).page(f"/diagnosis/{request['id']}/report")
    assert filled(page) == {name for name in SLOTS if name.startswith("report.")}
    assert given["report.tool"]["field"] == "findings"
    draft = given["report.banner"]["draft"]
    assert isinstance(draft, Draft) and draft.impression == WORDS["impression"]
    assert page.index('id="tab-record"') < page.index('id="tab-part-viewer"') and 'id="panel-part-viewer"' in page


def test_the_start_dialog_has_sections_above_the_fee_that_follow_the_choice(
    world: World, make_study: Callable[..., Study], given: Given
) -> None:
    study, desk = make_study(world), Desk(world.doctor)
    assert "start.section" in filled(desk.page(f"/studies/{study.public_id}/request"))
    chosen = {"group": world.group.code, "part": ["腹部"], "count-腹部": "2"}
    assert "start.section" in filled(desk.post(f"/studies/{study.public_id}/request/fee", chosen).get_data(as_text=True))
    facts = given["start.section"]
    assert (facts["study"].public_id, facts["group"].code) == (study.public_id, world.group.code)
    assert [(p.name, p.count) for p in facts["parts"]] == [("腹部", 2)]


def test_a_study_has_actions_cards_and_a_tab(world: World, make_study: Callable[..., Study], given: Given) -> None:
    study, desk = make_study(world), Desk(world.doctor)
    page = desk.page(f"/studies/{study.public_id}")
    assert filled(page) == {"study.action", "study.side"} and "tab study.tab" in text_of(page)
    assert "study.tab" in filled(desk.page(f"/studies/{study.public_id}?part=viewer"))
    assert desk.get(f"/studies/{study.public_id}?part=nobody").status_code == 404


def test_a_part_that_fails_says_so_and_the_page_stands(
    world: World, make_study: Callable[..., Study], given: Given
) -> None:
    request = ask(world, make_study(world))
    template: Any = world.app.jinja_env.from_string("{{ 1 // 0 }}")
    world.app.house.plugins.house.by_owner["viewer"].slots.append(Slot(name="request.side", template=template, plugin="viewer"))
    page = text_of(Desk(world.doctor).page(f"/requests/{request['id']}"))
    assert "暂不可用" in page and "胸部" in page and "<here request.side>" in page
