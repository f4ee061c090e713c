"""Change settings of a tenant or of one of its connections: read from a form, checked, logged, and never over somebody else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import Field, dataclass, field
from typing import TYPE_CHECKING, Any

from core import clock
from core.tenancy import forms, settings
from core.tenancy.models import Setting, Tenant, TenantLink
from plugin_sdk.errors import Invalid, StaleVersion
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.i18n import now as _
from plugin_sdk.types import LinkView, TenantView

if TYPE_CHECKING:
    from core.host.context import TenantCtx

ALL = "*"


class ChangedMeanwhile(StaleVersion):
    sentence = _l("这些设置刚被他人修改")


@dataclass(frozen=True)
class Place:
    """Whose settings a form is about: this tenant's, or those of a connection.

    :param ref: what the log entry is about
    """

    cls: type[Any]
    ref: str
    link: LinkView | None = None
    partner: TenantView | None = None


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A form as it is drawn. ``version`` goes with it; ``note`` stands above it."""

    place: Place
    lines: Sequence[forms.Line]
    version: str
    note: str = ""
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def owner(self) -> str:
        return settings.catalogue().prefix(self.place.cls)[0]

    @property
    def partner(self) -> TenantView | None:
        return self.place.partner

    @property
    def writable(self) -> bool:
        return any(line.writable for line in self.lines)

    @property
    def changed(self) -> bool:
        return any(line.writable and not line.is_default for line in self.lines)


def places(ctx: TenantCtx, cls: type[Any], ref: str) -> list[Place]:
    """Where settings of a dataclass are set: for the scope ``link`` in each live connection of the tenant."""
    if settings.catalogue().prefix(cls)[1] != "link":
        return [Place(cls, ref)]
    return [Place(cls, ref, link, link.group if ctx.side == "hospital" else link.hospital) for link in ctx.links.active()]


def sheet(
    ctx: TenantCtx, place: Place, *, form: forms.Form | None = None, errors: dict[str, str] | None = None, note: str = ""
) -> Sheet:
    """The form of a place. :param form: what was typed, when it could not be saved"""
    scope_id = _scope_id(ctx, place)
    now, stored = settings.load(ctx.db, place.cls, scope_id), settings.rows(ctx.db, place.cls, scope_id)
    people = ctx.users.views([row.changed_by for row in stored.values()])
    of = forms.shown(place.cls, ctx.side, shared=place.link is not None)
    errors = errors or {}

    def change(row: Setting | None) -> forms.Change | None:
        who = people.get(row.changed_by) if row else None
        return forms.Change(who.name if who else _("系统"), row.changed_at) if row else None

    return Sheet(
        place=place, lines=[
            forms.line(place.cls, f, getattr(now, f.name), side=ctx.side, change=change(stored.get(f.name)), form=form,
                       error=errors.get(f.name, ""), raced=bool(note))
            for f in of
        ],
        version=_version(ctx, now, of), note=note, errors=errors,
    )


def save(ctx: TenantCtx, place: Place, form: forms.Form, *, version: str, reset: str = "") -> list[str]:
    """Store what differs from what is stored. :return: names of the settings that changed

    :param version: of the form that was filled in
    :param reset: a field that goes back to its default, :data:`ALL` for every one
    :raise Invalid: with an error per field; :raise ChangedMeanwhile: somebody saved since the form was drawn
    """
    scope_id = _scope_id(ctx, place)
    _lock(ctx, place)
    now = settings.load(ctx.db, place.cls, scope_id)
    of = forms.shown(place.cls, ctx.side, shared=place.link is not None)
    if version != _version(ctx, now, of):
        raise ChangedMeanwhile(_who(ctx, place, scope_id))
    back, values, errors = [], {}, []
    for f in of:
        if not forms.may_write(f, ctx.side) or forms.kind_of(place.cls, f) == "shown":
            continue
        if reset in (f.name, ALL):
            back.append(f.name)
            continue
        try:
            value = forms.read(place.cls, f, form, now=getattr(now, f.name))
        except forms.Unreadable as error:
            errors.append({"field": f.name, "message": str(error)})
            continue
        if value != getattr(now, f.name):
            values[f.name] = value
    if errors:
        raise Invalid(errors=errors)
    settings.store(ctx.db, place.cls, scope_id, by=ctx.user.id if ctx.user else 0, **values)
    back = [name for name in back if name in settings.rows(ctx.db, place.cls, scope_id)]
    settings.forget(ctx.db, place.cls, scope_id, back)
    changed = [*values, *back]
    if changed:
        _note(ctx, place, changed)
    return changed


def _note(ctx: TenantCtx, place: Place, changed: Sequence[str]) -> None:
    """Enter it in this tenant's log, and in the partner's: a connection's settings hold for both."""
    owner = settings.catalogue().prefix(place.cls)[0]
    names = [f"{owner}.{name}" for name in changed]
    if place.link is None or place.partner is None:
        ctx.audit("setting.changed", ref=place.ref, names=names)
        return
    logs = [(ctx, place.partner.code), (ctx.at(place.link.id), ctx.tenant.code)]
    for whose, other in logs if ctx.side == "hospital" else reversed(logs):  # logs are always locked in this order
        whose.audit("setting.changed", ref=place.ref, names=names, to=other)


def _version(ctx: TenantCtx, now: Any, of: Sequence[Field[Any]]) -> str:
    return forms.version(now, of, key=ctx.app.config.secret_keys[0])


def _scope_id(ctx: TenantCtx, place: Place) -> int:
    return place.link.id if place.link is not None else ctx.tenant.id


def _lock(ctx: TenantCtx, place: Place) -> None:
    """Two who save at the same instant come one after the other; the second sees the first one's values."""
    model, row_id = (TenantLink, place.link.id) if place.link is not None else (Tenant, ctx.tenant.id)
    ctx.db.get_one(model, row_id, with_for_update=True)


def _who(ctx: TenantCtx, place: Place, scope_id: int) -> str:
    """Who saved last and when; a value that went back to its default leaves no row to tell of it."""
    stored = settings.rows(ctx.db, place.cls, scope_id).values()
    last = max(stored, key=lambda row: row.changed_at, default=None)
    if last is None:
        return str(ChangedMeanwhile.sentence)
    who = ctx.users.view(last.changed_by)
    at = clock.local(last.changed_at, ctx.tenant.zone).strftime("%Y-%m-%d %H:%M:%S")
    return _("%(name)s 于 %(when)s 修改了这些设置", name=who.name if who else _("系统"), when=at)
