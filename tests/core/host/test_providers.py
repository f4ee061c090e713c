"""Who answers for a capability: the chosen one or nobody, and never another one in silence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from core.app import TeleradFlask, create_app
from core.host import switches
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants
from plugin_sdk.api import Plugin, Registry
from plugin_sdk.capabilities import Billing, ChargeLine
from plugin_sdk.consultation import RequestRef
from plugin_sdk.errors import Conflict, PluginUnavailable
from plugin_sdk.types import Ctx
from tests.conftest import World


class Prices:
    def __init__(self, ctx: Ctx) -> None:
        self.ctx = ctx

    def fees(self, link_id: int, readers: Sequence[int], modality: str) -> Mapping[int, int]:
        if modality == "refuse":
            raise Conflict
        if modality == "fall":
            raise KeyError("no such price")
        return dict.fromkeys(readers, 100)

    def lines(self, ref: RequestRef) -> Sequence[ChargeLine]:
        return []


class Sheet(Plugin):
    name = "sheet"
    provides = ("billing",)

    def register(self, reg: Registry) -> None:
        reg.capability("billing", f"{__name__}:Prices")


class Fallen(Sheet):
    """Did not start."""

    name = "fallen"

    def register(self, reg: Registry) -> None:
        raise RuntimeError("no licence")


@pytest.fixture
def group(app: TeleradFlask, world: World) -> Iterator[Callable[..., Any]]:
    """A ctx of the group with its plugins in these states."""
    made = create_app(replace(app.house.config, strict_plugins=False), extra=(Sheet, Fallen))
    with made.app_context():

        def set_up(**states: str) -> Any:
            with all_tenants(write=True) as session:
                session.get_one(Tenant, world.group.id).plugins = {k.replace("__", ":"): v for k, v in states.items()}
            return made.house.system_ctx(world.group.id)

        yield set_up


STATES: list[tuple[dict[str, str], str | None]] = [
    ({}, None),
    ({"billing": "on"}, "billing"),
    ({"billing": "on", "sheet": "on"}, "billing"),
    ({"billing": "on", "sheet": "on", "provider__billing": "sheet"}, "sheet"),
    ({"billing": "draining", "sheet": "on", "provider__billing": "billing"}, "sheet"),
    ({"billing": "draining", "provider__billing": "billing"}, "billing"),
    ({"billing": "on", "provider__billing": "sheet"}, "billing"),
]


@pytest.mark.parametrize(("states", "expected"), STATES)
def test_the_chosen_provider_answers_and_while_it_drains_another(group: Callable[..., Any], states: dict[str, str], expected: str | None) -> None:
    with group(**states) as ctx:
        assert ctx.provider(Billing) == expected


@pytest.mark.parametrize("lost", ["fallen", "gone"])
def test_a_chosen_provider_that_fell_or_is_not_installed_is_not_replaced_by_another(group: Callable[..., Any], lost: str) -> None:
    with group(**{"billing": "on", lost: "on", "provider__billing": lost}) as ctx, pytest.raises(PluginUnavailable) as raised:
        ctx.get(Billing)
    assert raised.value.facts["plugin"] == lost


def test_switching_on_a_second_provider_leaves_the_first_chosen_and_by_name(group: Callable[..., Any], world: World) -> None:
    with group(billing="on") as ctx:
        switches.enable(ctx, "sheet")
        assert ctx.row.plugins["provider:billing"] == "billing"
        switches.disable(ctx, "billing")
        assert "provider:billing" not in ctx.row.plugins and ctx.provider(Billing) == "sheet"
        ctx.rollback()


def test_a_provider_from_outside_that_raises_is_unavailable_by_its_name_and_its_refusal_passes(group: Callable[..., Any]) -> None:
    with group(sheet="on") as ctx:
        billing = ctx.get(Billing)
        assert billing.fees(1, [7], "CT") == {7: 100}
        with pytest.raises(PluginUnavailable) as raised:
            billing.fees(1, [7], "fall")
        assert raised.value.facts["plugin"] == "sheet"
        with pytest.raises(Conflict):
            billing.fees(1, [7], "refuse")
