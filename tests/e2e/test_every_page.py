"""Every page that a link leads to, on both sides, in both languages and sizes: nothing to find, nothing cut off."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e import looks
from tests.e2e.desk import CHROMIUM, Desk
from tests.e2e.product import Product
from tests.e2e.stage import ADMIN_G, ADMIN_H, OPERATOR, READER, REVIEWER, Found, Requests, crawl, open_house

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")]
PEOPLE = (ADMIN_H, ADMIN_G, READER, REVIEWER, OPERATOR)
SIZES = ((1366, 768), (1920, 1080))
ZOOMED = (683, 384)
NOTHING_TO_DIVIDE = {"BUTTON ws-divider"}  # images stand above the report there
House = tuple[Product, Requests]
# Pages that no link of the furnished demo leads to, each with its reason.
UNLINKED = {
    ("diagnosis.images", "a preview's shared address: sends itself and leaves"),
    ("me.ask", "the question for the password: comes instead of what was asked, or over it"),
}


def starts(requests: Requests, phone: str) -> list[str]:
    ids = {READER: (requests.writing, requests.reviewing, requests.submitted), REVIEWER: (requests.reviewing, requests.waiting)}
    return ["/", "/login", *(f"/t/GDEMO/diagnosis/{i}/report" for i in ids.get(phone, ()))]


def walk(browser: Browser, house: House, phone: str, language: str) -> Iterator[tuple[Page, Found]]:
    """Open each page that a person's links lead to."""
    product, requests = house
    desk = Desk(browser, product, phone)
    choose_language(desk, language)
    app = open_house(str(product.data))
    found = list(crawl(app, desk.context.request, product.url, starts(requests, phone)))
    first = starts(requests, phone)[2:]
    places = [p for p in found if p.endpoint != "workspace.show"] + [Found("workspace.show", (), path) for path in first]
    for place in places:
        if place.endpoint.endswith(".images"):
            continue  # sends itself and leads to the viewer, a document of its own
        desk.page.goto(product.url + place.path)
        desk.page.wait_for_load_state("load")
        yield desk.page, place
    desk.clean()


def choose_language(desk: Desk, language: str) -> None:
    page = desk.go("/me")
    page.select_option("[name=language]", language)
    page.locator("[name=language]").evaluate("(box) => box.form.requestSubmit()")
    page.wait_for_load_state("load")


def drawn(page: Page, place: Found) -> None:
    """Wait until the workspace's script has filled it; the viewer's own document is not looked at here."""
    if place.endpoint == "workspace.show":
        page.wait_for_function("document.querySelector('#ws-chosen').textContent !== ''")


@pytest.mark.parametrize("language", ["zh_CN", "en"])
@pytest.mark.parametrize("phone", PEOPLE)
def test_no_page_has_a_finding_and_nothing_is_cut_off(browser: Browser, furnished: House, phone: str, language: str) -> None:
    found = []
    for page, place in walk(browser, furnished, phone, language):
        drawn(page, place)
        for size in SIZES:
            page.set_viewport_size({"width": size[0], "height": size[1]})
            found += [f"{place.path} {size[0]}: {f}" for f in looks.cut_off(page, scrollers=".scroll-table")]
        page.set_viewport_size({"width": 1366, "height": 768})
        found += [f"{place.path}: {f}" for f in looks.findings(page)]
        if place.endpoint == "workspace.show":
            page.click("#ws-theme")
            found += [f"{place.path} light: {f}" for f in looks.findings(page)]
    assert found == [], "\n".join(found)


def test_at_twice_the_size_every_function_is_there_and_in_reach(browser: Browser, furnished: House) -> None:
    found = []
    for phone in (ADMIN_H, ADMIN_G, READER, OPERATOR):
        for page, place in walk(browser, furnished, phone, "zh_CN"):
            drawn(page, place)
            page.set_viewport_size({"width": 1366, "height": 768})
            before = looks.functions(page)
            page.set_viewport_size({"width": ZOOMED[0], "height": ZOOMED[1]})
            found += [f"{place.path}: gone {f}" for f in sorted(before - looks.functions(page) - NOTHING_TO_DIVIDE)]
            found += [f"{place.path}: out of reach {f}" for f in looks.out_of_reach(page)]
            found += [f"{place.path}: {f}" for f in looks.findings(page)]
    assert found == [], "\n".join(found)


def test_in_english_no_chinese_is_left_but_data(browser: Browser, furnished: House) -> None:
    data = data_of(furnished)
    found = []
    for phone in PEOPLE:
        for page, place in walk(browser, furnished, phone, "en"):
            drawn(page, place)
            found += [f"{place.path}: {f}" for f in looks.foreign_words(page, data)]
    assert found == [], "\n".join(dict.fromkeys(found))


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


def test_every_page_of_the_product_is_reached_by_a_link(browser: Browser, furnished: House) -> None:
    product, _ = furnished
    app = open_house(str(product.data))
    reached: set[str] = set()
    for phone in PEOPLE:
        desk = Desk(browser, product, phone)
        reached |= {f.endpoint for f in crawl(app, desk.context.request, product.url, ["/", "/login"])}
        desk.context.close()
    pages = {
        rule.endpoint for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and not re.search(r"/api/|/static/|/viewer/|dicom-web|healthz|readyz", rule.rule)
    }
    fragments = {"work.counts", "requests.capture", "me.left", "account.captcha_image", "lists.look", "exports.progress"}
    files = {"exports.download", "metrics.show"}
    assert pages - reached - fragments - files == {endpoint for endpoint, _ in UNLINKED}
