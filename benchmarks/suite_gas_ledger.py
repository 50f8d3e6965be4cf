"""Gas of the ledger's own operations, of the coin, and of OpenZeppelin's plain tokens beside it in the same run.

Whole transactions: 21,000, calldata and execution. Accounts have something already unless the name says `new`; what is
written a first time costs more with everybody.
"""

from typing import Any, Final

from eth_account import Account
from eth_account.signers.local import LocalAccount

from benchmarks.devchain import Chain, Contract, deploy
from benchmarks.world import STREAM, Terms, World
from node.domain.batch_format import BatchPayment, make_batch
from node.domain.ids import (
    MEMBER_PREFIX,
    Hash32,
    MemberId,
    MerchantId,
    MinorUnits,
    RuleVersion,
    StreamId,
    TerminalNumber,
)
from node.domain.ids import Sequence as SequenceNumber
from node.domain.leaf import BatchLogs, Leaf, rebuild_leaves
from node.domain.merkle import keccak, proof_of, root_of
from node.domain.payment import Line, Tender
from node.domain.words import EXISTS, Rule

EPOCH: Final = 30 * 86_400
MEMBERS: Final = tuple(range(1, 11))
FOREVER: Final = 2**256 - 1
RULE: Final = Rule(rate=10**6, base_rate=10**6, flags=EXISTS)  # World.base: 100 units for a minor unit
# what each is set beside: a figure of this same table
BESIDE: Final = {
    "coin transfer": "OpenZeppelin ERC-20 transfer",
    "coin transfer to a new holder": "OpenZeppelin ERC-20 transfer to a new holder",
    "coin transferFrom": "OpenZeppelin ERC-20 transferFrom",
    "coin permit": "OpenZeppelin ERC-20 permit",
    "cash deposit": "OpenZeppelin ERC-20 mint",
}


def measure(chain: Chain) -> dict[str, int]:
    """Gas by operation."""
    start = chain.now()
    world = World(chain, Terms(epoch_start=start - 5 * EPOCH - EPOCH // 2, epoch_length=EPOCH))
    return {**_coin(world), **_cash(world), **_plain(chain, world), **_ledger(world)}


def _coin(world: World) -> dict[str, int]:
    shop = _shop(world)
    post(world, [(member, shop, 10**6, Tender.EXTERNAL) for member in MEMBERS[:2]], first=1)
    sender = world.chain.impersonate(member_address(MEMBERS[0]))
    world.ledger.send("transfer", world.holder, 10**6, sender=sender)
    return _token(world, world.ledger, "coin", holder=world.holder)


def _cash(world: World) -> dict[str, int]:
    """Cash is minted for money that came in; a mint of coins is a payment's line or a purchase of points."""
    words = (world.stranger, 10**6, b"bank".ljust(32, b"\0"))
    found = {"cash deposit to a new holder": gas(world.cash, "deposit", *words, sender=world.operator)}
    found["cash deposit"] = gas(world.cash, "deposit", *words, sender=world.operator)
    return found


def _plain(chain: Chain, world: World) -> dict[str, int]:
    token = deploy(chain, "PlainToken", sender=world.operator)
    name = "OpenZeppelin ERC-20"
    found = {f"{name} mint to a new holder": gas(token, "mint", world.holder, 10**6, sender=world.operator)}
    found[f"{name} mint"] = gas(token, "mint", world.holder, 10**6, sender=world.operator)
    found |= _token(world, token, name, holder=world.holder)
    nft = deploy(chain, "PlainNft", sender=world.operator)
    name = "OpenZeppelin ERC-721"
    found[f"{name} mint to a new holder"] = gas(nft, "mint", world.holder, 1, sender=world.operator)
    found[f"{name} mint"] = gas(nft, "mint", world.holder, 2, sender=world.operator)
    nft.send("mint", world.stranger, 3, sender=world.operator)
    found[f"{name} transfer"] = gas(nft, "transferFrom", world.holder, world.stranger, 2, sender=world.holder)
    return found


def _token(world: World, token: Contract, name: str, *, holder: str) -> dict[str, int]:
    """The same steps with any ERC-20 of which the holder has a million units and one unit more than it sends."""
    found = {f"{name} transfer to a new holder": gas(token, "transfer", world.stranger, 1_000, sender=holder)}
    found[f"{name} transfer"] = gas(token, "transfer", world.stranger, 1_000, sender=holder)
    token.send("approve", world.operator, 10**6, sender=holder)
    found[f"{name} transferFrom"] = gas(token, "transferFrom", holder, world.stranger, 1_000, sender=world.operator)
    owner: LocalAccount = Account.from_key(keccak(b"an owner who signs"))
    found[f"{name} permit"] = gas(token, "permit", *permitted(world.chain, token, owner, world.operator), sender=holder)
    return found


def permitted(chain: Chain, token: Contract, owner: LocalAccount, spender: str) -> tuple[Any, ...]:
    """Arguments of ERC-2612's permit, signed: a thousand units, for ever."""
    fields = ("name", "version", "chainId", "verifyingContract")
    domain = dict(zip(fields, token.view("eip712Domain")[1:5], strict=True))
    names = ("owner", "spender", "value", "nonce", "deadline")
    kinds = ("address", "address", "uint256", "uint256", "uint256")
    message = dict(
        zip(names, (owner.address, spender, 1_000, token.view("nonces", owner.address), FOREVER), strict=True)
    )
    types = {"Permit": [{"name": name, "type": kind} for name, kind in zip(names, kinds, strict=True)]}
    signed = owner.sign_typed_data(domain, types, message)
    return (
        owner.address,
        spender,
        1_000,
        FOREVER,
        signed.v,
        signed.r.to_bytes(32, "big"),
        signed.s.to_bytes(32, "big"),
    )


def _ledger(world: World) -> dict[str, int]:
    shop = _shop(world)
    operator, ledger = world.operator, world.ledger
    found = {"recharge": gas(ledger, "recharge", MEMBERS[0], 50_000, sender=operator)}
    found["recharge again"] = gas(ledger, "recharge", MEMBERS[0], 50_000, sender=operator)
    found["buy points"] = gas(ledger, "buyPoints", shop, 50_000, sender=operator)
    found["add a deposit"] = gas(ledger, "addDeposit", shop, 50_000, sender=operator)
    found["set a member's tier"] = gas(world.registry, "setTier", [MEMBERS[0]], 2, sender=operator)
    found["lock a member"] = gas(world.registry, "setMemberState", MEMBERS[0], True, False, sender=operator)
    world.registry.send("setMemberState", MEMBERS[0], False, False, sender=operator)
    found["enrol a member, of ten in a call"] = (
        gas(world.registry, "enrolMembers", range(101, 111), sender=operator) // 10
    )
    leaves, root = post(world, [(member, shop, 10_000, Tender.EXTERNAL) for member in MEMBERS], first=257)
    paid, paid_root = post(world, [(MEMBERS[0], shop, 10_000, Tender.STORED_VALUE)], first=513)
    words = [refund(leaves, leaf, root, number) for number, leaf in enumerate(leaves, start=1025)]
    found["refund of a line"] = gas(ledger, "postRefunds", STREAM, [words[0]], sender=world.poster)
    found["refund of a line, of nine in a call"] = (
        gas(ledger, "postRefunds", STREAM, words[1:], sender=world.poster) // 9
    )
    again = refund(paid, paid[0], paid_root, 1100)
    found["refund of a line paid from stored value"] = gas(ledger, "postRefunds", STREAM, [again], sender=world.poster)
    return found | _succession(world, shop)


def _succession(world: World, shop: int) -> dict[str, int]:
    new = world.deploy_ledger()
    new.send("setPredecessor", world.ledger.address, sender=world.operator)
    world.ledger.send("setSuccessor", new.address, sender=world.operator)
    holders = [member_address(member) for member in MEMBERS]
    total = gas(world.ledger, "emigrateHolders", holders, sender=world.stranger)
    found = {"send an account to the successor, of ten in a call": total // len(holders)}
    found["send a merchant to the successor"] = gas(world.ledger, "emigrateMerchants", [shop], sender=world.operator)
    return found


def _shop(world: World) -> int:
    """A merchant with plenty of points, and the members."""
    shop = world.onboard()
    world.base(shop)
    world.fund(shop, 10**8)
    world.enrol(*MEMBERS)
    return shop


def post(world: World, payments: list[tuple[int, int, int, Tender]], *, first: int) -> tuple[list[Leaf], bytes]:
    """Posts payments of one line (member, merchant, amount, tender); their leaves and root."""
    made = [
        BatchPayment(
            sequence=SequenceNumber(first + place),
            merchant=MerchantId(merchant),
            terminal=TerminalNumber(0),
            member=MemberId(member),
            time=world.chain.now(),
            lines=(Line(amount=MinorUnits(amount), rule_version=RuleVersion(1), tender=tender),),
            authorisation=Hash32(keccak(b"authorised")) if tender else None,
        )
        for place, (member, merchant, amount, tender) in enumerate(payments)
    ]
    batch = make_batch(StreamId(STREAM), made)
    receipt = world.post(batch)
    leaves = rebuild_leaves(
        batch,
        BatchLogs(processed=len(made), leaves=len(made)),
        rules={(payment.merchant, RuleVersion(1)): RULE for payment in made},
        tiers={MemberId(MEMBERS[0]): 0},
        terms=world.terms.network(),
        block=receipt.block,
        block_time=world.chain.now(),
    )
    root = root_of([leaf.hash for leaf in leaves])
    assert world.ledger.view("roots", root) == receipt.block
    return list(leaves), root


def refund(leaves: list[Leaf], leaf: Leaf, root: bytes, sequence: int) -> tuple[Any, ...]:
    """IPaymentProcessor.Refund of all of a line."""
    hashes = [each.hash for each in leaves]
    return (sequence, 1, [(leaf.words(), leaf.amount, root, proof_of(hashes, hashes.index(leaf.hash)))])


def member_address(member: int) -> str:
    """The address of a member's account."""
    return "0x" + (MEMBER_PREFIX + member.to_bytes(8, "big")).hex()


def gas(contract: Contract, name: str, *arguments: Any, sender: str) -> int:
    """Gas of a transaction, all of it."""
    return contract.send(name, *arguments, sender=sender).gas
