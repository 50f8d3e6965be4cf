"""Questions about validators: their record, who proposed and signed a block, and which blocks somebody missed.

Before it the pages and APIs; after it node/explorer/queries/index.py. All are bounded.
"""

from typing import Any

from sqlalchemy import Select, select

from node.indexer.tables.governance import missed_blocks, signed_blocks, validators


def all_validators() -> Select[Any]:
    """Validators, those at work first."""
    return select(validators).order_by(validators.c.status != "active", validators.c.name).limit(500)


def newest_signed() -> Select[Any]:
    """The newest block of the record."""
    return select(signed_blocks).order_by(signed_blocks.c.number.desc()).limit(1)


def signed_block(number: int) -> Select[Any]:
    """Who proposed a block and how many signed it, with the proposer's name."""
    named = signed_blocks.join(validators, validators.c.account == signed_blocks.c.proposer)
    return select(signed_blocks, validators.c.name).select_from(named).where(signed_blocks.c.number == number)


def missed_at(number: int) -> Select[Any]:
    """Who did not sign a block."""
    return _missed().where(missed_blocks.c.number == number).order_by(missed_blocks.c.validator).limit(500)


def newest_missed(count: int) -> Select[Any]:
    """Blocks that somebody did not sign, the newest first."""
    return _missed().order_by(missed_blocks.c.number.desc(), missed_blocks.c.validator).limit(count)


def _missed() -> Select[Any]:
    named = missed_blocks.join(validators, validators.c.account == missed_blocks.c.validator)
    return select(missed_blocks, validators.c.name).select_from(named)
