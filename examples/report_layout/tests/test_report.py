"""A hospital's reports come on its own sheet, and only its own."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from PIL import Image, ImageChops
from pypdf import PdfReader

from plugin_sdk.consultation import ReportJob
from plugin_sdk.paper import qr
from plugin_sdk.paper.fonts import RenderFailed
from plugin_sdk.testing import Browser, House
from telerad_example_report_layout import logos, sample
from telerad_example_report_layout.renderer import HospitalRenderer
from telerad_example_report_layout.settings import Letterhead

PAGE = "/x/example_report_layout/"
Change = Callable[[ReportJob], ReportJob]


def picture(colour: str = "navy", size: tuple[int, int] = (120, 90), kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind)
    return out.getvalue()


def read(data: bytes) -> PdfReader:
    return PdfReader(io.BytesIO(data))


def text(data: bytes) -> str:
    return "\n".join(page.extract_text() for page in read(data).pages)


def sheet(house: House, change: Change = lambda job: job) -> bytes:
    with house.at_hospital(write=False) as ctx:
        return HospitalRenderer(ctx).render(change(sample.job(ctx)))


def findings(words: str) -> Change:
    return lambda job: replace(job, report=replace(job.report, findings=words))


def saved(house: House, browser: Browser, data: bytes, name: str = "logo.png") -> int:
    return browser.post(f"{PAGE}logo", {"logo": (io.BytesIO(data), name)}).status_code


def test_a_confirmed_report_is_printed_on_the_hospitals_sheet_for_both_sides(house: House) -> None:
    house.set("hospital", Letterhead, latin_name="ST. LUKE HOSPITAL", title="影像报告单", contact="电话 0439-5550120")
    done = house.finish(house.ask(house.study(name="欧阳测试")), findings="双肺纹理清晰。", impression="胸部未见异常。")
    house.work()
    for who in ("doctor", "reader"):
        answer = house.person(who).call("GET", f"/requests/{done.ref.public_id}/report.pdf")
        assert answer.status_code == 200
        said = text(answer.data)
        for words in (house.hospital.name, "ST. LUKE HOSPITAL", "CT 影像报告单", "欧阳测试", "双肺纹理清晰。", "胸部未见异常。", "0439-5550120"):
            assert words in said


def test_a_group_that_looks_before_the_hospital_confirms_sees_the_hospitals_sheet(house: House) -> None:
    house.set("hospital", Letterhead, title="影像报告单")
    asked = house.ask(house.study())
    for who, event, body in (("reader", "accept", {}), ("reader", "open", {}),
                             ("reader", "send_to_review", {"findings": "双肺清晰。", "impression": "未见异常。", "positive": False}),
                             ("reviewer", "start_review", {}), ("reviewer", "approve", {})):
        person, path = house.person(who), f"/requests/{asked.ref.public_id}"
        version = person.call("GET", path).get_json()["version"]
        assert person.call("POST", f"{path}/{event}", {"version": version, **body}).status_code == 200
    said = text(house.person("reviewer").call("GET", f"/requests/{asked.ref.public_id}/report.pdf").data)
    assert "影像报告单" in said
    assert "未确认" in said


def test_where_the_plugin_is_off_the_standard_sheet_is_back(house: House) -> None:
    house.set("hospital", Letterhead, title="影像报告单")
    house.switch("example_report_layout", on=False)
    done = house.finish(house.ask(house.study()))
    house.work()
    said = text(house.person("doctor").call("GET", f"/requests/{done.ref.public_id}/report.pdf").data)
    assert "诊断报告" in said
    assert "影像报告单" not in said


def test_another_hospital_has_its_own_letterhead_and_logo(house: House, browser: Browser) -> None:
    house.set("hospital", Letterhead, latin_name="ST. LUKE HOSPITAL")
    assert saved(house, browser, picture()) == 303
    other = house.another()
    assert "ST. LUKE" not in text(sheet(other))
    assert len(images(sheet(house))) == len(images(sheet(other))) + 1


def images(data: bytes) -> list[Image.Image]:
    return [found.image.convert("RGB") for page in read(data).pages for found in page.images if found.image]


def test_the_logo_is_printed_until_it_is_removed(house: House, browser: Browser) -> None:
    assert "未设置院徽" in browser.page(PAGE)
    assert saved(house, browser, picture("navy", (120, 90)), "院徽.png") == 303
    assert "院徽.png" in browser.page(PAGE)
    assert (120, 90) in {image.size for image in images(sheet(house))}
    assert saved(house, browser, picture("maroon", (80, 80), "JPEG"), "new.jpg") == 303
    assert (80, 80) in {image.size for image in images(sheet(house))}
    assert browser.get(f"{PAGE}logo").mimetype == "image/jpeg"
    browser.post(f"{PAGE}logo/remove")
    assert not {(120, 90), (80, 80)} & {image.size for image in images(sheet(house))}
    assert browser.get(f"{PAGE}logo").status_code == 404


@pytest.mark.parametrize("data", [b"", b"<svg/>", b"\x89PNG\r\n\x1a\n broken", b"x" * (logos.MOST_BYTES + 1)])
def test_what_is_no_logo_is_refused_in_words_and_the_old_one_stays(house: House, browser: Browser, data: bytes) -> None:
    saved(house, browser, picture(), "good.png")
    answer = browser.post(f"{PAGE}logo", {"logo": (io.BytesIO(data), "bad.png")})
    assert answer.status_code == 422
    assert "请选择不超过 1 MB 的 PNG 或 JPEG 图像" in answer.get_data(as_text=True)
    assert "good.png" in browser.page(PAGE)


def test_the_page_is_for_those_who_manage_the_sheet(house: House) -> None:
    doctor, group = house.person("doctor").browser(), house.person("g_admin").browser()
    assert [doctor.get(PAGE).status_code, group.get(PAGE).status_code] == [403, 404]
    assert doctor.post(f"{PAGE}logo", {"logo": (io.BytesIO(picture()), "x.png")}).status_code == 403


def test_the_sample_shows_the_sheet_as_it_stands(house: House, browser: Browser) -> None:
    house.set("hospital", Letterhead, title="影像报告单", colour="green")
    answer = browser.get(f"{PAGE}sample.pdf")
    assert answer.mimetype == "application/pdf"
    assert "影像报告单" in text(answer.data)


def test_key_images_stand_in_two_columns_and_what_is_left_out_is_said(house: House) -> None:
    numbered = tuple((picture(size=(100 + n, 90)), f"视图{n}") for n in range(1, 9))
    data = sheet(house, lambda job: replace(job, images=numbered))
    said = text(data)
    assert [n for n in range(1, 9) if f"视图{n}" in said] == [1, 2, 3, 4, 5, 6]
    assert "另有 2 幅图像未打印" in said
    assert {image.size for image in images(data)} >= {(100 + n, 90) for n in range(1, 7)}
    places: dict[str, tuple[int, int, float]] = {}
    for number, page in enumerate(read(data).pages):
        page.extract_text(visitor_text=lambda words, cm, tm, font, size, number=number: places.update(  # type: ignore[misc]
            {word: (number, round(tm[5] + cm[5]), tm[4] + cm[4]) for word in re.findall(r"视图\d", words)}))
    for left, right in (("视图1", "视图2"), ("视图3", "视图4"), ("视图5", "视图6")):
        assert places[left][:2] == places[right][:2]
        assert places[right][2] - places[left][2] > 200


def test_an_ordinary_report_with_four_images_is_one_page(house: House) -> None:
    data = sheet(house, lambda job: replace(job, images=job.images * 2))
    assert len(read(data).pages) == 1


def test_chinese_lines_end_where_they_may_and_no_measurement_is_cut(house: House) -> None:
    words = "左肺上叶前段见一结节影，大小约17 mm×15 mm（序列3，图像142），边缘见短毛刺，最大径8.2 mm。" * 12
    said = [line.strip() for line in text(sheet(house, findings(words))).splitlines() if line.strip()]
    body = [line for line in said if "结节" in line or "mm" in line]
    assert len(body) > 8
    for line in body:
        assert line[0] not in "，。）、；：×"
        assert line[-1] not in "（×0123456789."
        assert not line.startswith("mm")
    assert re.sub(r"\s", "", words) in re.sub(r"\s", "", "".join(said))


def test_further_pages_say_whose_report_they_belong_to(house: House) -> None:
    pages = read(sheet(house, findings("右肺中叶见一磨玻璃结节。\n" * 90))).pages
    assert len(pages) > 1
    for number, page in enumerate(pages, 1):
        said = page.extract_text()
        assert "样张医师" in said
        assert f"第 {number} 页 共 {len(pages)} 页" in said
        assert "P000001" in said


def test_the_code_holds_the_hospitals_own_text(house: House) -> None:
    house.set("hospital", Letterhead, qr_text="报告 {request} 第{version}版 {check}", qr_caption="扫码核验")
    data = sheet(house)
    wanted = Image.open(io.BytesIO(qr.png("报告 SAMPLE 第1版 " + " ".join(["0000"] * 4)))).convert("RGB")
    found = [image for image in images(data) if image.size == wanted.size]
    assert any(ImageChops.difference(image, wanted).getbbox() is None for image in found)
    assert "扫码核验" in text(data)


@pytest.mark.parametrize(("qr_text", "link"), [("", "https://x"), ("{link}", "")])
def test_without_a_text_or_a_link_there_is_no_code(house: House, qr_text: str, link: str) -> None:
    with_code = len(images(sheet(house)))
    house.set("hospital", Letterhead, qr_text=qr_text)
    assert len(images(sheet(house, lambda job: replace(job, link_url=link)))) == with_code - 1


def test_a_code_that_no_phone_could_read_stops_the_report(house: House) -> None:
    house.set("hospital", Letterhead, qr_text="长" * 301)
    with pytest.raises(RenderFailed):
        sheet(house)


def test_the_same_report_gives_the_same_bytes(house: House) -> None:
    assert sheet(house) == sheet(house)


def test_markup_in_any_text_stays_text(house: House) -> None:
    bad = '<script>alert(1)</script><img src="file:///etc/passwd">{{7*7}}'
    house.set("hospital", Letterhead, latin_name=bad, contact=bad, qr_caption=bad, title=bad)
    squeezed = re.sub(r"\s", "", text(sheet(house, findings(bad))))
    assert squeezed.count(re.sub(r"\s", "", bad)) >= 4
    with house.at_hospital(write=False) as ctx:
        shown = HospitalRenderer(ctx).preview(findings(bad)(sample.job(ctx)))
    assert bad in html.unescape(shown)
    assert "<script" not in shown
    assert "<img src=\"file" not in shown


def test_who_changed_the_logo_stands_in_the_log(house: House, browser: Browser) -> None:
    saved(house, browser, picture())
    browser.post(f"{PAGE}logo/remove")
    said = browser.page("/")
    assert "更换报告院徽" in said
    assert "移除报告院徽" in said
