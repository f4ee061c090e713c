"""What a plugin from outside adds, seen in Chromium: a button in the viewer, and a page on a stranger's phone."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page, expect, sync_playwright

from core.app import TeleradFlask, create_app
from core.demo import phantom
from core.host import switches
from core.intake.command import ingest_paths
from core.tenancy.models import Role
from core.tenancy.sessions import all_tenants
from tests.conftest import World
from tests.core.host import everything
from tests.e2e.test_workspace_browser import WATCH, Server

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")]
BARS = """(canvas) => { const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height)
  let n = 0
  for (let i = 0; i < data.length; i += 4) if (data[i] === 0x0b && data[i + 1] === 0x5c && data[i + 2] === 0xad) n += 1
  return n }"""
TOOL = '[data-cy="Telerad:everything.compare"]'


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--use-gl=swiftshader", "--enable-unsafe-swiftshader"]
        )
        yield browser
        browser.close()


@pytest.fixture
def server(app: TeleradFlask, world: World) -> Iterator[Server]:
    """The house with the plugin on for the hospital, its pages for doctors."""
    everything.failing.clear()
    made = create_app(replace(app.house.config, strict_plugins=False), extra=(everything.Everything,))
    with made.app_context():
        with made.house.system_ctx(world.hospital.id) as ctx:
            switches.enable(ctx, "everything")
        with all_tenants(write=True) as db:
            for role in db.scalars(sa.select(Role).where(Role.tenant_id == world.hospital.id, Role.code == "doctor")):
                role.permissions = [*role.permissions, "hospital.everything.view"]
    server = Server(made)
    yield server
    server.stop()


@pytest.fixture
def study(world: World) -> Any:
    """An ultrasound picture with its bytes, as the API shows it."""
    plan = next(p for p in phantom.planned_studies(datetime(2026, 11, 25, 9, 30)) if p.name == "abdomen-us")
    with tempfile.TemporaryDirectory() as folder, world.app.app_context():
        plan.draw(Path(folder), patient=plan.patient, at=plan.at, seed=plan.seed)
        assert list(ingest_paths(world.app.house, world.hospital.code, [Path(folder)]))[-1]["counts"]["stored"] == 1
    return world.technician.call("GET", "/studies").get_json()["items"][0]


def open_viewer(chromium: Browser, server: Server, world: World, who: str, study: Any) -> Page:
    member = getattr(world, who)
    context = chromium.new_context(viewport={"width": 1600, "height": 900}, locale="zh-CN")
    cookie = member.browser().get_cookie("session")
    context.add_cookies([{"name": "session", "value": cookie.value, "url": server.url}])
    page = context.new_page()
    page.goto(f"{server.url}/t/{world.hospital.code}/studies/{study['id']}/images")
    page.locator("canvas.cornerstone-canvas").first.wait_for(timeout=60_000)
    expect(page.locator('[data-cy="TeleradKeyImage"]')).to_be_visible()
    return page


def test_a_plugins_button_in_the_viewer_opens_its_page_with_the_study_that_is_shown(
    chromium: Browser, server: Server, world: World, study: Any
) -> None:
    viewer = open_viewer(chromium, server, world, "doctor", study)
    with viewer.context.expect_page() as opened:
        viewer.click(TOOL)
    expect(opened.value.locator("body")).to_have_text(f"compared: {study['accession_number']}")
    assert f"study={study['study_instance_uid']}" in opened.value.url
    viewer.context.close()


def test_who_may_not_open_the_page_has_no_button(chromium: Browser, server: Server, world: World, study: Any) -> None:
    viewer = open_viewer(chromium, server, world, "technician", study)
    assert viewer.locator(TOOL).count() == 0
    viewer.context.close()


@pytest.mark.parametrize("script", [True, False])
def test_a_link_opens_on_a_strangers_phone_with_and_without_script(
    chromium: Browser, server: Server, world: World, script: bool
) -> None:
    with server.app.app_context(), server.app.house.system_ctx(world.hospital.id) as ctx:
        plain = ctx.doors.open("everything.leaflet", "everything:leaflet:X", valid=timedelta(days=1), facts={"pages": 2})
        locked = ctx.doors.open("everything.leaflet", "everything:leaflet:Y", valid=timedelta(days=1), passcode=True, facts={"pages": 3})
    context = chromium.new_context(viewport={"width": 360, "height": 740}, java_script_enabled=script, locale="zh-CN")
    problems: list[str] = []
    page = context.new_page()
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    if script:
        page.add_init_script(WATCH)
    page.goto(server.url + plain.path)
    if not script:
        page.click("button")
    page.wait_for_url(f"**/v/{plain.id}")
    expect(page.locator("main")).to_contain_text("everything:leaflet:X 2 no rights")
    page.goto(server.url + locked.path)
    page.fill("[name=passcode]", "000000" if locked.passcode != "000000" else "111111")
    page.click("form button")
    expect(page.locator(".err")).to_contain_text("口令不正确")
    page.fill("[name=passcode]", locked.passcode)
    page.click("form button")
    page.wait_for_url(f"**/v/{locked.id}")
    if script:
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth && problems.length === 0")
    assert [p for p in problems if "422" not in p] == []
    page.click("form button")
    expect(page.locator("body")).to_have_text("thank you")
    page.goto(f"{server.url}/s/{'A' * 43}")
    expect(page.locator("main")).to_contain_text("链接已失效")
    context.close()


@pytest.mark.parametrize("width", [1366, 360])
def test_panels_are_drawn_as_charts_and_keep_their_numbers(
    chromium: Browser, server: Server, world: World, study: Any, width: int
) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 768}, locale="zh-CN", reduced_motion="reduce")
    context.add_cookies([{"name": "session", "value": world.doctor.browser().get_cookie("session").value, "url": server.url}])  # type: ignore[union-attr]
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.add_init_script(WATCH)
    page.goto(f"{server.url}/t/{world.hospital.code}/statistics")
    card = page.locator("section.card", has=page.get_by_role("heading", name="影像接收量"))
    canvas = card.locator(".chart canvas")
    canvas.wait_for()
    assert canvas.evaluate(BARS) > 100, "today's study stands in the chart"
    card.locator("summary").click()
    expect(card.locator("table")).to_be_visible()
    assert card.locator(".chart").bounding_box()["width"] <= width  # type: ignore[index]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth && problems.length === 0")
    page.click("text=表格统计")
    expect(page.locator("tfoot").first).to_contain_text("合计")
    assert (page.locator("canvas").count(), problems) == (0, [])
    context.close()
