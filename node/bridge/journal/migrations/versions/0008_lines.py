"""Readers of line items, the content keys that seal them, and the readers' copies of these."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# as in tables.py
NUMBER = sa.Integer().with_variant(sa.BigInteger(), "postgresql")


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "line_readers",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=False),
        sa.Column("merchant", sa.BigInteger, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        sa.Column("own", sa.Boolean, nullable=False),
        sa.Column("since", sa.Integer, nullable=False),
        sa.Column("until", sa.Integer),
        sa.Column("granted_at", sa.BigInteger, nullable=False),
        sa.Column("revoked_at", sa.BigInteger),
    )
    op.create_index("line_readers_by_merchant", "line_readers", ["merchant"])
    op.create_table(
        "line_keys",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("merchant", sa.BigInteger, nullable=False),
        sa.Column("day", sa.Integer, nullable=False),
    )
    op.create_index("line_keys_by_merchant", "line_keys", ["merchant", "day"])
    op.create_table(
        "line_key_copies",
        sa.Column("key", sa.BigInteger, sa.ForeignKey("line_keys.number"), primary_key=True, autoincrement=False),
        sa.Column("reader", sa.LargeBinary, primary_key=True),
        sa.Column("copy", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    """Drops the tables; sealed baskets cannot be opened any more then."""
    for name in ("line_key_copies", "line_keys", "line_readers"):
        op.drop_table(name)
