"""What bridges share: who owns which stream, whose a terminal is, and messages for another stream's bridge."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "leases",
        sa.Column("stream", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "terminals",
        sa.Column("terminal", sa.Text, primary_key=True),
        sa.Column("stream", sa.BigInteger, nullable=False),
        sa.Column("block", sa.BigInteger, nullable=False),
        sa.Column("former", sa.ARRAY(sa.BigInteger), nullable=False),
    )
    op.create_table(
        "forwards",
        sa.Column("stream", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("code", sa.Text),
    )
    op.create_index("forwards_open", "forwards", ["stream"], postgresql_where=sa.text("code IS NULL"))


def downgrade() -> None:
    """Drops the tables."""
    for name in ("forwards", "terminals", "leases"):
        op.drop_table(name)
