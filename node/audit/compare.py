"""The replayed ledger held against the chain's own state, word by word.

Where the words lie is contracts/libraries/Slots.sol. Stage before: follow, storage. Stage after: report. Pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from node.audit.findings import Finding, Findings, Kind
from node.audit.state import Replayed
from node.domain.ids import MEMBER_PREFIX
from node.domain.merkle import keccak
from node.domain.words import Account, Supply

(
    ACCOUNT, MERCHANT, RULE, TIERS, VETO, STREAM, STREAM_REFUNDS, POSTED, TERMINALS, CAP, OWED, ARREARS, DEPOSIT,
    ISSUED, EPOCH, SUPPLY, TOTALS, GUARANTEED, ROOT, REFUNDED,
) = (tag << 248 for tag in range(1, 21))  # fmt: skip
MEMBER: Final = ACCOUNT | int.from_bytes(MEMBER_PREFIX, "big") << 64
ACCOUNT_FIELDS: Final = (
    ("stored value", 56), ("coins of this epoch", 56), ("coins of the epoch before", 56), ("earned in its epoch", 48),
    ("epoch", 16), ("tier", 8), ("flags", 16),
)  # fmt: skip
MERCHANT_FIELDS: Final = (
    ("prepaid points", 64), ("payable", 64), ("turnover", 48), ("points issued in its epoch", 56), ("epoch", 16),
    ("flags", 8),
)  # fmt: skip
RULE_FIELDS: Final = (
    ("rate", 40), ("base rate", 40), ("start", 32), ("end", 32), ("budget left", 56), ("cap a day", 48), ("flags", 8),
)  # fmt: skip
TOTAL_FIELDS: Final = (("stored value", 64), ("payable", 64), ("reserve", 64), ("deposits", 64))
SUPPLY_FIELDS: Final = (
    ("coins of this epoch", 64), ("coins of the epoch before", 64), ("issued in its epoch", 64), ("epoch", 16),
    ("flags", 8), ("nothing", 40),
)  # fmt: skip
STREAM_FIELDS: Final = (("poster", 160), ("limit a day", 40), ("day", 16), ("debited on it", 40))
REFUND_FIELDS: Final = (("nothing", 160), ("refund limit", 40), ("day", 16), ("refunded on it", 40))
UNDONE_FIELDS: Final = (
    ("nothing", 104), ("minor units settled", 48), ("points undone", 56), ("minor units undone", 48),
)  # fmt: skip
WHOLE: Final = (("it", 256),)


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """A word of storage by the recomputation, and how it reads. `unknown` are fields that no log tells."""

    slot: int
    word: int
    name: str
    fields: tuple[tuple[str, int], ...] = WHOLE
    unknown: frozenset[str] = frozenset()


def expected_words(ledger: Replayed) -> Iterator[Expected]:
    """Every word that the replay says anything of."""
    yield from _accounts(ledger)
    yield from _participants(ledger)
    yield from _money(ledger)
    yield from _payments(ledger)


def compare_words(ledger: Replayed, words: Mapping[int, int], findings: Findings) -> int:
    """Notes every word that is another on the chain; how many were compared."""
    count = 0
    for each in expected_words(ledger):
        count += 1
        found = words[each.slot]
        if found == each.word:
            continue
        pairs = zip(each.fields, _apart(found, each.fields), _apart(each.word, each.fields), strict=True)
        wrong = [(name, said, due) for (name, _), said, due in pairs if said != due and name not in each.unknown]
        for name, said, due in wrong:
            what = each.name if each.fields == WHOLE else f"{name} of {each.name}"
            findings.add(
                Finding(kind=Kind.STATE, subject=each.name, text=f"{what}: {said} on the chain, {due} by the rules")
            )
    _compare_vague(ledger, words, findings)
    return count


def supply_of(ledger: Replayed, words: Mapping[int, int], findings: Findings) -> int:
    """All coins in the last block, which must be the sum of what every holder has; units."""
    accounts = (Account.unpack(words[_slot(holder)]).rolled(ledger.epoch)[0] for holder in ledger.accounts)
    held = sum(account.coins for account in accounts)
    supply = Supply.unpack(words[SUPPLY]).coins_in(ledger.epoch)
    if supply != held:
        findings.add(Finding(kind=Kind.SUPPLY, text=f"the supply is {supply} units, all holders have {held}"))
    return supply


def _compare_vague(ledger: Replayed, words: Mapping[int, int], findings: Findings) -> None:
    """Of coins whose ages no log tells, the sum."""
    for holder in sorted(ledger.vague):
        due, said = ledger.account(holder), Account.unpack(words[_slot(holder)])
        if said.coins != due.coins:
            text = f"coins of {_holder(holder)}: {said.coins} on the chain, {due.coins} by the rules"
            findings.add(Finding(kind=Kind.STATE, subject=_holder(holder), text=text))


def _accounts(ledger: Replayed) -> Iterator[Expected]:
    ages = frozenset({"coins of this epoch", "coins of the epoch before"})
    for holder, account in ledger.accounts.items():
        yield Expected(
            slot=_slot(holder),
            word=account.pack(),
            name=_holder(holder),
            fields=ACCOUNT_FIELDS,
            unknown=ages if holder in ledger.vague else frozenset(),
        )
    for (merchant, member), units in ledger.owed.items():
        yield Expected(
            slot=OWED | merchant << 64 | member,
            word=units,
            name=f"points that merchant {merchant} owes member {member}",
        )
    for (creditor, debtor), units in ledger.arrears.items():
        to = f"merchant {creditor}" if creditor else "all merchants"
        yield Expected(
            slot=ARREARS | creditor << 64 | debtor, word=units, name=f"points that member {debtor} owes {to}"
        )


def _participants(ledger: Replayed) -> Iterator[Expected]:
    for merchant, word in ledger.merchants.items():
        yield Expected(slot=MERCHANT | merchant, word=word.pack(), name=f"merchant {merchant}", fields=MERCHANT_FIELDS)
    for (merchant, version), rule in ledger.rules.items():
        key, name = merchant << 16 | version, f"rule {version} of merchant {merchant}"
        table = sum(bps << 16 * tier for tier, bps in enumerate(rule.tiers))
        yield Expected(slot=RULE | key, word=rule.pack(), name=name, fields=RULE_FIELDS)
        yield Expected(slot=TIERS | key, word=table, name=f"tiers of {name}")
        yield Expected(slot=VETO | key, word=rule.veto_block, name=f"veto of {name}")
    for (merchant, version, member), (day, used) in ledger.caps.items():
        yield Expected(
            slot=CAP | merchant << 80 | version << 64 | member,
            word=day << 240 | used,
            name=f"what member {member} used of the cap of rule {version} of merchant {merchant}",
        )
    pages: dict[tuple[int, int, int], int] = {}
    for merchant, stream, number in ledger.terminals:
        place = merchant, stream, number // 256
        pages[place] = pages.get(place, 0) | 1 << number % 256
    for (owner, stream_number, page), bits in pages.items():
        name = f"terminals {256 * page} to {256 * page + 255} of merchant {owner} on stream {stream_number}"
        yield Expected(slot=TERMINALS | owner << 40 | stream_number << 8 | page, word=bits, name=name)


def _money(ledger: Replayed) -> Iterator[Expected]:
    unknown = frozenset({"coins of this epoch", "coins of the epoch before"} if ledger.vague_supply else ())
    yield Expected(slot=SUPPLY, word=ledger.supply.pack(), name="the supply", fields=SUPPLY_FIELDS, unknown=unknown)
    yield Expected(slot=TOTALS, word=ledger.totals.pack(), name="the totals", fields=TOTAL_FIELDS)
    for merchant, amount in ledger.deposits.items():
        name = f"the deposit of merchant {merchant}" if merchant else "the guarantee fund"
        yield Expected(slot=DEPOSIT | merchant, word=amount, name=name)
    for merchant, amount in ledger.guaranteed.items():
        yield Expected(slot=GUARANTEED | merchant, word=amount, name=f"what the fund paid for merchant {merchant}")
    for (merchant, epoch), units in ledger.issued.items():
        name = f"points that merchant {merchant} issued in epoch {epoch}"
        yield Expected(slot=ISSUED | merchant << 16 | epoch, word=units, name=name)
    if not ledger.vague_supply:
        for epoch, (issued, expired) in ledger.closed_epochs.items():
            fields = (("points issued", 192), ("points expired", 64))
            yield Expected(slot=EPOCH | epoch, word=issued << 64 | expired, name=f"epoch {epoch}", fields=fields)


def _payments(ledger: Replayed) -> Iterator[Expected]:
    for stream, word in ledger.streams.items():
        vague = (stream, word.day) in ledger.vague_days
        yield Expected(
            slot=STREAM | stream,
            word=word.pack(),
            name=f"stream {stream}",
            fields=STREAM_FIELDS,
            unknown=frozenset({"debited on it"} if vague else ()),
        )
    for number, limit in ledger.refund_limits.items():
        day, used = ledger.stream_refunds.get(number, (0, 0))
        yield Expected(
            slot=STREAM_REFUNDS | number,
            word=limit << 56 | day << 40 | used,
            name=f"refunds of stream {number}",
            fields=REFUND_FIELDS,
        )
    posted = getattr(ledger.posted, "words", {})
    for (stream, page), bits in posted.items():
        name = f"consumed sequences {256 * page} to {256 * page + 255} of stream {stream}"
        yield Expected(slot=POSTED | stream << 56 | page, word=bits, name=name)
    for root, (day, block) in ledger.roots.items():
        yield Expected(slot=_hashed(root, ROOT), word=day << 64 | block, name=f"batch root 0x{root.hex()}")
    for leaf, (amount, units) in ledger.refunded.items():
        name = f"the line with leaf 0x{leaf.hex()}"
        undone = ledger.settled.get(leaf, 0) << 104 | units << 48 | amount
        yield Expected(slot=_hashed(leaf, REFUNDED), word=undone, name=name, fields=UNDONE_FIELDS)


def _apart(word: int, fields: tuple[tuple[str, int], ...]) -> list[int]:
    values = []
    for _, bits in reversed(fields):
        values.append(word & ((1 << bits) - 1))
        word >>= bits
    return values[::-1]


def _slot(holder: int) -> int:
    return (MEMBER if holder < 2**64 else ACCOUNT) | holder


def _holder(holder: int) -> str:
    return f"member {holder}" if holder < 2**64 else f"holder 0x{holder:040x}"


def _hashed(key: bytes, tag: int) -> int:
    return int.from_bytes(keccak(bytes(key) + tag.to_bytes(32, "big")), "big")
