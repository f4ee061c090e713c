"""Members of a tenant as a ctx sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa

from core.accounts.models import Account, Signature
from core.tenancy.models import Membership, Role
from plugin_sdk.types import UserView

if TYPE_CHECKING:
    from core.host.context import TenantCtx


class UserDirectory:
    """Implements :class:`plugin_sdk.types.Users`. Names of people outside the tenant are readable by id only."""

    def __init__(self, ctx: TenantCtx) -> None:
        self.ctx = ctx

    def view(self, user_id: int) -> UserView | None:
        return self.views([user_id]).get(user_id)

    def views(self, ids: Sequence[int]) -> Mapping[int, UserView]:
        rows = self.ctx.db.scalars(sa.select(Account).where(Account.id.in_({i for i in ids if i})))
        return {a.id: _view(a) for a in rows}

    def by_public_id(self, public_id: str) -> UserView | None:
        """A member of this tenant."""
        row = self.ctx.db.scalars(self._members().where(Account.public_id == public_id)).one_or_none()
        return _view(row) if row else None

    def members(self, ids: Sequence[int]) -> list[int]:
        """Those of ``ids`` that are members, in their order."""
        here = set(self.ctx.db.scalars(self._members().with_only_columns(Account.id).where(Account.id.in_(ids))))
        return [i for i in dict.fromkeys(ids) if i in here]

    def holding(self, code: str) -> Sequence[UserView]:
        """Members whose role holds a permission, by name."""
        rows = self.ctx.db.execute(self._members().add_columns(Role.permissions).order_by(Account.name))
        return [_view(account) for account, codes in rows if code in codes]

    def holds(self, user_id: int, code: str) -> bool:
        codes = self.ctx.db.scalars(self._members().with_only_columns(Role.permissions).where(Account.id == user_id))
        return any(code in held for held in codes)

    def has_signature(self, user_id: int) -> bool:
        return self.signature(user_id) is not None

    def signature(self, user_id: int) -> bytes | None:
        """PNG of the personal signature."""
        return self.ctx.db.scalars(sa.select(Signature.png).where(Signature.account_id == user_id)).one_or_none()

    def _members(self) -> sa.Select[Account]:
        return (
            sa.select(Account)
            .join(Membership, Membership.account_id == Account.id)
            .join(Role, Role.id == Membership.role_id)
            .where(
                Membership.tenant_id == self.ctx.tenant.id, Membership.left_at.is_(None), Account.disabled_at.is_(None)
            )
        )


def _view(row: Account) -> UserView:
    return UserView(id=row.id, public_id=row.public_id, name=row.name)
