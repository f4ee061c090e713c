"""What a request costs: asked while the hospital chooses, frozen at submission, charged once at confirmation.

The group's provider of ``billing`` names prices and keeps charges. Without one there is no fee; one that is on but broken
fails the operation by its name, because nobody knows that nothing is owed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from plugin_sdk.capabilities import Billing
from plugin_sdk.consultation import Agreed, Charge, Event, PartCount, PriceStage, Quote, RequestView, Terms, Urgency
from plugin_sdk.errors import Conflict, PluginUnavailable
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.i18n import now as _
from plugin_sdk.money import yuan
from plugin_sdk.types import Ctx, LinkView
from plugins.consultation.models import Request
from plugins.consultation.requests.present import agreed_of, view_of

STAGES: Mapping[Event, PriceStage] = {Event.CONFIRM: "charge", Event.DELETE_REPORT: "reversal"}
"""Moves that change what is owed. An adjustment is no second report: it costs nothing."""


class FeeChanged(Conflict):
    """:param fee: fen now"""

    code, sentence = "stale-version", _l("费用已变化，请核对后再提交")


def asked(
    ctx: Ctx, link: LinkView, *, parts: Sequence[PartCount], urgency: Urgency, modality: str, reader: int | None
) -> Agreed | None:
    """The price by the tariff in force, for what is chosen so far; ``None`` where the group charges nothing.

    :raise PluginUnavailable: the group's provider is on and does not answer
    """
    quote = Quote(
        request=None, tariff_version=None, parts=parts, urgency=urgency, modality=modality, reader=reader, reviewer=None,
        link_id=link.id,
    )
    return _price(ctx.at(link.id), quote)


def agree(ctx: Ctx, row: Request, terms: Terms) -> None:
    """Freeze the price of a request that is being made. :raise FeeChanged: it is not the one that was shown"""
    view = view_of(ctx, row)
    found = _price(ctx.at(row.link_id), _quote(view, reader=row.reader_named))
    now = found.fen if found else 0
    if terms.fee is not None and terms.fee != now:
        words = _("费用已变化：原 %(before)s 元，现 %(now)s 元，请核对后再提交", before=yuan(terms.fee), now=yuan(now))
        raise FeeChanged(words, fee=now)
    if found is not None:
        row.tariff_version, row.quote = found.tariff_version, to_json(found)


def settle(group: Ctx, row: Request, event: Event) -> None:
    """Let whoever named the price charge it, or take the charge back, in this transaction.

    What was not quoted is not charged. A provider that the group has switched off since then charges nothing more; what
    it charged before it takes back all the same.

    :raise PluginUnavailable: it fails, is not installed any more, or is on and has no word for what it named a price for
    """
    agreed = agreed_of(row)
    if event not in STAGES or agreed is None:
        return
    quote = _quote(
        view_of(group, row), reader=row.reader, version=row.tariff_version, stage=STAGES[event], report=row.sealed_version
    )
    lines = group.hooks.price(group, quote, agreed.provider)
    if not lines and quote.stage == "charge" and agreed.provider in group.enabled:
        raise PluginUnavailable(plugin=agreed.provider)


def _quote(
    view: RequestView, *, reader: int | None, version: int | None = None, stage: PriceStage = "quote",
    report: int | None = None,
) -> Quote:
    return Quote(
        request=view, tariff_version=version, parts=view.parts, urgency=view.urgency, modality=view.snapshot["modality"],
        reader=reader, reviewer=view.reviewer.user if view.reviewer else None, link_id=view.ref.link_id, stage=stage,
        report=report,
    )


def per_reader(group: Ctx, link_id: int, readers: Sequence[int], modality: str) -> Mapping[int, int]:
    """Fen per part by reader, where the group's billing would name a price for a new request.

    :raise PluginUnavailable: it is on and does not answer
    """
    provider = group.provider(Billing)
    billing = group.get(Billing) if provider is not None and provider not in group.draining else None
    return billing.fees(link_id, readers, modality) if billing else {}


def _price(group: Ctx, quote: Quote) -> Agreed | None:
    provider = group.provider(Billing)
    if provider is None or provider in group.draining:
        return None
    lines: list[Charge] = group.hooks.price(group, quote, provider)
    if not lines:
        return None
    return Agreed(provider=provider, tariff_version=lines[0].tariff_version, lines=lines)


def to_json(agreed: Agreed) -> dict[str, Any]:
    return {"provider": agreed.provider, "lines": [asdict(line) for line in agreed.lines]}
