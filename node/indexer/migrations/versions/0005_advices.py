"""Sales that took place offline and overdrew; node/indexer/tables says what each column is."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None
NUMBER = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
EIGHT = sa.LargeBinary(8)


def upgrade() -> None:
    """Makes the table; a chain that was indexed before had no such sale."""
    op.create_table(
        "advices",
        sa.Column("stream", NUMBER, autoincrement=False, nullable=False),
        sa.Column("sequence", EIGHT, autoincrement=False, nullable=False),
        sa.Column("original", EIGHT, nullable=False),
        sa.Column("merchant", NUMBER, nullable=False),
        sa.Column("member", EIGHT, nullable=False),
        sa.Column("taken", NUMBER, nullable=False),
        sa.Column("guaranteed", NUMBER, nullable=False),
        sa.Column("due", NUMBER, nullable=False),
        sa.Column("owed", NUMBER, nullable=False),
        sa.Column("state", NAME, nullable=False),
        sa.Column("block", NUMBER, nullable=False),
        sa.Column("log", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("stream", "sequence"),
        sqlite_with_rowid=False,
    )
    op.create_index("advices_by_member", "advices", ["member"], unique=False)
    op.create_index("advices_by_merchant", "advices", ["merchant"], unique=False)


def downgrade() -> None:
    """Drops it."""
    op.drop_table("advices")
