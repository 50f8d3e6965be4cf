"""What merchants have and owe, and the money that the ledger holds and owes by day.

Older rows do not have it, so they are taken out, and the index follows from block 0 again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None
NUMBER = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
ADDED = {
    "merchants": ("prepaid", "payable", "deposit", "guaranteed", "fees"),
    "ledgers": ("payable", "reserve", "fund"),
    "days": ("cash_held", "cash_owed"),
}


def upgrade() -> None:
    """Empties the tables, and adds the columns."""
    for name in sa.inspect(op.get_bind()).get_table_names():
        if name != "alembic_version":
            op.execute(sa.delete(sa.table(name)))
    for table, columns in ADDED.items():
        for column in columns:
            # SQLite adds no column without a default to a table, be it empty
            op.add_column(table, sa.Column(column, NUMBER, nullable=False, server_default="0"))


def downgrade() -> None:
    """Takes them away."""
    for table, columns in ADDED.items():
        for column in columns:
            op.drop_column(table, column)
