"""The operation log is insert only: the database refuses changes, and deletes that no archive covers."""

import sqlalchemy as sa
from alembic import op

revision = "core_0006_audit"
down_revision = "core_0005"
branch_labels = None
depends_on = None

COVERED = (
    "SELECT 1 FROM audit_gap g WHERE g.tenant_id = OLD.tenant_id AND g.chain = OLD.chain"
    " AND OLD.seq BETWEEN g.first_seq AND g.last_seq"
)
SQLITE = (
    "CREATE TRIGGER audit_keep BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit is insert only'); END",
    f"CREATE TRIGGER audit_stay BEFORE DELETE ON audit WHEN NOT EXISTS ({COVERED})"
    " BEGIN SELECT RAISE(ABORT, 'audit is insert only'); END",
    "CREATE TRIGGER audit_gap_keep BEFORE UPDATE ON audit_gap BEGIN SELECT RAISE(ABORT, 'audit_gap is insert only'); END",
    "CREATE TRIGGER audit_gap_stay BEFORE DELETE ON audit_gap BEGIN SELECT RAISE(ABORT, 'audit_gap is insert only'); END",
)
POSTGRESQL = (
    f"""CREATE FUNCTION audit_insert_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_TABLE_NAME = 'audit' AND TG_OP = 'DELETE' THEN
            IF EXISTS ({COVERED}) THEN RETURN OLD; END IF;
        END IF;
        RAISE EXCEPTION '% is insert only', TG_TABLE_NAME;
    END $$""",
    "CREATE TRIGGER audit_keep BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_insert_only()",
    "CREATE TRIGGER audit_whole BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_insert_only()",
    "CREATE TRIGGER audit_gap_keep BEFORE UPDATE OR DELETE ON audit_gap FOR EACH ROW EXECUTE FUNCTION audit_insert_only()",
    "CREATE TRIGGER audit_gap_whole BEFORE TRUNCATE ON audit_gap FOR EACH STATEMENT EXECUTE FUNCTION audit_insert_only()",
)


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "audit_gap",
        sa.Column("id", key, nullable=False),
        sa.Column("tenant_id", key, nullable=False),
        sa.Column("chain", sa.String(length=10), nullable=False),
        sa.Column("first_seq", key, nullable=False),
        sa.Column("last_seq", key, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("file", sa.String(length=120), nullable=False),
        sa.Column("file_sha256", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_gap")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_audit_gap_tenant_id"), ondelete="RESTRICT"),
        sa.UniqueConstraint("tenant_id", "chain", "first_seq", name=op.f("uq_audit_gap_tenant_id_chain_first_seq")),
    )
    for statement in SQLITE if op.get_bind().dialect.name == "sqlite" else POSTGRESQL:
        op.execute(sa.text(statement))


def downgrade() -> None:
    names = (("audit", "audit_keep"), ("audit", "audit_stay" if _sqlite() else "audit_whole"))
    for table, name in names:
        op.execute(sa.text(f"DROP TRIGGER {name}" if _sqlite() else f"DROP TRIGGER {name} ON {table}"))
    op.drop_table("audit_gap")
    if not _sqlite():
        op.execute(sa.text("DROP FUNCTION audit_insert_only"))


def _sqlite() -> bool:
    return bool(op.get_bind().dialect.name == "sqlite")
