"""What is installed, how it stands, who uses it and what it stores: for the platform's page, the doctor and commands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from core.host import faults
from core.host.models import PluginFault
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants

if TYPE_CHECKING:
    from core.host.house import Application


@dataclass(frozen=True, kw_only=True)
class Place:
    """A hook, slot, list or listener of a plugin. ``ms`` is the mean, milliseconds; ``last_at`` UTC."""

    place: str
    calls: int
    ms: float
    slowest_ms: int
    failures: int
    error: str
    last_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Overview:
    """One plugin. ``state`` is ``ready degraded broken not_allowed missing``; ``why`` is empty unless it is broken.

    ``missing``: a tenant has it on and it is not installed. Its rows wait for it.
    """

    name: str
    title: object
    state: str
    why: str
    distribution: str
    api: tuple[int, int] | None
    side: str
    requires: tuple[str, ...]
    provides: tuple[str, ...]
    tenants: tuple[str, ...]
    draining: tuple[str, ...]
    places: tuple[Place, ...]
    tables: tuple[tuple[str, int], ...] = ()

    @property
    def failures(self) -> int:
        return sum(p.failures for p in self.places)

    @property
    def last(self) -> Place | None:
        """Where it failed last."""
        return max((p for p in self.places if p.last_at is not None), key=lambda p: p.last_at or datetime.min, default=None)


def known(house: Application) -> set[str]:
    """Every plugin that is installed, whether it started or not, and every other that a tenant has on or draining."""
    with all_tenants() as session:
        used = {n for states in session.scalars(sa.select(Tenant.plugins)) for n in states if ":" not in n}
    return {*house.plugins.found, *house.plugins.broken, *house.plugins.not_allowed, *used}


def of_house(house: Application, *, rows: str = "") -> list[Overview]:
    """Every known plugin by name. :param rows: the plugin whose tables' rows are counted; costs a scan per table"""
    plugins = house.plugins
    with all_tenants() as session:
        switched = session.execute(sa.select(Tenant.code, Tenant.plugins).order_by(Tenant.code)).all()
        tired = faults.degraded(session)
        places: dict[str, list[Place]] = {}
        for row in session.scalars(sa.select(PluginFault).order_by(PluginFault.place)):
            places.setdefault(row.plugin, []).append(
                Place(
                    place=row.place, calls=row.calls, ms=row.ms / max(1, row.calls), slowest_ms=row.slowest_ms,
                    failures=row.count, error=row.error, last_at=row.last_at,
                )
            )
    found = []
    for name in sorted(known(house)):
        plugin = plugins.found.get(name)
        state = plugins.state(name)
        found.append(
            Overview(
                name=name, title=plugin.title if plugin else name, why=plugins.broken.get(name, ""),
                state="degraded" if state == "ready" and name in tired else state,
                distribution=plugins.distributions.get(name, ""), api=plugin.api if plugin else None,
                side=plugin.side if plugin else "", requires=plugin.requires if plugin else (),
                provides=plugin.provides if plugin else (),
                tenants=tuple(code for code, states in switched if states.get(name) == "on"),
                draining=tuple(code for code, states in switched if states.get(name) == "draining"),
                places=tuple(places.get(name, ())), tables=stored(house, name) if rows == name else (),
            )
        )
    return found


def stored(house: Application, name: str) -> tuple[tuple[str, int], ...]:
    """Tables of a plugin and how many rows each holds, over all tenants."""
    from core.run import migrate

    tables = migrate.tables_of(house, name) if name in dict(migrate.owners(house)) else frozenset()
    with all_tenants() as session:
        connection = session.connection()
        have = set(sa.inspect(connection).get_table_names())
        return tuple(
            (t, connection.execute(sa.select(sa.func.count()).select_from(sa.table(t))).scalar_one())
            for t in sorted(tables & have)
        )


def lines(plugins: Iterable[Overview]) -> Sequence[str]:
    """One line per plugin for the terminal."""
    return [
        f"{p.name:<20} {p.state:<12} {_level(p):<5} {p.distribution or '-':<24} tenants {len(p.tenants)} "
        f"failures {p.failures} {p.why}".rstrip()
        for p in plugins
    ]


def _level(plugin: Overview) -> str:
    return ".".join(map(str, plugin.api)) if plugin.api else "-"
