"""Text without a server: kept encrypted in the browser, there after a crash, brought over and merged later."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from playwright.sync_api import Error, Page, expect

from tests.conftest import Member, World
from tests.e2e.test_workspace_browser import (  # noqa: F401
    CHROMIUM,
    FINDINGS,
    IMPRESSION,
    Desk,
    Server,
    accepted,
    chromium,
    saved,
    server,
    sit,
    step,
    stored,
    write_whole,
    writing,
)

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")]
KEPT = """async () => {
  const db = await new Promise((done) => { const ask = indexedDB.open("telerad"); ask.onsuccess = () => done(ask.result) })
  if (!db.objectStoreNames.contains("drafts")) { db.close(); return [] }
  const all = (what) => new Promise((done) => { const ask = db.transaction("drafts").objectStore("drafts")[what](); ask.onsuccess = () => done(ask.result) })
  const keys = await all("getAllKeys"), values = await all("getAll")
  db.close()
  return values.map((one, at) => [String(keys[at]), Object.keys(one).sort().join(), new TextDecoder("latin1").decode(one.data), new TextDecoder().decode(one.data)])
}"""
REMEMBER_TOASTS = """() => {
  window.toasted = []  // a toast stays four seconds, and a server may take longer to start
  new MutationObserver(() => window.toasted.push(document.getElementById("toasts").textContent)).observe(document.body, {childList: true, subtree: true})
}"""


def kept(page: Page) -> list[list[str]]:
    """Key, field names and bytes (as Latin-1 and as UTF-8) of all that this browser keeps."""
    found: list[list[str]] = page.evaluate(KEPT)
    return found


def storage(page: Page) -> str:
    text: str = page.evaluate("JSON.stringify([localStorage, sessionStorage])")
    return text


def crash(page: Page) -> None:
    """End the page's process at once: nothing is sent or saved any more."""
    with suppress(Error):
        page.goto("chrome://crash")
    page.close()


def unplugged(page: Page, text: str) -> None:
    """Type without a connection, until the strip says where the text is."""
    page.locator("#findings").press_sequentially(text)
    expect(page.locator("#ws-offline")).to_be_visible(timeout=15_000)
    expect(page.locator("#ws-offline")).to_contain_text("未连接，内容已存本机，恢复后自动同步")


def test_text_typed_without_a_server_is_encrypted_and_comes_back_after_a_crash(
    world: World, accepted: dict[str, Any], sit: Callable[..., Desk], server: Server  # noqa: F811
) -> None:
    desk = sit(world.reader)
    page = writing(desk, accepted["id"])
    write_whole(page)
    saved(page)
    server.stop()
    try:
        unplugged(page, "断线后输入。")
        page.locator("#impression").press_sequentially("断线后的印象。")
        page.wait_for_timeout(600)
        for button in ("[data-event=send_to_review]", "#ws-save"):
            expect(page.locator(button)).to_be_disabled()
            assert page.locator(button).get_attribute("title") == "未连接，暂不能执行"
        (row,) = kept(page)
        assert row[1] == "data,iv" and accepted["id"] in row[0]
        for clear in ("断线后", "双肺", "结节", "findings", "impression", world.reader.account.name):
            assert clear not in row[2] + row[3] + row[0] and clear not in storage(page)
    finally:
        crash(page)
        server.start()
    page = desk.report(accepted["id"])
    expect(page.locator("#findings")).to_have_value(FINDINGS + "断线后输入。")
    expect(page.locator("#impression")).to_have_value(IMPRESSION + "断线后的印象。")
    expect(page.locator("#toasts")).to_contain_text("已恢复，已同步 2 处")
    saved(page)
    draft = stored(world.reader, accepted["id"])["draft"]
    assert (draft["findings"], draft["impression"]) == (FINDINGS + "断线后输入。", IMPRESSION + "断线后的印象。")
    page.wait_for_timeout(400)
    assert kept(page) == []


def test_the_connection_comes_back_under_an_open_page_and_says_how_much_it_brought(
    world: World, accepted: dict[str, Any], sit: Callable[..., Desk], server: Server  # noqa: F811
) -> None:
    page = writing(sit(world.reader), accepted["id"])
    page.fill("#findings", "第一句。")
    saved(page)
    page.evaluate(REMEMBER_TOASTS)
    server.stop()
    try:
        unplugged(page, "第二句。")
        page.get_by_text("阴性", exact=True).click()
    finally:
        server.start()
    for _ in range(150):
        if any("已恢复，已同步 2 处" in text for text in page.evaluate("window.toasted")):
            break
        page.wait_for_timeout(200)
    else:
        pytest.fail(f"never said: {page.evaluate('window.toasted')}")
    expect(page.locator("#ws-offline")).to_be_hidden()
    saved(page)
    assert stored(world.reader, accepted["id"])["draft"]["findings"] == "第一句。第二句。"
    assert kept(page) == []


def test_text_from_before_a_crash_meets_a_newer_version_in_three_columns(
    world: World, accepted: dict[str, Any], sit: Callable[..., Desk], server: Server  # noqa: F811
) -> None:
    desk = sit(world.reader)
    page = writing(desk, accepted["id"])
    page.fill("#findings", "双肺纹理清晰。心影不大。")
    saved(page)
    page.route("**/draft", lambda route: route.abort())
    page.fill("#findings", "双肺纹理清晰。心影不大，主动脉钙化。")
    page.wait_for_timeout(600)
    crash(page)
    rev = stored(world.reader, accepted["id"])["draft"]["rev"]
    there = {"rev": rev, "findings": "双肺纹理增多。心影不大。", "impression": "别处写的印象。"}
    assert world.reader.call("PUT", f"/requests/{accepted['id']}/draft", there).status_code == 200
    page = desk.report(accepted["id"])
    dialog = page.locator("#ws-conflict")
    expect(dialog.locator("[data-part=theirs]")).to_contain_text("双肺纹理增多。心影不大。")
    expect(dialog.locator("[data-part=mine]")).to_contain_text("主动脉钙化")
    expect(dialog.locator("#ws-merged-findings")).to_have_value("双肺纹理增多。心影不大，主动脉钙化。")
    expect(dialog.locator("#ws-merged-impression")).to_have_value("别处写的印象。")
    expect(dialog.locator("#ws-clashes")).to_have_text("双方修改没有冲突")
    dialog.get_by_text("保存合并结果").click()
    saved(page)
    draft = stored(world.reader, accepted["id"])["draft"]
    assert (draft["findings"], draft["impression"]) == ("双肺纹理增多。心影不大，主动脉钙化。", "别处写的印象。")
    page.wait_for_timeout(400)
    assert kept(page) == []


def both_changed(world: World, desk: Desk, request: str) -> Page:
    """A page that says 6 mm while somebody saved 7 mm elsewhere, both from 5 mm."""
    page = writing(desk, request)
    page.fill("#findings", "结节约5mm。")
    saved(page)
    rev = stored(world.reader, request)["draft"]["rev"]
    world.reader.call("PUT", f"/requests/{request}/draft", {"rev": rev, "findings": "结节约7mm。"})
    page.fill("#findings", "结节约6mm。")
    return page


def test_a_place_that_both_changed_shows_both_wordings_and_can_be_edited(
    world: World, accepted: dict[str, Any], sit: Callable[..., Desk]  # noqa: F811
) -> None:
    page = both_changed(world, sit(world.reader), accepted["id"])
    dialog = page.locator("#ws-conflict")
    expect(dialog.locator("#ws-merged-findings")).to_have_value("结节约76mm。")
    expect(dialog.locator("#ws-clashes")).to_contain_text("1 处双方都有修改")
    dialog.locator("#ws-merged-findings").fill("结节约6～7mm。")
    dialog.get_by_text("保存合并结果").click()
    saved(page)
    assert stored(world.reader, accepted["id"])["draft"]["findings"] == "结节约6～7mm。"


def test_who_keeps_his_own_text_finds_the_one_it_replaced(
    world: World, accepted: dict[str, Any], sit: Callable[..., Desk]  # noqa: F811
) -> None:
    desk = sit(world.reader)
    page = both_changed(world, desk, accepted["id"])
    page.locator("#ws-conflict").get_by_text("保留我的修改").click()
    saved(page)
    assert stored(world.reader, accepted["id"])["draft"]["findings"] == "结节约6mm。"
    page = desk.report(accepted["id"])
    assert [one["findings"] for one in page.evaluate("JSON.parse(document.querySelector('[data-page]').dataset.page).asides")] == ["结节约7mm。"]


def test_where_the_browser_keeps_nothing_a_red_strip_offers_the_text(
    world: World, accepted: dict[str, Any], sit: Callable[..., Desk], server: Server  # noqa: F811
) -> None:
    desk = sit(world.reader)
    desk.context.add_init_script("IDBFactory.prototype.open = () => { throw new DOMException('', 'SecurityError') }")
    page = writing(desk, accepted["id"])
    server.stop()
    try:
        page.locator("#findings").press_sequentially("只在此页。")
        strip = page.locator("#ws-unsafe")
        expect(strip).to_be_visible(timeout=15_000)
        expect(strip).to_contain_text("未保存，请复制内容")
        expect(page.locator("#ws-offline")).to_be_hidden()
        assert strip.locator("[data-copy]").get_attribute("data-copy") == "影像表现\n只在此页。\n\n印象\n"
    finally:
        server.start()
    expect(page.locator("#ws-unsafe")).to_be_hidden(timeout=30_000)
    saved(page)


def test_text_that_was_left_here_after_the_claim_was_taken_back_can_be_copied_and_removed_once_the_server_has_it(
    world: World, accepted: dict[str, Any], sit: Callable[..., Desk]  # noqa: F811
) -> None:
    desk = sit(world.reader)
    page = writing(desk, accepted["id"])
    page.route("**/draft", lambda route: route.abort())
    page.fill("#findings", "没有送到的内容。")
    page.wait_for_timeout(600)
    crash(page)
    step(world.g_admin, stored(world.g_admin, accepted["id"]), "unlock")
    page = desk.report(accepted["id"])
    strip = page.locator("#ws-kept")
    expect(strip).to_be_visible()
    expect(strip).to_contain_text("本机保留有未同步的内容")
    assert "没有送到的内容。" in (strip.locator("[data-copy]").get_attribute("data-copy") or "")
    page.route("**/report/asides", lambda route: route.abort())
    strip.get_by_text("删除本机内容").click()
    expect(page.locator("#toasts")).to_contain_text("未能保留您的修改")
    expect(strip).to_be_visible()
    assert len(kept(page)) == 1
    page.unroute("**/report/asides")
    strip.get_by_text("删除本机内容").click()
    expect(strip).to_be_hidden()
    page.wait_for_timeout(300)
    assert kept(page) == []
    page.reload()
    page.locator("#tab-record").click()
    page.select_option("#ws-before", label=page.locator("#ws-before option", has_text="已放弃").inner_text())
    expect(page.locator("#compare-findings del")).to_contain_text("没有送到的内容。")


def test_text_that_was_typed_and_taken_out_again_does_not_come_back(
    world: World, accepted: dict[str, Any], sit: Callable[..., Desk]  # noqa: F811
) -> None:
    desk = sit(world.reader)
    page = writing(desk, accepted["id"])
    page.fill("#findings", "第一句。")
    saved(page)
    page.fill("#findings", "第一句。又删去的。")
    page.wait_for_timeout(500)
    page.fill("#findings", "第一句。")
    page.wait_for_timeout(500)
    assert kept(page) == []


def test_logging_out_saves_the_text_and_wipes_what_the_browser_kept(
    world: World, accepted: dict[str, Any], sit: Callable[..., Desk]  # noqa: F811
) -> None:
    desk = sit(world.reader)
    page = writing(desk, accepted["id"])
    page.route("**/draft", lambda route: route.abort())
    page.fill("#findings", "还没有送到。")
    page.wait_for_timeout(600)
    assert len(kept(page)) == 1
    page.unroute("**/draft")
    other = desk.context.new_page()
    other.goto(f"{desk.server.url}/")
    other.locator(".top .menu summary").last.click()
    other.get_by_role("button", name="退出登录").click()
    other.wait_for_url("**/login")
    assert kept(other) == []
    assert stored(world.reader, accepted["id"])["draft"]["findings"] == "还没有送到。"


def test_another_person_at_this_browser_cannot_read_what_was_kept(
    world: World, accepted: dict[str, Any], sit: Callable[..., Desk]  # noqa: F811
) -> None:
    keys = []
    for member in (world.reader, world.reader2):
        page = sit(member).report(accepted["id"])
        keys.append(page.locator("#ws").get_attribute("data-key"))
    assert keys[0] and keys[1] and keys[0] != keys[1]


def enter(desk: Desk, member: Member) -> Page:
    """Let a member in at a browser that somebody used before."""
    cookie = member.browser().get_cookie("session")
    assert cookie is not None
    desk.context.add_cookies([{"name": "session", "value": cookie.value, "url": desk.server.url}])
    page = desk.context.new_page()
    page.goto(f"{desk.server.url}/")
    return page


def leave(page: Page) -> None:
    page.locator(".top .menu summary").last.click()
    page.get_by_role("button", name="退出登录").click()
    page.wait_for_url("**/login", timeout=20_000)


def test_a_log_out_before_anything_was_kept_leaves_a_browser_that_can_keep(
    world: World, accepted: dict[str, Any], sit: Callable[..., Desk]  # noqa: F811
) -> None:
    desk = sit(world.reader)
    leave(enter(desk, world.reader))
    enter(desk, world.reader).close()
    page = writing(desk, accepted["id"])
    page.route("**/draft", lambda route: route.abort())
    page.fill("#findings", "还没有送到。")
    page.wait_for_timeout(600)
    assert len(kept(page)) == 1


def test_who_logs_out_leaves_the_text_of_others_and_what_could_not_be_saved(
    world: World, accepted: dict[str, Any], sit: Callable[..., Desk]  # noqa: F811
) -> None:
    desk = sit(world.reader)
    page = writing(desk, accepted["id"])
    page.route("**/draft", lambda route: route.abort())
    page.fill("#findings", "还没有送到。")
    page.wait_for_timeout(600)
    crash(page)
    colleague = enter(desk, world.reader2)
    leave(colleague)
    assert len(kept(colleague)) == 1
    back = enter(desk, world.reader)
    report = writing(desk, accepted["id"])
    report.route("**/draft", lambda route: route.abort())
    report.locator("#findings").press_sequentially("再写一句。")
    report.wait_for_timeout(600)
    leave(back)
    assert len(kept(back)) == 1
