"""Tariffs by connection and their lines, and what was charged."""

import sqlalchemy as sa
from alembic import op

revision = "example_tariff_sheet_0001"
down_revision = None
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def parties(table: str) -> list[sa.schema.SchemaItem]:
    """The columns of a row that a hospital and a group share, its key, and where they point."""
    return [
        *(sa.Column(name, Id, nullable=False) for name in ("hospital_id", "group_id", "link_id", "id")),
        *(
            sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}"), ondelete="RESTRICT")
            for column, target in (("hospital_id", "tenant"), ("group_id", "tenant"), ("link_id", "tenant_link"))
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    ]


def upgrade() -> None:
    op.create_table(
        "example_tariff_sheet_tariff",
        *parties("example_tariff_sheet_tariff"),
        sa.Column("public_id", sa.String(26), nullable=False),
        sa.Column("version", Id, nullable=True),
        sa.Column("base", Id, nullable=False),
        sa.Column("file_name", sa.String(200), nullable=False),
        sa.Column("made_by", Id, nullable=False),
        sa.Column("made_name", sa.String(60), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("public_id", name=op.f("uq_example_tariff_sheet_tariff_public_id")),
        sa.UniqueConstraint("link_id", "version", name="uq_example_tariff_sheet_tariff_version"),
    )
    op.create_table(
        "example_tariff_sheet_line",
        *parties("example_tariff_sheet_line"),
        sa.Column("tariff_id", Id, nullable=False),
        sa.Column("modality", sa.String(16), nullable=False),
        sa.Column("part", sa.String(60), nullable=False),
        sa.Column("normal", Id, nullable=False),
        sa.Column("urgent", Id, nullable=False),
        sa.Column("review_percent", Id, nullable=False),
        sa.ForeignKeyConstraint(
            ["tariff_id"], ["example_tariff_sheet_tariff.id"], name=op.f("fk_example_tariff_sheet_line_tariff_id"), ondelete="CASCADE"
        ),
        sa.UniqueConstraint("tariff_id", "modality", "part", name="uq_example_tariff_sheet_line_row"),
        sa.CheckConstraint("normal >= 0 AND urgent >= 0", name=op.f("ck_example_tariff_sheet_line_fen")),
        sa.CheckConstraint("review_percent >= 0 AND review_percent <= 100", name=op.f("ck_example_tariff_sheet_line_percent")),
    )
    op.create_table(
        "example_tariff_sheet_charge",
        *parties("example_tariff_sheet_charge"),
        sa.Column("public_id", sa.String(26), nullable=False),
        sa.Column("request_id", Id, nullable=False),
        sa.Column("report_n", Id, nullable=False),
        sa.Column("code", sa.String(60), nullable=False),
        sa.Column("share", sa.String(10), nullable=False),
        sa.Column("reversal", sa.Boolean(), nullable=False),
        sa.Column("fen", Id, nullable=False),
        sa.Column("rule", sa.String(100), nullable=False),
        sa.Column("tariff_version", Id, nullable=False),
        sa.Column("person", Id, nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("public_id", name=op.f("uq_example_tariff_sheet_charge_public_id")),
        sa.UniqueConstraint("request_id", "report_n", "code", "share", "reversal", name="uq_example_tariff_sheet_charge_once"),
        sa.CheckConstraint("(reversal AND fen <= 0) OR (NOT reversal AND fen >= 0)", name=op.f("ck_example_tariff_sheet_charge_sign")),
    )


def downgrade() -> None:
    for table in ("charge", "line", "tariff"):
        op.drop_table(f"example_tariff_sheet_{table}")
