"""Login: captcha, known browsers, remembered logins, tries of every outcome."""

import sqlalchemy as sa
from alembic import op


revision = "core_0004"
down_revision = "core_0003_plugin_cost"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('login_seen',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('account_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('address', sa.String(length=45), nullable=False),
    sa.Column('device', sa.String(length=64), nullable=False),
    sa.Column('first_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_login_seen_account_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_login_seen')),
    sa.UniqueConstraint('account_id', 'address', 'device', name=op.f('uq_login_seen_account_id_address_device'))
    )
    with op.batch_alter_table('login_seen', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_login_seen_address'), ['address'], unique=False)
        batch_op.create_index('ix_login_seen_device', ['account_id', 'device'], unique=False)

    op.create_table('remember',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('account_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('family', sa.String(length=26), nullable=False),
    sa.Column('selector', sa.String(length=22), nullable=False),
    sa.Column('validator_hash', sa.String(length=64), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_remember_account_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_remember')),
    sa.UniqueConstraint('selector', name=op.f('uq_remember_selector'))
    )
    with op.batch_alter_table('remember', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_remember_account_id'), ['account_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_remember_family'), ['family'], unique=False)

    op.create_table('captcha',
    sa.Column('session_id', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
    sa.Column('answer', sa.String(length=8), nullable=False),
    sa.Column('drawn', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['session_id'], ['session.id'], name=op.f('fk_captcha_session_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('session_id', name=op.f('pk_captcha'))
    )
    with op.batch_alter_table('credential', schema=None) as batch_op:
        batch_op.drop_column('skipped_at')

    with op.batch_alter_table('login_attempt', schema=None) as batch_op:
        batch_op.add_column(sa.Column('device', sa.String(length=64), nullable=False, server_default=''))
        batch_op.add_column(sa.Column('outcome', sa.String(length=10), nullable=False, server_default='failed'))

    with op.batch_alter_table('session', schema=None) as batch_op:
        batch_op.add_column(sa.Column('family', sa.String(length=26), nullable=False, server_default=''))
        batch_op.create_index(batch_op.f('ix_session_family'), ['family'], unique=False)



def downgrade() -> None:
    with op.batch_alter_table('session', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_session_family'))
        batch_op.drop_column('family')

    with op.batch_alter_table('login_attempt', schema=None) as batch_op:
        batch_op.drop_column('outcome')
        batch_op.drop_column('device')

    with op.batch_alter_table('credential', schema=None) as batch_op:
        batch_op.add_column(sa.Column('skipped_at', sa.DateTime(timezone=True), nullable=True))

    op.drop_table('captcha')
    with op.batch_alter_table('remember', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_remember_family'))
        batch_op.drop_index(batch_op.f('ix_remember_account_id'))

    op.drop_table('remember')
    with op.batch_alter_table('login_seen', schema=None) as batch_op:
        batch_op.drop_index('ix_login_seen_device')
        batch_op.drop_index(batch_op.f('ix_login_seen_address'))

    op.drop_table('login_seen')
