"""A validator's application that does not ask who may send: `python -m tests.network.careless SETTINGS.json`.

Its gateway takes every well-formed transaction, and its proposals hold whatever its geth builds.
"""

import sys
from typing import Any

from node.consensus import __main__ as application
from node.consensus import proposals
from node.consensus.admission import Admission
from node.consensus.rules import check_transaction


async def find_nobody(*_: Any, **__: Any) -> set[int]:
    return set()


async def check_form_only(self: Admission, raw: bytes) -> None:
    check_transaction(raw, self._rules)


proposals.find_offenders = find_nobody
Admission.check = check_form_only  # type: ignore[method-assign]

if __name__ == "__main__":
    sys.exit(application.main())
