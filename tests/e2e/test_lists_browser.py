"""Lists in a browser: columns by mouse and keyboard, many rows, what is new, keys, an export, cards on a phone."""

from __future__ import annotations

import io
import re
from datetime import date, datetime

import openpyxl
import pytest
from playwright.sync_api import Browser, Page, expect

from core.demo import phantom
from core.demo.phantom import DemoPatient
from tests.e2e.desk import CHROMIUM, Desk
from tests.e2e.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")]
TECHNICIAN, DOCTOR = "13800000001", "13800000002"
ALL = "/t/HDEMO/studies?uploaded_from="
NAVY = "rgb(18, 57, 95)"


def heads(page: Page) -> list[str]:
    return [h.strip() for h in page.locator(".t thead th[scope=col]").all_inner_texts()]


def tick(page: Page) -> None:
    """The beat that comes every 15 s while the page is seen."""
    with page.expect_response(lambda r: "/fresh?" in r.url):
        page.evaluate("document.body.dispatchEvent(new CustomEvent('telerad:tick'))")


def test_columns_are_ordered_by_keyboard_chosen_and_put_back(browser: Browser, product: Product) -> None:
    desk = Desk(browser, product, TECHNICIAN)
    page = desk.go(ALL)
    usual = heads(page)
    assert usual.index("姓名") < usual.index("年龄")
    page.get_by_text("控制字段").first.click()
    page.locator(".chooser li", has_text="姓名").locator("input[type=checkbox]").focus()
    page.keyboard.press("Alt+ArrowDown")
    page.locator(".chooser li", has_text="手机号").locator("input[type=checkbox]").check()
    page.get_by_role("button", name="应用").click()
    expect(page.locator(".t thead")).to_contain_text("手机号")
    found = heads(page)
    assert found.index("年龄") < found.index("姓名")
    page.reload()
    assert heads(page) == found
    page.get_by_text("控制字段").first.click()
    page.locator(".chooser li", has_text="状态").drag_to(page.locator(".chooser li", has_text="年龄"))
    page.get_by_role("button", name="应用").click()
    expect(page.locator(".chooser[open]")).to_have_count(0)
    assert abs(heads(page).index("状态") - heads(page).index("年龄")) == 1
    page.get_by_text("控制字段").first.click()
    page.get_by_role("button", name="恢复默认").click()
    expect(page.locator(".t thead")).not_to_contain_text("手机号")
    assert heads(page) == usual
    desk.clean()


def test_a_filter_becomes_a_tab_and_goes_again(browser: Browser, product: Product) -> None:
    desk = Desk(browser, product, TECHNICIAN)
    page = desk.go(f"{ALL}&modality=CT")
    page.get_by_text("存为视图").click()
    page.locator("#dialog [name=name]").fill("全部CT")
    page.locator("#dialog [name=counted]").check()
    page.locator("#dialog").get_by_role("button", name="保存").click()
    expect(page.locator(".views [aria-current=page]")).to_contain_text("全部CT")
    expect(page.locator(".views [aria-current=page] .count")).to_have_text("2")
    page.locator(".views a.edit").click()
    page.locator("#dialog").get_by_role("button", name="删除视图").click()
    expect(page.locator(".views")).not_to_contain_text("全部CT")
    desk.clean()


def test_a_changed_row_is_replaced_where_it_stands_and_new_rows_wait_above(browser: Browser, product: Product) -> None:
    desk, other = Desk(browser, product, TECHNICIAN), Desk(browser, product, TECHNICIAN)
    page = desk.go(ALL)
    rows = page.locator(".t tbody tr")
    before = [rows.nth(i).get_attribute("id") for i in range(rows.count())]
    there = other.go(ALL)
    there.locator(f"#{before[2]} .menu summary").click()
    there.locator(f"#{before[2]}").get_by_role("button", name="锁定").click()
    expect(there.locator(f"#{before[2]} .mk-lock")).to_be_visible()
    tick(page)
    expect(page.locator(f"#{before[2]}")).to_have_class(re.compile("changed"))
    expect(page.locator(f"#{before[2]} .mk-lock")).to_be_visible()
    assert [rows.nth(i).get_attribute("id") for i in range(rows.count())] == before
    late_study(product)
    tick(page)
    expect(page.locator(".fresh")).to_contain_text("有 1 条新数据")
    assert [rows.nth(i).get_attribute("id") for i in range(rows.count())] == before
    page.locator("[data-refresh]").click()
    expect(page.locator(".t tbody")).to_contain_text("LATE0001")
    desk.clean()
    other.clean()


def test_a_beat_is_one_request_and_brings_the_counts_of_the_top_bar(browser: Browser, product: Product) -> None:
    desk = Desk(browser, product, TECHNICIAN)
    page = desk.go(ALL)
    page.wait_for_load_state("networkidle")
    page.evaluate("document.getElementById('count-notices').textContent = '77'")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    tick(page)
    expect(page.locator("#count-notices")).not_to_have_text("77")
    page.wait_for_timeout(500)
    assert len(asked) == 1 and "/fresh?" in asked[0]
    desk.clean()


def late_study(product: Product) -> None:
    """Let a study arrive while the list is open."""
    patient = DemoPatient("演示辛^^", "LATE0001", "M", date(1980, 3, 4), "GB18030")
    folder = product.data / "late"
    phantom.head_ct(folder, patient=patient, at=datetime(2026, 11, 25, 9, 0), seed=81, slices=2)
    assert '"stored": 2' in product.command("ingest", str(folder), "--tenant", "HDEMO")


def test_keys_move_open_refresh_and_help_only_outside_fields(browser: Browser, product: Product) -> None:
    desk = Desk(browser, product, TECHNICIAN)
    page = desk.go(ALL)
    for _ in range(2):
        page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator(".t tbody tr").first).to_have_class(re.compile("here"))
    page.keyboard.press("/")
    page.keyboard.type("jk?")
    expect(page.locator("#find")).to_have_value("jk?")
    page.locator("#find").fill("")
    page.locator("#find").blur()
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    with page.expect_response(lambda r: "/studies?" in r.url):
        page.keyboard.press("r")
    expect(page.locator(".t tbody tr.here")).to_have_count(0)
    expect(page.locator(".t tbody tr").first).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/studies/[0-9A-Z]{26}"))
    page.go_back()
    expect(page.locator(".t tbody tr").first).to_be_visible()
    desk.clean()


def ask_for(desk: Desk, n: int) -> None:
    """Ask for a report of the n-th study in the list, by the API with the page's session."""
    found = desk.page.evaluate("() => fetch('/api/v1/t/HDEMO/studies').then((r) => r.json())")
    made = desk.page.evaluate(
        "(id) => fetch('/api/v1/t/HDEMO/requests', {method: 'POST', headers: {...window.telerad.headers(), 'Content-Type': 'application/json'},"
        " body: JSON.stringify({study_id: id, group: 'GDEMO', parts: [{name: '胸部', count: 1}]})}).then((r) => r.status)",
        [s["id"] for s in found["items"] if s["status"] == "normal" and not s["locked"]][n],
    )
    assert made == 201


def test_the_foot_bar_counts_names_what_it_refuses_and_takes_ranges(browser: Browser, product: Product) -> None:
    desk = Desk(browser, product, DOCTOR)
    page = desk.go("/t/HDEMO/requests?requested_from=")
    for _ in range(3):
        ask_for(desk, 0)
    page.reload()
    boxes = page.locator("[name=row]")
    boxes.nth(0).click()
    boxes.nth(2).click(modifiers=["Shift"])
    bar = page.locator(".foot-many")
    expect(bar).to_be_visible()
    expect(bar).to_contain_text("已选 3 项")
    expect(bar).to_contain_text("不可批量确认")
    assert bar.evaluate("(e) => getComputedStyle(e).backgroundColor") == NAVY
    expect(bar.locator("[data-many]")).to_have_attribute("aria-disabled", "true")
    bar.locator("[data-drop]").click()
    expect(bar).not_to_be_visible()
    boxes.nth(1).click()
    page.keyboard.press("Escape")
    expect(bar).not_to_be_visible()
    desk.clean()


@pytest.mark.feature("S-078")
def test_an_export_says_what_it_will_hold_shows_its_end_and_is_downloaded(browser: Browser, product: Product) -> None:
    desk = Desk(browser, product, DOCTOR)
    page = desk.go("/t/HDEMO/requests?requested_from=")
    ask_for(desk, 0)
    page.reload()
    n = page.locator(".t tbody tr").count()
    page.get_by_text("导出 Excel").click()
    dialog = page.locator("#dialog")
    expect(dialog).to_contain_text(f"{n} 条")
    dialog.locator("[name=field][value=requester]").uncheck()
    dialog.get_by_role("button", name="导出").click()
    page.wait_for_url(re.compile("/exports"))
    expect(page.get_by_role("link", name="下载")).to_be_visible(timeout=20_000)
    with page.expect_download() as got:
        page.get_by_role("link", name="下载").first.click()
    assert re.fullmatch(r"申请列表_\d{8}\.xlsx", got.value.suggested_filename)
    rows = list(openpyxl.load_workbook(io.BytesIO(got.value.path().read_bytes())).active.iter_rows(values_only=True))
    assert len(rows) == n + 1 and "申请人" not in rows[0] and rows[1][rows[0].index("姓名")].endswith("*")
    desk.clean()


def test_a_phone_shows_cards_of_three_lines(browser: Browser, product: Product) -> None:
    desk = Desk(browser, product, TECHNICIAN)
    desk.page.set_viewport_size({"width": 390, "height": 844})
    page = desk.go(ALL)
    first = page.locator(".t tbody tr").first
    expect(first.locator("[data-card=title]")).to_be_visible()
    lines = [first.locator(s).bounding_box() for s in ("[data-card=title]", "[data-card=state]", "[data-card=what]", "[data-card=when]", "td.act")]
    assert all(lines)
    tops = [round(box["y"]) for box in lines if box]
    assert tops[0] == tops[1] < tops[2] == tops[3] < tops[4]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    expect(first.locator("[data-col=accession_number]")).not_to_be_visible()
    desk.shot("list-phone")
    desk.clean()
