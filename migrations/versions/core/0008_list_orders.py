"""An index for each order of the study list."""

from alembic import op


revision = "core_0008"
down_revision = "core_0007"
branch_labels = None
depends_on = None

ORDERS = {
    "ix_study_modalities": "modalities", "ix_study_series": "n_series", "ix_study_instances": "n_instances",
    "ix_study_uploader": "uploader", "ix_study_state": "status",
}


def upgrade() -> None:
    op.drop_index("ix_study_accession", "study")
    op.create_index("ix_study_accession", "study", ["tenant_id", "accession", "id"])
    for name, column in ORDERS.items():
        op.create_index(name, "study", ["tenant_id", column, "id"])
    op.drop_index("ix_patient_tenant_pinyin", "patient")
    op.create_index("ix_patient_pinyin", "patient", ["tenant_id", "pinyin", "id"])
    op.create_index("ix_patient_pid", "patient", ["tenant_id", "pid", "id"])


def downgrade() -> None:
    op.drop_index("ix_patient_pid", "patient")
    op.drop_index("ix_patient_pinyin", "patient")
    op.create_index("ix_patient_tenant_pinyin", "patient", ["tenant_id", "pinyin"])
    for name in ORDERS:
        op.drop_index(name, "study")
    op.drop_index("ix_study_accession", "study")
    op.create_index("ix_study_accession", "study", ["tenant_id", "accession"])
