"""Lets brownie's `Contract.from_explorer` and `publish_source` ask an explorer of one's own.

Brownie 1.22.2 asks one address on the internet, whatever the network's `explorer:` says. After `use_explorer(URL)` its
requests go to URL, unchanged in all else; requests of other modules are not touched. It looks for compilers among the
installed ones only: brownie's list of others is on the internet too, and without it no fetched source is compiled. In a
script or the console:

    from scripts.brownie_explorer import use_explorer
    use_explorer("http://127.0.0.1:8600/api")
    Contract.from_explorer("0x...")

`publish_source` wants the variable ETHERSCAN_TOKEN; any word does.
"""

from types import SimpleNamespace
from typing import Any, Final
from urllib.parse import urlsplit

import requests

PATIENCE: Final = 60
"""Seconds for the explorer to answer; brownie itself would wait for ever."""


def use_explorer(url: str) -> None:
    """Sends brownie's questions to an explorer at `url`, which ends with /api."""
    from brownie.network import contract

    def ask(method: str, asked: str, **more: Any) -> requests.Response:
        query = urlsplit(asked).query
        return requests.request(method, f"{url}?{query}" if query else url, timeout=PATIENCE, **more)

    contract.solcx.get_installable_solc_versions = contract.solcx.get_installed_solc_versions
    contract.requests = SimpleNamespace(
        get=lambda asked, **more: ask("GET", asked, **more), post=lambda asked, **more: ask("POST", asked, **more)
    )
