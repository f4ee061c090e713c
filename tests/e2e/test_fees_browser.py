"""Fees in a browser: a group sets them, a hospital sees them follow its choices and is told when they changed."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.desk import CHROMIUM, Desk
from tests.e2e.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")]
DOCTOR, ADMIN_G = "13800000002", "13800000014"


def tariff(page: Page) -> Page:
    page.get_by_role("link", name="收费设置").first.click()
    page.get_by_role("link", name="设置 演示医院 的收费").click()
    expect(page.get_by_role("heading", name="演示医院")).to_be_visible()
    return page


def open_start(page: Page, url: str) -> None:
    page.goto(f"{url}/t/HDEMO/studies?uploaded_from=&modality=CT")
    page.get_by_role("link", name="发起诊断").first.click()
    expect(page.locator("#dialog #start-fee")).to_be_visible()


@pytest.mark.feature("S-238")
def test_rows_come_and_go_without_leaving_the_page_and_the_error_is_at_its_field(browser: Browser, product: Product) -> None:
    desk = Desk(browser, product, ADMIN_G)
    page = tariff(desk.go("/t/GDEMO/"))
    fees = page.locator("[name=fee]")
    before = fees.count()
    fees.first.fill("61.5")
    page.get_by_role("button", name="添加一行").click()
    expect(fees).to_have_count(before + 1)
    expect(fees.first).to_have_value("61.5")
    expect(page.locator(f"#reader-{before}")).to_be_focused()
    page.locator(f"#reader-{before}").select_option(label="演示诊断医生甲")
    page.locator(f"#modality-{before}").select_option("MR")
    fees.last.fill("12.345")
    page.get_by_role("button", name="保存为新版本").click()
    expect(page.locator(f"#fee-{before}-error")).to_contain_text("最多两位小数")
    fees.last.fill("150")
    fees.last.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("收费标准已保存")
    expect(fees.first).to_have_value("61.50")
    expect(page.locator("[name=fee]").last).to_have_value("150.00")
    page.get_by_role("button", name=f"删除第 {before + 1} 行").click()
    expect(fees).to_have_count(before)
    page.get_by_role("link", name="查看第 1 版").click()
    expect(page.get_by_role("heading", name="收费标准第 1 版")).to_be_visible()
    desk.problems[:] = [p for p in desk.problems if "422" not in p]
    desk.clean()


@pytest.mark.feature("S-061")
def test_the_fee_follows_group_reader_parts_and_urgency_and_a_changed_one_is_told(browser: Browser, product: Product) -> None:
    desk, admin = Desk(browser, product, DOCTOR), Desk(browser, product, ADMIN_G)
    page = desk.page
    open_start(page, product.url)
    box = page.locator("#start-fee")
    total = box.locator("tfoot .num")
    for label in page.locator("#dialog [name=part]:checked").all():
        label.uncheck()
    expect(total).to_have_count(0)
    page.locator("#dialog [name=part][value=胸部]").check()
    expect(total).to_have_text("80.00 元")
    page.locator("#dialog [name='count-胸部']").fill("2")
    page.locator("#dialog [name='count-胸部']").press("Tab")
    expect(total).to_have_text("160.00 元")
    page.locator("#dialog label.urgent").click()
    expect(total).to_have_text("240.00 元")
    page.locator("#start-readers tr", has_text="演示诊断医生乙").locator("input").check()
    expect(total).to_have_text("300.00 元")
    expect(box).to_contain_text("100.00 × 2 × 150%")
    page.locator("#dialog [name=purpose]").fill("发热三天")
    other = tariff(admin.go("/t/GDEMO/"))
    other.locator("tr", has=other.locator("option[selected]", has_text="演示诊断医生乙")).locator("[name=fee]").fill("110")
    other.get_by_role("button", name="保存为新版本").click()
    expect(other.locator("#toasts")).to_contain_text("收费标准已保存")
    page.get_by_role("button", name="提交申请").click()
    expect(page.locator("#dialog [role=alert]")).to_contain_text("原 300.00 元，现 330.00 元")
    expect(page.locator("#dialog [name=purpose]")).to_have_value("发热三天")
    expect(total).to_have_text("330.00 元")
    page.get_by_role("button", name="提交申请").click()
    expect(page.locator("#toasts")).to_contain_text("已提交申请")
    desk.problems[:] = [p for p in desk.problems if "409" not in p]
    desk.clean()
    admin.clean()
