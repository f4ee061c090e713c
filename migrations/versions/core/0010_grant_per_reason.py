"""One live grant per reason: ending one request no longer takes the sight that another gave."""

import sqlalchemy as sa
from alembic import op

revision = "core_0010"
down_revision = "core_0009"
branch_labels = None
depends_on = None

NAME, TABLE, LIVE = "uq_study_grant_live", "study_grant", sa.text("revoked_at IS NULL")
WHO = ["study_id", "grantee_kind", "grantee"]


def upgrade() -> None:
    op.drop_index(NAME, TABLE)
    op.create_index(NAME, TABLE, [*WHO, "reason_ref"], unique=True, sqlite_where=LIVE, postgresql_where=LIVE)


def downgrade() -> None:
    op.execute(
        "UPDATE study_grant SET revoked_at = CURRENT_TIMESTAMP WHERE revoked_at IS NULL AND id NOT IN"
        " (SELECT min(id) FROM study_grant WHERE revoked_at IS NULL GROUP BY study_id, grantee_kind, grantee)"
    )
    op.drop_index(NAME, TABLE)
    op.create_index(NAME, TABLE, WHO, unique=True, sqlite_where=LIVE, postgresql_where=LIVE)
