"""The upload dialog: a folder of slices is one upload, each file has its line, one connection that drops costs nothing."""

from __future__ import annotations

import json
import shutil
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from core.demo import phantom
from core.demo.phantom import DemoPatient
from tests.e2e.desk import CHROMIUM, Desk
from tests.e2e.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")]
DEMO = ("--no-studies",)
TECHNICIAN = "13800000001"


def slices(folder: Path, pid: str, n: int) -> list[Path]:
    patient = DemoPatient(f"演示{pid}^^", pid, "F", date(1970, 1, 2), "GB18030")
    made = phantom.head_ct(folder / pid, patient=patient, at=datetime(2026, 11, 25, 8, 0), seed=int(pid[2:]), slices=n)
    return [path.rename(path.with_suffix(".dcm")) for path in made]


def open_dialog(desk: Desk) -> Page:
    desk.go("/t/HDEMO/")
    desk.page.get_by_text("数据上传").first.click()
    desk.page.locator("#dialog input[type=file]").first.wait_for(state="attached")
    return desk.page


def results(page: Page, upload: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(page.evaluate("(url) => fetch(url).then((r) => r.text())", f"/api/v1/t/HDEMO/uploads/{upload}"))
    return found


def listened(page: Page) -> list[str]:
    """Ids of the uploads that the page finished, as they come."""
    found: list[str] = []
    page.on("request", lambda r: found.append(r.url.split("/")[-2]) if r.url.endswith("/finish") else None)
    return found


@pytest.mark.feature("S-026")
@pytest.mark.feature("S-027")
def test_a_folder_of_slices_with_a_wrong_file_is_one_upload_and_the_sum_adds_up(
    product: Product, browser: Browser, tmp_path: Path
) -> None:
    desk = Desk(browser, product, TECHNICIAN)
    files = slices(tmp_path, "UP1", 8)
    broken, text = tmp_path / "broken.dcm", tmp_path / "notes.txt"
    broken.write_bytes(b"\0" * 500)
    text.write_text("hello")
    page = open_dialog(desk)
    finished = listened(page)
    page.set_input_files("#dialog input[type=file] >> nth=0", [*files, broken, text])
    expect(page.locator("#dialog footer")).to_contain_text("共 10 个 = 入库 8 + 拒收 1 + 未上传 1", timeout=60_000)
    expect(page.locator("#dialog tr", has_text="broken.dcm")).to_contain_text("不是 DICOM 文件")
    expect(page.locator("#dialog")).not_to_contain_text("补传影像")
    assert len(finished) == 1
    said = results(page, finished[0])
    assert said["counts"] == {"files": 9, "stored": 8, "duplicate": 0, "held": 0, "refused": 1}
    desk.shot("upload-folder")
    desk.clean()


@pytest.mark.feature("S-026")
def test_files_and_a_zip_added_while_others_are_on_their_way_get_their_own_lines(
    product: Product, browser: Browser, tmp_path: Path
) -> None:
    desk = Desk(browser, product, TECHNICIAN)
    first, second = slices(tmp_path, "UP2", 4), slices(tmp_path, "UP33", 5)
    archive = Path(shutil.make_archive(str(tmp_path / "more"), "zip", second[0].parent))
    page = open_dialog(desk)
    finished = listened(page)
    page.set_input_files("#dialog input[type=file] >> nth=0", first)
    page.set_input_files("#dialog input[type=file] >> nth=0", [archive, first[0]])
    expect(page.locator("#dialog footer")).to_contain_text("共 10 个 = 入库 9 + 已存在 1", timeout=60_000)
    expect(page.locator("#dialog tr", has_text="more.zip")).to_contain_text("入库 5")
    assert 1 <= len(finished) <= 2
    desk.clean()


@pytest.mark.feature("S-026")
def test_a_finish_that_is_lost_on_the_way_is_said_again(product: Product, browser: Browser, tmp_path: Path) -> None:
    desk = Desk(browser, product, TECHNICIAN)
    page, lost = open_dialog(desk), []

    def drop_once(route: Route) -> None:
        if lost:
            route.continue_()
        else:
            lost.append(route.request.url)
            route.abort()

    page.route("**/finish", drop_once)
    page.set_input_files("#dialog input[type=file] >> nth=0", slices(tmp_path, "UP444", 2))
    expect(page.locator("#dialog footer")).to_contain_text("共 2 个 = 入库 2", timeout=60_000)
    assert len(lost) == 1


@pytest.mark.feature("S-026")
def test_a_file_that_was_cancelled_is_no_part_of_the_upload_and_can_be_sent_again(
    product: Product, browser: Browser, tmp_path: Path
) -> None:
    desk = Desk(browser, product, TECHNICIAN)
    files = slices(tmp_path, "UP5555", 3)
    page = open_dialog(desk)
    waiting: list[Route] = []
    page.route("**/uploads/tus", lambda route: waiting.append(route) if not waiting else route.continue_())
    page.set_input_files("#dialog input[type=file] >> nth=0", files)
    row = page.locator("#dialog tr", has_text=files[0].name)
    expect(page.locator("#dialog footer")).to_contain_text("处理中 2", timeout=60_000)
    row.get_by_text("取消").click()
    expect(page.locator("#dialog footer")).to_contain_text("共 3 个 = 入库 2 + 未上传 1", timeout=60_000)
    row.get_by_text("重试").click()
    expect(page.locator("#dialog footer")).to_contain_text("共 3 个 = 入库 3", timeout=60_000)
