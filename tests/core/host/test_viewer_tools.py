"""Buttons of plugins in the viewer: for whoever opened the images, by plugins that are on there and rights held there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from core.app import create_app
from core.host import switches
from core.tenancy.models import Role
from core.tenancy.sessions import all_tenants
from plugin_sdk.errors import NotFound
from tests.conftest import Member, World
from tests.core.host import everything

TOOL = {"key": "everything.compare", "label": "比较", "icon": "action-new-dialog"}


@pytest.fixture
def made(app: Any, world: World) -> Any:
    house = create_app(replace(app.house.config, strict_plugins=False), extra=(everything.Everything,))
    with house.app_context():
        with house.house.system_ctx(world.hospital.id) as ctx:
            switches.enable(ctx, "everything")
        with all_tenants(write=True) as db:
            for role in db.scalars(sa.select(Role).where(Role.tenant_id == world.hospital.id, Role.code == "doctor")):
                role.permissions = [*role.permissions, "hospital.everything.view"]
    return house


@pytest.fixture
def opened(world: World, make_study: Callable[..., Any]) -> Callable[..., tuple[str, Any]]:
    """Open a new study of the hospital as somebody, in their browser. :return: the opening and the study"""

    def act(member: Member, client: Any) -> tuple[str, Any]:
        study = make_study(world)
        page = client.get(f"/t/{world.hospital.code}/studies/{study.public_id}/images").get_data(as_text=True)
        token = page.split('name="csrf_token" value="')[1].split('"')[0]
        answer = client.post(f"/t/{world.hospital.code}/studies/{study.public_id}/images", data={"csrf_token": token})
        return answer.headers["Location"].split("access=")[1][:26], study

    return act


def browser(made: Any, member: Member) -> Any:
    client = made.test_client()
    client.reads = member.tenant.name
    client.set_cookie("session", member.browser().get_cookie("session").value)  # type: ignore[union-attr]
    return client


def tools(client: Any, access: str) -> Any:
    answer = client.get(f"/viewer/tools/{access}")
    assert answer.status_code == 200, answer.status_code
    return answer.get_json()["tools"]


@contextmanager
def switched_off(made: Any, world: World) -> Iterator[None]:
    with made.app_context(), made.house.system_ctx(world.hospital.id) as ctx:
        switches.disable(ctx, "everything")
    yield


def test_a_tool_is_there_for_whoever_opened_the_images_and_leads_to_the_plugins_page(
    made: Any, world: World, opened: Callable[..., Any]
) -> None:
    doctor = browser(made, world.doctor)
    access, study = opened(world.doctor, doctor)
    (tool,) = tools(doctor, access)
    assert tool == {**TOOL, "url": f"/t/{world.hospital.code}/x/everything/compare?access={access}"}
    assert doctor.get(f"{tool['url']}&study={study.uid}").get_data(as_text=True) == f"compared: {study.accession}"
    assert doctor.get(f"{tool['url']}&study=1.2.3").get_data(as_text=True) == "compared: "


def test_who_lacks_the_right_or_whose_hospital_has_the_plugin_off_has_no_tool(
    made: Any, world: World, opened: Callable[..., Any]
) -> None:
    technician, doctor = browser(made, world.technician), browser(made, world.doctor)
    assert tools(technician, opened(world.technician, technician)[0]) == []
    access, _ = opened(world.doctor, doctor)
    with switched_off(made, world):
        assert tools(doctor, access) == []


def test_another_persons_opening_does_not_exist(made: Any, world: World, make_world: Any, opened: Callable[..., Any]) -> None:
    doctor = browser(made, world.doctor)
    access, _ = opened(world.doctor, doctor)
    for other in (world.h_admin, world.reader, make_world().doctor):
        client = browser(made, other)
        assert client.get(f"/viewer/tools/{access}").status_code == 404
    assert made.test_client().get(f"/viewer/tools/{access}", headers={"Sec-Fetch-Dest": "empty"}).status_code == 401


def test_an_opening_made_in_one_hospital_says_nothing_in_another(made: Any, world: World, make_world: Any, opened: Callable[..., Any]) -> None:
    """A person who works in two places does not carry studies from one into the other."""
    doctor = browser(made, world.doctor)
    access, study = opened(world.doctor, doctor)
    with made.app_context():
        row = made.house.tenant_row(make_world().hospital.id)
        ctx = made.house.system_ctx(row.id, account_id=world.doctor.account.id)
        with ctx as elsewhere, pytest.raises(NotFound):
            elsewhere.principal = f"user:{world.doctor.account.public_id}"
            elsewhere.studies.opened(access, [study.uid])


def test_two_plugins_cannot_have_one_tool(app: Any) -> None:
    class Copy(everything.Plugin):
        name, after = "copy", ("everything",)

        def register(self, reg: Any) -> None:
            reg.viewer_tool(everything.ViewerTool(key="everything.compare", label="x", endpoint="x", codes=("hospital.home.view",)))

    house = create_app(replace(app.house.config, strict_plugins=False), extra=(everything.Everything, Copy)).house
    assert list(house.plugins.broken) == ["copy"] and "viewer tools" in house.plugins.broken["copy"]
