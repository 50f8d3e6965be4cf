"""What signed JSON-RPC requests claimed: nonces and idempotency keys."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "claims",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("said", sa.LargeBinary, nullable=False),
        sa.Column("refusal", sa.Text),
        sa.Column("until", sa.BigInteger, nullable=False),
    )
    op.create_index("claims_by_until", "claims", ["until"])


def downgrade() -> None:
    """Drops the table."""
    op.drop_table("claims")
