"""Paths to what lists are ordered by: logs of an emitter, blocks by time, internal calls of an address."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
PLACE = ["block", "transaction", "position"]


def upgrade() -> None:
    """Makes the indexes."""
    op.create_index("logs_by_emitter", "logs", ["address", "block", "position"], unique=False)
    op.create_index("blocks_by_time", "blocks", ["time", "number"], unique=False)
    _calls(PLACE)


def downgrade() -> None:
    """Takes them away."""
    op.drop_index("logs_by_emitter", "logs")
    op.drop_index("blocks_by_time", "blocks")
    _calls(["block"])


def _calls(rest: list[str]) -> None:
    for side in ("receiver", "sender"):
        op.drop_index(f"calls_by_{side}", "calls")
        op.create_index(f"calls_by_{side}", "calls", [side, *rest], unique=False)
