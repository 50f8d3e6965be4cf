"""What became of advices that overdrew: where each is booked on the chain, and who paid what of it."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

COLUMNS = ("booked_as", "taken", "guaranteed", "due")


def upgrade() -> None:
    """Adds the columns; what was noted before stays for people to settle."""
    for name in COLUMNS:
        op.add_column("exceptions", sa.Column(name, sa.BigInteger))


def downgrade() -> None:
    """Drops them."""
    for name in COLUMNS:
        op.drop_column("exceptions", name)
