"""The question for the password in Chromium: over the page that wants it, and what was wanted is done afterwards."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page, expect

from core import clock
from core.accounts.models import LoginSession
from core.studies.models import Study
from core.tenancy.sessions import nobody
from tests.conftest import PASSWORD, Member, World
from tests.e2e import looks
from tests.e2e.test_workspace_browser import Desk, Server, chromium, server, sit, write_whole, writing
from tests.plugins.consultation.test_main_job import ask, step

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")]
ARTIFACTS = Path(os.environ.get("TELERAD_ARTIFACTS", "artifacts"))
__all__ = ["chromium", "server", "sit"]


def grow_old(member: Member) -> None:
    """Make the password of a person's sessions eleven minutes old."""
    with member.app.app_context(), nobody(write=True) as db:
        db.execute(
            sa.update(LoginSession)
            .where(LoginSession.account_id == member.account.id)
            .values(password_at=clock.now() - timedelta(minutes=11))
        )


def shot(page: Page, name: str) -> None:
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"{name}.png")


def test_signing_with_an_old_password_asks_over_the_page_and_then_signs(
    world: World, make_study: Callable[..., Study], sit: Callable[..., Desk]
) -> None:
    request = step(world.g_admin, ask(world, make_study(world)), "accept")
    page = writing(sit(world.g_admin), request["id"])
    write_whole(page)
    grow_old(world.g_admin)
    page.click("[data-event=submit]")
    page.locator("#ws-ask [data-part=verb]").click()
    question = page.locator("dialog#fresh")
    expect(question).to_contain_text("请再次输入密码")
    question.locator("[name=fresh_password]").fill("Wrong2026$")
    question.get_by_text("确认", exact=True).click()
    expect(question).to_contain_text("当前密码不正确")
    shot(page, "password-question")
    question.locator("[name=fresh_password]").fill(PASSWORD)
    question.get_by_text("确认", exact=True).click()
    page.wait_for_url("**/diagnosis?*")
    assert world.g_admin.call("GET", f"/requests/{request['id']}").get_json()["state"] == "APPROVED"


def test_putting_the_question_away_signs_nothing_and_loses_nothing(
    world: World, make_study: Callable[..., Study], sit: Callable[..., Desk]
) -> None:
    request = step(world.g_admin, ask(world, make_study(world)), "accept")
    page = writing(sit(world.g_admin), request["id"])
    write_whole(page)
    grow_old(world.g_admin)
    page.click("[data-event=submit]")
    page.locator("#ws-ask [data-part=verb]").click()
    page.locator("dialog#fresh").get_by_text("取消").click()
    expect(page.locator("dialog#fresh")).to_have_count(0)
    expect(page.locator("#toasts")).to_contain_text("请再次输入密码")
    expect(page.locator("#findings")).not_to_have_value("")
    assert world.g_admin.call("GET", f"/requests/{request['id']}").get_json()["state"] == "DIAGNOSING"


def test_a_form_sent_by_htmx_is_asked_in_a_dialog_and_done_after_it(world: World, sit: Callable[..., Desk]) -> None:
    desk, phone = sit(world.doctor), f"134{world.hospital.id:08d}"
    page = desk.context.new_page()
    page.goto(f"{desk.server.url}/me")
    grow_old(world.doctor)
    page.locator("form[action='/me/phone']").evaluate("(form) => { form.setAttribute('hx-post', '/me/phone'); form.setAttribute('hx-target', 'body'); htmx.process(form) }")
    page.fill("[name=phone]", phone)
    page.get_by_text("修改手机号", exact=True).click()
    dialog = page.locator("dialog#dialog[open]")
    expect(dialog).to_contain_text("请再次输入密码")
    shot(page, "password-dialog")
    dialog.locator("[name=fresh_password]").fill(PASSWORD)
    dialog.get_by_text("确认", exact=True).click()
    expect(page.locator("#toasts")).to_contain_text("手机号已修改")
    expect(page.locator("[name=phone]")).to_have_value(phone)


def test_a_plain_form_is_asked_on_a_page_and_done_after_it(world: World, sit: Callable[..., Desk]) -> None:
    desk, phone = sit(world.doctor), f"133{world.hospital.id:08d}"
    page = desk.context.new_page()
    page.goto(f"{desk.server.url}/me")
    grow_old(world.doctor)
    page.fill("[name=phone]", phone)
    page.get_by_text("修改手机号", exact=True).click()
    expect(page.locator("main")).to_contain_text("请再次输入密码")
    page.fill("[name=fresh_password]", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("[name=phone]")).to_have_value(phone)


@pytest.mark.feature("S-005")
def test_login_and_personal_centre_have_no_finding_at_both_sizes(world: World, chromium: Browser, server: Server, sit: Callable[..., Desk]) -> None:
    found = []
    stranger = chromium.new_context(viewport={"width": 1366, "height": 768})
    login = stranger.new_page()
    login.goto(f"{server.url}/login")
    for _ in range(3):
        login.fill("#phone", "13700000099")
        login.fill("#password", "Wrong2026$")
        login.press("#password", "Enter")
    expect(login.locator("#captcha-image")).to_be_visible()
    inside = sit(world.doctor).context.new_page()
    for page, path in [(login, ""), *((inside, p) for p in ("/me", "/me/password", "/me/sessions", "/me/settings", "/me/confirm"))]:
        if path:
            page.goto(server.url + path)
        for size in ((1366, 768), (390, 844)):
            page.set_viewport_size({"width": size[0], "height": size[1]})
            found += [f"{path or '/login'} {size[0]}: {f}" for f in looks.findings(page) + looks.cut_off(page)]
    stranger.close()
    assert found == [], "\n".join(found)
