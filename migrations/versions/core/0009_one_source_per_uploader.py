"""One source per person that uploads; doubles of a race become one."""

import sqlalchemy as sa
from alembic import op

revision = "core_0009"
down_revision = "core_0008"
branch_labels = None
depends_on = None

HOLDERS = ("upload", "study", "held_item")
UPLOADER = sa.text("kind = 'uploader'")


def upgrade() -> None:
    first = "(SELECT min(f.id) FROM source f JOIN source s ON s.tenant_id = f.tenant_id AND s.account_id = f.account_id {})"
    of_row = first.format("WHERE s.id = {table}.source_id AND f.kind = 'uploader' AND s.kind = 'uploader'")
    for table in HOLDERS:
        kept = of_row.format(table=table)
        op.execute(f"UPDATE {table} SET source_id = {kept} WHERE {kept} <> source_id")
    op.execute(
        "DELETE FROM source WHERE kind = 'uploader' AND id NOT IN"
        " (SELECT min(id) FROM source WHERE kind = 'uploader' GROUP BY tenant_id, account_id)"
    )
    op.create_index(
        "uq_source_uploader", "source", ["tenant_id", "account_id"], unique=True,
        sqlite_where=UPLOADER, postgresql_where=UPLOADER,
    )


def downgrade() -> None:
    op.drop_index("uq_source_uploader", "source")
