"""The last picture of the network in the journal: terminals, merchants, rules, and what was fixed with the ledger.

Kept whenever the directory changes, and taken by a bridge that starts while the chain is away (arrival.py). All of it
stands on the chain. Product lists are not in it: they are files beside the deployment.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from node.domain.acts.coupon import Face
from node.domain.directory import Campaign, Directory, Merchant, Rule, Terminal
from node.domain.errors import BrokenInvariant
from node.domain.ids import (
    Address,
    Hash32,
    MerchantId,
    MinorUnits,
    RuleVersion,
    StreamId,
    TerminalId,
    TerminalNumber,
    Units,
)
from node.domain.leaf import LedgerTerms

FORMAT: Final = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A directory without product lists, and the ledger's constants."""

    directory: Directory
    terms: LedgerTerms


def keep(connection: Connection, picture: Picture) -> None:
    """Keeps this picture in place of the one before."""
    connection.exec_driver_sql(
        "INSERT INTO directory (one, block, content) VALUES (1, ?, ?)"
        " ON CONFLICT (one) DO UPDATE SET block = excluded.block, content = excluded.content",
        (picture.directory.block, pack(picture)),
    )


def kept(connection: Connection) -> Picture | None:
    """The picture, None where none was ever kept. Raises BrokenInvariant when it cannot be read."""
    row = connection.exec_driver_sql("SELECT content FROM directory").first()
    return None if row is None else unpack(bytes(row[0]))


def pack(picture: Picture) -> bytes:
    """A picture's bytes: compressed JSON."""
    directory, terms = picture.directory, picture.terms
    document = {
        "format": FORMAT,
        "block": directory.block,
        "currency": directory.currency,
        "max_line_amount": directory.max_line_amount,
        "discount_bps": directory.discount_bps,
        "terms": [terms.units_per_minor_unit, terms.epoch_start, terms.epoch_length, terms.clock_tolerance],
        "terminals": [_terminal_row(each) for each in directory.terminals.values()],
        "merchants": [_merchant_row(each) for each in directory.merchants.values()],
        "campaigns": {
            str(number): [int(each.face), each.value, _hex(each.product_set)]
            for number, each in directory.campaigns.items()
        },
    }
    return zlib.compress(json.dumps(document, separators=(",", ":")).encode())


def unpack(content: bytes) -> Picture:
    """The picture of these bytes. Raises BrokenInvariant."""
    try:
        document = json.loads(zlib.decompress(content))
        if document["format"] != FORMAT:
            raise BrokenInvariant(f"the directory in the journal is of format {document['format']}")
        return _picture(document)
    except (zlib.error, ValueError, KeyError, TypeError) as error:
        raise BrokenInvariant(f"the directory in the journal cannot be read: {error!r}") from None


def _picture(document: Mapping[str, Any]) -> Picture:
    par, start, length, tolerance = document["terms"]
    terminals = [_terminal(row) for row in document["terminals"]]
    merchants = [_merchant(row) for row in document["merchants"]]
    return Picture(
        directory=Directory(
            block=document["block"],
            currency=document["currency"],
            max_line_amount=MinorUnits(document["max_line_amount"]),
            discount_bps=document["discount_bps"],
            terminals={each.id: each for each in terminals},
            merchants={each.id: each for each in merchants},
            campaigns={
                int(number): Campaign(face=Face(face), value=value, product_set=_hash(product_set))
                for number, (face, value, product_set) in document["campaigns"].items()
            },
        ),
        terms=LedgerTerms(units_per_minor_unit=par, epoch_start=start, epoch_length=length, clock_tolerance=tolerance),
    )


def _terminal_row(it: Terminal) -> list[Any]:
    keys = [_hex(it.signer), _hex(it.previous_signer)]
    return [it.id, it.merchant, it.store, it.number, it.stream, it.floor_limit, it.active, *keys]


def _terminal(row: list[Any]) -> Terminal:
    name, merchant, store, number, stream, floor_limit, active, signer, previous = row
    return Terminal(
        id=TerminalId(name),
        merchant=MerchantId(merchant),
        store=store,
        number=TerminalNumber(number),
        stream=StreamId(stream),
        signer=_address(signer),
        floor_limit=MinorUnits(floor_limit),
        active=active,
        previous_signer=_address(previous),
    )


def _merchant_row(it: Merchant) -> list[Any]:
    return [it.id, it.active, it.base, [_rule_row(each) for each in it.rules]]


def _merchant(row: list[Any]) -> Merchant:
    number, active, base, rules = row
    return Merchant(
        id=MerchantId(number), active=active, base=RuleVersion(base), rules=tuple(_rule(each) for each in rules)
    )


def _rule_row(it: Rule) -> list[Any]:
    rates, times = [it.rate, it.base_rate], [it.starts, it.until]
    bounds = [it.budget, it.day_cap, _hex(it.product_set)]
    return [it.version, *rates, *times, *bounds, list(it.tier_table), it.vetoed]


def _rule(row: list[Any]) -> Rule:
    version, rate, base_rate, starts, until, budget, day_cap, product_set, tiers, vetoed = row
    return Rule(
        version=RuleVersion(version),
        rate=rate,
        base_rate=base_rate,
        starts=starts,
        until=until,
        budget=None if budget is None else Units(budget),
        day_cap=None if day_cap is None else Units(day_cap),
        product_set=_hash(product_set),
        tier_table=tuple(tiers),
        vetoed=vetoed,
    )


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()


def _hash(text: str | None) -> Hash32 | None:
    return None if text is None else Hash32(bytes.fromhex(text))


def _address(text: str | None) -> Address | None:
    return None if text is None else Address(bytes.fromhex(text))
