"""What plugins cost and when they last failed."""

import sqlalchemy as sa
from alembic import op

revision = "core_0003_plugin_cost"
down_revision = "core_0002"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    with op.batch_alter_table("plugin_fault") as table:
        for name in ("calls", "ms", "slowest_ms"):
            table.add_column(sa.Column(name, NUMBER, nullable=False, server_default="0"))
        table.add_column(sa.Column("recent", sa.JSON(none_as_null=True), nullable=False, server_default="[]"))
        table.alter_column("last_at", existing_type=sa.DateTime(timezone=True), nullable=True)
    with op.batch_alter_table("plugin_fault") as table:
        for name in ("calls", "ms", "slowest_ms", "recent"):
            table.alter_column(name, server_default=None)


def downgrade() -> None:
    op.execute("DELETE FROM plugin_fault WHERE last_at IS NULL")
    with op.batch_alter_table("plugin_fault") as table:
        table.alter_column("last_at", existing_type=sa.DateTime(timezone=True), nullable=False)
        for name in ("calls", "ms", "slowest_ms", "recent"):
            table.drop_column(name)
