"""The validators' record: who proposed each block, who signed it, and whose each key is.

What the blocks said of keys is not in older rows, so these are taken out, and the index follows from block 0 again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None
NUMBER = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
EIGHT = sa.LargeBinary(8)


def upgrade() -> None:
    """Makes the tables, and empties the others."""
    for name in sa.inspect(op.get_bind()).get_table_names():
        if name != "alembic_version":
            op.execute(sa.delete(sa.table(name)))
    op.add_column("validators", sa.Column("signed", NUMBER, nullable=True))
    op.create_table(
        "validator_keys",
        sa.Column("address", sa.LargeBinary(), autoincrement=False, nullable=False),
        sa.Column("block", NUMBER, autoincrement=False, nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("account", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("address", "block"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "signed_blocks",
        sa.Column("number", NUMBER, autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("proposer", sa.LargeBinary(), nullable=False),
        sa.Column("round", NUMBER, nullable=False),
        sa.Column("signed", NUMBER, nullable=False),
        sa.Column("missed", NUMBER, nullable=False),
        sa.Column("power", EIGHT, nullable=False),
        sa.Column("total", EIGHT, nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sqlite_with_rowid=False,
    )
    op.create_index("signed_blocks_by_proposer", "signed_blocks", ["proposer", "number"], unique=False)
    op.create_table(
        "missed_blocks",
        sa.Column("validator", sa.LargeBinary(), autoincrement=False, nullable=False),
        sa.Column("number", NUMBER, autoincrement=False, nullable=False),
        sa.Column("for_none", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("validator", "number"),
        sqlite_with_rowid=False,
    )
    op.create_index("missed_blocks_by_number", "missed_blocks", ["number"], unique=False)


def downgrade() -> None:
    """Takes them away."""
    for name in ("missed_blocks", "signed_blocks", "validator_keys"):
        op.drop_table(name)
    op.drop_column("validators", "signed")
