"""Tables of a plugin: whose they are, whose rows they hold, what they point to, and whether migrations make them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from core.host import loader
from core.run import migrate
from core.trial.check import Finding, Findings, Subject
from plugin_sdk.db import Base, TenantMixin, TwoPartyMixin, db, metadata

PUBLISHED = frozenset(
    {"tenant", "tenant_link", "account", "membership", "patient", "study", "study_modality", "series", "source", "file"}
)
"""Tables of core that others may point to; all else of core may change with any release."""


def check(subject: Subject) -> Findings:
    models = type(subject.trial.app.house.plugins.found[subject.name]).models
    mine = own(subject)
    if models:
        yield from strays(subject, models)
    for table in mine:
        yield from shape(subject, table, models)
        yield from keys(subject, table, models)
    yield from versions(subject, mine)


def own(subject: Subject) -> list[sa.Table]:
    """Its tables, parents first."""
    return [t for t in metadata.sorted_tables if t.name.startswith(f"{subject.name}_")]


def classes(subject: Subject) -> dict[str, type]:
    """Mapped classes of its tables by table."""
    found = subject.trial.app.house.plugins.found[subject.name]
    if not found.models:
        return {}
    bases = [v for v in vars(loader.resolve(found.models)).values() if isinstance(v, type) and hasattr(v, "registry")]
    return {
        str(m.local_table): m.class_ for b in bases if b.registry is not Base.registry for m in b.registry.mappers
    }


def strays(subject: Subject, models: str) -> Findings:
    """Tables that bear nobody's name."""
    found = subject.trial.app.house.plugins.found
    prefixes = tuple(f"{name}_" for name in found)
    core = {str(m.local_table) for m in Base.registry.mappers}
    for name in sorted(metadata.tables.keys() - core):
        if not name.startswith(prefixes):
            yield Finding(models, f"table {name!r} does not begin with {subject.name}_", f"call it {subject.name}_{name}, and derive it from plugin_base")


def shape(subject: Subject, table: sa.Table, models: str) -> Findings:
    cls = classes(subject).get(table.name)
    if cls is None:
        yield Finding(models, f"table {table.name!r} has no mapped class, so nothing keeps one tenant's rows from another", "map it, with TenantMixin or TwoPartyMixin")
    elif not issubclass(cls, TenantMixin | TwoPartyMixin):
        yield Finding(models, f"{cls.__name__} ({table.name}) belongs to no tenant: everybody would read every row", "derive it from TenantMixin or TwoPartyMixin as well")


def keys(subject: Subject, table: sa.Table, models: str) -> Findings:
    for key in table.foreign_key_constraints:
        target, columns = key.referred_table, ", ".join(key.column_keys)
        where = f"{table.name}.{columns}"
        if not target.name.startswith(f"{subject.name}_") and target.name not in PUBLISHED:
            yield Finding(
                models, f"{where} points to {target.name}, which is another's table",
                "keep its id as a number without a foreign key; keys go to one's own tables and to " + ", ".join(sorted(PUBLISHED)),
            )
            continue
        if key.ondelete not in ("RESTRICT", "CASCADE"):
            yield Finding(models, f"{where} does not say what happens when its {target.name} goes", 'write ondelete="RESTRICT", or "CASCADE" for what is worthless alone')
        paired = any(
            isinstance(c, sa.UniqueConstraint) and [x.name for x in c.columns] == ["tenant_id", "id"] for c in target.constraints
        )
        if paired and len(key.columns) == 1:
            yield Finding(models, f"{where} may point into another tenant", f'write same_tenant("{target.name}", "{columns}") in __table_args__')


def versions(subject: Subject, mine: list[sa.Table]) -> Findings:
    """Up, compared, down, up again: an update that cannot be taken back is no update."""
    house, where = subject.trial.app.house, f"migrations of {subject.name}"
    plugin = house.plugins.found[subject.name]
    if not plugin.migrations:
        if mine:
            yield Finding(where, f"there are none, but {mine[0].name} is declared", "name a package of Alembic versions in the manifest: migrations = ...")
        return
    with subject.trial.app.app_context():
        found = list(_differences(subject, where, "models and migrations differ"))
        yield from found
        try:
            migrate.downgrade(house, subject.name)
        except Exception as error:  # foreign code, whatever it raises
            yield Finding(where, f"downgrade fails: {type(error).__name__}: {str(error).splitlines()[0]}", "write a downgrade() that takes back what upgrade() made")
            return
        left = sorted(t for t in sa.inspect(db.engine).get_table_names() if t.startswith(f"{subject.name}_"))
        if left:
            yield Finding(where, f"after downgrade {', '.join(left)} is still there", "drop it in downgrade()")
            return
        migrate.upgrade(house, only=subject.name)
        if (broken := house.plugins.broken.get(subject.name)) is not None:
            yield Finding(where, f"a second upgrade fails: {broken}", "let downgrade() take back everything that upgrade() made")
            return
        if not found:
            yield from _differences(subject, where, "after down and up again models and database differ")


def _differences(subject: Subject, where: str, what: str) -> Findings:
    for found in migrate.differences(subject.trial.app.house, only=subject.name):
        yield Finding(where, f"{what}: {_short(found)}", f"telerad db revision {subject.name} MESSAGE writes a version from the difference")


def _short(difference: object) -> str:
    """What Alembic found, without addresses of objects."""
    parts: Any = difference[0] if isinstance(difference, list) else difference
    return " ".join(str(getattr(p, "name", p)) for p in parts if isinstance(p, str) or getattr(p, "name", None))
