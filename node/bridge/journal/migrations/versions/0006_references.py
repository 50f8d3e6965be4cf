"""Further references of one entry, of which message a reversal of what had not come may be, and what was refused."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# as in tables.py
NUMBER = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Adds them. A tombstone without a time counts from when it came."""
    op.create_table(
        "aliases",
        sa.Column("reference", NAME, primary_key=True),
        sa.Column("sequence", NUMBER, nullable=False),
    )
    op.create_index("aliases_by_sequence", "aliases", ["sequence"])
    op.create_table(
        "refusals",
        sa.Column("key", NAME, primary_key=True),
        sa.Column("said", sa.LargeBinary, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("refusals_by_time", "refusals", ["at"])
    op.add_column("tombstones", sa.Column("name", NAME, nullable=False, server_default=""))
    op.add_column("tombstones", sa.Column("amount", sa.BigInteger))
    op.add_column("tombstones", sa.Column("time", sa.BigInteger))
    op.create_index("tombstones_by_name", "tombstones", ["name"])
    op.execute("UPDATE tombstones SET name = substr(reference, 1, length(reference) - 11)")
    op.execute("UPDATE tombstones SET time = received_at / 1000 WHERE reference = name || '|0000000000'")


def downgrade() -> None:
    """Drops them."""
    op.drop_index("tombstones_by_name", "tombstones")
    for name in ("time", "amount", "name"):
        op.drop_column("tombstones", name)
    for name in ("refusals", "aliases"):
        op.drop_table(name)
