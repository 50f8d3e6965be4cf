"""A target of acts that does whatever it is told (contracts/testing/ActProbe.sol), and what its model makes of it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from benchmarks.devchain import Contract, deploy
from node.domain.batch_format import BatchPayment
from node.domain.ids import MemberId, MerchantId
from node.domain.ledger import Ledger, Reason
from node.domain.rewards import Acted
from tests.contracts.doors_model import holder_of
from tests.contracts.model import Refused
from tests.contracts.twin import Twin, member_address

KIND: Final = 1
NO_TARGET: Final = 77
CALLS, CALLS_THEN_REFUSE, REVERT_BYTES, RETURN_BYTES, BURN_GAS, INVALID, STRING_ERROR = range(7)
ALL_DOORS: Final = 255
GIVEN: Final = {11, 12, 13, 14, 15, *range(31, 64)}

Effect = Callable[[BatchPayment], None]


class Probe:
    """The probe with every door, money and coins of its own. As `twin.acts` it is the model of what it does."""

    def __init__(self, twin: Twin) -> None:
        self.twin, self.model = twin, twin.model
        self.contract: Contract = deploy(twin.chain, "ActProbe", sender=twin.world.operator)
        self.address = self.contract.address
        self.key = holder_of(self.address)
        for kind in (KIND, KIND | 0x80):
            twin.ledger.send("setActTarget", kind, self.address, sender=twin.world.operator)
        twin.ledger.send("setDoors", self.address, ALL_DOORS, sender=twin.world.operator)
        twin.world.cash.send("transfer", self.address, 10**9, sender=twin.world.operator)
        self.relay(twin.world.cash, "approve", twin.ledger.address, 2**256 - 1)
        twin.now = twin.chain.now()
        self._effects: dict[bytes, tuple[int, int, tuple[tuple[Effect, bool], ...]]] = {}
        self.seen: list[tuple[BatchPayment, int]] = []
        twin.acts = self

    def relay(self, contract: Contract, name: str, *arguments: Any) -> None:
        """A call of the probe outside of any act."""
        data = bytes.fromhex(contract.interface.encode(name, *arguments)[2:])
        self.contract.send("relay", contract.address, data, sender=self.twin.world.operator)

    def call(
        self, name: str, *arguments: Any, model: Effect, contract: Contract | None = None, forgiving: bool = False
    ) -> tuple[bytes, Effect, bool]:
        """One call for `act`: its bytes, and what the model does; a forgiving one goes on when it fails."""
        target = contract or self.twin.ledger
        data = bytes.fromhex(target.interface.encode(name, *arguments)[2:])
        head = bytes([forgiving]) + bytes.fromhex(target.address[2:]) + len(data).to_bytes(2, "big")
        return head + data, model, forgiving

    def act(
        self,
        *calls: tuple[bytes, Effect, bool],
        debited: int = 0,
        refuse: int | None = None,
        kind: int = KIND,
    ) -> bytes:
        """An act that makes these calls, and says that it debited so much, or then refuses."""
        what, argument = (CALLS, debited) if refuse is None else (CALLS_THEN_REFUSE, refuse)
        data = bytes([kind, what]) + argument.to_bytes(8, "big") + b"".join(call for call, _, _ in calls)
        self._effects[data] = (what, argument, tuple((effect, forgiving) for _, effect, forgiving in calls))
        return data

    @staticmethod
    def broken(what: int, argument: int = 0, kind: int = KIND) -> bytes:
        """An act that fails in a way of its own."""
        return bytes([kind, what]) + argument.to_bytes(8, "big")

    def __call__(self, payment: BatchPayment, ledger: Ledger, debit_left: int) -> Acted | Reason:
        assert payment.act is not None
        assert ledger is self.model.book
        if payment.act not in self._effects:
            return Reason.ACT
        what, argument, effects = self._effects[payment.act]
        before = self._kept()
        self.seen.append((payment, debit_left))
        reason = self._fails(payment, effects, before)
        if reason is None and what == CALLS_THEN_REFUSE:
            reason = Reason(argument) if argument in GIVEN else Reason.ACT
        if reason is None and argument > debit_left:
            reason = Reason.STREAM_LIMIT
        if reason is None:
            return Acted(debited=argument)
        self._restore(before)
        return reason

    def _fails(
        self, payment: BatchPayment, effects: tuple[tuple[Effect, bool], ...], before: tuple[dict[str, Any], Any]
    ) -> Reason | None:
        """Lets the model do all; why the act is refused, if a call fails or its payment's member is touched."""
        for effect, forgiving in effects:
            try:
                effect(payment)
            except Refused:
                if not forgiving:
                    return Reason.ACT
        book = self.model.book
        held = payment.lines and book.accounts[payment.member] != before[0]["accounts"][payment.member]
        return Reason.ACT if held else None

    def _kept(self) -> tuple[dict[str, Any], dict[str, Any]]:
        book = self.model.book
        words = {name: getattr(book, name) for name in book.__dataclass_fields__}
        others = {name: value for name, value in vars(self.model).items() if isinstance(value, dict)}
        return {name: _copied(word) for name, word in words.items()}, {
            name: dict(value) for name, value in others.items()
        }

    def _restore(self, kept: tuple[dict[str, Any], dict[str, Any]]) -> None:
        words, others = kept
        for name, word in words.items():
            setattr(self.model.book, name, word)
        for name, value in others.items():
            setattr(self.model, name, value)


def with_act(payment: BatchPayment, act: bytes) -> BatchPayment:
    """The same payment with an act; one without lines needs an authorisation only if its target asks for it."""
    return replace(payment, act=act)


def _copied(word: Any) -> Any:
    return word.copy() if isinstance(word, dict | set) else word


def nothing(_: BatchPayment) -> None:
    """No effect on the model."""


def catalogue(probe: Probe, merchant: MerchantId, members: Sequence[MemberId]) -> list[bytes]:
    """Acts of all sorts: through every door that a payment may meet, refused ones, broken ones, reversals."""
    model, par = probe.model, probe.model.par
    found: list[bytes] = []
    for member in members:
        recharge = probe.call("creditValue", member, 500, model=lambda _, m=member: model.recharge(m, 500))
        take = probe.call("takeValue", member, 70, probe.address, model=lambda _, m=member: model.take_value(m, 70))
        coins = probe.call(
            "takeCoins", member, 2 * par, probe.address,
            model=lambda _, m=member: model.take_coins(m, 2 * par, probe.key) and None,
        )  # fmt: skip
        issue = probe.call(
            "issue", merchant, member_address(member), 12_345,
            model=lambda _, m=member: model.issue(merchant, m, 12_345) and None,
        )  # fmt: skip
        found += [
            probe.act(recharge),
            probe.act(take, coins, debited=72),
            probe.act(issue, take, debited=70),
            probe.act(take, debited=10**6),
            probe.act(recharge, refuse=34),
            probe.act(recharge, kind=KIND | 0x80),
        ]
    pay = probe.call("creditPayable", merchant, 33, model=lambda _: model.credit_payable(merchant, 33))
    buy = probe.call("buyPoints", merchant, 9, model=lambda _: model.buy_points(merchant, 9))
    return [*found, probe.act(pay, buy), probe.act(), Probe.broken(INVALID), Probe.broken(CALLS, kind=NO_TARGET)]
