"""Gift certificates, recomputed one by one (docs/certificates.md): what is left of each, and the cash behind; pure.

Minor units. What a transaction does to the certificates' values is what it does to the contract's cash; a certificate
is spent where and until it may be, and never for more than is left of it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from node.audit.instruments.said import Said, Wrong, net_cash

PART: Final = "GiftCertificates"


@dataclass(kw_only=True, slots=True)
class Kept:
    """What is left of a certificate; `merchant` 0 is anywhere."""

    value: int = 0
    merchant: int = 0
    until: int = 0


@dataclass(kw_only=True, slots=True)
class Certificates:
    """Recomputes all certificates. `address` is the contract's, as a number."""

    address: int
    checked: Counter[str] = field(default_factory=Counter)
    kept: dict[int, Kept] = field(default_factory=dict)

    @property
    def amounts(self) -> dict[str, int]:
        """What is owed on certificates."""
        return {"certificates outstanding": sum(each.value for each in self.kept.values())}

    def transaction(self, time: int, said: Sequence[Said]) -> list[Wrong]:
        """What of a transaction's events is not what the certificates say."""
        wrong: list[Wrong] = []
        change = 0
        for each in said:
            if each.part == PART:
                name, before = f"certificate {each.fields.get('certificate')}", self._sum(each.fields)
                text = self._change(each.name, each.fields, time)
                change += self._sum(each.fields) - before
                wrong += [(name, text)] if text else []
        moved = net_cash(said, self.address)
        if change != moved and any(each.part == PART for each in said):
            wrong.append(("certificates", f"they are worth {change} more, and {moved} of cash came in"))
        return wrong

    def _sum(self, it: Mapping[str, int]) -> int:
        known = (self.kept.get(it[name]) for name in ("certificate", "part") if name in it)
        return sum(each.value for each in known if each is not None)

    def _change(self, event: str, it: Mapping[str, int], time: int) -> str:
        """Books an event; what is wrong with it, empty for nothing."""
        this = self.kept.setdefault(it["certificate"], Kept()) if "certificate" in it else Kept()
        match event:
            case "CertificateSold":
                self.checked["certificates"] += 1
                self.kept[it["certificate"]] = Kept(value=it["amount"], merchant=it["merchant"], until=it["until"])
                return "it was sold twice" if this.value else ""
            case "CertificateSplit":
                this.value -= it["amount"]
                self.kept[it["part"]] = Kept(value=it["amount"], merchant=this.merchant, until=this.until)
                return f"{it['amount']} were split off, more than was left" if this.value < 0 else ""
            case "CertificateRedeemed":
                return self._redeemed(this, it, time)
            case "CertificateRestored":
                self.checked["certificate restorations"] += 1
                this.value += it["amount"]
                return _left(this, it["left"])
            case "CertificateExpired":
                left, this.value = this.value, 0
                self.checked["certificate ends"] += 1
                return "" if it["amount"] == left else f"{it['amount']} went back at its end, {left} were left"
        return ""

    def _redeemed(self, this: Kept, it: Mapping[str, int], time: int) -> str:
        self.checked["certificate redemptions"] += 1
        this.value -= it["amount"]
        if this.merchant not in (0, it["merchant"]):
            return f"merchant {it['merchant']} took it, and it is for merchant {this.merchant}"
        if time > this.until:
            return f"it was spent at {time}, and ended at {this.until}"
        return _left(this, it["left"])


def _left(this: Kept, said: int) -> str:
    return "" if this.value == said else f"{said} are left on the chain, {this.value} by what was sold and spent"
