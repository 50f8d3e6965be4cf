"""The contracts beside the ledger, as a table: how each is created and what it may do.

A module per domain has its PARTS and its SETTINGS (defaults of the values file's section of the same name).
scripts/deploy.py deploys them on a network, benchmarks/suite.py on a development chain.
"""

from typing import Any, Final

from scripts.suite import coupons, loyalty, market, settlement, value
from scripts.suite.part import Part

MODULES: Final[tuple[Any, ...]] = (
    value,
    settlement,
    loyalty,
    coupons,
    market,
)
PARTS: Final[tuple[Part, ...]] = tuple(part for module in MODULES for part in module.PARTS)
SETTINGS: Final[dict[str, dict[str, Any]]] = {module.__name__.rpartition(".")[2]: module.SETTINGS for module in MODULES}


def settings_of(values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every section's settings: the values given, over the defaults."""
    return {section: {**defaults, **values.get(section, {})} for section, defaults in SETTINGS.items()}
