"""The contracts on a chain and their model side by side: whatever is done is done to both, and compared."""

import copy
from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest
from typing import Any, Final

from benchmarks.devchain import Chain, Contract, Event, Receipt, Reverted
from benchmarks.world import STREAM, Terms, World
from node.domain.batch_format import Batch, BatchPayment, decode_batch, encode_batch, gas_limit, make_batch
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
from node.domain.ledger import Block, Ledger, Log
from node.domain.merkle import keccak, proof_of
from node.domain.payment import Line, Tender
from node.domain.rewards import Acts, Outcome, no_target, post_batch
from node.domain.words import BUDGETED, CAPPED, EXISTS, TIERED, Rule, Stream, Supply
from tests.contracts.doors_model import DoorsModel
from tests.contracts.model import Refund, Refused

# the tags of contracts/libraries/Slots.sol
ACCOUNT, MERCHANT, RULE, TIERS, VETO, STREAMS, STREAM_REFUNDS, POSTED = (n << 248 for n in range(1, 9))
TERMINALS, CAP, OWED, ARREARS, DEPOSIT, ISSUED, EPOCH, SUPPLY, TOTALS, GUARANTEED = (n << 248 for n in range(9, 19))
ROOT, REFUNDED = (n << 248 for n in range(19, 21))
MEMBER: Final = ACCOUNT | int.from_bytes(MEMBER_PREFIX, "big") << 64
AUTHORISATION: Final = Hash32(keccak(b"authorised"))
ONE: Final = StreamId(STREAM)
POSTING: Final = {"Skipped", "Debited", "Clamped", "Owed", "MemberEnrolled", "BatchPosted"}


class Twin:
    """A deployed world (or suite) with its model. `now` is the time of the newest block."""

    def __init__(self, chain: Chain, terms: Terms, make: Callable[[Chain, Terms], World] = World) -> None:
        self.world = make(chain, terms)
        self.chain, self.ledger = chain, self.world.ledger
        self.now = chain.now()
        network = terms.network()
        book = Ledger(terms=network, supply=Supply(epoch=network.epoch(self.now)))
        self.model = DoorsModel(book=book, block=Block(number=0, time=self.now))
        poster = int(self.world.poster, 16)
        stream = self.ledger.view("stream", STREAM)
        book.streams[ONE] = Stream(poster=poster, limit=stream["dailyLimit"])
        self.model.refund_limits[ONE] = stream["refundLimit"]
        self.acts: Acts = no_target
        self.sequence = 0
        self.trees: dict[bytes, list[Leaf]] = {}
        self.root_of_leaf: dict[bytes, bytes] = {}

    def forgotten(self) -> "Forgetting":
        """What happens inside is forgotten by chain and model afterwards."""
        return Forgetting(self)

    # --- doing things to both ---

    def tick(self, seconds: int = 1) -> None:
        """Time of the next block."""
        newest = self.chain.request("eth_getBlockByNumber", "latest", False)
        # blocks between two ticks have the time of a clock, which on a busy machine runs on
        self.now = max(self.now, int(newest["timestamp"], 16)) + seconds
        self.chain.set_next_time(self.now)
        self.model.block = Block(number=int(newest["number"], 16) + 1, time=self.now)

    def give_key(self, member: int, key: str) -> None:
        """The key by which a member signs; the ledger's model does not know keys."""
        self.tick()
        self.world.give_key(member, key)

    def act(
        self, contract: Contract, name: str, *arguments: Any, model: Callable[[], None], sender: str | None = None
    ) -> Receipt | None:
        """A transaction that the model follows, or that both refuse with the same error (then None)."""
        self.tick()
        try:
            model()
        except Refused as refused:
            try:
                contract.send(name, *arguments, sender=sender or self.world.operator)
            except Reverted as reverted:
                assert reverted.error == refused.error, (name, arguments)
                return None
            raise AssertionError(f"{name}{arguments} should have been refused: {refused.error}") from None
        return contract.send(name, *arguments, sender=sender or self.world.operator)

    def onboard(self, *, terminals: int = 1, prepaid: int = 0) -> MerchantId:
        """A merchant whose terminals are on stream 1, with `prepaid` minor units of points."""
        self.tick()
        merchant = MerchantId(self.world.onboard(terminals))
        self.model.set_merchant(merchant, True)
        for number in range(terminals):
            self.model.book.terminals.add((merchant, ONE, TerminalNumber(number)))
        if prepaid:
            self.buy_points(merchant, prepaid)
        return merchant

    def base(self, merchant: MerchantId, coefficient: int = 100, tiers: tuple[int, ...] = ()) -> RuleVersion:
        """A new base version."""
        self.tick()
        version = RuleVersion(self.world.base(merchant, coefficient, tiers))
        rate = coefficient * 10_000
        flags = EXISTS | (TIERED if tiers else 0)
        rule = Rule(rate=rate, base_rate=rate, flags=flags, tiers=tier_table(tiers))
        self.model.set_rule(merchant, version, rule)
        return version

    def offer(self, merchant: MerchantId, *, coefficient: int = 100, **terms: Any) -> RuleVersion:
        """A new offer on top of a base with this coefficient; terms as World.offer takes them."""
        self.tick()
        version = RuleVersion(self.world.offer(merchant, **terms))
        tiers = terms.get("tiers", ())
        budget, cap = terms.get("budget", 0), terms.get("day_cap", 0)
        rule = Rule(
            rate=coefficient * terms.get("multiplier_bps", 50_000),
            base_rate=coefficient * 10_000,
            starts=terms.get("starts", 0),
            until=terms.get("until", 0),
            budget_left=budget,
            day_cap=cap,
            flags=EXISTS | (BUDGETED if budget else 0) | (CAPPED if cap else 0) | (TIERED if tiers else 0),
            tiers=tier_table(tiers),
        )
        self.model.set_rule(merchant, version, rule)
        return version

    def enrol(self, *members: MemberId) -> None:
        self.tick()
        self.world.enrol(*members)
        for member in members:
            self.model.enrol(member)

    def buy_points(self, merchant: MerchantId, amount: int) -> None:
        self.act(self.ledger, "buyPoints", merchant, amount, model=lambda: self.model.buy_points(merchant, amount))

    def recharge(self, member: MemberId, amount: int) -> None:
        self.act(self.ledger, "recharge", member, amount, model=lambda: self.model.recharge(member, amount))

    def set_state(self, member: MemberId, *, locked: bool = False, frozen: bool = False) -> None:
        flags = (2 if locked else 0) | (4 if frozen else 0)
        model = self.model
        self.act(
            self.world.registry, "setMemberState", member, locked, frozen, model=lambda: model.set_flags(member, flags)
        )

    def set_tier(self, member: MemberId, tier: int) -> None:
        model = self.model
        self.act(self.world.registry, "setTier", [member], tier, model=lambda: model.set_tier(member, tier))

    def set_limit(self, limit: int, refunds: int | None = None) -> None:
        """What the stream may debit and refund a day; as much as it may debit, if not said."""
        poster, model = self.world.poster, self.model
        limits = (limit, limit if refunds is None else refunds)
        self.act(
            self.ledger, "setStream", STREAM, poster, *limits,
            model=lambda: model.set_stream(ONE, int(poster, 16), *limits),
        )  # fmt: skip

    # --- payments ---

    def payment(self, merchant: MerchantId, member: MemberId, *lines: Line, **fields: Any) -> BatchPayment:
        """A payment with the next sequence, at the next block's time."""
        self.sequence += 1
        values = {
            "sequence": SequenceNumber(self.sequence),
            "terminal": TerminalNumber(0),
            "time": self.now + 1,
            "authorisation": AUTHORISATION if any(line.tender for line in lines) else None,
        } | fields
        return BatchPayment(merchant=merchant, member=member, lines=lines, **values)

    def post(self, *payments: BatchPayment, gas: int | None = None) -> Outcome:
        """Posts a batch; asserts that logs, leaves, root and touched words are the mirror's."""
        batch = make_batch(ONE, payments)
        self.tick()
        receipt = self.world.post(batch, gas=gas or gas_limit(batch))
        outcome = post_batch(self.model.book, batch, self.model.block, self.acts)
        logs = self.logs(receipt)
        if any(payment.act is not None for payment in payments):
            # the doors that acts go through write logs of their own
            logs, said = ([log for log in each if log.name in POSTING] for each in (logs, outcome.logs))
        else:
            said = list(outcome.logs)
        for found, expected in zip_longest(logs, said):
            assert found == expected
        if outcome.leaves:
            self.trees[outcome.root] = list(outcome.leaves)
            self.root_of_leaf |= {leaf.hash: outcome.root for leaf in outcome.leaves}
            self.model.posted_on |= {leaf.hash: self.model.day for leaf in outcome.leaves}
            assert self.ledger.view("roots", outcome.root) == receipt.block
            self._rebuild(batch, outcome)
        return outcome

    def _rebuild(self, batch: Batch, outcome: Outcome) -> None:
        """The leaves from calldata and logs alone are those under the root."""
        logs = BatchLogs(
            processed=len(batch.payments),
            leaves=len(outcome.leaves),
            skipped=tuple(sequence for sequence, _ in outcome.skipped),
            clamped={v[1:3]: v[3:5] for name, v in _pairs(outcome.logs) if name == "Clamped"},
            coins_previous={v[2]: v[5] for name, v in _pairs(outcome.logs) if name == "Debited"},
        )
        book, block = self.model.book, self.model.block
        lines = [line for payment in batch.payments for line in payment.lines]
        rebuilt = rebuild_leaves(
            batch if any(line.tender > 2 for line in lines) else decode_batch(encode_batch(batch)),
            logs,
            rules=book.rules,
            tiers={member: account.tier for member, account in book.accounts.items()},
            terms=book.terms,
            block=block.number,
            block_time=block.time,
        )
        assert rebuilt == outcome.leaves

    def pay(self, merchant: MerchantId, member: MemberId, *lines: Line, **fields: Any) -> list[Leaf]:
        """One payment that is accepted; its leaves."""
        outcome = self.post(self.payment(merchant, member, *lines, **fields))
        assert not outcome.skipped, outcome.skipped
        return list(outcome.leaves)

    def refund(self, *refunds: Refund, gas: int | None = None) -> list[Log]:
        """Posts refunds; asserts that the logs are the model's."""
        self.tick()
        receipt = self.ledger.send(
            "postRefunds", STREAM, [self.refund_words(refund) for refund in refunds], sender=self.world.poster,
            **({"gas": gas} if gas else {}),
        )  # fmt: skip
        expected = self.model.post_refunds(ONE, refunds)
        names = {"Refunded", "Skipped", "RefundsPosted"}
        assert [log for log in self.logs(receipt) if log.name in names] == expected
        return expected

    def next_sequence(self) -> int:
        self.sequence += 1
        return self.sequence

    def refund_words(self, refund: Refund) -> tuple[Any, ...]:
        """IPaymentProcessor.Refund."""
        lines = []
        for undo in refund.lines:
            # a forged leaf comes with the newest root
            root = self.root_of_leaf.get(undo.leaf.hash) or list(self.trees)[-1]
            tree = self.trees.get(root, [])
            hashes = [leaf.hash for leaf in tree]
            proof = proof_of(hashes, hashes.index(undo.leaf.hash)) if undo.proved else (keccak(b"wrong"),)
            lines.append((undo.leaf.words(), undo.amount, root, proof))
        return (refund.sequence, refund.kind, lines)

    # --- comparing ---

    def logs(self, receipt: Receipt) -> list[Log]:
        """The ledger's events as the mirror writes them."""
        return [Log(event.name, tuple(map(_plain, event.args.values()))) for event in self.ledger.events(receipt)]

    def events(self, receipt: Receipt) -> list[Event]:
        return self.ledger.events(receipt)

    def compare(self) -> None:
        """Every word of the model is the word in storage."""
        expected = dict(self._words())
        found = self.chain.storages(self.ledger.address, list(expected))
        wrong = {
            hex(slot): (hex(word), hex(expected[slot]))
            for slot, word in zip(expected, found, strict=True)
            if word != expected[slot]
        }
        assert not wrong, f"slot: (chain, model) {wrong}"

    def _words(self) -> Iterable[tuple[int, int]]:
        model, book = self.model, self.model.book
        yield SUPPLY, book.supply.pack()
        yield TOTALS, book.totals.pack()
        for holder, account in book.accounts.items():
            # a member's number, or the number of an address
            yield (MEMBER if holder < 2**64 else ACCOUNT) | holder, account.pack()
        yield from ((MERCHANT | merchant, word.pack()) for merchant, word in book.merchants.items())
        yield from ((RULE | merchant << 16 | version, rule.pack()) for (merchant, version), rule in book.rules.items())
        yield from ((STREAMS | stream, word.pack()) for stream, word in book.streams.items())
        for number, limit in model.refund_limits.items():
            day, used = model.stream_refunds.get(number, (0, 0))
            yield STREAM_REFUNDS | number, limit << 56 | day << 40 | used
        for (merchant, version, member), (day, used) in book.caps.items():
            yield CAP | merchant << 80 | version << 64 | member, day << 240 | used
        for tag, pairs in ((OWED, book.owed), (ARREARS, model.arrears)):
            yield from ((tag | merchant << 64 | member, units) for (merchant, member), units in pairs.items())
        for tag, single in ((DEPOSIT, model.deposits), (GUARANTEED, model.guaranteed)):
            yield from ((tag | merchant, amount) for merchant, amount in single.items())
        yield from ((ISSUED | merchant << 16 | epoch, units) for (merchant, epoch), units in book.issued.items())
        yield from ((EPOCH | e, issued << 64 | expired) for e, (issued, expired) in book.closed_epochs.items())
        words: dict[int, int] = {}
        for stream, sequence in book.posted:
            slot = POSTED | stream << 56 | sequence >> 8
            words[slot] = words.get(slot, 0) | 1 << (sequence & 255)
        yield from words.items()
        for leaf, (amount, units) in model.refunded.items():
            word = model.settled.get(leaf, 0) << 104 | units << 48 | amount
            yield int.from_bytes(keccak(leaf + REFUNDED.to_bytes(32, "big")), "big"), word

    def check_invariants(self) -> None:
        """What design says of the ledger, whatever was done."""
        book, model = self.model.book, self.model
        accounts = [account.rolled(model.epoch)[0] for account in book.accounts.values()]
        supply = self.ledger.view("supply")
        assert supply["current"] == sum(account.current for account in accounts)
        assert supply["previous"] == sum(account.previous for account in accounts)
        assert self.ledger.view("totalSupply") == supply["current"] + supply["previous"]
        totals = self.ledger.view("totals")
        held = self.world.cash.view("balanceOf", self.ledger.address)
        assert held == totals["storedValue"] + totals["payable_"] + totals["reserve"] + totals["deposits"]
        assert totals["storedValue"] == sum(account.value for account in book.accounts.values())
        assert totals["payable_"] == sum(word.payable for word in book.merchants.values())
        assert totals["deposits"] == sum(model.deposits.values())
        expired = sum(self.ledger.view("expiry", epoch)[1] for epoch in range(model.epoch)) - model.claimed
        prepaid = sum(word.prepaid for word in book.merchants.values())
        backed = totals["reserve"] * model.par
        assert backed == supply["current"] + supply["previous"] + prepaid + expired


class Forgetting:
    """A block whose effects are forgotten when it is left, however it is left.

    No generator: one that nobody ends is ended when it is collected, which could be in the middle of another test.
    """

    def __init__(self, twin: Twin) -> None:
        self._twin = twin

    def __enter__(self) -> None:
        twin = self._twin
        self._mark = twin.chain.snapshot()
        model = copy.deepcopy(twin.model.__dict__)
        self._kept = model, twin.now, twin.sequence, dict(twin.trees), dict(twin.root_of_leaf)

    def __exit__(self, *_: object) -> None:
        twin = self._twin
        twin.chain.revert(self._mark)
        twin.model.__dict__, twin.now, twin.sequence, twin.trees, twin.root_of_leaf = self._kept


def external(amount: int, version: int = 1) -> Line:
    """A line paid outside."""
    return Line(amount=MinorUnits(amount), rule_version=RuleVersion(version), tender=Tender.EXTERNAL)


def stored(amount: int, version: int = 1) -> Line:
    """A line paid from stored value."""
    return Line(amount=MinorUnits(amount), rule_version=RuleVersion(version), tender=Tender.STORED_VALUE)


def coins(amount: int) -> Line:
    """A line paid in coins."""
    return Line(amount=MinorUnits(amount), rule_version=RuleVersion(0), tender=Tender.COIN)


def member_address(member: int) -> str:
    return "0x" + (MEMBER_PREFIX + member.to_bytes(8, "big")).hex()


def tier_table(tiers: Sequence[int]) -> tuple[int, ...]:
    """All 16 entries, as the ledger has them."""
    return (10_000, *tiers, *([10_000] * (15 - len(tiers)))) if tiers else ()


def _plain(value: Any) -> int | bytes:
    if isinstance(value, str):
        return int(value, 16) & (2**64 - 1)
    return bytes(value) if isinstance(value, bytes) else int(value)


def _pairs(logs: Iterable[Log]) -> Iterable[tuple[str, Any]]:
    return ((log.name, log.values) for log in logs)
