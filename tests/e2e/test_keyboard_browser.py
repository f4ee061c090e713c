"""Everything by keyboard: each control is a stop with a ring, dialogs keep and give back the focus, keys know when not to act."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from core.studies.models import Study
from tests.conftest import Member, World
from tests.e2e.test_workspace_browser import (  # noqa: F401
    CHROMIUM,
    Desk,
    Server,
    accepted,
    chromium,
    server,
    sit,
    writing,
)
from tests.plugins.consultation.test_main_job import ask

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")]
STOPS = """() => [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")]
  .filter((e) => e.checkVisibility({ visibilityProperty: true }) && e.tabIndex >= 0 && !e.disabled && e.type !== "hidden" && !e.closest("dialog:not([open]), iframe"))
  .filter((e) => e.type !== "radio" || e.checked || ![...document.getElementsByName(e.name)].some((o) => o.checked) && document.getElementsByName(e.name)[0] === e)
  .map((e, at) => { e.dataset.stop = at; return `${at} ${e.tagName} ${e.id || e.name || e.textContent.trim().slice(0, 20)}` })"""
HERE = """() => {
  const e = document.activeElement, shown = e.matches("[type=radio], [type=checkbox]") && getComputedStyle(e).opacity === "0" ? e.parentElement : e
  if (e === document.body || e.tagName === "IFRAME") return null // a frame's document shows its own
  const ring = [e, shown, e.parentElement, e.nextElementSibling].filter(Boolean).some((one) => { const look = getComputedStyle(one); return look.outlineStyle !== "none" && parseFloat(look.outlineWidth) >= 2 })
  const box = shown.getBoundingClientRect()
  return { stop: e.dataset.stop ?? "", ring, inside: box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth, name: `${e.tagName} ${e.id || e.textContent.trim().slice(0, 20)}` }
}"""


def opened(desk: Desk, path: str) -> Page:
    page = desk.context.new_page()
    page.goto(f"{desk.server.url}{path}")
    return page


def tab_through(page: Page) -> tuple[set[str], list[str]]:
    """Press Tab until the end. Answers the stops that were not reached, and what was wrong on the way."""
    stops: list[str] = page.evaluate(STOPS)
    left, wrong = {s.split(" ")[0]: s for s in stops}, list[str]()
    page.evaluate("document.activeElement.blur()")
    for _ in range(len(stops) * 3 + 20):
        page.keyboard.press("Tab")
        here: dict[str, Any] | None = page.evaluate(HERE)
        if here is None:
            continue
        left.pop(here["stop"], None)
        if not here["ring"]:
            wrong.append(f"no ring: {here['name']}")
        if not here["inside"]:
            wrong.append(f"not seen: {here['name']}")
        if not left:
            break
    return set(left.values()), sorted(set(wrong))


@pytest.mark.parametrize(("who", "path"), [
    ("h_admin", "/"), ("h_admin", "/me"), ("h_admin", "/t/{tenant}/"), ("h_admin", "/t/{tenant}/studies"), ("h_admin", "/t/{tenant}/requests"),
    ("h_admin", "/t/{tenant}/studies/{study}"), ("h_admin", "/t/{tenant}/studies/{free}/request"), ("h_admin", "/t/{tenant}/uploads"),
    ("h_admin", "/t/{tenant}/requests/{request}"), ("h_admin", "/t/{tenant}/notices"), ("h_admin", "/t/{tenant}/manage/plugins"), ("h_admin", "/t/{tenant}/manage/plugins/consultation"),
    ("h_admin", "/t/{tenant}/manage/settings"), ("reader", "/t/{tenant}/diagnosis"),
    ("reader", "/t/{tenant}/diagnosis/done"), ("reader", "/t/{tenant}/diagnosis/{request}"), ("reader", "/t/{tenant}/diagnosis/{request}/report"),
])
def test_tab_reaches_every_control_of_a_page_and_each_shows_a_ring(
    world: World, make_study: Callable[..., Study], accepted: dict[str, Any], sit: Callable[..., Desk], who: str, path: str  # noqa: F811
) -> None:
    member: Member = world.people[who]
    study, free = world.h_admin.call("GET", "/studies").get_json()["items"][0]["id"], make_study(world).public_id
    page = opened(sit(member), path.format(tenant=member.tenant.code, study=study, request=accepted["id"], free=free))
    page.wait_for_timeout(800)
    assert tab_through(page) == (set(), [])


def test_the_first_stop_skips_to_the_content(world: World, sit: Callable[..., Desk]) -> None:  # noqa: F811
    page = opened(sit(world.h_admin), f"/t/{world.hospital.code}/studies")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    expect(page.locator(".skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('#main').contains(document.activeElement)")


def test_a_dialog_keeps_the_focus_and_gives_it_back(world: World, sit: Callable[..., Desk]) -> None:  # noqa: F811
    page = opened(sit(world.h_admin), f"/t/{world.hospital.code}/studies")
    page.locator("#upload-open").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#dialog")).to_be_visible()
    for _ in range(30):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || document.querySelector('#dialog').contains(document.activeElement)")
    page.keyboard.press("Escape")
    expect(page.locator("#dialog")).to_be_hidden()
    expect(page.locator("#upload-open")).to_be_focused()


def test_a_menu_opens_by_enter_and_escape_leads_back_to_it(world: World, sit: Callable[..., Desk]) -> None:  # noqa: F811
    page = opened(sit(world.h_admin), f"/t/{world.hospital.code}/studies")
    menu = page.locator(".top .menu summary").last
    menu.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator(".top .menu .pop a").last).to_be_visible()
    assert page.evaluate("document.activeElement.matches('.pop a')")
    page.keyboard.press("Escape")
    expect(page.locator(".top .menu .pop a").last).to_be_hidden()
    expect(menu).to_be_focused()


def test_rows_are_moved_through_and_opened_by_keys(
    world: World, make_study: Callable[..., Study], sit: Callable[..., Desk]  # noqa: F811
) -> None:
    for _ in range(2):
        ask(world, make_study(world))
    page = opened(sit(world.reader), f"/t/{world.group.code}/diagnosis")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator("tr.here")).to_have_count(1)
    page.keyboard.press("Enter")
    page.wait_for_url("**/diagnosis/*")


def test_help_comes_by_a_key_but_never_out_of_a_field_or_a_composition(
    world: World, sit: Callable[..., Desk]  # noqa: F811
) -> None:
    page = opened(sit(world.h_admin), f"/t/{world.hospital.code}/studies")
    page.locator("#find").focus()
    page.keyboard.press("?")
    expect(page.locator("#find")).to_have_value("?")
    expect(page.locator("#keys")).to_be_hidden()
    page.evaluate("document.activeElement.blur()")
    for how in ("isComposing: true", "keyCode: 229"):
        page.evaluate("document.body.dispatchEvent(new KeyboardEvent('keydown', { key: '?', bubbles: true, HOW }))".replace("HOW", how))
        expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()


def test_two_dialogs_of_the_workspace_answer_escape_as_cancel(
    world: World, accepted: dict[str, Any], sit: Callable[..., Desk]  # noqa: F811
) -> None:
    page = writing(sit(world.reader), accepted["id"])
    page.locator("[data-event=unlock]").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#ws-ask")).to_be_visible()
    expect(page.locator("#ws-ask").get_by_text("取消")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#ws-ask")).to_be_hidden()
    expect(page.locator("[data-event=unlock]")).to_be_focused()
