"""What was approved of a message, the exceptions, and what is kept for each terminal."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# as in tables.py
NUMBER = sa.Integer().with_variant(sa.BigInteger(), "postgresql")


def upgrade() -> None:
    """Adds them."""
    op.add_column("entries", sa.Column("approved", sa.BigInteger))
    op.create_table(
        "exceptions",
        sa.Column("sequence", NUMBER, sa.ForeignKey("entries.sequence"), primary_key=True, autoincrement=False),
        sa.Column("reason", sa.SmallInteger, nullable=False),
        sa.Column("noted_at", sa.BigInteger, nullable=False),
        sa.Column("closed_at", sa.BigInteger),
        sa.Column("note", sa.Text),
    )
    op.create_table(
        "terminals",
        sa.Column("terminal", sa.Text, primary_key=True),
        sa.Column("signed_on", sa.Boolean, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "days",
        sa.Column("terminal", sa.Text, primary_key=True),
        sa.Column("date", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("upto", sa.BigInteger, nullable=False),
        sa.Column("closed_at", sa.BigInteger, nullable=False),
        sa.Column("claimed", sa.Text),
        sa.Column("balanced", sa.Boolean),
        sa.Column("claimed_at", sa.BigInteger),
    )


def downgrade() -> None:
    """Drops them."""
    for name in ("days", "terminals", "exceptions"):
        op.drop_table(name)
    op.drop_column("entries", "approved")
