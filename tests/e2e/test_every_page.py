"""Every page that a link leads to, on both sides, in both languages and sizes: nothing to find, nothing cut off."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e import looks
from tests.e2e.desk import CHROMIUM, Desk
from tests.e2e.product import Product
from tests.e2e.stage import ADMIN_G, ADMIN_H, OPERATOR, READER, REVIEWER, Found, Requests, crawl, open_house

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")]
DOCTOR = "13800000002"
PEOPLE = (ADMIN_H, ADMIN_G, READER, REVIEWER, OPERATOR)
SIZES = ((1366, 768), (1920, 1080))
ZOOMED = (683, 384)
NOTHING_TO_DIVIDE = {"BUTTON ws-divider"}  # images stand above the report there
House = tuple[Product, Requests]
# Pages that no link of the furnished demo leads to, each with its reason.
UNLINKED = {
    ("diagnosis.images", "a preview's shared address: sends itself and leaves"),
    ("door.gate", "a link for people outside: whoever made it hands it on"),
    ("door.show", "behind such a link"),
    ("me.ask", "the question for the password: comes instead of what was asked, or over it"),
}


def choose_language(desk: Desk, language: str) -> None:
    page = desk.go("/me")
    page.select_option("[name=language]", language)
    with page.expect_navigation():
        page.locator("[name=language]").evaluate("(box) => box.form.requestSubmit()")


def drawn(page: Page, place: Found) -> None:
    """Wait until the workspace's script has filled it; the viewer's own document is not looked at here."""
    if place.endpoint == "workspace.show":
        page.wait_for_function("document.querySelector('#ws-chosen').textContent !== ''")


@dataclass
class Seen:
    """What was seen on a person's way through all pages in one language, as sentences by what was looked for."""

    findings: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
    zoomed: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)


class Walks:
    """Ways through the product; each is gone once, whoever asks. Pages of one's own account (/me) are looked at for one person."""

    def __init__(self, browser: Browser, house: House) -> None:
        self.browser, self.product, self.requests = browser, *house
        self.app = open_house(str(self.product.data))
        self.data = data_of(house)
        self.seen: dict[tuple[str, str], Seen] = {}
        self.linked: dict[str, list[Found]] = {}
        self.own: set[tuple[str, str]] = set()

    def links(self, phone: str, desk: Desk | None = None) -> list[Found]:
        """Pages that a person's links lead to."""
        if phone not in self.linked:
            desk = desk or Desk(self.browser, self.product, phone)
            self.linked[phone] = list(crawl(self.app, desk.context.request, self.product.url, ["/", "/login"]))
        return self.linked[phone]

    def __call__(self, phone: str, language: str) -> Seen:
        if (phone, language) not in self.seen:
            self.seen[phone, language] = self._walk(phone, language)
        return self.seen[phone, language]

    def _walk(self, phone: str, language: str) -> Seen:
        desk, seen = Desk(self.browser, self.product, phone), Seen()
        choose_language(desk, language)
        for place in self._places(phone, language, desk):
            desk.page.goto(self.product.url + place.path)
            desk.page.wait_for_load_state("load")
            drawn(desk.page, place)
            self._look(desk.page, place, seen, language)
        desk.clean()
        return seen

    def _places(self, phone: str, language: str, desk: Desk) -> Iterator[Found]:
        asked = self.requests
        reports = {READER: (asked.writing, asked.reviewing, asked.submitted), REVIEWER: (asked.reviewing, asked.waiting)}
        for place in self.links(phone, desk):
            own = place.path.startswith("/me")
            if place.endpoint == "workspace.show" or place.endpoint.endswith(".images"):
                continue  # the one comes below in each state, the other sends itself and leads to the viewer
            if own and (language, place.path) in self.own:
                continue
            if own:
                self.own.add((language, place.path))
            yield place
        for request in reports.get(phone, ()):
            yield Found("workspace.show", (), f"/t/GDEMO/diagnosis/{request}/report")

    def _look(self, page: Page, place: Found, seen: Seen, language: str) -> None:
        if language == "en":
            seen.foreign += [f"{place.path}: {f}" for f in looks.foreign_words(page, self.data)]
        # English words are longer than the columns are wide; a plugin's column, the fees of administrators, may be one too many.
        scrollers = ".nothing" if language == "zh_CN" and not page.locator("th", has_text="费用").count() else ".scroll-table"
        for size in SIZES:
            page.set_viewport_size({"width": size[0], "height": size[1]})
            seen.cut += [f"{place.path} {size[0]}: {f}" for f in looks.cut_off(page, scrollers=scrollers)]
        page.set_viewport_size({"width": 1366, "height": 768})
        before = looks.functions(page)
        seen.findings += [f"{place.path}: {f}" for f in looks.findings(page)]
        if language == "zh_CN":
            page.set_viewport_size({"width": ZOOMED[0], "height": ZOOMED[1]})
            seen.zoomed += [f"{place.path}: gone {f}" for f in sorted(before - looks.functions(page) - NOTHING_TO_DIVIDE)]
            seen.zoomed += [f"{place.path}: out of reach {f}" for f in looks.out_of_reach(page)]
            seen.zoomed += [f"{place.path}: {f}" for f in looks.findings(page)]
            page.set_viewport_size({"width": 1366, "height": 768})
        if place.endpoint == "workspace.show":
            page.click("#ws-theme")
            seen.findings += [f"{place.path} light: {f}" for f in looks.findings(page)]


@pytest.fixture(scope="module")
def walks(browser: Browser, furnished: House) -> Walks:
    return Walks(browser, furnished)


@pytest.mark.parametrize("language", ["zh_CN", "en"])
@pytest.mark.parametrize("phone", PEOPLE)
def test_no_page_has_a_finding_and_nothing_is_cut_off(walks: Walks, phone: str, language: str) -> None:
    seen = walks(phone, language)
    assert seen.findings + seen.cut == []


@pytest.mark.parametrize(("phone", "path"), [(DOCTOR, "/t/HDEMO/studies"), (DOCTOR, "/t/HDEMO/requests"), (REVIEWER, "/t/GDEMO/diagnosis"),
                                             (REVIEWER, "/t/GDEMO/diagnosis/done")])
def test_the_lists_of_every_day_fit_without_scrolling_sideways(browser: Browser, furnished: House, phone: str, path: str) -> None:
    page = Desk(browser, furnished[0], phone).go(path)
    expect(page.locator(".t tbody tr").first).to_be_visible()
    for width in (1366, 1600, 1920):
        page.set_viewport_size({"width": width, "height": 768})
        assert page.locator(".scroll-table").evaluate("(box) => box.scrollWidth - box.clientWidth") == 0, width
    page.context.close()


def test_at_twice_the_size_every_function_is_there_and_in_reach(walks: Walks) -> None:
    assert [found for phone in PEOPLE for found in walks(phone, "zh_CN").zoomed] == []


def test_in_english_no_chinese_is_left_but_data(walks: Walks) -> None:
    assert list(dict.fromkeys(found for phone in PEOPLE for found in walks(phone, "en").foreign)) == []


def data_of(house: House) -> list[str]:
    """Everything that people or machines wrote in Chinese: it stays as it is in every language."""
    from tests.e2e.stage import member
    from tests.plugins.consultation.test_main_job import WORDS

    app = open_house(str(house[0].data))
    doctor = member(app, ADMIN_H)
    texts = [str(v) for v in WORDS.values()]
    for study in doctor.call("GET", "/studies").get_json()["items"]:
        texts += re.findall(r"[^\x00-\x7f]+", str(doctor.call("GET", f"/studies/{study['id']}").get_json()))
    return [t for t in {*texts, "演示目的", "演示部位", "演示医生", "演示医院管理员", "演示诊断组管理员", "演示诊断组", "演示医院", "演示技师",
                        "演示临床医生", "演示诊断医生甲", "演示诊断医生乙", "演示审核医生", "演示平台管理员", "简体中文", "影像云"} if t]


def test_the_walk_sees_what_it_looks_for(browser: Browser, furnished: House) -> None:
    page = Desk(browser, furnished[0], ADMIN_H).go("/t/HDEMO/requests")
    page.set_viewport_size({"width": 1366, "height": 768})
    page.evaluate("""() => {
      const bad = document.createElement("div")
      bad.innerHTML = '<img src="/static/img/telerad.svg"><button></button><p class="ink3">只有中文</p>'
      bad.querySelector("p").setAttribute("style", "color: #ccc; width: 20px; overflow: hidden; white-space: nowrap")
      const wide = document.createElement("div"); wide.textContent = "wide"; wide.setAttribute("style", "position: absolute; top: 0; left: 1360px; width: 90px")
      document.querySelector(".page-head").append(bad, wide)
    }""")
    seen = "\n".join(looks.findings(page))
    assert all(rule in seen for rule in ("image-alt", "button-name", "color-contrast"))
    assert any("cut off" in f for f in looks.cut_off(page)) and any("wide" in f for f in looks.cut_off(page))
    assert [f for f in looks.foreign_words(page, []) if f.startswith("只有中文")] != []
    page.context.close()


def test_every_page_of_the_product_is_reached_by_a_link(walks: Walks) -> None:
    reached = {f.endpoint for phone in PEOPLE for f in walks.links(phone)}
    pages = {
        rule.endpoint for rule in walks.app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and not re.search(r"/api/|/static/|/viewer/|dicom-web|healthz|readyz", rule.rule)
    }
    fragments = {"work.counts", "requests.capture", "me.left", "account.captcha_image", "lists.look", "exports.progress"}
    files = {"exports.download", "metrics.show"}
    assert pages - reached - fragments - files == {endpoint for endpoint, _ in UNLINKED}
