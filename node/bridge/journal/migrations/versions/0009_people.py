"""Data keys of members; whose a card is, and its PIN, sealed with them.

What older versions kept in the clear the bridge seals when it starts: it has the keys (node/bridge/people.py).
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables, and room for whose key something is under."""
    op.create_table(
        "people",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("tag", sa.Text, nullable=False, unique=True),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "people_masters",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
    )
    for table in ("cards", "pins"):
        op.add_column(table, sa.Column("person", sa.BigInteger))
        op.create_index(f"ix_{table}_person", table, ["person"])


def downgrade() -> None:
    """Drops them, and what is sealed: cards and PINs have to be imported again."""
    for table in ("pins", "cards"):
        op.execute(f"DELETE FROM {table}")
        op.drop_index(f"ix_{table}_person", table)
        with op.batch_alter_table(table) as batch:
            batch.drop_column("person")
    for name in ("people_masters", "people"):
        op.drop_table(name)
