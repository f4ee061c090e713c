"""What a plugin author's tests are given works as it says, from the installed distribution alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.trial.house import Trial, TrialFailed
from plugin_sdk.api import Plugin, Registry, hookimpl
from plugin_sdk.capabilities import ReportRenderer
from plugin_sdk.consultation import ReportJob, State, Urgency
from plugin_sdk.errors import NotFound
from plugin_sdk.testing import House
from plugin_sdk.types import Ctx
from tests.core.host import everything
from tests.core.host.everything import Everything, Unmarked

ROOT = Path(__file__).resolve().parent.parent.parent.parent
pytestmark = pytest.mark.sqlite  # its houses are on SQLite, whatever the tests run on
prepared: list[str] = []


class Outside(Plugin):
    """Counts the tenants that it is switched on for."""

    name = "outside"
    side = "group"

    def register(self, reg: Registry) -> None:
        reg.permission("group.outside.view", "x", roles=("reader",))

    @hookimpl
    def tenant_enabled(self, ctx: Ctx) -> None:
        prepared.append(ctx.tenant.code)


class OwnSheet(Plugin):
    """A hospital's reports on a sheet of its own."""

    name = "own_sheet"
    side = "hospital"
    provides = ("report_renderer",)

    def register(self, reg: Registry) -> None:
        reg.capability("report_renderer", f"{__name__}:Sheet")


class Sheet:
    def __init__(self, ctx: Ctx) -> None:
        self.ctx = ctx

    def render(self, job: ReportJob) -> bytes:
        return f"the sheet of {self.ctx.tenant.code}".encode()


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Any:
    made = Trial(tmp_path_factory.mktemp("trial"), extra=(Outside, Everything, OwnSheet))
    yield made
    made.close()


@pytest.fixture
def here(trial: Trial) -> Iterator[House]:
    everything.sent.clear()
    everything.failing.clear()
    yield trial.house()
    trial.turn_back()


def test_plugins_from_outside_are_switched_on_as_a_tenant_would(here: House) -> None:
    assert prepared[-1] == here.group.code and here.hospital.code not in prepared
    with here.at_group() as ctx:
        assert {"outside", "everything", "consultation"} <= ctx.enabled
    with here.at_hospital() as ctx:
        assert "outside" not in ctx.enabled
    here.switch("outside", on=False)
    with here.at_group() as ctx:
        assert "outside" not in ctx.enabled


def test_people_hold_the_rights_of_their_roles(here: House) -> None:
    for name, may in (("reader", True), ("doctor", False)):
        with here.person(name).ctx(write=False) as ctx:
            assert ctx.may("group.outside.view") is may
            assert ctx.user is not None and ctx.user.id == here.person(name).user.id


def test_a_study_is_real_images_that_were_let_in(here: House) -> None:
    made = here.study(name="某某", modality="MR", images=3)
    assert (made.name, made.modalities, made.n_instances) == ("某某", ("MR",), 3)
    with here.at_hospital() as ctx:
        assert len(ctx.studies.instance_uids(made.id)) == 3


def test_a_request_goes_its_whole_way_and_its_events_are_delivered(here: House) -> None:
    asked = here.ask(here.study(), urgency=Urgency.URGENT)
    assert (asked.state, asked.urgency) == (State.SUBMITTED, Urgency.URGENT)
    done = here.finish(asked, impression="肺部未见异常。")
    assert done.state == State.CONFIRMED
    here.work()


def test_a_notice_that_was_not_sent_comes_later_as_it_was_beside_a_later_one_of_the_same_thing(here: House) -> None:
    everything.failing.append("down")
    with here.at_hospital() as ctx:
        for urgency in ("normal", "urgent"):
            ctx.notify("request.accepted", users=[here.person("doctor").user.id], ref="consultation:request:X", urgency=urgency)
    here.work()
    everything.failing.clear()
    here.work()
    assert everything.sent == []
    here.later(timedelta(minutes=1))
    assert sorted(note.facts["urgency"] for _, note in everything.sent) == ["normal", "urgent"]
    assert len({note.id for _, note in everything.sent}) == 2


def test_both_sides_get_a_report_on_the_hospitals_sheet_or_on_the_one_it_chooses_instead(here: House) -> None:
    done = here.finish(here.ask(here.study()))
    path = f"/requests/{done.ref.public_id}/report.pdf"
    for who in ("doctor", "reader"):
        assert here.person(who).call("GET", path).data == f"the sheet of {here.hospital.code}".encode()
    here.choose("report_renderer", "report_templates")
    assert here.person("reader").call("GET", path).data.startswith(b"%PDF")
    with here.at_group(write=False) as ctx:
        assert not isinstance(ctx.get(ReportRenderer), Sheet)


def test_a_browser_is_logged_in_and_sends_forms(here: House) -> None:
    browser = here.person("h_admin").browser()
    assert here.hospital.name in browser.page("/")
    assert browser.get("/nowhere").status_code == 404
    with pytest.raises(TrialFailed, match="404"):
        browser.page("/nowhere")


def test_two_houses_share_nothing(here: House) -> None:
    made, other = here.study(), here.another()
    with other.at_hospital() as ctx, pytest.raises(NotFound):
        ctx.studies.own(made.public_id)
    with pytest.raises(NotFound), other.at_hospital() as ctx:
        ctx.at(here.link.id)


def test_what_a_ctx_wrote_is_undone_when_its_block_fails(here: House) -> None:
    with pytest.raises(ZeroDivisionError), here.at_hospital() as ctx:
        ctx.notify("upload.done", users=[here.person("doctor").user.id], ref="intake:upload:X")
        raise ZeroDivisionError
    assert "upload:X" not in here.person("doctor").browser().page("/notices")


def test_a_plugin_that_does_not_start_is_named_with_its_reason(tmp_path: Path) -> None:
    made = Trial(tmp_path, extra=(Unmarked,))
    assert list(made.broken) == ["unmarked"] and "no access mark" in made.broken["unmarked"]
    made.close()


def test_what_is_shipped_for_tests_imports_nothing_of_ours_and_nothing_from_the_repositorys_tests() -> None:
    for path in (ROOT / "plugin_sdk/testing.py", ROOT / "plugin_sdk/pytest_plugin.py", *(ROOT / "core/trial").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
            assert not [n for n in names if n.split(".")[0] == "tests"], path
            if path.parent.name == "plugin_sdk":
                assert not [n for n in names if n.split(".")[0] in ("core", "plugins", "transfer")], path
