"""A pytest plugin: the ledger of every test world runs with a part of its code exchanged (TILLNET_SWAPPED=doors=Doors).

So a mutant of the doors needs the doors compiled and not the whole ledger, which takes a minute.
"""

import os
from typing import Final

from benchmarks.devchain import Contract, deploy
from benchmarks.world import World

PART: Final = os.environ.get("TILLNET_SWAPPED", "")
_whole: Final = World.deploy_ledger


def _swapped(world: World) -> Contract:
    ledger = _whole(world)
    view, _, name = PART.partition("=")
    beside = [ledger.view("succession")] if name == "Doors" else []
    fresh = deploy(world.chain, name, world.cash.address, world.terms.words(), *beside, sender=world.operator)
    code = world.chain.request("eth_getCode", fresh.address, "latest")
    world.chain.request("anvil_setCode", ledger.view(view), code)
    return ledger


if PART:
    World.deploy_ledger = _swapped  # type: ignore[method-assign]
