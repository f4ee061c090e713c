"""A printed report shows all of the report, on the paper, in the right glyphs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
import segno

from plugin_sdk.consultation import Person, Signature
from plugin_sdk.paper.fonts import RenderFailed
from plugins.report_templates.layout import Layout
from plugins.report_templates.pdf import render

A4 = (595.28, 841.89)
MARGIN = 45.0


def squeezed(text: str) -> str:
    return "".join(text.split())


@pytest.mark.feature("S-142")
def test_the_text_can_be_selected_and_is_complete(make_job, read_pdf):
    job = make_job()
    text = read_pdf(render(job)).text()
    assert squeezed(job.report.findings) in squeezed(text)
    assert squeezed(job.report.impression) in squeezed(text)
    assert "最大径8.2 mm。" in text
    assert "影像所见" in text
    assert "CT 印象" in text
    assert "影像表现" not in text


@pytest.mark.feature("S-141")
def test_the_head_names_hospital_group_patient_and_exam(make_job, read_pdf):
    text = squeezed(read_pdf(render(make_job(department="", age=""))).text())
    for words in (
        "临江县人民医院",
        "CT诊断报告",
        "由省影像会诊中心远程诊断",
        "姓名：张桂兰性别：女年龄：未知",
        "检查编号：CT2511250396病人ID：P2043734出生日期：1968-03-12",
        "科室：-申请医师：李建国检查时间：2026-11-2508:51",
        "检查部位：胸部平扫+增强",
    ):
        assert words in text


def test_a_long_report_flows_on_and_each_further_page_tells_whose_it_is(make_job, read_pdf):
    findings = "\n".join(f"第{number}处：左肺下叶结节，大小约{number}.2 mm，边界清楚。" * 2 for number in range(1, 51))
    pages = read_pdf(render(make_job(findings=findings))).pages()
    assert len(pages) >= 2
    body = "".join(pages)
    for number in range(1, 51):
        assert body.count(f"第{number}处") == 2
        assert body.count(f"约{number}.2 mm") == 2
    for number, page in enumerate(pages, 1):
        assert squeezed(f"第{number}页共{len(pages)}页") in squeezed(page)
        assert "张桂兰" in page
        assert "P2043734" in page
        assert "CT2511250396" in page
        assert "报告医师" in page


@pytest.mark.parametrize(
    "findings",
    ["肺" * 2000, "A1" * 1000, "，" * 300, "17mm×" * 300, "（8.2 mm，" * 150, "lung nodule " * 300, "　　左肺\t结节"],
)
def test_nothing_runs_off_the_paper(make_job, read_pdf, findings):
    pdf = read_pdf(
        render(make_job(findings=findings, body_part="胸部" * 40, name="Maximilian" * 8, footer="参考" * 90))
    )
    boxes = [word.box for word in pdf.words()]
    assert min(box[0] for box in boxes) >= MARGIN
    assert max(box[2] for box in boxes) <= A4[0] - MARGIN
    assert min(box[1] for box in boxes) >= 0
    assert max(box[3] for box in boxes) <= A4[1]
    kept = squeezed(findings)
    assert sum(map(squeezed(pdf.text()).count, set(kept))) >= len(kept)


def test_chinese_is_drawn_and_each_character_in_its_own_shape(make_job, read_pdf):
    pdf = read_pdf(render(make_job(findings="肺\n肝\n肺", images=(), link_url="")))
    page = pdf.picture()
    shapes = [
        page.crop(tuple(round(edge * 2) for edge in word.box)).point(lambda grey: 255 if grey < 128 else 0)
        for word in pdf.words()
        if word.text in ("肺", "肝")
    ]
    lung, liver, again = (shape.resize((40, 40)) for shape in shapes)
    ink = [sum(grey > 128 for grey in shape.tobytes()) for shape in (lung, liver, again)]
    assert min(ink) > 40 * 40 * 0.08
    assert difference(lung, liver) > 200
    assert difference(lung, again) < 100


def difference(one, other) -> int:
    return sum((a > 128) != (b > 128) for a, b in zip(one.tobytes(), other.tobytes(), strict=True))


def test_a_character_that_no_face_has_is_marked_and_named(make_job, read_pdf):
    text = squeezed(read_pdf(render(make_job(name="张𠮷"))).text())
    assert "姓名：张〓" in text
    assert "字库未收录的字：〓=U+20BB7" in text


def test_several_such_characters_are_numbered(make_job, read_pdf):
    text = squeezed(read_pdf(render(make_job(name="张𠮷", findings="下⅓段𠮷"))).text())
    assert "姓名：张〓①" in text
    assert "下〓②段〓①" in text
    assert "〓①=U+20BB7，〓②=U+2153" in text


def test_a_report_full_of_unprintable_text_is_not_printed(make_job):
    with pytest.raises(RenderFailed):
        render(make_job(findings="".join(map(chr, range(0x20000, 0x20000 + 2000)))))


@pytest.mark.feature("S-144")
def test_the_qr_code_holds_the_link(make_job, read_pdf):
    job = make_job()
    modules = [list(row) for row in segno.make_qr(job.link_url, error="m", boost_error=False).matrix]
    side = (len(modules) + 4) * 8
    code = next(image for image in read_pdf(render(job)).images() if image.size == (side, side))
    drawn = [
        [int(code.getpixel(((2 + x) * 8 + 4, (2 + y) * 8 + 4))[0] < 128) for x in range(len(modules))]
        for y in range(len(modules))
    ]
    assert drawn == modules


@pytest.mark.feature("S-146")
@pytest.mark.parametrize(
    ("until", "words"), [(datetime(2027, 2, 22, 17, tzinfo=UTC), "至 2027-02-23"), (None, "永久有效")]
)
def test_the_qr_code_tells_how_long_it_is_valid_in_the_hospitals_zone(make_job, read_pdf, until, words):
    text = read_pdf(render(make_job(link_until=until))).text()
    assert "电子胶片" in text
    assert words in text


@pytest.mark.feature("S-144")
def test_without_a_link_there_is_no_code(make_job, read_pdf):
    assert "电子胶片" not in read_pdf(render(make_job(link_url=""))).text()
    assert "电子胶片" not in read_pdf(render(make_job(), Layout(show_qr=False))).text()


@pytest.mark.feature("S-143")
def test_signers_and_times_are_printed_in_the_hospitals_zone(make_job, read_pdf):
    text = squeezed(read_pdf(render(make_job(zone="Asia/Urumqi"))).text())
    assert "报告医师：" in text
    assert "审核医师：周明远" in text
    assert "林若水" in text
    assert "书写时间：2026-11-2507:31" in text
    assert "签发时间：2026-11-2507:52" in text


def test_a_stamp_that_is_not_the_signers_own_is_printed_with_the_real_name(make_job, make_picture, read_pdf):
    stamp = Signature(role="author", name="林若水", image=make_picture(200, 80), at=None, source="hospital")
    assert "林若水（医院签章）" in read_pdf(render(make_job(signatures=(stamp,)))).text()


def test_one_person_signing_twice_is_marked(make_job, read_pdf):
    same = Person(user=5, id="u5", name="林若水")
    assert "报告医师与审核医师为同一人" in read_pdf(render(make_job(reviewer=same))).text()


def test_two_people_of_one_name_are_not_marked_as_one(make_job, read_pdf):
    namesake = Person(user=9, id="u9", name="林若水")
    assert "同一人" not in read_pdf(render(make_job(reviewer=namesake))).text()


@pytest.mark.feature("S-147")
def test_the_largest_signatures_leave_room_for_everything(make_job, make_picture, read_pdf):
    both = tuple(
        Signature(role=r, name="林若水", image=make_picture(450, 250), at=None) for r in ("author", "reviewer")
    )
    same = Person(user=5, id="u5", name="林若水")
    pdf = read_pdf(render(make_job(signatures=both, reviewer=same, footer="参考" * 200), Layout(signature_mm=(45, 25))))
    text = squeezed(pdf.text())
    assert text.count("林若水") == 2
    assert "参考" * 200 in text
    assert "同一人" in text
    assert "第1页共" in text


def test_version_check_value_and_amendment_are_printed(make_job, read_pdf):
    text = read_pdf(render(make_job(n=4, amended_from=3))).text()
    assert "本报告为第 4 版，修改自第 3 版" in text
    assert "第 4 版 · 校验值 9F3A 71C0 52DE 8B11" in text
    assert "本报告仅供临床医师参考" in text
    assert "修改自" not in read_pdf(render(make_job())).text()


def test_a_report_that_nobody_confirmed_says_so_on_every_page(make_job, read_pdf):
    pages = read_pdf(render(make_job(confirmed=False, findings="肺" * 2500))).pages()
    assert len(pages) > 1
    assert all("未确认" in page for page in pages)
    assert "未确认" not in read_pdf(render(make_job())).text()


@pytest.mark.feature("S-142")
def test_key_images_are_printed_with_captions_and_the_rest_is_counted(make_job, make_picture, read_pdf):
    images = [(make_picture(200 + number, 150), f"病灶{number}") for number in range(6)]
    pdf = read_pdf(render(make_job(images=images, logo=None, link_url="")))
    assert {image.size for image in pdf.images()} >= {(200 + number, 150) for number in range(4)}
    text = pdf.text()
    assert "图 4 病灶3" in text
    assert "病灶4" not in text
    assert "另有 2 幅图像未打印" in text


@pytest.mark.parametrize(
    "data", [b"", b"GIF89a", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\x89PNG\r\n\x1a\nbroken"]
)
def test_an_unreadable_image_stops_the_report(make_job, data):
    with pytest.raises(RenderFailed):
        render(make_job(images=((data, "x"),)))


def test_the_same_job_gives_the_same_bytes_and_the_date_of_sealing(make_job):
    job = make_job()
    first = render(job)
    render(make_job(findings="别的报告"))
    assert render(job) == first
    assert first.count(b"(D:20261125015200+00'00')") == 2
    later = replace(job.report, sealed_at=datetime(2026, 11, 25, 1, 53, tzinfo=UTC))
    assert render(replace(job, report=later)) != first


@pytest.mark.feature("S-140")
def test_a_layout_may_leave_out_the_modality_and_word_the_title(make_job, read_pdf):
    text = read_pdf(render(make_job(), Layout(title="影像会诊意见", show_modality=False))).text()
    assert "影像会诊意见" in text
    assert "CT 影像会诊意见" not in text
    assert "CT 印象" not in text
    assert "印象" in text


@pytest.mark.feature("S-145")
def test_stretched_images_share_the_width_of_their_row(make_job, make_picture, read_pdf):
    images = ((make_picture(900, 300), "甲"),)
    widths = []
    for arrangement in ("stacked", "stretch"):
        pdf = read_pdf(render(make_job(images=images), Layout(arrangement=arrangement)))
        top = next(word.box[3] for word in pdf.words() if word.text == "诊断图像")
        foot = next(word.box[1] for word in pdf.words() if word.text == "甲")
        between = pdf.picture(dpi=72).crop((0, round(top) + 1, 595, round(foot) - 1))
        left, _, right, _ = between.point(lambda grey: 255 if grey < 60 else 0).getbbox()
        widths.append(right - left)
    assert widths[0] == pytest.approx(240, abs=3)
    assert widths[1] == pytest.approx(492, abs=3)


@pytest.mark.parametrize(
    "wrong",
    [
        {"columns": 0},
        {"columns": 5},
        {"max_images": 13},
        {"fields": ("name", "password")},
        {"fields": ("name", "name")},
        {"signature_mm": (46, 12)},
        {"title": ""},
        {"link_days": 0},
        {"arrangement": "diagonal"},
    ],
)
@pytest.mark.feature("S-139")
def test_a_layout_refuses_what_cannot_be_printed(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Layout(**wrong)


def test_a_link_for_members_does_not_call_itself_an_e_film(make_job, read_pdf):
    text = read_pdf(render(make_job(link_login=True))).text()
    assert "查看报告" in text and "登录后查看" in text
    assert "电子胶片" not in text and "永久有效" not in text
