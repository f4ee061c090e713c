"""Several settings forms on one page, of which one may have been refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.tenancy import changes, forms
from core.tenancy.changes import Place, Sheet
from plugin_sdk.errors import DomainError, Invalid

if TYPE_CHECKING:
    from core.host.context import TenantCtx


class Sheets:
    """The forms of some places, in their order; a form without a field for this side is left out."""

    def __init__(self, ctx: TenantCtx, places: Sequence[Place]) -> None:
        self.ctx, self.places = ctx, places

    def drawn(self) -> list[Sheet]:
        return [s for place in self.places if (s := changes.sheet(self.ctx, place)).lines]

    def refused(self, place: Place, form: forms.Form, error: DomainError) -> list[Sheet]:
        """The same with what was typed in one of them, and why it was not saved.

        Who was told that somebody else saved may save again: the form then has the new version and says what is stored.
        """
        errors = {e["field"]: e["message"] for e in error.facts.get("errors", ())} if isinstance(error, Invalid) else {}
        note = "" if errors else str(error.sentence)
        return [
            changes.sheet(self.ctx, p, form=form, errors=errors, note=note) if p == place else changes.sheet(self.ctx, p)
            for p in self.places
        ]
