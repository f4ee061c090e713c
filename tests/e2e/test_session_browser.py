"""The session in a browser: who works keeps it, who left is warned, saved and logged out, and no page is lost to it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from core import clock
from core.accounts import sessions
from tests.conftest import PASSWORD, Member, World, admit
from tests.e2e import looks
from tests.e2e.test_workspace_browser import (  # noqa: F401
    CHROMIUM,
    Desk,
    Server,
    accepted,
    chromium,
    saved,
    server,
    sit,
    stored,
    writing,
)

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")]


def pass_time(*pages: Page, **span: float) -> None:
    """Let the same time pass for the server and for the pages."""
    clock.shift(timedelta(**span))
    for page in pages:
        page.clock.fast_forward(int(timedelta(**span).total_seconds() * 1000))


@pytest.fixture
def timed(sit: Callable[..., Desk]) -> Callable[[Member], Desk]:  # noqa: F811
    """A browser whose clock can be moved."""

    def make(member: Member) -> Desk:
        desk = sit(member)
        desk.context.clock.install()
        return desk

    return make


def studies(desk: Desk) -> Page:
    page = desk.context.new_page()
    page.goto(f"{desk.server.url}/t/{desk.member.tenant.code}/studies", wait_until="networkidle")  # it asked how long it has
    return page


def beats(page: Page) -> list[str]:
    found: list[str] = []

    def note(request: Request) -> None:
        if request.url.endswith("/me/alive"):
            found.append(request.method)

    page.on("request", note)
    return found


def log_in(page: Page, member: Member) -> None:
    """Through the box over the page."""
    frame = page.frame_locator("#session-login iframe")
    frame.locator("#phone").fill(member.account.phone)
    frame.locator("#password").fill(PASSWORD)
    frame.locator("#password").press("Enter")


@pytest.mark.feature("S-022")
def test_after_28_minutes_every_tab_warns_and_one_answer_calms_them_all(
    world: World, timed: Callable[[Member], Desk]
) -> None:
    desk = timed(world.technician)
    one, other = studies(desk), studies(desk)
    pass_time(one, minutes=27)
    other.clock.fast_forward(0)
    expect(one.locator("#session-ends")).to_be_hidden()
    pass_time(one, minutes=1, seconds=5)
    expect(one.locator("#session-ends")).to_be_visible()
    expect(other.locator("#session-ends")).to_be_visible()
    expect(one.locator("#session-clock")).to_contain_text("1:")
    expect(one.locator("#session-stay")).to_be_focused()
    alive = beats(one)
    one.get_by_role("button", name="继续使用").click()
    expect(one.locator("#session-ends")).to_be_hidden()
    expect(other.locator("#session-ends")).to_be_hidden()
    assert alive == ["POST"]
    pass_time(one, minutes=27)
    expect(one.locator("#session-ends")).to_be_hidden()
    one.reload()
    expect(one.locator(".list")).to_be_visible()


@pytest.mark.feature("S-022")
def test_after_30_minutes_the_draft_is_saved_and_login_leads_back_to_page_and_caret(
    world: World, accepted: dict[str, Any], timed: Callable[[Member], Desk]  # noqa: F811
) -> None:
    page = writing(timed(world.reader), accepted["id"])
    page.fill("#findings", "退出前输入的内容。")
    page.locator("#findings").evaluate("(field) => field.setSelectionRange(3, 3)")
    saved(page)
    pass_time(page, minutes=28, seconds=10)
    expect(page.locator("#session-ends")).to_be_visible()
    pass_time(page, minutes=1, seconds=50)
    page.wait_for_url("**/login?next=*")
    assert stored(world.reader, accepted["id"])["draft"]["findings"] == "退出前输入的内容。"
    page.fill("#phone", world.reader.account.phone)
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_url("**/report")
    expect(page.locator("#findings")).to_be_focused()
    assert page.locator("#findings").evaluate("(field) => [field.value, field.selectionStart]") == ["退出前输入的内容。", 3]


@pytest.mark.feature("S-022")
def test_typing_and_scrolling_tell_the_server_at_most_once_a_minute(
    world: World, accepted: dict[str, Any], timed: Callable[[Member], Desk]  # noqa: F811
) -> None:
    page = writing(timed(world.reader), accepted["id"])
    alive = beats(page)
    for _ in range(20):
        page.locator("#findings").press_sequentially("一")
        page.mouse.wheel(0, 40)
        pass_time(page, seconds=30)
    page.wait_for_timeout(300)
    assert 5 <= len(alive) <= 10
    pass_time(page, minutes=10)
    page.wait_for_timeout(1500)
    assert len(alive) <= 11  # what came in the last minute is told, then nothing
    expect(page.locator("#session-ends")).to_be_hidden()


def test_a_session_that_ended_elsewhere_is_renewed_over_a_list_whose_filter_stays(
    world: World, sit: Callable[..., Desk]  # noqa: F811
) -> None:
    desk = sit(world.technician)
    page = studies(desk)
    page.locator("[name=name]").first.fill("未完成的输入")
    with world.app.app_context():
        sessions.end_all(world.technician.account.id)
    page.evaluate("document.body.dispatchEvent(new CustomEvent('telerad:tick'))")
    expect(page.locator("#session-login")).to_be_visible()
    log_in(page, world.technician)
    expect(page.locator("#session-login")).to_be_hidden()
    expect(page.locator("[name=name]").first).to_have_value("未完成的输入")
    assert page.evaluate("telerad.send('/me/alive', { method: 'POST' }).then((answer) => answer.status)") == 204


def test_logging_out_in_one_tab_asks_for_a_login_in_the_other_and_one_login_serves_both(
    world: World, sit: Callable[..., Desk]  # noqa: F811
) -> None:
    desk = sit(world.technician)
    one, two, three = studies(desk), studies(desk), studies(desk)
    three.locator(".top .menu summary").last.click()
    three.get_by_role("button", name="退出登录").click()
    three.wait_for_url("**/login")
    expect(one.locator("#session-login")).to_be_visible()
    expect(two.locator("#session-login")).to_be_visible()
    log_in(one, world.technician)
    expect(one.locator("#session-login")).to_be_hidden()
    expect(two.locator("#session-login")).to_be_hidden()


def test_a_page_does_not_go_on_under_the_login_of_another_person(
    world: World, sit: Callable[..., Desk]  # noqa: F811
) -> None:
    page = studies(sit(world.technician))
    admit(world.app, world.reader.account.id, "127.0.0.1")
    with world.app.app_context():
        sessions.end_all(world.technician.account.id)
    page.evaluate("document.body.dispatchEvent(new CustomEvent('telerad:tick'))")
    log_in(page, world.reader)
    page.wait_for_url(lambda url: "/studies" not in url)
    expect(page.locator("body")).to_contain_text(world.reader.account.name)


def test_who_switched_automatic_logout_off_is_not_warned(world: World, timed: Callable[[Member], Desk]) -> None:
    desk = timed(world.technician)
    page = studies(desk)
    page.goto(f"{desk.server.url}/me/settings")
    page.locator("[name=auto_logout]").evaluate("(box) => { box.checked = false; box.form.requestSubmit() }")
    page.wait_for_load_state("load")
    page = studies(desk)
    pass_time(page, minutes=29)
    page.wait_for_timeout(2500)
    expect(page.locator("#session-ends")).to_be_hidden()


def test_a_form_sent_after_the_session_ended_is_sent_once_somebody_logged_in(
    world: World, sit: Callable[..., Desk]  # noqa: F811
) -> None:
    desk = sit(world.technician)
    page = desk.context.new_page()
    page.goto(f"{desk.server.url}/me")
    other = studies(desk)
    page.fill("[name=introduction]", "演示简介")
    with world.app.app_context():
        sessions.end_all(world.technician.account.id)
    other.evaluate("document.body.dispatchEvent(new CustomEvent('telerad:tick'))")
    expect(other.locator("#session-login")).to_be_visible()
    expect(page.locator("#session-login")).to_be_visible()
    page.locator("[name=introduction]").evaluate("(field) => field.form.requestSubmit()")
    log_in(page, world.technician)
    expect(page.locator("[name=introduction]")).to_have_value("演示简介")


def test_an_old_browser_gets_one_plain_page_that_says_so(chromium: Browser, server: Server) -> None:  # noqa: F811
    context = chromium.new_context()
    context.add_init_script("const able = CSS.supports; CSS.supports = (...what) => !/light-dark/.test(what[1]) && able.apply(CSS, what)")
    page = context.new_page()
    page.goto(f"{server.url}/login")
    expect(page.locator("h1")).to_have_text("浏览器版本过低")
    expect(page.locator("form, .top, dialog")).to_have_count(0)
    expect(page.locator("li").first).to_contain_text("Chrome / Edge 123")
    context.close()
    new = chromium.new_page()
    new.goto(f"{server.url}/login")
    expect(new.locator("#old-browser")).to_be_hidden()
    expect(new.locator("#password")).to_be_visible()
    new.close()


def test_the_login_fits_a_phone_and_has_no_finding(chromium: Browser, server: Server) -> None:  # noqa: F811
    context = chromium.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(f"{server.url}/login")
    assert looks.cut_off(page) == []
    assert looks.out_of_reach(page) == []
    assert looks.findings(page) == []
    assert page.locator("#password").evaluate("(field) => field.getBoundingClientRect().height") >= 44
    context.close()


def test_the_dialogs_of_the_session_have_no_finding(
    world: World, timed: Callable[[Member], Desk]
) -> None:
    page = studies(timed(world.technician))
    pass_time(page, minutes=28, seconds=5)
    expect(page.locator("#session-ends")).to_be_visible()
    assert looks.findings(page) == []
    assert looks.cut_off(page, scrollers=".scroll-table") == []
    page.keyboard.press("Escape")
    expect(page.locator("#session-ends")).to_be_hidden()
    with world.app.app_context():
        sessions.end_all(world.technician.account.id)
    page.evaluate("document.body.dispatchEvent(new CustomEvent('telerad:tick'))")
    expect(page.frame_locator("#session-login iframe").locator("#password")).to_be_visible()
    assert looks.findings(page) == []


@pytest.mark.slow
def test_a_viewer_in_a_window_of_its_own_warns_and_can_stay(
    world: World, chromium: Browser, server: Server  # noqa: F811
) -> None:
    desk = Desk(chromium, server, world.technician, images=True)
    desk.context.clock.install()
    page = studies(desk)
    viewer = desk.context.new_page()
    with viewer.expect_response("**/ext/telerad.mjs", timeout=60_000):
        viewer.goto(f"{server.url}/viewer/viewer?tenant={world.hospital.code}&StudyInstanceUIDs=1.2.3")
    viewer.wait_for_timeout(1500)
    pass_time(page, minutes=28, seconds=5)
    expect(page.locator("#session-ends")).to_be_visible()
    dialog = viewer.locator("#telerad-session")
    expect(dialog).to_contain_text("即将自动退出登录")
    expect(dialog.get_by_role("timer")).to_contain_text(":")
    dialog.get_by_text("继续使用").click()
    expect(page.locator("#session-ends")).to_be_hidden()
    expect(dialog).to_have_count(0)
    desk.context.close()
