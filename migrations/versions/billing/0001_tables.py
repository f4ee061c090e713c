"""Tariffs by connection, and what was charged."""

import sqlalchemy as sa
from alembic import op


revision = "billing_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('billing_charge',
    sa.Column('hospital_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('group_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('link_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('public_id', sa.String(length=26), nullable=False),
    sa.Column('request_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('request_public_id', sa.String(length=26), nullable=False),
    sa.Column('report_n', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('code', sa.String(length=60), nullable=False),
    sa.Column('share', sa.String(length=10), nullable=False),
    sa.Column('fen', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('rule', sa.String(length=100), nullable=False),
    sa.Column('tariff_version', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('person', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('reverses', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.Column('reversed_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('(reverses IS NULL) = (fen >= 0) OR fen = 0', name=op.f('ck_billing_charge_sign')),
    sa.ForeignKeyConstraint(['group_id'], ['tenant.id'], name=op.f('fk_billing_charge_group_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['hospital_id'], ['tenant.id'], name=op.f('fk_billing_charge_hospital_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['link_id'], ['tenant_link.id'], name=op.f('fk_billing_charge_link_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['reverses'], ['billing_charge.id'], name=op.f('fk_billing_charge_reverses'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_billing_charge')),
    sa.UniqueConstraint('public_id', name=op.f('uq_billing_charge_public_id')),
    sa.UniqueConstraint('reverses', name='uq_billing_charge_reverses')
    )
    with op.batch_alter_table('billing_charge', schema=None) as batch_op:
        batch_op.create_index('ix_billing_charge_group', ['group_id', 'made_at', 'id'], unique=False)
        batch_op.create_index('ix_billing_charge_hospital', ['hospital_id', 'made_at', 'id'], unique=False)
        batch_op.create_index('ix_billing_charge_request', ['request_id', 'id'], unique=False)
        batch_op.create_index('uq_billing_charge_standing', ['request_id', 'code', 'share'], unique=True, sqlite_where=sa.text('reverses IS NULL AND reversed_at IS NULL'), postgresql_where=sa.text('reverses IS NULL AND reversed_at IS NULL'))

    op.create_table('billing_tariff',
    sa.Column('hospital_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('group_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('link_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('public_id', sa.String(length=26), nullable=False),
    sa.Column('version', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('urgent_percent', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('diagnosis_percent', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('made_by', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('made_name', sa.String(length=60), nullable=False),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('diagnosis_percent >= 0 AND diagnosis_percent <= 100', name=op.f('ck_billing_tariff_split')),
    sa.CheckConstraint('urgent_percent >= 100', name=op.f('ck_billing_tariff_urgent')),
    sa.ForeignKeyConstraint(['group_id'], ['tenant.id'], name=op.f('fk_billing_tariff_group_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['hospital_id'], ['tenant.id'], name=op.f('fk_billing_tariff_hospital_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['link_id'], ['tenant_link.id'], name=op.f('fk_billing_tariff_link_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_billing_tariff')),
    sa.UniqueConstraint('link_id', 'version', name='uq_billing_tariff_version'),
    sa.UniqueConstraint('public_id', name=op.f('uq_billing_tariff_public_id'))
    )
    with op.batch_alter_table('billing_tariff', schema=None) as batch_op:
        batch_op.create_index('ix_billing_tariff_group', ['group_id', 'link_id'], unique=False)
        batch_op.create_index('ix_billing_tariff_hospital', ['hospital_id', 'link_id'], unique=False)

    op.create_table('billing_tariff_line',
    sa.Column('hospital_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('group_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('link_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('tariff_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('reader', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('reader_name', sa.String(length=60), nullable=False),
    sa.Column('modality', sa.String(length=16), nullable=False),
    sa.Column('fen', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.CheckConstraint('fen >= 0', name=op.f('ck_billing_tariff_line_fen')),
    sa.ForeignKeyConstraint(['group_id'], ['tenant.id'], name=op.f('fk_billing_tariff_line_group_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['hospital_id'], ['tenant.id'], name=op.f('fk_billing_tariff_line_hospital_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['link_id'], ['tenant_link.id'], name=op.f('fk_billing_tariff_line_link_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['tariff_id'], ['billing_tariff.id'], name=op.f('fk_billing_tariff_line_tariff_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_billing_tariff_line')),
    sa.UniqueConstraint('tariff_id', 'reader', 'modality', name='uq_billing_tariff_line')
    )


def downgrade() -> None:
    op.drop_table('billing_tariff_line')
    with op.batch_alter_table('billing_tariff', schema=None) as batch_op:
        batch_op.drop_index('ix_billing_tariff_hospital')
        batch_op.drop_index('ix_billing_tariff_group')

    op.drop_table('billing_tariff')
    with op.batch_alter_table('billing_charge', schema=None) as batch_op:
        batch_op.drop_index('uq_billing_charge_standing', sqlite_where=sa.text('reverses IS NULL AND reversed_at IS NULL'), postgresql_where=sa.text('reverses IS NULL AND reversed_at IS NULL'))
        batch_op.drop_index('ix_billing_charge_request')
        batch_op.drop_index('ix_billing_charge_hospital')
        batch_op.drop_index('ix_billing_charge_group')

    op.drop_table('billing_charge')
