"""A shop's day as rows of the index: merchants, tills, members, payments, a coupon with a trail, days, validators."""

from typing import Any, Final

from benchmarks.devchain import Chain
from node.indexer.tables import coupons, governance, ledger, settlement
from tests.offchain.explorer.rows import day, write

ANNA: Final = 16_066_964_348_282_619_985
BERT: Final = 7_000_000_001
COUPON: Final = (3 << 32) | (1 << 16) | 7
HOSTILE: Final = "<script>document.title='owned'</script>'; DROP TABLE payments;--"
PAYMENTS: Final = 60


def write_shop(where: str, chain: Chain) -> None:
    """Writes them; the payments stand in the chain's newest block with a transaction."""
    head = int(chain.request("eth_blockNumber"), 16)
    time = int(chain.request("eth_getBlockByNumber", hex(head), False)["timestamp"], 16)
    write(where, ledger.merchants, *(
        {"merchant": number, "name": name, "admin": bytes(20), "active": True, "lines": 40 * number,
         "turnover": 123_456 * number, "points_given": 12_345_678 * number, "block": head}
        for number, name in ((1, "Corner Shop"), (2, "Bakery"), (3, HOSTILE))
    ))  # fmt: skip
    write(where, ledger.terminals, *(
        {"terminal": f"S000010{number}", "merchant": 1, "store": 1, "number": number, "stream": 1, "signer": bytes(20),
         "active": True, "block": head}
        for number in (1, 2)
    ))  # fmt: skip
    write(where, ledger.members, *({"member": member, "block": head} for member in (ANNA, BERT)))
    write(where, ledger.accounts, *(
        {"holder": b"Tillmember\0\0" + member.to_bytes(8, "big"), "member": member, "value": 5_000,
         "current": 7_654_321, "flags": 1, "block": head}
        for member in (ANNA, BERT)
    ))  # fmt: skip
    write(where, ledger.batches, {"block": head, "log": 0, "stream": 1, "root": bytes(range(32)), "leaves": PAYMENTS})
    write(where, ledger.payments, *(_payment(sequence, head, time) for sequence in range(1, PAYMENTS + 1)))
    write(where, ledger.payment_lines, *(
        {"stream": 1, "sequence": 42, "line": line, "leaf": bytes(32), "tender": line, "amount": 1_000 * (line + 1),
         "rule_version": 2, "tier_bps": 10_000, "rate": 10_000, "points": 10_000_000}
        for line in (0, 1)
    ))  # fmt: skip
    write(where, ledger.skips, {"block": head, "log": 1, "stream": 1, "sequence": 99, "reason": 4})
    _write_coupon(where, head)
    today = time // 86_400
    write(where, ledger.days, *(
        day(today - ago, blocks=900, transactions=80 + ago, payments=500 + 37 * (ago % 7),
            amount=1_234_500 - 9_000 * ago,
            points_given=9_876_543_210 - 10**8 * ago, points_redeemed=10**9, gas_used=5_000_000, coins=10**12,
            stored_value=4_000_000 + 10_000 * ago, block=head)
        for ago in range(30) if ago != 11
    ))  # fmt: skip
    write(where, governance.validators, *(
        {"account": bytes([number]) * 20, "power": 10, "name": f"v{number}", "status": "active", "proposed": 250,
         "signed": 300 - number, "missed": number, "block": 0}
        for number in range(1, 5)
    ))  # fmt: skip
    # one of whom nothing is known
    write(where, governance.validators, {"account": b"\x09" * 20, "name": "newcomer", "status": "voted", "block": 0})
    write(where, governance.signed_blocks, {"number": head, "hash": bytes(32), "proposer": b"\x02" * 20, "round": 1,
                                            "signed": 3, "missed": 1, "power": 30, "total": 40})  # fmt: skip
    write(where, governance.missed_blocks, {"validator": b"\x03" * 20, "number": head, "for_none": False})
    write(where, settlement.settlements, {"block": head, "log": 3, "merchant": 1, "gross": 90_000, "fees": 900,
                                          "net": 89_100, "day": today})  # fmt: skip


def _payment(sequence: int, block: int, time: int) -> dict[str, Any]:
    member, merchant = (ANNA, 1) if sequence % 3 else (BERT, 2)
    return {
        "stream": 1, "sequence": sequence, "block": block, "merchant": merchant, "terminal": 1 + sequence % 2,
        "member": member, "time": time - 600 + sequence, "lines": 2, "amount": 1_999 + sequence, "points": 19_990_000,
        "items_root": bytes(range(32)), "authorisation": bytes(reversed(range(32))),
    }  # fmt: skip


def _write_coupon(where: str, block: int) -> None:
    write(where, coupons.campaigns, {"campaign": 3, "max_uses": 2, "cash": False, "incentive": 500, "block": block})
    write(where, coupons.coupons, {"coupon": COUPON, "campaign": 3, "holder": bytes(20), "member": BERT, "hops": 3,
                                   "uses": 1, "live": 1, "block": block})  # fmt: skip
    trail = ((1, 1, None, 1_500_000), (2, None, ANNA, 700_000), (3, None, BERT, 2_300_000))
    write(where, coupons.coupon_hops, *(
        {"coupon": COUPON, "hop": hop, "merchant": merchant, "member": member, "credited": credited,
         "holder": bytes(20), "block": block}
        for hop, merchant, member, credited in trail
    ))  # fmt: skip
    write(where, coupons.coupon_pools, {"coupon": COUPON, "cash": False, "generated": 4_500_000, "block": block})
    write(where, coupons.write_offs, {"stream": 1, "sequence": 42, "coupon": COUPON, "merchant": 2, "member": BERT,
                                      "amount": 4_000, "discount": 200, "product": bytes(32), "units": 4_500_000,
                                      "block": block})  # fmt: skip
