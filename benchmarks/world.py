"""The whole suite of contracts deployed on a development chain, with merchants, terminals and members.

For benchmarks/gas.py and tests/contracts; actors have names.
"""

from dataclasses import asdict, dataclass
from typing import Any, Final

from benchmarks.devchain import Chain, Contract, Interface, artifact, deploy
from node.domain.batch_format import Batch, encode_batch, gas_limit
from node.domain.leaf import NetworkTerms

OPERATOR_ROLE: Final = 1
FINANCE_ROLE: Final = 2
BRIDGE_ROLE: Final = 8
STREAM: Final = 1
PAR: Final = 10_000
MAX_LINE: Final = 100_000_000
TOLERANCE: Final = 259_200
DAILY_LIMIT: Final = 10**9
FINANCE: Final = "0x" + "f1" * 20
PATIENCE: Final = 7 * 86_400  # seconds that proposed keys and groups wait for their second person


@dataclass(frozen=True, kw_only=True)
class Terms:
    """The ledger's constants (docs/batch.md)."""

    units_per_minor_unit: int = PAR
    max_line_amount: int = MAX_LINE
    epoch_start: int = 0
    epoch_length: int = 0
    utc_offset: int = 0
    clock_tolerance: int = TOLERANCE

    def words(self) -> tuple[int, ...]:
        """As IRewardToken.Terms."""
        return (
            self.units_per_minor_unit,
            self.max_line_amount,
            self.epoch_start,
            self.epoch_length,
            self.utc_offset,
            self.clock_tolerance,
        )

    def network(self) -> NetworkTerms:
        """As the domain's arithmetic takes them."""
        return NetworkTerms(**asdict(self))


class World:
    """The deployed suite. `operator` has both network roles, `finance` the second; `poster` posts stream 1; `merchant`
    admins each shop.
    """

    def __init__(self, chain: Chain, terms: Terms | None = None) -> None:
        self.chain = chain
        self.terms = terms or Terms()
        self.operator, self.poster, self.merchant, self.stranger, self.holder = chain.accounts[:5]
        self.finance = chain.impersonate(FINANCE)
        self.access = deploy(chain, "NetworkAccess", self.operator, sender=self.operator)
        at = self.access.address
        self.cash = deploy(chain, "CashToken", at, "Till Cash", "TCASH", "USD", sender=self.operator)
        self.ledger = self.deploy_ledger()
        self.registry = deploy(chain, "Registry", at, self.ledger.address, PATIENCE, sender=self.operator)
        self.rules = deploy(chain, "RewardRules", at, self.ledger.address, self.registry.address, sender=self.operator)
        # a contract hands on the errors of those it calls
        suite = (self.access, self.cash, self.ledger, self.registry, self.rules)
        errors = {selector: error for contract in suite for selector, error in contract.interface.errors.items()}
        for contract in suite:
            contract.interface.errors = errors
        others = [contract.address for contract in (self.ledger, self.cash, self.registry, self.rules)]
        self.access.send("connect", *others, sender=self.operator)
        for role in (OPERATOR_ROLE, FINANCE_ROLE):
            self.access.send("grantRole", role, self.operator, 0, sender=self.operator)
        self.access.send("grantRole", FINANCE_ROLE, self.finance, 0, sender=self.operator)
        self.cash.send("deposit", self.operator, 10**15, bytes(32), sender=self.operator)
        self.cash.send("approve", self.ledger.address, 2**256 - 1, sender=self.operator)
        self.open_stream(STREAM, self.poster, DAILY_LIMIT, DAILY_LIMIT)

    def deploy_ledger(self) -> Contract:
        """A ledger with this world's roles, cash and terms."""
        at, cash, terms = self.access.address, self.cash.address, self.terms.words()
        succession = deploy(self.chain, "Succession", cash, terms, sender=self.operator)
        arguments = (at, cash, "Till Coin", "TILL", terms, succession.address)
        ledger = deploy(self.chain, "RewardToken", *arguments, sender=self.operator)
        return Contract(self.chain, ledger.address, Interface(artifact("ILedger")["abi"]))

    def as_operator(self, contract: Contract, name: str, *arguments: Any) -> Any:
        """A transaction of the operator."""
        return contract.send(name, *arguments, sender=self.operator)

    def open_stream(self, stream: int, poster: str, daily_limit: int, refund_limit: int) -> None:
        """A stream that this key, made a bridge's, posts."""
        self.access.send("grantRole", BRIDGE_ROLE, poster, 0, sender=self.operator)
        self.as_operator(self.ledger, "setStream", stream, poster, daily_limit, refund_limit)

    def onboard(self, terminals: int = 1, stream: int = STREAM) -> int:
        """A new merchant with one store; its number. Terminal ids are `<merchant>T<number>`."""
        merchant = int(self.registry.view("merchantCount")) + 1
        added = [(terminal_id(merchant, number), stream, self.merchant, 0) for number in range(terminals)]
        store = (b"store".ljust(32, b"\0"), added)
        self.as_operator(self.registry, "onboardMerchant", b"shop".ljust(32, b"\0"), self.merchant, [store])
        return merchant

    def base(self, merchant: int, coefficient: int = 100, tiers: tuple[int, ...] = ()) -> int:
        """A new base version."""
        self.rules.send("defineBase", merchant, coefficient, tiers, sender=self.merchant)
        return int(self.rules.view("versionCount", merchant))

    def offer(self, merchant: int, **terms: Any) -> int:
        """A new offer; terms as IRewardRules.Offer, with defaults."""
        words = (
            terms.get("multiplier_bps", 50_000),
            terms.get("product_set", b"\1" * 32),
            terms.get("starts", 0),
            terms.get("until", 0),
            terms.get("budget", 0),
            terms.get("day_cap", 0),
            terms.get("tiers", ()),
            "",
        )
        self.rules.send("defineRule", merchant, words, sender=self.merchant)
        return int(self.rules.view("versionCount", merchant))

    def fund(self, merchant: int, amount: int) -> None:
        """Buys points for a merchant, minor units."""
        self.as_operator(self.ledger, "buyPoints", merchant, amount)

    def enrol(self, *members: int) -> None:
        """Registers members."""
        self.as_operator(self.registry, "enrolMembers", list(members))

    def give_key(self, member: int, key: str) -> None:
        """The key by which a member signs, whatever it has already: the operator proposes it, finance approves."""
        self.as_operator(self.registry, "proposeMemberKey", member, key)
        self.registry.send("approveMemberKey", member, key, sender=self.finance)

    def post(self, batch: Batch | bytes, *, gas: int | None = None, sender: str | None = None) -> Any:
        """Posts a batch by the stream's poster; the receipt."""
        data = batch if isinstance(batch, bytes) else encode_batch(batch)
        limit = gas or (gas_limit(batch) if isinstance(batch, Batch) else 30_000_000)
        return self.ledger.send("postBatch", data, sender=sender or self.poster, gas=limit)


def terminal_id(merchant: int, number: int) -> bytes:
    """DE41 as the Registry has it."""
    return f"{merchant}T{number}".encode().ljust(8, b"\0")
