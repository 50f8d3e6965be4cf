"""What webhooks have to say, to whom, and how their receivers are."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "webhook_events",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("merchant", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("happened_at", sa.BigInteger, nullable=False),
    )
    op.create_index("webhook_events_by_time", "webhook_events", ["happened_at"])
    op.create_table(
        "webhook_deliveries",
        sa.Column("event", sa.Text, sa.ForeignKey("webhook_events.name", ondelete="CASCADE"), primary_key=True),
        sa.Column("endpoint", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("last", sa.Text, nullable=False),
    )
    op.create_index(
        "webhook_deliveries_due",
        "webhook_deliveries",
        ["endpoint", "next_at"],
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "webhook_endpoints",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("failing_since", sa.BigInteger),
        sa.Column("disabled_at", sa.BigInteger),
        sa.Column("reason", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Drops the tables."""
    for name in ("webhook_deliveries", "webhook_events", "webhook_endpoints"):
        op.drop_table(name)
