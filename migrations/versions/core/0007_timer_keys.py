"""A timer's key is its tenant's: two tenants may wait under the same one."""

import sqlalchemy as sa
from alembic import op


revision = "core_0007"
down_revision = "core_0006_audit"
branch_labels = None
depends_on = None

NAME = "uq_core_timer_waiting"
WAITING = {"sqlite_where": sa.text("state = 'waiting'"), "postgresql_where": sa.text("state = 'waiting'")}


def upgrade() -> None:
    op.drop_index(NAME, table_name="core_timer")
    op.create_index(NAME, "core_timer", ["tenant_id", "plugin", "key"], unique=True, **WAITING)


def downgrade() -> None:
    op.drop_index(NAME, table_name="core_timer")
    op.create_index(NAME, "core_timer", ["plugin", "key"], unique=True, **WAITING)
