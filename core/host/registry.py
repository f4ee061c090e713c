"""What plugins declared. Each plugin fills a scratch registry; the house's is the sum of those that finished."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.tenancy.permissions import Permission
from plugin_sdk.declared import Channel, ChannelKind, JobSpec, MenuItem, MenuSide, NoticeKind, Slot
from plugin_sdk.events import DomainEvent
from plugin_sdk.types import Scope


class DeclarationError(ValueError):
    """A plugin declared something the house cannot take; it is quarantined."""


@dataclass(frozen=True)
class BlueprintSpec:
    dotted: str
    scope: Scope
    plugin: str


@dataclass
class Declarations:
    """Implements :class:`plugin_sdk.api.Registry` for one owner (``core`` or a plugin's name)."""

    owner: str
    blueprints: list[BlueprintSpec] = field(default_factory=list)
    permissions: list[Permission] = field(default_factory=list)
    menus: list[MenuItem] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    listings: list[str] = field(default_factory=list)
    columns: list[tuple[str, Any]] = field(default_factory=list)
    row_actions: list[tuple[str, Any]] = field(default_factory=list)
    badge_loaders: list[tuple[str, str, str]] = field(default_factory=list)
    listeners: list[tuple[type[DomainEvent], str]] = field(default_factory=list)
    jobs: list[JobSpec] = field(default_factory=list)
    audit_kinds: dict[str, object] = field(default_factory=dict)
    audit_facts: dict[str, object] = field(default_factory=dict)
    notice_kinds: list[NoticeKind] = field(default_factory=list)
    resources: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    capabilities: dict[str, str] = field(default_factory=dict)
    channels: list[Channel] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    invariant_checks: list[str] = field(default_factory=list)
    demos: list[str] = field(default_factory=list)

    def blueprint(self, dotted: str, *, scope: Scope) -> None:
        self.blueprints.append(BlueprintSpec(dotted, scope, self.owner))

    def permission(self, code: str, title: object, *, roles: Sequence[str] = ()) -> None:
        if len(code.split(".")) != 3 or code.split(".")[0] not in ("hospital", "group", "platform"):
            raise DeclarationError(f"permission {code!r}: expected side.resource.action")
        self.permissions.append(Permission(code=code, title=title, roles=frozenset(roles), plugin=self.owner))

    def menu(
        self, side: MenuSide, key: str, title: object, endpoint: str, code: str, after: str | None = None, icon: str = "point"
    ) -> None:
        self.menus.append(
            MenuItem(side=side, key=key, title=title, endpoint=endpoint, code=code, after=after, icon=icon, plugin=self.owner)  # type: ignore[arg-type]
        )

    def slot(
        self,
        name: str,
        template: str,
        *,
        load: Callable[..., Mapping[str, Any]] | str | None = None,
        code: str | None = None,
        after: str | None = None,
        title: object = "",
    ) -> None:
        """Put a part into a page. ``title`` is the word on the tab of slots that are tabs (``study.tab`` ...)."""
        self.slots.append(
            Slot(name=name, template=template, load=load, code=code, after=after, title=title, plugin=self.owner)  # type: ignore[arg-type]
        )

    def listing(self, dotted: str) -> None:
        self.listings.append(dotted)

    def column(self, list_name: str, column: object) -> None:
        self.columns.append((list_name, column))

    def row_action(self, list_name: str, action: object) -> None:
        self.row_actions.append((list_name, action))

    def badges(self, list_name: str, key: str, load: str) -> None:
        self.badge_loaders.append((list_name, key, load))

    def listen(self, event: type[DomainEvent], dotted: str) -> None:
        self.listeners.append((event, dotted))

    def job(self, name: str, dotted: str, *, cron: str | None = None) -> None:
        if not name.startswith(f"{self.owner}.") and self.owner != "core":
            raise DeclarationError(f"job {name!r} must begin with {self.owner}.")
        self.jobs.append(JobSpec(name=name, dotted=dotted, cron=cron, plugin=self.owner))

    def audit_kind(self, code: str, title: object, *, facts: Mapping[str, object] | None = None) -> None:
        """Name a kind of log entry, and what its facts are called where ``core.audit.words`` does not know them."""
        self.audit_kinds[code] = title
        self.audit_facts.update(facts or {})

    def notice_kind(self, code: str, title: object, endpoint: str, *, todo: bool = False) -> None:
        self.notice_kinds.append(NoticeKind(code=code, title=title, endpoint=endpoint, todo=todo, plugin=self.owner))  # type: ignore[arg-type]

    def resource(self, name: str, dotted: str, *, numbers: str = "") -> None:
        """A kind of id. ``numbers`` names ``(ctx, *, ids=(), number="") -> {public id: number}``, what people call it:
        the numbers of ids, or the ids that have a number, in scope.
        """
        self.resources[name] = dotted
        if numbers:
            self.numbers[name] = numbers

    def capability(self, name: str, dotted: str) -> None:
        self.capabilities[name] = dotted

    def channel(self, kind: ChannelKind, name: str, dotted: str) -> None:
        if kind not in ("notify", "pay"):
            raise DeclarationError(f"channel {name!r}: kind is notify or pay")
        self.channels.append(Channel(kind=kind, name=name, dotted=dotted, plugin=self.owner))

    def command(self, dotted: str) -> None:
        self.commands.append(dotted)

    def invariants(self, dotted: str) -> None:
        self.invariant_checks.append(dotted)

    def demo(self, dotted: str) -> None:
        """``(ctx) -> None``: furnish a demo tenant, called for each side by ``telerad demo``; runs again without harm."""
        self.demos.append(dotted)


@dataclass
class House:
    """The sum of all declarations, frozen after start. Core's own come first."""

    by_owner: dict[str, Declarations] = field(default_factory=dict)

    def add(self, declared: Declarations) -> None:
        for other in self.by_owner.values():
            for kind in ("jobs", "permissions"):
                mine = {getattr(x, "name", getattr(x, "code", "")) for x in getattr(declared, kind)}
                theirs = {getattr(x, "name", getattr(x, "code", "")) for x in getattr(other, kind)}
                if both := mine & theirs:
                    raise DeclarationError(f"{kind} {sorted(both)} belong to {other.owner}")
            if both := set(declared.resources) & set(other.resources):
                raise DeclarationError(f"resources {sorted(both)} belong to {other.owner}")
            if both := {c.name for c in declared.channels} & {c.name for c in other.channels}:
                raise DeclarationError(f"channels {sorted(both)} belong to {other.owner}")
        self.by_owner[declared.owner] = declared

    def all(self, kind: str) -> list[Any]:
        return [x for d in self.by_owner.values() for x in getattr(d, kind)]

    @property
    def permissions(self) -> list[Permission]:
        return self.all("permissions")

    @property
    def jobs(self) -> dict[str, JobSpec]:
        return {j.name: j for j in self.all("jobs")}

    @property
    def resources(self) -> dict[str, str]:
        return {k: v for d in self.by_owner.values() for k, v in d.resources.items()}

    @property
    def notice_kinds(self) -> dict[str, NoticeKind]:
        return {n.code: n for n in self.all("notice_kinds")}

    @property
    def audit_kinds(self) -> dict[str, object]:
        return {k: v for d in self.by_owner.values() for k, v in d.audit_kinds.items()}

    def numbers(self, enabled: frozenset[str]) -> dict[str, str]:
        """By resource, of core and of enabled plugins."""
        return {k: v for o, d in self.by_owner.items() if o == "core" or o in enabled for k, v in d.numbers.items()}

    @property
    def audit_facts(self) -> dict[str, object]:
        return {k: v for d in self.by_owner.values() for k, v in d.audit_facts.items()}

    def for_list(self, kind: str, name: str, enabled: frozenset[str]) -> list[tuple[str, Any]]:
        """Columns or row actions that enabled plugins add to a list, each with its owner."""
        return [
            (owner, part)
            for owner, d in self.by_owner.items()
            if owner == "core" or owner in enabled
            for list_name, part in getattr(d, kind)
            if list_name == name
        ]
