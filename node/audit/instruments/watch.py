"""Hands the events of the contracts beside the ledger to whoever recomputes them, transaction by transaction.

Stage before: evidence. Stage after: the others of this folder. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from node.audit.evidence import ProvenBlock, Transaction
from node.audit.findings import Finding, Findings, Kind
from node.audit.instruments.advices import Advices
from node.audit.instruments.assets import Assets
from node.audit.instruments.certificates import Certificates
from node.audit.instruments.claims import Claims
from node.audit.instruments.fees import Fees
from node.audit.instruments.gifts import Gifts
from node.audit.instruments.incentive import Incentive
from node.audit.instruments.rebates import Rebates
from node.audit.instruments.said import Said, Wrong
from node.chain.abi_events import EventShape, NotThisEvent, events_of
from node.domain.ids import Address
from node.domain.leaf import NetworkTerms

WATCHED: Final = (
    "CashToken", "SettlementEscrow", "MerchantPayouts", "Rebates", "Coupons", "Consents", "IncentivePools",
    "GiftCertificates", "Gifts", "PendingRewards", "Referrals", "AssetGateway",
)  # fmt: skip


class Instrument(Protocol):
    """Recomputes what some contracts pay."""

    @property
    def checked(self) -> Mapping[str, int]:
        """How many amounts of each kind were recomputed so far."""

    @property
    def amounts(self) -> Mapping[str, int]:
        """What it adds up to: owed, reserved, given; each under a name of its own."""

    def transaction(self, time: int, said: Sequence[Said]) -> list[Wrong]:
        """What of a transaction's events is not what the terms say."""


@dataclass(kw_only=True, slots=True)
class Instruments:
    """All instruments of a deployment."""

    shapes: Mapping[Address, tuple[str, Mapping[bytes, EventShape]]]
    each: Sequence[Instrument]
    findings: Findings = field(default_factory=Findings)

    def block(self, block: ProvenBlock) -> None:
        """Recomputes what happened in a block."""
        for transaction in block.transactions:
            said = self._said(transaction)
            if not said:
                continue
            for instrument in self.each:
                for subject, text in instrument.transaction(block.time, said):
                    self._note(block, transaction, subject, text)

    @property
    def checked(self) -> dict[str, int]:
        """How many amounts of each kind were recomputed."""
        return {name: count for instrument in self.each for name, count in instrument.checked.items()}

    @property
    def amounts(self) -> dict[str, int]:
        """What each instrument adds up to, without those that are 0."""
        return {name: sum_ for instrument in self.each for name, sum_ in instrument.amounts.items() if sum_}

    def _said(self, transaction: Transaction) -> list[Said]:
        found = []
        for log in transaction.logs:
            part, shapes = self.shapes.get(Address(log.address), ("", {}))
            shape = shapes.get(log.topics[0]) if log.topics else None
            if shape is not None:
                try:
                    values: dict[str, Any] = shape.fields(log.topics, log.data)
                except NotThisEvent:
                    continue
                found.append(Said(part=part, name=shape.name, fields=values, calldata=transaction.calldata))
        return found

    def _note(self, block: ProvenBlock, transaction: Transaction, subject: str, text: str) -> None:
        where = "0x" + transaction.hash.hex()
        found = Finding(kind=Kind.INSTRUMENT, subject=subject, text=text, block=block.number, transaction=where)
        self.findings.add(found)


def instruments_of(parts: Mapping[str, Address], terms: NetworkTerms, findings: Findings) -> Instruments:
    """The instruments that a deployment has."""
    shapes = {parts[name]: (name, events_of(name)) for name in WATCHED if name in parts}
    numbers = {name: int.from_bytes(address, "big") for name, address in parts.items()}
    each: list[Instrument] = []
    if "SettlementEscrow" in parts:
        each.append(Fees(escrow=numbers["SettlementEscrow"], ledger=numbers["RewardToken"]))
    if "Advices" in parts:
        # of the ledger's own events only which payments it skipped
        skipped = {topic: shape for topic, shape in events_of("ILedger").items() if shape.name == "Skipped"}
        shapes |= {parts["RewardToken"]: ("RewardToken", skipped), parts["Advices"]: ("Advices", events_of("Advices"))}
        each.append(Advices())
    if "Rebates" in parts:
        each.append(Rebates(terms=terms))
    if "IncentivePools" in parts:
        each.append(Incentive(par=terms.units_per_minor_unit))
    if "GiftCertificates" in parts:
        each.append(Certificates(address=numbers["GiftCertificates"]))
    if "Gifts" in parts:
        each.append(Gifts(par=terms.units_per_minor_unit))
    if "PendingRewards" in parts or "Referrals" in parts:
        each.append(Claims())
    if "AssetGateway" in parts:
        each.append(Assets(address=numbers["AssetGateway"]))
    return Instruments(shapes=shapes, each=each, findings=findings)
