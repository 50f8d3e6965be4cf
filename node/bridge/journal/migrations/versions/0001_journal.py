"""The journal's first tables: entries, tombstones, batches, transactions, cards, meta."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# as in tables.py
NUMBER = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
OPEN = sa.text("status IN ('journaled', 'batched', 'sent')")
BATCHED = sa.text("batch IS NOT NULL")
UNSETTLED = sa.text("block IS NULL")


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "batches",
        sa.Column("id", NUMBER, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("nonce", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("final_at", sa.BigInteger),
        sa.Column("block", sa.BigInteger),
        sa.Column("processed", sa.Integer),
        sa.Column("root", sa.LargeBinary),
        sa.Column("leaves", sa.LargeBinary),
    )
    op.create_index("batches_open", "batches", ["block"], sqlite_where=UNSETTLED, postgresql_where=UNSETTLED)
    _create_entries()
    op.create_table(
        "tombstones",
        sa.Column("reference", NAME, primary_key=True),
        sa.Column("reversal", NUMBER, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "transactions",
        sa.Column("hash", sa.LargeBinary, primary_key=True),
        sa.Column("batch", NUMBER, sa.ForeignKey("batches.id"), nullable=False),
        sa.Column("nonce", sa.BigInteger, nullable=False),
        sa.Column("raw", sa.LargeBinary, nullable=False),
        sa.Column("max_fee", sa.BigInteger, nullable=False),
        sa.Column("priority_fee", sa.BigInteger, nullable=False),
        sa.Column("gas", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_transactions_batch", "transactions", ["batch"])
    op.create_index("ix_transactions_nonce", "transactions", ["nonce"])
    op.create_table(
        "cards",
        sa.Column("token", sa.LargeBinary, primary_key=True),
        sa.Column("member", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "meta",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )


def _create_entries() -> None:
    op.create_table(
        "entries",
        sa.Column("sequence", NUMBER, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("key", NAME, nullable=False, unique=True),
        sa.Column("reference", NAME, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("debits", sa.Boolean, nullable=False),
        sa.Column("merchant", sa.BigInteger, nullable=False),
        sa.Column("packed", sa.LargeBinary, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("original", NUMBER),
        sa.Column("reversed_by", NUMBER),
        sa.Column("batch", NUMBER, sa.ForeignKey("batches.id")),
        sa.Column("reason", sa.SmallInteger),
        sa.Column("response_code", sa.Text),
        sa.Column("received_at", sa.BigInteger, nullable=False),
    )
    op.create_index("entries_by_reference", "entries", ["reference"])
    op.create_index("entries_by_batch", "entries", ["batch"], sqlite_where=BATCHED, postgresql_where=BATCHED)
    op.create_index("entries_open", "entries", ["status"], sqlite_where=OPEN, postgresql_where=OPEN)


def downgrade() -> None:
    """Drops the tables."""
    for name in ("entries", "tombstones", "transactions", "batches", "cards", "meta"):
        op.drop_table(name)
