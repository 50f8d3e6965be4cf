"""PINs of cards with the tries that were used of them, and the QR codes that were shown."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# as in pins.py and shown_codes.py
NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "pins",
        sa.Column("token", sa.LargeBinary, primary_key=True),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("cost", sa.Text, nullable=False),
        sa.Column("tries", sa.SmallInteger, nullable=False),
    )
    op.create_table(
        "pin_attempts",
        sa.Column("key", NAME, primary_key=True),
        sa.Column("said", sa.LargeBinary, nullable=False),
        sa.Column("verdict", sa.Text),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("pin_attempts_by_time", "pin_attempts", ["at"])
    op.create_table(
        "shown_codes",
        sa.Column("code", sa.LargeBinary, primary_key=True),
        sa.Column("key", NAME, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("shown_codes_by_time", "shown_codes", ["at"])


def downgrade() -> None:
    """Drops the tables."""
    for name in ("pins", "pin_attempts", "shown_codes"):
        op.drop_table(name)
