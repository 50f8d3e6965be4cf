"""Entries by terminal and sequence: totals of a business day read that day's rows, not all of a terminal's."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

NAME = "entries_by_terminal"


def upgrade() -> None:
    """Makes the index; what it is by is said as in tables.py."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"CREATE INDEX {NAME} ON entries (split_part(key, '|', 1), sequence)")
    else:
        op.execute(f"CREATE INDEX {NAME} ON entries (substr(key, 1, instr(key, '|') - 1), sequence)")


def downgrade() -> None:
    """Drops the index."""
    op.execute(f"DROP INDEX {NAME}")
