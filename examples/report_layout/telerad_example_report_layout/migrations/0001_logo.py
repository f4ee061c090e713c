"""The logo of a hospital."""

import sqlalchemy as sa
from alembic import op

revision = "example_report_layout_0001"
down_revision = None
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "example_report_layout_logo",
        sa.Column("tenant_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("public_id", sa.String(26), nullable=False),
        sa.Column("file_id", sa.String(26), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("made_by", Id, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_example_report_layout_logo_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_example_report_layout_logo")),
        sa.UniqueConstraint("public_id", name=op.f("uq_example_report_layout_logo_public_id")),
        sa.UniqueConstraint("tenant_id", name="uq_example_report_layout_logo_tenant"),
    )


def downgrade() -> None:
    op.drop_table("example_report_layout_logo")
