"""The price a request was submitted at."""

import sqlalchemy as sa
from alembic import op

revision = "consultation_0002"
down_revision = "consultation_0001"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("consultation_request", sa.Column("tariff_version", BIG, nullable=True))
    op.add_column("consultation_request", sa.Column("quote", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("consultation_request", schema=None) as batch_op:
        batch_op.drop_column("quote")
        batch_op.drop_column("tariff_version")
