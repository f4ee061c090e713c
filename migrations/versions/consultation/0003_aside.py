"""Texts that their writers gave up, kept for a while."""

import sqlalchemy as sa
from alembic import op

revision = "consultation_0003"
down_revision = "consultation_0002"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "consultation_aside",
        sa.Column("hospital_id", BIG, nullable=False),
        sa.Column("group_id", BIG, nullable=False),
        sa.Column("link_id", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("public_id", sa.String(length=26), nullable=False),
        sa.Column("request_id", BIG, nullable=False),
        sa.Column("by", BIG, nullable=False),
        sa.Column("findings", sa.Text(), nullable=False),
        sa.Column("impression", sa.Text(), nullable=False),
        sa.Column("positive", sa.Boolean(), nullable=True),
        sa.Column("images", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["tenant.id"], name=op.f("fk_consultation_aside_group_id"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["hospital_id"], ["tenant.id"], name=op.f("fk_consultation_aside_hospital_id"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["link_id"], ["tenant_link.id"], name=op.f("fk_consultation_aside_link_id"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(
            ["request_id"], ["consultation_request.id"], name=op.f("fk_consultation_aside_request_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consultation_aside")),
        sa.UniqueConstraint("public_id", name=op.f("uq_consultation_aside_public_id")),
        sa.UniqueConstraint("request_id", "by", "sha256", name="uq_consultation_aside"),
    )


def downgrade() -> None:
    op.drop_table("consultation_aside")
