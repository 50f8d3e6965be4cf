"""A merchant that owes the guarantee fund."""

from benchmarks.suite import Suite

DOOR_TAKE_PAYABLE = 32


def make_indebted(world: Suite, merchant: int, debt: int) -> None:
    """The fund gets `debt` minor units and pays them, to the holder, for a merchant that has nothing of its own."""
    ledger, part = world.ledger, world.holder
    ledger.send("setDoors", part, DOOR_TAKE_PAYABLE, sender=world.operator)
    ledger.send("addDeposit", 0, debt, sender=world.operator)
    ledger.send("drawOn", merchant, debt, part, sender=part)
    assert owed(world, merchant) == (0, debt)


def owed(world: Suite, merchant: int) -> tuple[int, int]:
    """What the merchant has, payable and deposit, and what it owes the guarantee fund."""
    held = world.ledger.view("merchant", merchant)["payable_"] + world.ledger.view("deposits", merchant)
    return held, int(world.ledger.view("guaranteed", merchant))
