"""Every table of core as it began."""

import sqlalchemy as sa
from alembic import op


revision = "core_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('account',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('public_id', sa.String(length=26), nullable=False),
    sa.Column('phone', sa.String(length=20), nullable=False),
    sa.Column('name', sa.String(length=60), nullable=False),
    sa.Column('gender', sa.String(length=10), nullable=False),
    sa.Column('email', sa.String(length=120), nullable=False),
    sa.Column('introduction', sa.Text(), nullable=False),
    sa.Column('birth_date', sa.Date(), nullable=True),
    sa.Column('platform_role', sa.String(length=10), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('disabled_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_account')),
    sa.UniqueConstraint('phone', name=op.f('uq_account_phone')),
    sa.UniqueConstraint('public_id', name=op.f('uq_account_public_id'))
    )
    op.create_table('lease',
    sa.Column('name', sa.String(length=60), nullable=False),
    sa.Column('holder', sa.String(length=80), nullable=False),
    sa.Column('until', sa.DateTime(timezone=True), nullable=False),
    sa.Column('fence', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('ran_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_lease'))
    )
    op.create_table('login_attempt',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('phone', sa.String(length=20), nullable=False),
    sa.Column('address', sa.String(length=45), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_login_attempt'))
    )
    with op.batch_alter_table('login_attempt', schema=None) as batch_op:
        batch_op.create_index('ix_login_attempt_at', ['address', 'at'], unique=False)
        batch_op.create_index('ix_login_attempt_phone_at', ['phone', 'at'], unique=False)

    op.create_table('plugin_fault',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('plugin', sa.String(length=30), nullable=False),
    sa.Column('place', sa.String(length=60), nullable=False),
    sa.Column('count', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('error', sa.String(length=300), nullable=False),
    sa.Column('last_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_plugin_fault')),
    sa.UniqueConstraint('plugin', 'place', name=op.f('uq_plugin_fault_plugin_place'))
    )
    op.create_table('setting',
    sa.Column('scope', sa.String(length=10), nullable=False),
    sa.Column('scope_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
    sa.Column('name', sa.String(length=80), nullable=False),
    sa.Column('value', sa.JSON(), nullable=False),
    sa.Column('changed_by', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('scope', 'scope_id', 'name', name=op.f('pk_setting'))
    )
    op.create_table('tenant',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('public_id', sa.String(length=26), nullable=False),
    sa.Column('code', sa.String(length=16), nullable=False),
    sa.Column('kind', sa.String(length=10), nullable=False),
    sa.Column('number', sa.String(length=32), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('zone', sa.String(length=40), nullable=False),
    sa.Column('introduction', sa.Text(), nullable=False),
    sa.Column('plugins', sa.JSON(none_as_null=True), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tenant')),
    sa.UniqueConstraint('code', name=op.f('uq_tenant_code')),
    sa.UniqueConstraint('kind', 'number', name=op.f('uq_tenant_kind_number')),
    sa.UniqueConstraint('public_id', name=op.f('uq_tenant_public_id'))
    )
    op.create_table('api_token',
    sa.Column('tenant_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('public_id', sa.String(length=26), nullable=False),
    sa.Column('account_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('token_hash', sa.String(length=64), nullable=False),
    sa.Column('tail', sa.String(length=4), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_api_token_account_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_api_token_tenant_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_api_token')),
    sa.UniqueConstraint('public_id', name=op.f('uq_api_token_public_id')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_api_token_token_hash'))
    )
    with op.batch_alter_table('api_token', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_api_token_account_id'), ['account_id'], unique=False)

    op.create_table('audit',
    sa.Column('tenant_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('public_id', sa.String(length=26), nullable=False),
    sa.Column('chain', sa.String(length=10), nullable=False),
    sa.Column('seq', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('account_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('kind', sa.String(length=40), nullable=False),
    sa.Column('ref', sa.String(length=80), nullable=False),
    sa.Column('facts', sa.JSON(none_as_null=True), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_audit_tenant_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit')),
    sa.UniqueConstraint('public_id', name=op.f('uq_audit_public_id')),
    sa.UniqueConstraint('tenant_id', 'chain', 'seq', name=op.f('uq_audit_tenant_id_chain_seq'))
    )
    with op.batch_alter_table('audit', schema=None) as batch_op:
        batch_op.create_index('ix_audit_account', ['tenant_id', 'account_id', 'at'], unique=False)
        batch_op.create_index('ix_audit_at', ['tenant_id', 'at', 'id'], unique=False)

    op.create_table('audit_head',
    sa.Column('tenant_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('chain', sa.String(length=10), nullable=False),
    sa.Column('seq', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_audit_head_tenant_id')),
    sa.PrimaryKeyConstraint('tenant_id', 'chain', name=op.f('pk_audit_head'))
    )
    op.create_table('blob',
    sa.Column('tenant_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('gen', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('size', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('orphan_since', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_blob_tenant_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_blob')),
    sa.UniqueConstraint('tenant_id', 'id', name=op.f('uq_blob_tenant_id_id')),
    sa.UniqueConstraint('tenant_id', 'sha256', 'gen', name=op.f('uq_blob_tenant_id_sha256_gen'))
    )
    with op.batch_alter_table('blob', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_blob_orphan_since'), ['orphan_since'], unique=False)

    op.create_table('core_timer',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('tenant_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('plugin', sa.String(length=30), nullable=False),
    sa.Column('key', sa.String(length=80), nullable=False),
    sa.Column('job', sa.String(length=60), nullable=False),
    sa.Column('args', sa.JSON(none_as_null=True), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_core_timer_tenant_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_core_timer'))
    )
    with op.batch_alter_table('core_timer', schema=None) as batch_op:
        batch_op.create_index('ix_core_timer_due', ['due_at'], unique=False, sqlite_where=sa.text("state = 'waiting'"), postgresql_where=sa.text("state = 'waiting'"))
        batch_op.create_index('uq_core_timer_waiting', ['plugin', 'key'], unique=True, sqlite_where=sa.text("state = 'waiting'"), postgresql_where=sa.text("state = 'waiting'"))

    op.create_table('credential',
    sa.Column('account_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('password_hash', sa.String(length=200), nullable=False),
    sa.Column('must_change', sa.Boolean(), nullable=False),
    sa.Column('skipped_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_credential_account_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('account_id', name=op.f('pk_credential'))
    )
    op.create_table('idempotency',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('tenant_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('account_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('route', sa.String(length=200), nullable=False),
    sa.Column('key', sa.String(length=64), nullable=False),
    sa.Column('body_sha256', sa.String(length=64), nullable=False),
    sa.Column('status', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('media', sa.String(length=60), nullable=False),
    sa.Column('location', sa.String(length=300), nullable=False),
    sa.Column('answer', sa.LargeBinary(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_idempotency_tenant_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_idempotency')),
    sa.UniqueConstraint('tenant_id', 'account_id', 'route', 'key', name=op.f('uq_idempotency_tenant_id_account_id_route_key'))
    )
    op.create_table('job',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('public_id', sa.String(length=26), nullable=False),
    sa.Column('tenant_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.Column('account_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('name', sa.String(length=60), nullable=False),
    sa.Column('args', sa.JSON(none_as_null=True), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('tries', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('queued_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('next_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('lease_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('err', sa.String(length=300), nullable=False),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_job_tenant_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_job')),
    sa.UniqueConstraint('public_id', name=op.f('uq_job_public_id'))
    )
    with op.batch_alter_table('job', schema=None) as batch_op:
        batch_op.create_index('ix_job_due', ['next_at'], unique=False, sqlite_where=sa.text("state in ('queued','running')"), postgresql_where=sa.text("state in ('queued','running')"))

    op.create_table('list_columns',
    sa.Column('account_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('list_name', sa.String(length=40), nullable=False),
    sa.Column('columns', sa.JSON(none_as_null=True), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_list_columns_account_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('account_id', 'list_name', name=op.f('pk_list_columns'))
    )
    op.create_table('notice',
    sa.Column('tenant_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('public_id', sa.String(length=26), nullable=False),
    sa.Column('account_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('kind', sa.String(length=40), nullable=False),
    sa.Column('todo', sa.Boolean(), nullable=False),
    sa.Column('ref', sa.String(length=80), nullable=False),
    sa.Column('facts', sa.JSON(none_as_null=True), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('read_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_notice_account_id')),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_notice_tenant_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notice')),
    sa.UniqueConstraint('public_id', name=op.f('uq_notice_public_id'))
    )
    with op.batch_alter_table('notice', schema=None) as batch_op:
        batch_op.create_index('ix_notice_mine', ['account_id', 'tenant_id', 'todo', 'id'], unique=False)
        batch_op.create_index('ix_notice_ref', ['tenant_id', 'ref'], unique=False)

    op.create_table('outbox',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('event_id', sa.String(length=26), nullable=False),
    sa.Column('tenant_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('kind', sa.String(length=40), nullable=False),
    sa.Column('payload', sa.JSON(none_as_null=True), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_outbox_tenant_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_outbox')),
    sa.UniqueConstraint('event_id', name=op.f('uq_outbox_event_id'))
    )
    op.create_table('patient',
    sa.Column('tenant_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('public_id', sa.String(length=26), nullable=False),
    sa.Column('issuer', sa.String(length=64), nullable=False),
    sa.Column('pid', sa.String(length=64), nullable=False),
    sa.Column('seq', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('name_raw', sa.LargeBinary(), nullable=True),
    sa.Column('charset', sa.String(length=60), nullable=False),
    sa.Column('pinyin', sa.String(length=200), nullable=False),
    sa.Column('sex', sa.String(length=10), nullable=False),
    sa.Column('birth_date', sa.Date(), nullable=True),
    sa.Column('phone', sa.String(length=40), nullable=False),
    sa.Column('reconcile', sa.Boolean(), nullable=False),
    sa.Column('merged_into', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_patient_tenant_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_patient')),
    sa.UniqueConstraint('public_id', name=op.f('uq_patient_public_id')),
    sa.UniqueConstraint('tenant_id', 'id', name=op.f('uq_patient_tenant_id_id')),
    sa.UniqueConstraint('tenant_id', 'issuer', 'pid', 'seq', name=op.f('uq_patient_tenant_id_issuer_pid_seq'))
    )
    with op.batch_alter_table('patient', schema=None) as batch_op:
        batch_op.create_index('ix_patient_tenant_pinyin', ['tenant_id', 'pinyin'], unique=False)

    op.create_table('role',
    sa.Column('tenant_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('public_id', sa.String(length=26), nullable=False),
    sa.Column('code', sa.String(length=40), nullable=False),
    sa.Column('name', sa.String(length=40), nullable=False),
    sa.Column('description', sa.String(length=200), nullable=False),
    sa.Column('permissions', sa.JSON(none_as_null=True), nullable=False),
    sa.Column('builtin', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_role_tenant_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_role')),
    sa.UniqueConstraint('public_id', name=op.f('uq_role_public_id')),
    sa.UniqueConstraint('tenant_id', 'code', name=op.f('uq_role_tenant_id_code')),
    sa.UniqueConstraint('tenant_id', 'id', name=op.f('uq_role_tenant_id_id'))
    )
    op.create_table('session',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('public_id', sa.String(length=26), nullable=False),
    sa.Column('key_hash', sa.String(length=64), nullable=False),
    sa.Column('account_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.Column('data', sa.JSON(none_as_null=True), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('password_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('address', sa.String(length=45), nullable=False),
    sa.Column('agent', sa.String(length=200), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_session_account_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_session')),
    sa.UniqueConstraint('key_hash', name=op.f('uq_session_key_hash')),
    sa.UniqueConstraint('public_id', name=op.f('uq_session_public_id'))
    )
    with op.batch_alter_table('session', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_session_account_id'), ['account_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_session_expires_at'), ['expires_at'], unique=False)

    op.create_table('signature',
    sa.Column('account_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('png', sa.LargeBinary(), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_signature_account_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('account_id', name=op.f('pk_signature'))
    )
    op.create_table('source',
    sa.Column('tenant_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('public_id', sa.String(length=26), nullable=False),
    sa.Column('kind', sa.String(length=10), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('account_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.Column('secret_hash', sa.String(length=64), nullable=True),
    sa.Column('ae', sa.String(length=16), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('removed_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_source_account_id')),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_source_tenant_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_source')),
    sa.UniqueConstraint('public_id', name=op.f('uq_source_public_id')),
    sa.UniqueConstraint('secret_hash', name=op.f('uq_source_secret_hash')),
    sa.UniqueConstraint('tenant_id', 'ae', name=op.f('uq_source_tenant_id_ae')),
    sa.UniqueConstraint('tenant_id', 'id', name=op.f('uq_source_tenant_id_id'))
    )
    op.create_table('study_access',
    sa.Column('id', sa.String(length=26), nullable=False),
    sa.Column('principal', sa.String(length=60), nullable=False),
    sa.Column('tenant_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('owner_tenant', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('study_ids', sa.JSON(), nullable=False),
    sa.Column('grant_ids', sa.JSON(), nullable=False),
    sa.Column('profile', sa.String(length=20), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['owner_tenant'], ['tenant.id'], name=op.f('fk_study_access_owner_tenant')),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_study_access_tenant_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_study_access'))
    )
    with op.batch_alter_table('study_access', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_study_access_principal'), ['principal'], unique=False)

    op.create_table('tenant_link',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('public_id', sa.String(length=26), nullable=False),
    sa.Column('hospital_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('group_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('accepting', sa.Boolean(), nullable=False),
    sa.Column('applied_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('connected_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['group_id'], ['tenant.id'], name=op.f('fk_tenant_link_group_id')),
    sa.ForeignKeyConstraint(['hospital_id'], ['tenant.id'], name=op.f('fk_tenant_link_hospital_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tenant_link')),
    sa.UniqueConstraint('public_id', name=op.f('uq_tenant_link_public_id'))
    )
    with op.batch_alter_table('tenant_link', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_tenant_link_group_id'), ['group_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_tenant_link_hospital_id'), ['hospital_id'], unique=False)
        batch_op.create_index('uq_tenant_link_pair', ['hospital_id', 'group_id'], unique=True, sqlite_where=sa.text("state <> 'ended'"), postgresql_where=sa.text("state <> 'ended'"))

    op.create_table('delivery',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('outbox_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('plugin', sa.String(length=30), nullable=False),
    sa.Column('handler', sa.String(length=120), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('tries', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('next_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('lease_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('err', sa.String(length=300), nullable=False),
    sa.ForeignKeyConstraint(['outbox_id'], ['outbox.id'], name=op.f('fk_delivery_outbox_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_delivery')),
    sa.UniqueConstraint('outbox_id', 'handler', name=op.f('uq_delivery_outbox_id_handler'))
    )
    with op.batch_alter_table('delivery', schema=None) as batch_op:
        batch_op.create_index('ix_delivery_due', ['next_at'], unique=False, sqlite_where=sa.text("state in ('waiting','leased')"), postgresql_where=sa.text("state in ('waiting','leased')"))

    op.create_table('membership',
    sa.Column('tenant_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('public_id', sa.String(length=26), nullable=False),
    sa.Column('account_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('role_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('joined_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('left_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('prefs', sa.JSON(none_as_null=True), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_membership_account_id')),
    sa.ForeignKeyConstraint(['tenant_id', 'role_id'], ['role.tenant_id', 'role.id'], name=op.f('fk_membership_tenant_id_role_id')),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_membership_tenant_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_membership')),
    sa.UniqueConstraint('account_id', 'tenant_id', name=op.f('uq_membership_account_id_tenant_id')),
    sa.UniqueConstraint('public_id', name=op.f('uq_membership_public_id'))
    )
    with op.batch_alter_table('membership', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_membership_account_id'), ['account_id'], unique=False)

    op.create_table('study',
    sa.Column('tenant_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('public_id', sa.String(length=26), nullable=False),
    sa.Column('uid', sa.String(length=64), nullable=False),
    sa.Column('patient_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('accession', sa.String(length=64), nullable=False),
    sa.Column('study_date', sa.Date(), nullable=True),
    sa.Column('study_time', sa.Time(), nullable=True),
    sa.Column('study_at', sa.String(length=19), nullable=False),
    sa.Column('description', sa.String(length=200), nullable=False),
    sa.Column('body_part', sa.String(length=100), nullable=False),
    sa.Column('institution', sa.String(length=200), nullable=False),
    sa.Column('department', sa.String(length=100), nullable=False),
    sa.Column('physician', sa.String(length=200), nullable=False),
    sa.Column('device', sa.String(length=200), nullable=False),
    sa.Column('age', sa.String(length=10), nullable=False),
    sa.Column('source_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.Column('uploaded_by', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('uploader', sa.String(length=60), nullable=False),
    sa.Column('uploaded_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('uploaded_day', sa.Date(), nullable=False),
    sa.Column('n_series', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('n_instances', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('bytes', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('modalities', sa.String(length=100), nullable=False),
    sa.Column('status', sa.String(length=20), nullable=False),
    sa.Column('complete_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('conflicted', sa.Boolean(), nullable=False),
    sa.Column('locked_by', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.Column('locked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('version', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('trashed_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['tenant_id', 'patient_id'], ['patient.tenant_id', 'patient.id'], name=op.f('fk_study_tenant_id_patient_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['tenant_id', 'source_id'], ['source.tenant_id', 'source.id'], name=op.f('fk_study_tenant_id_source_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_study_tenant_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_study')),
    sa.UniqueConstraint('public_id', name=op.f('uq_study_public_id')),
    sa.UniqueConstraint('tenant_id', 'id', name=op.f('uq_study_tenant_id_id')),
    sa.UniqueConstraint('tenant_id', 'uid', name=op.f('uq_study_tenant_id_uid'))
    )
    with op.batch_alter_table('study', schema=None) as batch_op:
        batch_op.create_index('ix_study_accession', ['tenant_id', 'accession'], unique=False)
        batch_op.create_index('ix_study_day', ['tenant_id', 'uploaded_day', 'status', 'bytes'], unique=False)
        batch_op.create_index('ix_study_patient', ['patient_id'], unique=False)
        batch_op.create_index('ix_study_status', ['tenant_id', 'status', 'uploaded_at', 'id'], unique=False)
        batch_op.create_index('ix_study_study_at', ['tenant_id', 'study_at', 'id'], unique=False)
        batch_op.create_index('ix_study_uploaded', ['tenant_id', 'uploaded_at', 'id'], unique=False)

    op.create_table('upload',
    sa.Column('tenant_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('public_id', sa.String(length=26), nullable=False),
    sa.Column('state', sa.String(length=12), nullable=False),
    sa.Column('created_by', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('source_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.ForeignKeyConstraint(['created_by'], ['account.id'], name=op.f('fk_upload_created_by')),
    sa.ForeignKeyConstraint(['tenant_id', 'source_id'], ['source.tenant_id', 'source.id'], name=op.f('fk_upload_tenant_id_source_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_upload_tenant_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_upload')),
    sa.UniqueConstraint('public_id', name=op.f('uq_upload_public_id')),
    sa.UniqueConstraint('tenant_id', 'id', name=op.f('uq_upload_tenant_id_id'))
    )
    op.create_table('file',
    sa.Column('tenant_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('public_id', sa.String(length=26), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('media', sa.String(length=60), nullable=False),
    sa.Column('blob_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('study_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.Column('created_by', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['tenant_id', 'blob_id'], ['blob.tenant_id', 'blob.id'], name=op.f('fk_file_tenant_id_blob_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['tenant_id', 'study_id'], ['study.tenant_id', 'study.id'], name=op.f('fk_file_tenant_id_study_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_file_tenant_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_file')),
    sa.UniqueConstraint('public_id', name=op.f('uq_file_public_id')),
    sa.UniqueConstraint('tenant_id', 'id', name=op.f('uq_file_tenant_id_id'))
    )
    with op.batch_alter_table('file', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_file_blob_id'), ['blob_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_file_study_id'), ['study_id'], unique=False)

    op.create_table('held_item',
    sa.Column('tenant_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('public_id', sa.String(length=26), nullable=False),
    sa.Column('name', sa.String(length=300), nullable=False),
    sa.Column('reason', sa.String(length=40), nullable=False),
    sa.Column('detail', sa.String(length=200), nullable=False),
    sa.Column('blob_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('study_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.Column('source_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['tenant_id', 'blob_id'], ['blob.tenant_id', 'blob.id'], name=op.f('fk_held_item_tenant_id_blob_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['tenant_id', 'source_id'], ['source.tenant_id', 'source.id'], name=op.f('fk_held_item_tenant_id_source_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['tenant_id', 'study_id'], ['study.tenant_id', 'study.id'], name=op.f('fk_held_item_tenant_id_study_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_held_item_tenant_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_held_item')),
    sa.UniqueConstraint('public_id', name=op.f('uq_held_item_public_id')),
    sa.UniqueConstraint('tenant_id', 'blob_id', 'reason', name=op.f('uq_held_item_tenant_id_blob_id_reason'))
    )
    op.create_table('series',
    sa.Column('tenant_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('public_id', sa.String(length=26), nullable=False),
    sa.Column('study_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('uid', sa.String(length=64), nullable=False),
    sa.Column('modality', sa.String(length=16), nullable=False),
    sa.Column('number', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.Column('description', sa.String(length=200), nullable=False),
    sa.Column('body_part', sa.String(length=100), nullable=False),
    sa.Column('series_at', sa.String(length=19), nullable=False),
    sa.Column('n_instances', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('meta_version', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('hidden', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['tenant_id', 'study_id'], ['study.tenant_id', 'study.id'], name=op.f('fk_series_tenant_id_study_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_series_tenant_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_series')),
    sa.UniqueConstraint('public_id', name=op.f('uq_series_public_id')),
    sa.UniqueConstraint('study_id', 'uid', name=op.f('uq_series_study_id_uid')),
    sa.UniqueConstraint('tenant_id', 'id', name=op.f('uq_series_tenant_id_id'))
    )
    op.create_table('study_grant',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('public_id', sa.String(length=26), nullable=False),
    sa.Column('owner_tenant', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('study_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('grantee_kind', sa.String(length=10), nullable=False),
    sa.Column('grantee', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('scope', sa.JSON(none_as_null=True), nullable=False),
    sa.Column('profile', sa.String(length=20), nullable=False),
    sa.Column('source_grant_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.Column('reason_ref', sa.String(length=80), nullable=False),
    sa.Column('given_by', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('given_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['owner_tenant', 'study_id'], ['study.tenant_id', 'study.id'], name=op.f('fk_study_grant_owner_tenant_study_id')),
    sa.ForeignKeyConstraint(['owner_tenant'], ['tenant.id'], name=op.f('fk_study_grant_owner_tenant')),
    sa.ForeignKeyConstraint(['source_grant_id'], ['study_grant.id'], name=op.f('fk_study_grant_source_grant_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_study_grant')),
    sa.UniqueConstraint('public_id', name=op.f('uq_study_grant_public_id'))
    )
    with op.batch_alter_table('study_grant', schema=None) as batch_op:
        batch_op.create_index('ix_study_grant_grantee', ['grantee_kind', 'grantee', 'study_id'], unique=False)
        batch_op.create_index('uq_study_grant_live', ['study_id', 'grantee_kind', 'grantee'], unique=True, sqlite_where=sa.text('revoked_at IS NULL'), postgresql_where=sa.text('revoked_at IS NULL'))

    op.create_table('study_modality',
    sa.Column('tenant_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('study_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
    sa.Column('modality', sa.String(length=16), nullable=False),
    sa.Column('study_at', sa.String(length=19), nullable=False),
    sa.Column('uploaded_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['tenant_id', 'study_id'], ['study.tenant_id', 'study.id'], name=op.f('fk_study_modality_tenant_id_study_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_study_modality_tenant_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('study_id', 'modality', name=op.f('pk_study_modality'))
    )
    with op.batch_alter_table('study_modality', schema=None) as batch_op:
        batch_op.create_index('ix_study_modality_study_at', ['tenant_id', 'modality', 'study_at', 'study_id'], unique=False)
        batch_op.create_index('ix_study_modality_uploaded', ['tenant_id', 'modality', 'uploaded_at', 'study_id'], unique=False)

    op.create_table('upload_file',
    sa.Column('tenant_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('public_id', sa.String(length=26), nullable=False),
    sa.Column('upload_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('parent_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.Column('name', sa.String(length=300), nullable=False),
    sa.Column('size', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('sent', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('path', sa.String(length=200), nullable=False),
    sa.Column('outcome', sa.String(length=10), nullable=False),
    sa.Column('reason', sa.String(length=40), nullable=False),
    sa.Column('detail', sa.String(length=200), nullable=False),
    sa.Column('study_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.ForeignKeyConstraint(['tenant_id', 'study_id'], ['study.tenant_id', 'study.id'], name=op.f('fk_upload_file_tenant_id_study_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['tenant_id', 'upload_id'], ['upload.tenant_id', 'upload.id'], name=op.f('fk_upload_file_tenant_id_upload_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_upload_file_tenant_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_upload_file')),
    sa.UniqueConstraint('public_id', name=op.f('uq_upload_file_public_id'))
    )
    with op.batch_alter_table('upload_file', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_upload_file_upload_id'), ['upload_id'], unique=False)

    op.create_table('capture',
    sa.Column('tenant_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('public_id', sa.String(length=26), nullable=False),
    sa.Column('study_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('file_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('sop_uid', sa.String(length=64), nullable=False),
    sa.Column('frame', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('caption', sa.String(length=100), nullable=False),
    sa.Column('origin', sa.String(length=10), nullable=False),
    sa.Column('created_by', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['tenant_id', 'file_id'], ['file.tenant_id', 'file.id'], name=op.f('fk_capture_tenant_id_file_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['tenant_id', 'study_id'], ['study.tenant_id', 'study.id'], name=op.f('fk_capture_tenant_id_study_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_capture_tenant_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_capture')),
    sa.UniqueConstraint('public_id', name=op.f('uq_capture_public_id'))
    )
    with op.batch_alter_table('capture', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_capture_study_id'), ['study_id'], unique=False)

    op.create_table('instance',
    sa.Column('tenant_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('public_id', sa.String(length=26), nullable=False),
    sa.Column('series_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('sop_uid', sa.String(length=64), nullable=False),
    sa.Column('sop_class', sa.String(length=64), nullable=False),
    sa.Column('transfer_syntax', sa.String(length=64), nullable=False),
    sa.Column('number', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.Column('blob_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('data_sha256', sa.String(length=64), nullable=False),
    sa.Column('n_frames', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('rank', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['tenant_id', 'blob_id'], ['blob.tenant_id', 'blob.id'], name=op.f('fk_instance_tenant_id_blob_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['tenant_id', 'series_id'], ['series.tenant_id', 'series.id'], name=op.f('fk_instance_tenant_id_series_id'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_instance_tenant_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_instance')),
    sa.UniqueConstraint('public_id', name=op.f('uq_instance_public_id')),
    sa.UniqueConstraint('series_id', 'sop_uid', 'data_sha256', name=op.f('uq_instance_series_id_sop_uid_data_sha256')),
    sa.UniqueConstraint('tenant_id', 'id', name=op.f('uq_instance_tenant_id_id'))
    )
    with op.batch_alter_table('instance', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_instance_blob_id'), ['blob_id'], unique=False)
        batch_op.create_index('ix_instance_sop', ['tenant_id', 'sop_uid'], unique=False)
        batch_op.create_index('uq_instance_shown', ['series_id', 'sop_uid'], unique=True, sqlite_where=sa.text('rank = 0'), postgresql_where=sa.text('rank = 0'))

    op.create_table('series_meta',
    sa.Column('tenant_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('series_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
    sa.Column('version', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('gz', sa.LargeBinary(), nullable=False),
    sa.ForeignKeyConstraint(['tenant_id', 'series_id'], ['series.tenant_id', 'series.id'], name=op.f('fk_series_meta_tenant_id_series_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_series_meta_tenant_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('series_id', name=op.f('pk_series_meta'))
    )
    op.create_table('instance_frames',
    sa.Column('tenant_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('instance_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
    sa.Column('pixel_offset', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('pixel_length', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('offsets', sa.LargeBinary(), nullable=True),
    sa.Column('meta', sa.LargeBinary(), nullable=False),
    sa.ForeignKeyConstraint(['tenant_id', 'instance_id'], ['instance.tenant_id', 'instance.id'], name=op.f('fk_instance_frames_tenant_id_instance_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_instance_frames_tenant_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('instance_id', name=op.f('pk_instance_frames'))
    )


def downgrade() -> None:
    op.drop_table('instance_frames')
    op.drop_table('series_meta')
    with op.batch_alter_table('instance', schema=None) as batch_op:
        batch_op.drop_index('uq_instance_shown', sqlite_where=sa.text('rank = 0'), postgresql_where=sa.text('rank = 0'))
        batch_op.drop_index('ix_instance_sop')
        batch_op.drop_index(batch_op.f('ix_instance_blob_id'))

    op.drop_table('instance')
    with op.batch_alter_table('capture', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_capture_study_id'))

    op.drop_table('capture')
    with op.batch_alter_table('upload_file', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_upload_file_upload_id'))

    op.drop_table('upload_file')
    with op.batch_alter_table('study_modality', schema=None) as batch_op:
        batch_op.drop_index('ix_study_modality_uploaded')
        batch_op.drop_index('ix_study_modality_study_at')

    op.drop_table('study_modality')
    with op.batch_alter_table('study_grant', schema=None) as batch_op:
        batch_op.drop_index('uq_study_grant_live', sqlite_where=sa.text('revoked_at IS NULL'), postgresql_where=sa.text('revoked_at IS NULL'))
        batch_op.drop_index('ix_study_grant_grantee')

    op.drop_table('study_grant')
    op.drop_table('series')
    op.drop_table('held_item')
    with op.batch_alter_table('file', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_file_study_id'))
        batch_op.drop_index(batch_op.f('ix_file_blob_id'))

    op.drop_table('file')
    op.drop_table('upload')
    with op.batch_alter_table('study', schema=None) as batch_op:
        batch_op.drop_index('ix_study_uploaded')
        batch_op.drop_index('ix_study_study_at')
        batch_op.drop_index('ix_study_status')
        batch_op.drop_index('ix_study_patient')
        batch_op.drop_index('ix_study_day')
        batch_op.drop_index('ix_study_accession')

    op.drop_table('study')
    with op.batch_alter_table('membership', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_membership_account_id'))

    op.drop_table('membership')
    with op.batch_alter_table('delivery', schema=None) as batch_op:
        batch_op.drop_index('ix_delivery_due', sqlite_where=sa.text("state in ('waiting','leased')"), postgresql_where=sa.text("state in ('waiting','leased')"))

    op.drop_table('delivery')
    with op.batch_alter_table('tenant_link', schema=None) as batch_op:
        batch_op.drop_index('uq_tenant_link_pair', sqlite_where=sa.text("state <> 'ended'"), postgresql_where=sa.text("state <> 'ended'"))
        batch_op.drop_index(batch_op.f('ix_tenant_link_hospital_id'))
        batch_op.drop_index(batch_op.f('ix_tenant_link_group_id'))

    op.drop_table('tenant_link')
    with op.batch_alter_table('study_access', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_study_access_principal'))

    op.drop_table('study_access')
    op.drop_table('source')
    op.drop_table('signature')
    with op.batch_alter_table('session', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_session_expires_at'))
        batch_op.drop_index(batch_op.f('ix_session_account_id'))

    op.drop_table('session')
    op.drop_table('role')
    with op.batch_alter_table('patient', schema=None) as batch_op:
        batch_op.drop_index('ix_patient_tenant_pinyin')

    op.drop_table('patient')
    op.drop_table('outbox')
    with op.batch_alter_table('notice', schema=None) as batch_op:
        batch_op.drop_index('ix_notice_ref')
        batch_op.drop_index('ix_notice_mine')

    op.drop_table('notice')
    op.drop_table('list_columns')
    with op.batch_alter_table('job', schema=None) as batch_op:
        batch_op.drop_index('ix_job_due', sqlite_where=sa.text("state in ('queued','running')"), postgresql_where=sa.text("state in ('queued','running')"))

    op.drop_table('job')
    op.drop_table('idempotency')
    op.drop_table('credential')
    with op.batch_alter_table('core_timer', schema=None) as batch_op:
        batch_op.drop_index('uq_core_timer_waiting', sqlite_where=sa.text("state = 'waiting'"), postgresql_where=sa.text("state = 'waiting'"))
        batch_op.drop_index('ix_core_timer_due', sqlite_where=sa.text("state = 'waiting'"), postgresql_where=sa.text("state = 'waiting'"))

    op.drop_table('core_timer')
    with op.batch_alter_table('blob', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_blob_orphan_since'))

    op.drop_table('blob')
    op.drop_table('audit_head')
    with op.batch_alter_table('audit', schema=None) as batch_op:
        batch_op.drop_index('ix_audit_at')
        batch_op.drop_index('ix_audit_account')

    op.drop_table('audit')
    with op.batch_alter_table('api_token', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_api_token_account_id'))

    op.drop_table('api_token')
    op.drop_table('tenant')
    op.drop_table('setting')
    op.drop_table('plugin_fault')
    with op.batch_alter_table('login_attempt', schema=None) as batch_op:
        batch_op.drop_index('ix_login_attempt_phone_at')
        batch_op.drop_index('ix_login_attempt_at')

    op.drop_table('login_attempt')
    op.drop_table('lease')
    op.drop_table('account')
