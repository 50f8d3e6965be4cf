"""Closes a merchant's period and pays its net; agrees on fees; says where its money goes.

brownie run settle_merchant main MERCHANT --network FOLDER

brownie run settle_merchant terms MERCHANT FEE RECEIVERS [WHEN] --network FOLDER          operator

  FEE        what is taken of each captured amount, for instance 1.5%
  RECEIVERS  who shares it, for instance 0xAcquirer=70%,0xPlatform=30%; none when the fee is 0%
  WHEN       batch (the net is held until the settlement day; the default) or once (paid at each capture)

brownie run settle_merchant payout MERCHANT ADDRESS --network FOLDER                      merchant's FINANCE group
brownie run settle_merchant pay_out MERCHANT AMOUNT --network FOLDER                      merchant's FINANCE group

  AMOUNT     of its payable in the ledger, or all; goes to its payout address

brownie run settle_merchant claim [ADDRESS] --network FOLDER                              a receiver of fees

  ADDRESS    where the fees go that whoever runs this may claim; to itself if left out
"""

from datetime import UTC, datetime
from typing import Final

from scripts.amounts import money, read_money, read_percent
from scripts.escrow_terms import STEP_GAS, known_merchant
from scripts.names import ZERO, read_address
from scripts.session import open_session
from scripts.show_statement import statement_rows
from scripts.tables import show
from scripts.trouble import Trouble, told

WHOLE: Final = 10_000
TERMS_GAS: Final = 1_500_000
WHEN: Final = ("batch", "once")


@told
def main(merchant: str) -> None:
    """Settles and prints the statement."""
    session = open_session()
    number = known_merchant(session, merchant)
    escrow = session["SettlementEscrow"]
    pipeline = session.pipeline()
    pipeline.check(f"settle merchant {number}", escrow.settle, (number,))
    statement = escrow.statementOf(number)
    pipeline.call(f"settle merchant {number}", escrow.settle, (number,), gas=TERMS_GAS)
    pipeline.finish()
    to = session["MerchantPayouts"].payoutNow(number)
    show(f"Settled: merchant {number}", ("", "amount"), statement_rows(statement))
    print(f"The net went to {to}." if to != ZERO else "The net went to the merchant's payable.")


@told
def terms(merchant: str, fee: str, receivers: str, when: str = "batch") -> None:
    """Agrees on a merchant's fee and prints it."""
    session = open_session()
    number = known_merchant(session, merchant)
    if when not in WHEN:
        raise Trouble(f"{when!r} is not batch or once")
    bps, shares = read_percent(fee), _shares(receivers)
    words = (number, bps, when == "once", shares)
    escrow = session["SettlementEscrow"]
    pipeline = session.pipeline()
    pipeline.checked_call("agree on the fee", escrow.setMerchantTerms, words, gas=TERMS_GAS)
    pipeline.finish()
    rows = [("fee", f"{bps / 100:g}%"), ("net", "at each capture" if when == "once" else "on the settlement day")]
    show(f"Merchant {number}", ("", "now"), [*rows, *((to, f"{part / 100:g}% of the fee") for to, part in shares)])


@told
def payout(merchant: str, address: str) -> None:
    """Names a merchant's payout address."""
    session = open_session()
    number = known_merchant(session, merchant)
    words = (number, read_address(address))
    payouts = session["MerchantPayouts"]
    pipeline = session.pipeline()
    pipeline.checked_call("set the payout address", payouts.setPayout, words, gas=STEP_GAS)
    pipeline.finish()
    to, since = payouts.payoutNext(number), payouts.payoutNow(number)
    moment = datetime.fromtimestamp(to[1], UTC).isoformat(" ", "minutes")
    show(f"Merchant {number}", ("", "payout"), [("now", since), (f"from {moment}", to[0])])


@told
def pay_out(merchant: str, amount: str) -> None:
    """Pays a merchant's payable to its payout address."""
    session = open_session()
    number = known_merchant(session, merchant)
    payouts, ledger = session["MerchantPayouts"], session["RewardToken"]
    block = session.web3.eth.block_number  # by its number: brownie keeps answers about the newest block
    part = ledger.merchant(number, block_identifier=block)[1] if amount == "all" else read_money(amount)
    pipeline = session.pipeline()
    pipeline.checked_call(f"pay out {money(part)}", payouts.payOut, (number, part), gas=STEP_GAS)
    pipeline.finish()
    rows = [("paid out", money(part)), ("payable", money(ledger.merchant(number)[1]))]
    show(f"Merchant {number}", ("", "amount"), rows)


@told
def claim(address: str = "") -> None:
    """Pays the fees that whoever runs this may claim."""
    session = open_session()
    own = session.operator.address
    to = read_address(address) if address else own
    escrow = session["SettlementEscrow"]
    amount = escrow.claimable(own)
    pipeline = session.pipeline()
    pipeline.checked_call("claim fees", escrow.claimFees, (to,), gas=STEP_GAS)
    pipeline.finish()
    show(f"Fees of {own}", ("", "amount"), [(f"paid to {to}", money(amount))])


def _shares(text: str) -> list[tuple[str, int]]:
    """`0xA=70%,0xB=30%` as the contract takes it."""
    if text == "none":
        return []
    shares = []
    for part in text.split(","):
        address, sign, percent = part.partition("=")
        shares.append((read_address(address.strip()), read_percent(percent) if sign else WHOLE))
    if sum(bps for _, bps in shares) != WHOLE:
        raise Trouble(f"the shares of {text} are not 100% together")
    return shares
