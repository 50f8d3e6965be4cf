"""Members' keys, as the Registry has them, members that become one, and time that passes."""

from eth_account import Account
from eth_account.signers.local import LocalAccount

from benchmarks.devchain import Contract
from node.domain.ids import MemberId
from node.domain.merkle import keccak
from tests.contracts.twin import Twin

NOBODY = "0x" + "00" * 20


def key_of(twin: Twin, member: MemberId) -> str:
    """The address that acts for a member: the one registered, else one that is registered now.

    A member that was merged gets none: its address is nobody's then.
    """
    registry: Contract = twin.world.registry
    key = str(registry.view("memberKey", member))
    if key == NOBODY:
        key = signer_of(member).address
        if survivor_of(twin, member) == member:
            twin.give_key(member, key)
    return twin.chain.impersonate(key)


def signer_of(member: int) -> LocalAccount:
    """What signs for a member whose key was registered here."""
    account: LocalAccount = Account.from_key(keccak(b"key of " + member.to_bytes(8, "big")))
    return account


def survivor_of(twin: Twin, member: int) -> int:
    """Who has what this member had, as the ledger says."""
    return int(twin.ledger.view("survivorOf", member))


def merge(twin: Twin, source: int, into: int, *merchants: int) -> None:
    """Two members become one on paper: the operator proposes, finance approves. The ledger's model stays behind."""
    world, finance = twin.world, twin.chain.accounts[6]
    merges = world["MemberMerge"]  # type: ignore[index]
    for contract, name, words, sender in (
        (world.access, "grantRole", (2, finance, 0), world.operator),
        (merges, "proposeMerge", (source, into, b"\1" * 32), world.operator),
        (merges, "approveMerge", (source, into, list(merchants)), finance),
    ):
        twin.tick()
        contract.send(name, *words, sender=sender)


def wait(twin: Twin, seconds: int) -> None:
    """Time passes, and a block says so: what a refused call is told by is the block before it."""
    twin.tick(seconds)
    twin.world.cash.send("withdraw", 0, bytes(32), sender=twin.world.operator)
