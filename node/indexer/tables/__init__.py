"""All tables of the index, as SQLAlchemy Core sees them; node/indexer/migrations builds them.

Every row follows from the chain alone: an index that is built again has the same rows. Who serves them only reads.
"""

from node.indexer.tables import chain, coupons, governance, ledger, market, settlement, value
from node.indexer.tables.kinds import Uint64 as Uint64
from node.indexer.tables.kinds import metadata as metadata

DOMAINS = (chain, ledger, coupons, settlement, value, market, governance)
