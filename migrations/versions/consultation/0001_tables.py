"""Every table of consultation as it began."""

import sqlalchemy as sa
from alembic import op


revision = "consultation_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('consultation_request',
    sa.Column('hospital_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('group_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('link_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('public_id', sa.String(length=26), nullable=False),
    sa.Column('study_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('study_public_id', sa.String(length=26), nullable=False),
    sa.Column('parent_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.Column('state', sa.String(length=40), nullable=False),
    sa.Column('version', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('urgency', sa.String(length=40), nullable=False),
    sa.Column('purpose', sa.Text(), nullable=False),
    sa.Column('requester', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('requester_name', sa.String(length=60), nullable=False),
    sa.Column('reader_named', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.Column('reader', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.Column('reader_name', sa.String(length=60), nullable=False),
    sa.Column('reviewer', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.Column('reviewer_name', sa.String(length=60), nullable=False),
    sa.Column('hospital_name', sa.String(length=100), nullable=False),
    sa.Column('group_name', sa.String(length=100), nullable=False),
    sa.Column('exam_no', sa.String(length=64), nullable=False),
    sa.Column('pid', sa.String(length=64), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('pinyin', sa.String(length=200), nullable=False),
    sa.Column('sex', sa.String(length=10), nullable=False),
    sa.Column('age', sa.String(length=10), nullable=False),
    sa.Column('modality', sa.String(length=100), nullable=False),
    sa.Column('device', sa.String(length=200), nullable=False),
    sa.Column('study_at', sa.String(length=19), nullable=False),
    sa.Column('part_names', sa.String(length=200), nullable=False),
    sa.Column('n_instances', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('requested_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('accepted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('opened_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('approved_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('confirmed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('printed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('adjusted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('moved_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('sealed_version', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.Column('claim_user', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.Column('claim_name', sa.String(length=60), nullable=False),
    sa.Column('claim_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('claim_seen', sa.DateTime(timezone=True), nullable=True),
    sa.Column('author_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('work_rank', sa.String(length=30), nullable=False),
    sa.ForeignKeyConstraint(['group_id'], ['tenant.id'], name=op.f('fk_consultation_request_group_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['hospital_id', 'study_id'], ['study.tenant_id', 'study.id'], name='fk_consultation_study', ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['hospital_id'], ['tenant.id'], name=op.f('fk_consultation_request_hospital_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['link_id'], ['tenant_link.id'], name=op.f('fk_consultation_request_link_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['parent_id'], ['consultation_request.id'], name=op.f('fk_consultation_request_parent_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_consultation_request')),
    sa.UniqueConstraint('public_id', name=op.f('uq_consultation_request_public_id'))
    )
    with op.batch_alter_table('consultation_request', schema=None) as batch_op:
        batch_op.create_index('ix_consultation_claim', ['claim_until'], unique=False, sqlite_where=sa.text('claim_user IS NOT NULL'), postgresql_where=sa.text('claim_user IS NOT NULL'))
        batch_op.create_index('ix_consultation_group_at', ['group_id', 'requested_at', 'id'], unique=False)
        batch_op.create_index('ix_consultation_hospital_at', ['hospital_id', 'requested_at', 'id'], unique=False)
        batch_op.create_index('ix_consultation_hospital_state', ['hospital_id', 'state', 'requested_at', 'id'], unique=False)
        batch_op.create_index('ix_consultation_study', ['study_id'], unique=False)
        batch_op.create_index('ix_consultation_work', ['group_id', 'state', 'work_rank', 'id'], unique=False)
        batch_op.create_index('uq_consultation_open', ['study_id', 'group_id'], unique=True, sqlite_where=sa.text('closed_at IS NULL'), postgresql_where=sa.text('closed_at IS NULL'))

    op.create_table('consultation_document',
    sa.Column('hospital_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('group_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('link_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('public_id', sa.String(length=26), nullable=False),
    sa.Column('request_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('version_n', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('template_ref', sa.String(length=80), nullable=False),
    sa.Column('file_id', sa.String(length=26), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('state', sa.String(length=12), nullable=False),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('saved_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('voided_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['group_id'], ['tenant.id'], name=op.f('fk_consultation_document_group_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['hospital_id'], ['tenant.id'], name=op.f('fk_consultation_document_hospital_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['link_id'], ['tenant_link.id'], name=op.f('fk_consultation_document_link_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['request_id'], ['consultation_request.id'], name=op.f('fk_consultation_document_request_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_consultation_document')),
    sa.UniqueConstraint('public_id', name=op.f('uq_consultation_document_public_id'))
    )
    with op.batch_alter_table('consultation_document', schema=None) as batch_op:
        batch_op.create_index('uq_consultation_document_live', ['request_id'], unique=True, sqlite_where=sa.text("state in ('preview','saved')"), postgresql_where=sa.text("state in ('preview','saved')"))

    op.create_table('consultation_draft',
    sa.Column('hospital_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('group_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('link_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('request_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
    sa.Column('rev', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('author', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('findings', sa.Text(), nullable=False),
    sa.Column('impression', sa.Text(), nullable=False),
    sa.Column('positive', sa.Boolean(), nullable=True),
    sa.Column('images', sa.JSON(none_as_null=True), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('saved_by', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('saved_name', sa.String(length=60), nullable=False),
    sa.Column('saved_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['group_id'], ['tenant.id'], name=op.f('fk_consultation_draft_group_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['hospital_id'], ['tenant.id'], name=op.f('fk_consultation_draft_hospital_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['link_id'], ['tenant_link.id'], name=op.f('fk_consultation_draft_link_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['request_id'], ['consultation_request.id'], name=op.f('fk_consultation_draft_request_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('request_id', name=op.f('pk_consultation_draft'))
    )
    op.create_table('consultation_entry',
    sa.Column('hospital_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('group_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('link_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('request_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('event', sa.String(length=40), nullable=False),
    sa.Column('before', sa.String(length=40), nullable=False),
    sa.Column('after', sa.String(length=40), nullable=False),
    sa.Column('by', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('by_name', sa.String(length=60), nullable=False),
    sa.Column('side', sa.String(length=10), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('version', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('report_n', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.ForeignKeyConstraint(['group_id'], ['tenant.id'], name=op.f('fk_consultation_entry_group_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['hospital_id'], ['tenant.id'], name=op.f('fk_consultation_entry_hospital_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['link_id'], ['tenant_link.id'], name=op.f('fk_consultation_entry_link_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['request_id'], ['consultation_request.id'], name=op.f('fk_consultation_entry_request_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_consultation_entry')),
    sa.UniqueConstraint('request_id', 'version', 'event', name='uq_consultation_entry')
    )
    op.create_table('consultation_part',
    sa.Column('hospital_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('group_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('link_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('request_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('name', sa.String(length=60), nullable=False),
    sa.Column('category', sa.String(length=60), nullable=False),
    sa.Column('count', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('rule', sa.String(length=200), nullable=False),
    sa.ForeignKeyConstraint(['group_id'], ['tenant.id'], name=op.f('fk_consultation_part_group_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['hospital_id'], ['tenant.id'], name=op.f('fk_consultation_part_hospital_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['link_id'], ['tenant_link.id'], name=op.f('fk_consultation_part_link_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['request_id'], ['consultation_request.id'], name=op.f('fk_consultation_part_request_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_consultation_part')),
    sa.UniqueConstraint('request_id', 'name', name='uq_consultation_part')
    )
    op.create_table('consultation_report_version',
    sa.Column('hospital_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('group_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('link_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('request_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('n', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('status', sa.String(length=40), nullable=False),
    sa.Column('findings', sa.Text(), nullable=False),
    sa.Column('impression', sa.Text(), nullable=False),
    sa.Column('positive', sa.Boolean(), nullable=True),
    sa.Column('images', sa.JSON(none_as_null=True), nullable=False),
    sa.Column('author', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('reviewer', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.Column('written_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('sealed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('prev_sha256', sa.String(length=64), nullable=False),
    sa.Column('sop_set', sa.String(length=64), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['group_id'], ['tenant.id'], name=op.f('fk_consultation_report_version_group_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['hospital_id'], ['tenant.id'], name=op.f('fk_consultation_report_version_hospital_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['link_id'], ['tenant_link.id'], name=op.f('fk_consultation_report_version_link_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['request_id'], ['consultation_request.id'], name=op.f('fk_consultation_report_version_request_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_consultation_report_version')),
    sa.UniqueConstraint('request_id', 'n', name='uq_consultation_report_n')
    )
    with op.batch_alter_table('consultation_report_version', schema=None) as batch_op:
        batch_op.create_index('uq_consultation_report_sealed', ['request_id'], unique=True, sqlite_where=sa.text("status = 'sealed'"), postgresql_where=sa.text("status = 'sealed'"))



def downgrade() -> None:
    with op.batch_alter_table('consultation_report_version', schema=None) as batch_op:
        batch_op.drop_index('uq_consultation_report_sealed', sqlite_where=sa.text("status = 'sealed'"), postgresql_where=sa.text("status = 'sealed'"))

    op.drop_table('consultation_report_version')
    op.drop_table('consultation_part')
    op.drop_table('consultation_entry')
    op.drop_table('consultation_draft')
    with op.batch_alter_table('consultation_document', schema=None) as batch_op:
        batch_op.drop_index('uq_consultation_document_live', sqlite_where=sa.text("state in ('preview','saved')"), postgresql_where=sa.text("state in ('preview','saved')"))

    op.drop_table('consultation_document')
    with op.batch_alter_table('consultation_request', schema=None) as batch_op:
        batch_op.drop_index('uq_consultation_open', sqlite_where=sa.text('closed_at IS NULL'), postgresql_where=sa.text('closed_at IS NULL'))
        batch_op.drop_index('ix_consultation_work')
        batch_op.drop_index('ix_consultation_study')
        batch_op.drop_index('ix_consultation_hospital_state')
        batch_op.drop_index('ix_consultation_hospital_at')
        batch_op.drop_index('ix_consultation_group_at')
        batch_op.drop_index('ix_consultation_claim', sqlite_where=sa.text('claim_user IS NOT NULL'), postgresql_where=sa.text('claim_user IS NOT NULL'))

    op.drop_table('consultation_request')
