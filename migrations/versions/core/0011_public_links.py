"""Links for people outside, and who opened them."""

import sqlalchemy as sa
from alembic import op

revision = "core_0011"
down_revision = "core_0010"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "public_link",
        sa.Column("tenant_id", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("public_id", sa.String(26), nullable=False),
        sa.Column("plugin", sa.String(30), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("passcode_hash", sa.String(200), nullable=False),
        sa.Column("ref", sa.String(80), nullable=False),
        sa.Column("facts", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("made_by", BIG, nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=True),
        sa.Column("revoked_at", TIME, nullable=True),
        sa.Column("noted_at", TIME, nullable=True),
        sa.Column("views", BIG, nullable=False),
        sa.Column("tries", BIG, nullable=False),
        sa.Column("tried_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_public_link_tenant_id"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_public_link")),
        sa.UniqueConstraint("public_id", name=op.f("uq_public_link_public_id")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_public_link_token_hash")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_public_link_tenant_id_id")),
    )
    op.create_index("ix_public_link_ref", "public_link", ["tenant_id", "ref"])
    op.create_index("ix_public_link_expires", "public_link", ["noted_at", "expires_at"])
    op.create_table(
        "link_view",
        sa.Column("tenant_id", BIG, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("link_id", BIG, nullable=False),
        sa.Column("key_hash", sa.String(64), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("until", TIME, nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_link_view_tenant_id"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "link_id"], ["public_link.tenant_id", "public_link.id"], name=op.f("fk_link_view_tenant_id_link_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link_view")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_link_view_key_hash")),
    )
    op.create_index(op.f("ix_link_view_until"), "link_view", ["until"])
    op.create_index("ix_link_view_link", "link_view", ["link_id"])


def downgrade() -> None:
    op.drop_table("link_view")
    op.drop_table("public_link")
