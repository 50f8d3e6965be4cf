"""What the pages are made from: the index, names of contracts, balances, audits, the chain for what no index has."""

from dataclasses import dataclass

from node.chain.rpc import Rpc
from node.explorer.audits import Audits
from node.explorer.coins import Coins
from node.explorer.known import Names
from node.explorer.pages.frame import ROWS, Visit
from node.explorer.queries.chain import Page
from node.explorer.queries.index import Index
from node.explorer.sources.store import Sources


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """All that a page asks."""

    index: Index
    rpc: Rpc
    names: Names
    coins: Coins
    sources: Sources
    audits: Audits


def page_of(visit: Visit, count: int = ROWS) -> Page:
    """The rows that a visit looks at, the newest first."""
    return Page(count=count, skip=(visit.page - 1) * count)
