"""Fences for jobs and deliveries, a delivery's tenant, and the indexes of fair turns and of the poll for notices."""

import sqlalchemy as sa
from alembic import op


revision = "core_0002"
down_revision = "core_0001"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UNFINISHED = {"delivery": "state in ('waiting','leased')", "job": "state in ('queued','running')"}
NOTICES = {"ix_notice_unread": "read_at IS NULL", "ix_notice_open": "done_at IS NULL"}


def _where(text: str) -> dict[str, object]:
    return {"sqlite_where": sa.text(text), "postgresql_where": sa.text(text)}


def upgrade() -> None:
    with op.batch_alter_table("delivery") as batch_op:
        batch_op.add_column(sa.Column("tenant_id", BIG, nullable=True))
        batch_op.add_column(sa.Column("fence", BIG, nullable=False, server_default="0"))
    op.execute("UPDATE delivery SET tenant_id = (SELECT o.tenant_id FROM outbox o WHERE o.id = delivery.outbox_id)")
    with op.batch_alter_table("delivery") as batch_op:
        batch_op.alter_column("tenant_id", existing_type=BIG, nullable=False)
        batch_op.alter_column("fence", existing_type=BIG, existing_nullable=False, server_default=None)
        batch_op.create_foreign_key(op.f("fk_delivery_tenant_id"), "tenant", ["tenant_id"], ["id"])
        batch_op.drop_index("ix_delivery_due")
        batch_op.create_index("ix_delivery_due", ["tenant_id", "next_at"], **_where(UNFINISHED["delivery"]))
    with op.batch_alter_table("job") as batch_op:
        batch_op.add_column(sa.Column("fence", BIG, nullable=False, server_default="0"))
    with op.batch_alter_table("job") as batch_op:
        batch_op.alter_column("fence", existing_type=BIG, existing_nullable=False, server_default=None)
        batch_op.drop_index("ix_job_due")
        batch_op.create_index("ix_job_due", ["tenant_id", "next_at"], **_where(UNFINISHED["job"]))
        batch_op.create_index("ix_job_turn", ["tenant_id", "fence"])
    with op.batch_alter_table("notice") as batch_op:
        for name, where in NOTICES.items():
            batch_op.create_index(name, ["account_id", "tenant_id", "todo"], **_where(where))


def downgrade() -> None:
    with op.batch_alter_table("notice") as batch_op:
        for name in NOTICES:
            batch_op.drop_index(name)
    with op.batch_alter_table("job") as batch_op:
        batch_op.drop_index("ix_job_turn")
        batch_op.drop_index("ix_job_due")
        batch_op.create_index("ix_job_due", ["next_at"], **_where(UNFINISHED["job"]))
        batch_op.drop_column("fence")
    op.execute("DELETE FROM delivery WHERE handler LIKE '%:*'")
    with op.batch_alter_table("delivery") as batch_op:
        batch_op.drop_index("ix_delivery_due")
        batch_op.create_index("ix_delivery_due", ["next_at"], **_where(UNFINISHED["delivery"]))
        batch_op.drop_constraint(op.f("fk_delivery_tenant_id"), type_="foreignkey")
        batch_op.drop_column("fence")
        batch_op.drop_column("tenant_id")
