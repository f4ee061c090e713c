"""The report workspace in Chromium against a server that can be stopped: nothing a doctor typed is lost."""

from __future__ import annotations

import re
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect, sync_playwright
from werkzeug.serving import BaseWSGIServer, make_server

from core.accounts import sessions
from core.app import TeleradFlask
from core.demo import phantom
from core.intake.command import ingest_paths
from core.studies.models import Study
from core.tenancy import settings
from core.tenancy.sessions import all_tenants
from plugins.consultation.settings import Connection
from tests.conftest import PASSWORD, Member, World
from tests.plugins.consultation.test_main_job import ask, step

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")]
FINDINGS, IMPRESSION = "左肺上叶前段见一结节影。", "左肺上叶前段结节，建议随访。"
WATCH = """
window.problems = []
addEventListener("securitypolicyviolation", (event) => problems.push(`${event.violatedDirective} ${event.blockedURI}`))
"""


class Server:
    """The application on a port of its own; it can go away and come back there."""

    def __init__(self, app: TeleradFlask) -> None:
        self.app, self.port = app, 0
        self.start()

    def start(self) -> None:
        self._server: BaseWSGIServer = make_server("127.0.0.1", self.port, self.app, threaded=True)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--use-gl=swiftshader", "--enable-unsafe-swiftshader"]
        )
        yield browser
        browser.close()


@pytest.fixture
def server(app: TeleradFlask) -> Iterator[Server]:
    server = Server(app)
    yield server
    server.stop()


class Desk:
    """A member's browser. Pages must end without script errors and without anything the content policy stopped."""

    def __init__(self, browser: Browser, server: Server, member: Member, *, images: bool = False) -> None:
        self.server, self.member, self.errors = server, member, list[str]()
        self.context: BrowserContext = browser.new_context(viewport={"width": 1600, "height": 900}, locale="zh-CN")
        self.context.set_default_timeout(15_000)
        self.context.add_init_script(WATCH)
        if not images:
            self.context.route("**/viewer/**", lambda route: route.abort())
        cookie = member.browser().get_cookie("session")
        assert cookie is not None
        self.context.add_cookies([{"name": "session", "value": cookie.value, "url": server.url}])

    def report(self, request_id: str) -> Page:
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(f"{self.server.url}/t/{self.member.tenant.code}/diagnosis/{request_id}/report")
        return page

    def close(self) -> None:
        stopped = [p for page in self.context.pages if "/report" in page.url for p in page.evaluate("window.problems")]
        self.context.close()
        assert (self.errors, stopped) == ([], [])


@pytest.fixture
def sit(chromium: Browser, server: Server) -> Iterator[Callable[..., Desk]]:
    """Let a member sit down at a browser of their own."""
    desks: list[Desk] = []

    def make(member: Member, **how: Any) -> Desk:
        desks.append(Desk(chromium, server, member, **how))
        return desks[-1]

    yield make
    for desk in desks:
        desk.close()


@pytest.fixture
def accepted(world: World, make_study: Callable[..., Study]) -> dict[str, Any]:
    request = ask(world, make_study(world))
    return step(world.reader, request, "accept")


def stored(member: Member, request_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = member.call("GET", f"/requests/{request_id}").get_json()
    return answer


def saved(page: Page) -> None:
    expect(page.locator("#ws-saved")).to_contain_text("已保存")


def writing(desk: Desk, request_id: str) -> Page:
    """The page once it may be typed in and the request is open."""
    page = desk.report(request_id)
    expect(page.locator("#findings")).to_be_editable()
    expect(page.locator("#ws-claim")).to_contain_text("诊断中")
    return page


def write_whole(page: Page) -> None:
    page.fill("#findings", FINDINGS)
    page.fill("#impression", IMPRESSION)
    page.get_by_text("阳性", exact=True).click()


@pytest.mark.feature("S-180")
@pytest.mark.feature("S-183")
def test_typed_text_is_saved_by_itself_and_is_there_after_a_reload(
    world: World, accepted: dict[str, Any], sit: Callable[..., Desk]
) -> None:
    page = writing(sit(world.reader), accepted["id"])
    assert stored(world.reader, accepted["id"])["state"] == "DIAGNOSING"
    page.locator("#findings").press_sequentially(FINDINGS)
    page.locator("#impression").press_sequentially(IMPRESSION)
    expect(page.locator("#ws-saved")).to_contain_text("未保存")
    saved(page)
    draft = stored(world.reader, accepted["id"])["draft"]
    assert (draft["findings"], draft["impression"], draft["positive"]) == (FINDINGS, IMPRESSION, None)
    page.reload()
    expect(page.locator("#findings")).to_have_value(FINDINGS)
    expect(page.locator("#impression")).to_have_value(IMPRESSION)


@pytest.mark.feature("S-184")
def test_who_does_not_hold_the_report_reads_who_does_and_cannot_type(
    world: World, accepted: dict[str, Any], sit: Callable[..., Desk]
) -> None:
    page = sit(world.reader2).report(accepted["id"])
    expect(page.locator("#ws-claim")).to_contain_text(world.reader.account.name)
    expect(page.locator("#findings")).not_to_be_editable()
    expect(page.locator("#ws-save")).to_have_count(0)


def test_a_stale_page_shows_both_texts_and_goes_on_with_ones_own(
    world: World, accepted: dict[str, Any], sit: Callable[..., Desk]
) -> None:
    page = writing(sit(world.reader), accepted["id"])
    path = f"/requests/{accepted['id']}/draft"
    assert world.reader.call("PUT", path, {"rev": 0, "findings": "别处保存的内容"}).status_code == 200
    page.fill("#findings", "这里输入的内容")
    dialog = page.locator("#ws-conflict")
    expect(dialog.locator("[data-part=theirs]")).to_contain_text("别处保存的内容")
    expect(dialog.locator("[data-part=mine]")).to_contain_text("这里输入的内容")
    dialog.get_by_text("保留我的修改").click()
    saved(page)
    assert stored(world.reader, accepted["id"])["draft"]["findings"] == "这里输入的内容"


def test_taking_the_servers_text_can_be_undone(
    world: World, accepted: dict[str, Any], sit: Callable[..., Desk]
) -> None:
    page = writing(sit(world.reader), accepted["id"])
    world.reader.call("PUT", f"/requests/{accepted['id']}/draft", {"rev": 0, "findings": "别处保存的内容"})
    page.fill("#findings", "这里输入的内容")
    page.get_by_text("放弃我的修改").click()
    expect(page.locator("#findings")).to_have_value("别处保存的内容")
    page.locator("#ws-undo").get_by_text("撤销").click()
    expect(page.locator("#findings")).to_have_value("这里输入的内容")
    saved(page)
    assert stored(world.reader, accepted["id"])["draft"]["findings"] == "这里输入的内容"


def put_aside(page: Page, world: World, request_id: str) -> None:
    """Type, meet what was saved elsewhere, and give one's own text up for it."""
    rev = (stored(world.reader, request_id)["draft"] or {"rev": 0})["rev"]
    world.reader.call("PUT", f"/requests/{request_id}/draft", {"rev": rev, "findings": "别处保存的内容"})
    page.fill("#findings", "这里输入的内容")
    page.get_by_text("放弃我的修改").click()
    expect(page.locator("#findings")).to_have_value("别处保存的内容")


def test_a_text_given_up_is_found_after_a_reload_and_comes_back_with_an_undo(
    world: World, accepted: dict[str, Any], sit: Callable[..., Desk]
) -> None:
    page = writing(sit(world.reader), accepted["id"])
    put_aside(page, world, accepted["id"])
    expect(page.locator("#ws-undo")).to_contain_text("您的修改保留 30 天")
    page.wait_for_timeout(600)
    page.reload()
    expect(page.locator("#findings")).to_be_editable()
    page.wait_for_timeout(600)
    expect(page.locator("#ws-conflict")).to_be_hidden()
    expect(page.locator("#findings")).to_have_value("别处保存的内容")
    page.locator("#tab-record").click()
    expect(page.locator("#ws-restore")).to_be_hidden()
    label = page.locator("#ws-before option", has_text="已放弃 · ").inner_text()
    page.select_option("#ws-before", label=label)
    expect(page.locator("#compare-findings del")).to_contain_text("这里输入")
    page.locator("#ws-restore").click()
    expect(page.locator("#findings")).to_have_value("这里输入的内容")
    expect(page.locator("#ws-undo")).to_contain_text("已恢复放弃的文本")
    saved(page)
    assert stored(world.reader, accepted["id"])["draft"]["findings"] == "这里输入的内容"
    page.locator("#ws-undo").get_by_text("撤销").click()
    expect(page.locator("#findings")).to_have_value("别处保存的内容")


def test_a_text_that_cannot_be_kept_is_not_given_up(
    world: World, accepted: dict[str, Any], sit: Callable[..., Desk]
) -> None:
    page = writing(sit(world.reader), accepted["id"])
    page.route("**/report/asides", lambda route: route.abort())
    world.reader.call("PUT", f"/requests/{accepted['id']}/draft", {"rev": 0, "findings": "别处保存的内容"})
    page.fill("#findings", "这里输入的内容")
    dialog = page.locator("#ws-conflict")
    for _ in range(2):
        dialog.get_by_text("放弃我的修改").click()
        expect(page.locator("#toasts")).to_contain_text("未能保留您的修改，内容仍在此处，请重试")
        expect(dialog.locator("[data-part=mine]")).to_contain_text("这里输入的内容")
        expect(page.locator("#findings")).to_have_value("这里输入的内容")
        page.locator("#toasts button").last.click()
    page.unroute("**/report/asides")
    dialog.get_by_text("放弃我的修改").click()
    expect(dialog).to_be_hidden()
    expect(page.locator("#findings")).to_have_value("别处保存的内容")


def test_who_lost_the_report_compares_and_copies_what_they_gave_up_and_others_see_nothing(
    world: World, accepted: dict[str, Any], sit: Callable[..., Desk]
) -> None:
    desk = sit(world.reader)
    put_aside(writing(desk, accepted["id"]), world, accepted["id"])
    step(world.g_admin, stored(world.g_admin, accepted["id"]), "unlock")
    page = desk.report(accepted["id"])
    page.locator("#tab-record").click()
    page.select_option("#ws-before", label=page.locator("#ws-before option", has_text="已放弃").inner_text())
    expect(page.locator("#compare-findings del")).to_contain_text("这里输入")
    expect(page.locator("#ws-aside [data-copy]")).to_be_visible()
    assert page.locator("#ws-aside [data-copy]").get_attribute("data-copy") == "影像表现\n这里输入的内容\n\n印象\n"
    expect(page.locator("#ws-restore")).to_have_count(0)
    other = sit(world.reader2).report(accepted["id"])
    other.locator("#tab-record").click()
    expect(other.locator("#ws-before option", has_text="当前内容")).to_have_count(1)
    expect(other.locator("#ws-before option", has_text="已放弃")).to_have_count(0)


def test_while_the_server_is_gone_typing_goes_on_and_arrives_later(
    world: World, accepted: dict[str, Any], sit: Callable[..., Desk], server: Server
) -> None:
    page = writing(sit(world.reader), accepted["id"])
    write_whole(page)
    saved(page)
    server.stop()
    try:
        page.locator("#findings").press_sequentially("服务器停止后输入。")
        expect(page.locator("#ws-offline")).to_contain_text("未连接，内容已存本机")
        expect(page.locator("[data-event=send_to_review]")).to_be_disabled()
        page.locator("#findings").press_sequentially("继续输入。")
    finally:
        server.start()
    expect(page.locator("#ws-offline")).to_be_hidden(timeout=30_000)
    saved(page)
    expect(page.locator("[data-event=send_to_review]")).to_be_enabled()
    assert stored(world.reader, accepted["id"])["draft"]["findings"] == FINDINGS + "服务器停止后输入。继续输入。"


def test_a_save_whose_answer_was_lost_is_no_conflict(
    world: World, accepted: dict[str, Any], sit: Callable[..., Desk]
) -> None:
    page = writing(sit(world.reader), accepted["id"])
    lost: list[int] = []

    def lose(route: Route) -> None:
        if lost:
            return route.continue_()
        lost.append(route.fetch().status)
        return route.abort()

    page.route("**/draft", lose)
    page.fill("#findings", "第一句。")
    expect(page.locator("#ws-saved")).to_have_class("saved local")
    page.locator("#findings").press_sequentially("第二句。")
    saved(page)
    expect(page.locator("#ws-conflict")).to_be_hidden()
    draft = stored(world.reader, accepted["id"])["draft"]
    assert (lost, draft["findings"], draft["rev"]) == ([200], "第一句。第二句。", 2)


def test_a_claim_taken_back_leaves_the_text_to_be_copied(
    world: World, accepted: dict[str, Any], sit: Callable[..., Desk]
) -> None:
    page = writing(sit(world.reader), accepted["id"])
    page.fill("#findings", "第一句。")
    saved(page)
    step(world.g_admin, stored(world.g_admin, accepted["id"]), "unlock")
    page.locator("#findings").press_sequentially("第二句。")
    expect(page.locator("#ws-lost")).to_contain_text("报告已不由您锁定")
    expect(page.locator("#findings")).not_to_be_editable()
    expect(page.locator("#findings")).to_have_value("第一句。第二句。")
    copied = page.locator("#ws-lost [data-copy]").get_attribute("data-copy")
    assert copied == "影像表现\n第一句。第二句。\n\n印象\n"
    expect(page.locator("[data-event=send_to_review]")).to_be_disabled()


def test_a_session_that_ended_is_renewed_over_the_page(
    world: World, accepted: dict[str, Any], sit: Callable[..., Desk]
) -> None:
    page = writing(sit(world.reader), accepted["id"])
    with world.app.app_context():
        sessions.end_all(world.reader.account.id)
    page.fill("#findings", "登录失效后输入。")
    login = page.frame_locator("#session-login iframe")
    login.locator("#phone").fill(world.reader.account.phone)
    login.locator("#password").fill(PASSWORD)
    login.locator("#password").press("Enter")
    expect(page.locator("#session-login")).to_be_hidden()
    saved(page)
    assert stored(world.reader, accepted["id"])["draft"]["findings"] == "登录失效后输入。"


def test_a_second_window_reads_along_until_it_takes_over(
    world: World, accepted: dict[str, Any], sit: Callable[..., Desk]
) -> None:
    desk = sit(world.reader)
    first = writing(desk, accepted["id"])
    second = desk.report(accepted["id"])
    expect(second.locator("#ws-passive")).to_contain_text("已在另一窗口打开")
    first.fill("#findings", "第一个窗口。")
    saved(first)
    expect(second.locator("#findings")).to_have_value("第一个窗口。")
    first.locator("#findings").press_sequentially("尚未保存。")
    second.get_by_text("在此编辑").click()
    expect(second.locator("#findings")).to_be_editable()
    expect(second.locator("#findings")).to_have_value("第一个窗口。尚未保存。")
    expect(first.locator("#findings")).not_to_be_editable()
    second.fill("#findings", "第二个窗口。")
    saved(second)
    assert stored(world.reader, accepted["id"])["draft"]["findings"] == "第二个窗口。"
    expect(first.locator("#findings")).to_have_value("第二个窗口。")


@pytest.mark.feature("S-190")
def test_sending_on_wants_a_result_and_leads_back_to_the_list(
    world: World, accepted: dict[str, Any], sit: Callable[..., Desk]
) -> None:
    page = writing(sit(world.reader), accepted["id"])
    page.fill("#findings", FINDINGS)
    page.fill("#impression", IMPRESSION)
    send = page.locator("[data-event=send_to_review]")
    send.click()
    expect(page.locator("#toasts")).to_contain_text("请选择阴性或阳性")
    assert stored(world.reader, accepted["id"])["state"] == "DIAGNOSING"
    page.get_by_text("阴性", exact=True).click()
    send.click()
    page.wait_for_url("**/diagnosis?*")
    expect(page.locator("#toasts")).to_contain_text("已流转审核")
    sent = stored(world.reader, accepted["id"])
    assert (sent["state"], sent["report"]["findings"], sent["report"]["positive"]) == ("PENDING_REVIEW", FINDINGS, False)


def sent_on(world: World, request: dict[str, Any]) -> dict[str, Any]:
    request = step(world.reader, request, "open")
    return step(
        world.reader, request, "send_to_review", findings="边缘光滑。", impression="考虑炎性结节。", positive=True
    )


@pytest.mark.feature("S-194")
@pytest.mark.feature("S-196")
def test_a_reviewer_sees_the_changes_and_returns_the_report_with_a_reason(
    world: World, accepted: dict[str, Any], sit: Callable[..., Desk]
) -> None:
    sent_on(world, accepted)
    page = sit(world.reviewer).report(accepted["id"])
    page.locator("[data-begin=start_review]").click()
    expect(page.locator("#ws-claim")).to_contain_text("审核中")
    page.fill("#findings", "边缘见短毛刺。")
    page.get_by_text("显示修改").click()
    assert page.locator("#shown-findings del").all_inner_texts() == ["光滑"]
    assert page.locator("#shown-findings ins").all_inner_texts() == ["见短毛刺"]
    page.locator("[data-event=reject]").click()
    page.fill("#ws-reason", "差")
    page.locator("#ws-reject [value=yes]").click()
    assert stored(world.reviewer, accepted["id"])["state"] == "REVIEWING"
    page.fill("#ws-reason", "测量有误")
    page.locator("#ws-reject [value=yes]").click()
    page.wait_for_url("**/diagnosis?*")
    assert stored(world.reader, accepted["id"])["state"] == "REVIEW_REJECTED"
    page = sit(world.reader).report(accepted["id"])
    expect(page.locator("#ws-claim")).to_contain_text("测量有误")
    page.locator("[data-begin=open]").click()
    expect(page.locator("#findings")).to_be_editable()
    expect(page.locator("#findings")).to_have_value("边缘见短毛刺。")


@pytest.mark.feature("S-195")
def test_passing_a_report_by_key_asks_and_signs_what_is_shown(
    world: World, accepted: dict[str, Any], sit: Callable[..., Desk]
) -> None:
    sent_on(world, accepted)
    page = sit(world.reviewer).report(accepted["id"])
    page.locator("[data-begin=start_review]").click()
    expect(page.locator("#impression")).to_be_editable()
    page.fill("#impression", "周围型肺癌不能除外。")
    page.keyboard.press("Control+Enter")
    asked = page.locator("#ws-ask")
    expect(asked).to_contain_text("报告以您的签名签发")
    assert stored(world.reviewer, accepted["id"])["state"] == "REVIEWING"
    asked.locator("[value=yes]").click()
    page.wait_for_url("**/diagnosis?*")
    done = stored(world.reviewer, accepted["id"])
    assert (done["state"], done["report"]["impression"]) == ("APPROVED", "周围型肺癌不能除外。")


@pytest.mark.feature("S-191")
@pytest.mark.parametrize(("role", "allowed", "offered"), [("reader", True, 0), ("reviewer", True, 1), ("reviewer", False, 0)])
def test_submitting_at_once_is_offered_with_both_rights_where_the_connection_allows_it(
    world: World, make_study: Callable[..., Study], sit: Callable[..., Desk], role: str, allowed: bool, offered: int
) -> None:
    with world.app.app_context(), all_tenants(write=True) as db:
        settings.store(db, Connection, world.link.id, by=world.g_admin.account.id, allow_single_sign=allowed)
    member = world.people[role]
    request = step(member, ask(world, make_study(world)), "accept")
    page = writing(sit(member), request["id"])
    expect(page.locator("[data-event=submit]")).to_have_count(offered)


@pytest.mark.feature("S-189")
@pytest.mark.feature("S-188")
@pytest.mark.feature("S-187")
def test_saving_numbers_a_version_that_reset_goes_back_to_and_the_record_compares_with(
    world: World, accepted: dict[str, Any], sit: Callable[..., Desk]
) -> None:
    page = writing(sit(world.reader), accepted["id"])
    page.fill("#findings", "边缘光滑。")
    page.keyboard.press("Control+s")
    expect(page.locator("#toasts")).to_contain_text("已保存为第 1 版")
    page.fill("#findings", "边缘见短毛刺。")
    page.keyboard.press("Control+d")
    assert page.locator("#compare-findings del").all_inner_texts() == ["光滑"]
    page.keyboard.press("Alt+1")
    page.locator("#ws-reset").click()
    expect(page.locator("#findings")).to_have_value("边缘光滑。")
    page.locator("#ws-undo-do").click()
    expect(page.locator("#findings")).to_have_value("边缘见短毛刺。")


@pytest.mark.feature("S-193")
def test_keys_lead_through_tabs_and_blanks_but_not_while_an_input_method_composes(
    world: World, accepted: dict[str, Any], sit: Callable[..., Desk]
) -> None:
    page = writing(sit(world.reader), accepted["id"])
    for number, panel in [(2, "case"), (3, "related"), (4, "attached"), (5, "record"), (1, "content")]:
        page.keyboard.press(f"Alt+{number}")
        expect(page.locator(f"#panel-{panel}")).to_be_visible()
    page.fill("#findings", "大小约__mm×__mm")
    page.locator("#findings").evaluate("(field) => { field.focus(); field.setSelectionRange(0, 0) }")
    page.keyboard.press("Tab")
    page.keyboard.type("17")
    page.keyboard.press("Tab")
    page.keyboard.type("15?")
    expect(page.locator("#findings")).to_have_value("大小约17mm×15?mm")
    page.keyboard.press("Alt+ArrowDown")
    expect(page.locator("#impression")).to_be_focused()
    page.evaluate(
        "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', "
        "{ key: '2', altKey: true, bubbles: true, isComposing: true }))"
    )
    expect(page.locator("#panel-content")).to_be_visible()
    page.locator("#ws-compare").focus()
    page.keyboard.press("?")
    expect(page.locator("#ws-keys")).to_be_visible()


@pytest.fixture
def drawn_study(world: World) -> str:
    """An ultrasound picture that a program drew, uploaded with its bytes. Its public id."""
    plan = next(p for p in phantom.planned_studies(datetime(2026, 11, 25, 9, 30)) if p.name == "abdomen-us")
    with tempfile.TemporaryDirectory() as folder, world.app.app_context():
        plan.draw(Path(folder), patient=plan.patient, at=plan.at, seed=plan.seed)
        counts = list(ingest_paths(world.app.house, world.hospital.code, [Path(folder)]))[-1]
        assert counts["counts"]["stored"] == 1
    found: str = world.technician.call("GET", "/studies").get_json()["items"][0]["id"]
    return found


@pytest.mark.slow
@pytest.mark.feature("S-182")
def test_a_key_image_of_the_viewer_lands_in_the_draft_and_a_foreign_study_stops_signing(
    world: World, drawn_study: str, sit: Callable[..., Desk]
) -> None:
    asked = {"study_id": drawn_study, "group": world.group.code, "parts": [{"name": "腹部", "count": 1}]}
    request = world.doctor.call("POST", "/requests", asked).get_json()
    request = step(world.reader, request, "accept")
    page = writing(sit(world.reader, images=True), request["id"])
    viewer = page.frame_locator("#ws-viewer iframe")
    canvas = viewer.locator("canvas.cornerstone-canvas").first
    canvas.wait_for(timeout=60_000)
    page.wait_for_timeout(2000)
    canvas.click()
    page.keyboard.press("k")
    expect(page.locator("#ws-captures figure")).to_have_count(1, timeout=20_000)
    expect(page.locator("#ws-captures input")).to_be_checked()
    saved(page)
    (image,) = stored(world.reader, request["id"])["draft"]["images"]
    assert image == page.locator("#ws-captures figure").get_attribute("data-capture")
    assert page.locator("#ws-captures img").evaluate("(picture) => picture.decode().then(() => picture.naturalWidth)") > 100

    frame = next(f for f in page.frames if "/viewer/" in f.url)
    frame.evaluate("parent.postMessage({ type: 'telerad:study', studies: ['1.2.3'], active: '1.2.3' }, location.origin)")
    expect(page.locator("#ws")).to_have_class("ws mismatch")
    expect(viewer.locator("#telerad-alarm")).to_contain_text("影像与当前报告不是同一检查")
    expect(page.locator("#ws")).to_have_class("ws")


def test_who_accepts_second_sees_who_was_first_and_the_row_as_it_is_now(
    world: World, make_study: Callable[..., Study], sit: Callable[..., Desk]
) -> None:
    request, desk = ask(world, make_study(world)), sit(world.reader2)
    page = desk.context.new_page()
    page.goto(f"{desk.server.url}/t/{world.group.code}/diagnosis")
    row = page.locator(f"#row-{request['id']}, tr", has_text="测试甲").first
    expect(row).to_contain_text("待接单")
    step(world.reader, request, "accept")
    row.get_by_role("button", name="接单").click()
    expect(page.locator("#toasts")).to_contain_text(re.compile(r"reader 已于 \d\d:\d\d:\d\d 接单"))
    expect(row).to_contain_text("已接收")
    expect(row.get_by_role("button", name="接单")).to_have_count(0)
