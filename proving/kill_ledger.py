"""What the chain says of every message of the kill matrix: how often it took effect, and how often it was undone."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Self

from node.chain.events import Debited, Refunded, decode_event
from node.chain.ledger import RefundKind
from proving.kill_tills import Act, Sent
from tests.offchain.bridge_out.stand import COEFFICIENT, Stand

TARGET: Final = "0x" + "ac" * 20
LOG_ALL: Final = "0x365f5f37365fa05f5f5260205ff3"
"""A contract that logs its calldata and debits nothing: the target of recharges."""
RECHARGE: Final = 2
UNDONE: Final = 130
TRANSFER: Final = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
NOBODY: Final = "0x" + "0" * 64
APPROVED: Final = "00"
CHANGEABLE: Final = "91"
"""A refund that is on its way is answered 91 for now; asked again, it has its answer."""


@dataclass
class Effects:
    """Everything that the ledger and the target of acts did, by amount; recharges by their sequences."""

    given: Counter[int] = field(default_factory=Counter)
    debited: Counter[int] = field(default_factory=Counter)
    undone: Counter[int] = field(default_factory=Counter)
    refunded: Counter[int] = field(default_factory=Counter)
    charged: dict[int, list[int]] = field(default_factory=dict)
    uncharged: Counter[int] = field(default_factory=Counter)

    @classmethod
    def of(cls, stand: Stand) -> Self:
        """What the chain's events say."""
        found = cls()
        for log in _logs(stand, stand.world.ledger.address):
            found._note(log)
        for log in _logs(stand, TARGET):
            found._note_act(bytes.fromhex(log["data"][2:]))
        return found

    def _note(self, log: dict[str, Any]) -> None:
        if log["topics"][0] == TRANSFER and log["topics"][1] == NOBODY:
            self.given[int(log["data"], 16) // COEFFICIENT] += 1
            return
        event = decode_event(log)
        if isinstance(event, Debited):
            self.debited[event.value] += 1
        elif isinstance(event, Refunded):
            of = self.undone if event.kind == RefundKind.REVERSAL else self.refunded
            of[event.amount] += 1

    def _note_act(self, called: bytes) -> None:
        # a selector, ten words of the payment (its sequence the second), where the act lies, its length, its bytes
        sequence, act = int.from_bytes(called[36:68], "big"), called[4 + 12 * 32 :]
        if act[0] == RECHARGE:
            self.charged.setdefault(int.from_bytes(act[2:8], "big"), []).append(sequence)
        elif act[0] == UNDONE:
            self.uncharged[int.from_bytes(act[1:9], "big")] += 1

    def wrong(self, message: Sent) -> str:
        """Why a message did not have exactly the effect that it was answered with; empty when it had."""
        amount, approved = message.amount, message.code == APPROVED
        match message.act:
            case Act.EARN | Act.DEBIT:
                times, back = self.given[amount], self.undone[amount]
                stays = approved and not message.reversed
                if message.act is Act.DEBIT and self.debited[amount] != times:
                    return f"points {times} times, debited {self.debited[amount]} times"
                if (times, back) in (((1, 0),) if stays else ((0, 0), (1, 1))):
                    return ""
                return f"answered {message.code}, took effect {times} times, was undone {back} times"
            case Act.RECHARGE:
                made = self.charged.get(amount, [])
                back = sum(self.uncharged[sequence] for sequence in made)
                if (len(made), back) in (((1, 0),) if approved else ((0, 0), (1, 1))):
                    return ""
                return f"answered {message.code}, done {len(made)} times, undone {back} times"
            case Act.REFUND:
                times = self.refunded[amount]
                return "" if times == approved else f"answered {message.code}, refunded {times} times"
            case Act.OVERDRAFT | Act.EXCESS:
                times = self.debited[amount] + self.refunded[amount]
                return "" if not (times or approved) else f"answered {message.code}, took effect {times} times"
            case Act.REVERSAL:
                return "" if approved else f"a reversal was answered {message.code}"


def changed(message: Sent) -> str:
    """Why the answers to a message do not agree; empty when they do."""
    codes = list(message.codes)
    if message.act in (Act.REFUND, Act.EXCESS):
        while len(codes) > 1 and codes[0] == CHANGEABLE:
            del codes[0]
    return "" if len(set(codes)) == 1 else f"answered {' then '.join(message.codes)}"


def faults(effects: Effects, sent: Iterable[Sent]) -> list[str]:
    """One line for each message that is not as it was answered."""
    found = []
    for message in sent:
        for fault in (effects.wrong(message), changed(message)):
            if fault:
                found.append(f"{message.act.value}, {message.amount}: {fault}")
    return found


def prepare_target(stand: Stand) -> None:
    """Puts the target of recharges in place."""
    stand.chain.request("anvil_setCode", TARGET, LOG_ALL)
    for kind in (RECHARGE, UNDONE):
        stand.world.as_operator(stand.world.ledger, "setActTarget", kind, TARGET)


def _logs(stand: Stand, address: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stand.chain.request(
        "eth_getLogs", {"fromBlock": "0x0", "toBlock": "latest", "address": address}
    )
    return found
