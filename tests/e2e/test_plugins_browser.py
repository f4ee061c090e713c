"""Switching a plugin in one tab: the menu, the list's column of actions and the page come and go at once in another."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import Member, World
from tests.e2e import looks
from tests.e2e.test_workspace_browser import CHROMIUM, Desk, Server, chromium, server, sit  # noqa: F401

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")]


def at(desk: Desk, path: str, page: Page | None = None) -> Page:
    page = page or desk.context.new_page()
    page.goto(f"{desk.server.url}/t/{desk.member.tenant.code}{path}")
    return page


def status(desk: Desk, path: str) -> int:
    return desk.context.request.get(f"{desk.server.url}/t/{desk.member.tenant.code}{path}").status


def test_a_plugin_comes_and_goes_at_once_in_every_tab(world: World, sit: Callable[[Member], Desk]) -> None:  # noqa: F811
    admin, technician = sit(world.h_admin), sit(world.technician)
    page, other = at(admin, "/manage/plugins/consultation"), at(technician, "/studies")
    expect(other.locator(".side").get_by_text("申请列表")).to_have_count(1)
    assert status(technician, "/requests") == 200

    page.get_by_role("button", name="停用").click()
    expect(page.locator("#confirm")).to_contain_text("停用“远程诊断”")
    expect(page.locator("#confirm")).to_contain_text("数据保留，再次启用即恢复")
    expect(page.locator("#confirm").get_by_text("取消")).to_be_focused()
    page.keyboard.press("Escape")
    assert status(technician, "/requests") == 200, "nothing happens before it is confirmed"
    page.get_by_role("button", name="停用").click()
    page.locator("#confirm [data-part=verb]").click()
    expect(page.locator("#toasts")).to_contain_text("远程诊断：已停用")
    expect(page.locator(".page-head .st")).to_contain_text("已停用")
    expect(page.locator(".side").get_by_title("申请列表")).to_have_count(0)

    other.reload()
    expect(other.locator(".side").get_by_text("申请列表")).to_have_count(0)
    assert status(technician, "/requests") == 404 and status(technician, "/studies") == 200

    page.get_by_role("button", name="启用").click()
    expect(page.locator("#confirm")).to_contain_text("启用后它的菜单、页面和列立即出现")
    page.locator("#confirm [data-part=verb]").click()
    expect(page.locator(".page-head .st")).to_contain_text("已启用")
    other.reload()
    expect(other.locator(".side").get_by_text("申请列表")).to_have_count(1)
    assert status(technician, "/requests") == 200


def test_a_tab_that_is_behind_is_told_so_and_turns_nothing(world: World, sit: Callable[[Member], Desk]) -> None:  # noqa: F811
    desk = sit(world.h_admin)
    first, second = at(desk, "/manage/plugins/report_templates"), at(desk, "/manage/plugins/report_templates")
    first.get_by_role("button", name="停用").click()
    first.locator("#confirm [data-part=verb]").click()
    expect(first.locator(".page-head .st")).to_contain_text("已停用")
    second.get_by_role("button", name="停用").click()
    second.locator("#confirm [data-part=verb]").click()
    expect(second.get_by_role("alert")).to_contain_text("将“报告模板”改为已停用，请确认后再操作")
    expect(second.locator(".page-head .st")).to_contain_text("已停用")
    assert looks.findings(second) == []


def test_settings_are_saved_by_enter_and_what_does_not_fit_gets_the_focus(world: World, sit: Callable[[Member], Desk]) -> None:  # noqa: F811
    page = at(sit(world.g_admin), "/manage/plugins/consultation")
    minutes = page.get_by_role("textbox", name="接单后为医生保留的分钟数")
    minutes.fill("400")
    minutes.press("Enter")
    expect(minutes).to_be_focused()
    expect(minutes).to_have_value("400")
    expect(minutes).to_have_attribute("aria-invalid", "true")
    expect(page.locator(".err")).to_have_text("应为 1 到 240")
    assert looks.findings(page) == []
    minutes.fill("40")
    minutes.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("已保存")
    expect(minutes).to_have_value("40")
    page.get_by_role("button", name="接单后为医生保留的分钟数恢复默认").click()
    expect(minutes).to_have_value("30")
    assert looks.cut_off(page) == []
