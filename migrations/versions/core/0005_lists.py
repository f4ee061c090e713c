"""Saved views of lists and sheets made of them."""

import sqlalchemy as sa
from alembic import op


revision = "core_0005"
down_revision = "core_0004"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
RUNNING = sa.text("state in ('queued','running')")


def upgrade() -> None:
    op.create_table(
        "saved_view",
        sa.Column("tenant_id", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("public_id", sa.String(26), nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("list_name", sa.String(40), nullable=False),
        sa.Column("name", sa.String(20), nullable=False),
        sa.Column("query", sa.String(2000), nullable=False),
        sa.Column("counted", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_saved_view_tenant_id"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_saved_view_account_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_view")),
        sa.UniqueConstraint("public_id", name=op.f("uq_saved_view_public_id")),
        sa.UniqueConstraint(
            "tenant_id", "account_id", "list_name", "name", name=op.f("uq_saved_view_tenant_id_account_id_list_name_name")
        ),
    )
    op.create_table(
        "list_export",
        sa.Column("tenant_id", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("public_id", sa.String(26), nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("list_name", sa.String(40), nullable=False),
        sa.Column("ask", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("masked", sa.Boolean(), nullable=False),
        sa.Column("done_n", BIG, nullable=False),
        sa.Column("total_n", BIG, nullable=False),
        sa.Column("reason", sa.String(40), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("file_id", BIG, nullable=True),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_list_export_tenant_id"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_list_export_account_id")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "file_id"], ["file.tenant_id", "file.id"], name=op.f("fk_list_export_tenant_id_file_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_list_export")),
        sa.UniqueConstraint("public_id", name=op.f("uq_list_export_public_id")),
    )
    op.create_index(
        "uq_list_export_running", "list_export", ["account_id"], unique=True, sqlite_where=RUNNING, postgresql_where=RUNNING
    )
    op.create_index("ix_list_export_mine", "list_export", ["tenant_id", "account_id", "id"])


def downgrade() -> None:
    op.drop_table("list_export")
    op.drop_table("saved_view")
