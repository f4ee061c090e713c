"""One story over the whole product, told by a browser: upload, ask, read, review, confirm, print."""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile
from datetime import datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from core.demo import phantom
from core.demo.phantom import DemoPatient
from tests.e2e.desk import ARTIFACTS, CHROMIUM, Desk
from tests.e2e.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")]
DEMO = ("--no-studies",)
FINDINGS = "颅骨结构完整，脑实质密度均匀，右侧基底节区见一低密度灶，大小约 8.2 mm × 7.5 mm。"
IMPRESSION = "右侧基底节区腔隙灶，建议随访。"
INK = """(canvas) => { const c = canvas.getContext("2d"); if (!c) return -1
  const d = c.getImageData(0, 0, canvas.width, canvas.height).data; const seen = new Set()
  for (let i = 0; i < d.length; i += 4) seen.add(d[i]); return seen.size }"""


@pytest.fixture(scope="module")
def study_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    patient = DemoPatient("演示庚^^", "E2E0001", "M", datetime(1960, 5, 1).date(), "GB18030")
    paths = phantom.head_ct(folder / "dcm", patient=patient, at=datetime(2026, 11, 25, 8, 0), seed=77, slices=12)
    target = folder / "head.zip"
    with zipfile.ZipFile(target, "w") as archive:
        for path in paths:
            archive.write(path, path.name)
    return target


@pytest.mark.feature("S-010")
@pytest.mark.feature("S-014")
@pytest.mark.feature("S-026")
@pytest.mark.feature("S-058")
@pytest.mark.feature("S-063")
@pytest.mark.feature("S-090")
@pytest.mark.feature("S-182")
@pytest.mark.feature("S-194")
def test_a_study_becomes_a_printed_report(product: Product, browser: Browser, study_zip: Path, tmp_path: Path) -> None:
    _upload_and_ask(Desk(browser, product, "13800000001"), study_zip)
    _write(Desk(browser, product, "13800000011"))
    _review(Desk(browser, product, "13800000013"))
    _confirm_and_print(Desk(browser, product, "13800000002"), tmp_path)


def _upload_and_ask(desk: Desk, study_zip: Path) -> None:
    page = desk.page
    expect(page.get_by_text("演示医院").first).to_be_visible()
    desk.shot("01-workbench")
    page.get_by_text("进入").first.click()
    page.wait_for_url("**/t/HDEMO/")
    page.get_by_text("数据上传").first.click()
    page.set_input_files("#dialog input[type=file] >> nth=0", study_zip)
    expect(page.locator("#dialog")).to_contain_text("共 12 个 = 入库 12", timeout=60_000)
    desk.shot("02-upload")
    desk.go("/t/HDEMO/studies")
    row = page.locator("tbody tr").first
    expect(row).to_contain_text("演示庚")
    expect(row).to_contain_text("E2E0001")
    desk.shot("03-studies")
    with page.context.expect_page() as opened:
        row.locator("a.eye").click()
    _see_pixels(desk, opened.value)
    row.get_by_text("发起诊断").click()
    page.locator("#dialog[open] form").wait_for()
    expect(page.locator("#dialog input[name=part][value=头部]")).to_be_checked()
    page.locator("#dialog label", has_text="加急").first.click()
    desk.shot("04-start")
    page.click("#dialog button[type=submit]")
    expect(page.locator("tbody tr").first).to_contain_text("已申请")
    desk.clean()


def _see_pixels(desk: Desk, viewer: Page) -> None:
    canvas = viewer.locator("canvas.cornerstone-canvas").first
    canvas.wait_for(timeout=60_000)
    for _ in range(100):
        if canvas.evaluate(INK) > 20:
            break
        viewer.wait_for_timeout(200)
    assert canvas.evaluate(INK) > 20, "the canvas shows no image"
    desk.shot("05-viewer", viewer)
    viewer.close()


def _write(desk: Desk) -> None:
    page = desk.go("/t/GDEMO/diagnosis")
    expect(page.locator("tbody tr").first).to_contain_text("加急")
    desk.shot("06-pending")
    page.locator("tbody tr").first.get_by_role("button", name="接单").click()
    page.wait_for_url("**/report")
    page.fill("#findings", FINDINGS)
    page.fill("#impression", IMPRESSION)
    page.get_by_text("阳性", exact=True).first.click()
    expect(page.locator("#ws-saved")).to_contain_text("已保存", timeout=15_000)
    frame = page.frame_locator("iframe").first
    frame.locator("canvas.cornerstone-canvas").first.wait_for(timeout=60_000)
    page.wait_for_timeout(1500)
    frame.locator("canvas.cornerstone-canvas").first.click()
    page.keyboard.press("k")
    expect(page.locator("#ws-captures figure")).to_have_count(1, timeout=20_000)
    expect(page.locator("#ws-saved")).to_contain_text("已保存", timeout=15_000)
    desk.shot("07-workspace")
    page.click("[data-event=send_to_review]")
    page.wait_for_url("**/diagnosis*")
    expect(page.locator("tbody tr").first).to_contain_text("待审核")
    desk.clean()


def _review(desk: Desk) -> None:
    page = desk.go("/t/GDEMO/diagnosis")
    page.locator("tbody tr").first.get_by_role("link", name="审核", exact=True).click()
    page.wait_for_url("**/report")
    page.get_by_text("开始审核").first.click()
    expect(page.locator("#impression")).to_be_editable(timeout=15_000)
    page.fill("#impression", IMPRESSION + "必要时 MRI 检查。")
    expect(page.locator("#ws-saved")).to_contain_text("已保存", timeout=15_000)
    desk.shot("08-review")
    page.click("[data-event=approve]")
    page.locator("#ws-ask[open] button[value=yes]").click()
    page.wait_for_url("**/diagnosis*")
    desk.clean()


def _confirm_and_print(desk: Desk, folder: Path) -> None:
    page = desk.go("/t/HDEMO/requests")
    row = page.locator("tbody tr").first
    expect(row).to_contain_text("已审核")
    desk.shot("09-requests")
    row.get_by_text("确认报告").click()
    expect(page.locator("body")).to_contain_text("必要时 MRI 检查。")
    desk.shot("10-report")
    page.locator("form[action$=confirm] button").click()
    page.get_by_text("报告预览").first.click()
    page.wait_for_url("**/report")
    expect(page.locator(".report-sheet")).to_contain_text("右侧基底节区")
    page.get_by_role("button", name="保存").click()
    expect(page.locator("body")).to_contain_text("已保存")
    desk.shot("11-preview")
    with page.expect_download() as got:
        page.get_by_role("button", name="下载").click()
    target = folder / "report.pdf"
    got.value.save_as(target)
    text = subprocess.run(["pdftotext", "-layout", target, "-"], capture_output=True, text=True, check=True).stdout
    flat = "".join(text.split())
    for words in ("演示庚", "8.2mm×7.5mm", "右侧基底节区腔隙灶", "演示诊断医生甲", "演示审核医生"):
        assert words in flat, words
    shutil.copy(target, ARTIFACTS / "12-report.pdf")
    subprocess.run(["pdftoppm", "-r", "70", "-png", target, ARTIFACTS / "12-report"], check=True)
    page = desk.go("/t/HDEMO/requests")
    expect(page.locator("tbody tr").first).to_contain_text("已完成")
    desk.clean()


def test_a_child_that_dies_is_started_again_and_nothing_outlives_the_supervisor(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    product = Product(tmp_path_factory.mktemp("supervised"))
    product.start()
    before = product.children()
    victim = next(pid for pid, command in before.items() if " worker" in command)
    os.kill(victim, 9)
    web = next(pid for pid, command in before.items() if " web " in command)
    os.kill(web, 9)
    for _ in range(100):
        now = product.children()
        if victim not in now and any(" worker" in c for c in now.values()) and any(" web " in c for c in now.values()):
            break
        subprocess.run(["sleep", "0.2"], check=True)
    product.wait_ready()
    left = list(product.children())
    product.stop()
    assert product.process is not None and product.process.returncode == 0
    for pid in left:
        assert not Path(f"/proc/{pid}").exists(), pid
