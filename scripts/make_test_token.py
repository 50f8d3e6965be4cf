"""Deploys a token of anybody's minting, to try payments in other assets on a network that is not for real money.

brownie run make_test_token main SYMBOL DECIMALS [AMOUNT] --network FOLDER

  SYMBOL    for instance WBTC
  DECIMALS  for instance 8
  AMOUNT    how many whole units the script's key gets (1000)
"""

from typing import Final

from scripts.amounts import read_whole
from scripts.names import text32
from scripts.session import attach, open_session
from scripts.tables import show
from scripts.trouble import told

CREATION_GAS: Final = 2_000_000
MINT_GAS: Final = 120_000


@told
def main(symbol: str, decimals: str, amount: str = "1000") -> None:
    """Deploys the token and prints its address."""
    session = open_session()
    text32(symbol)
    digits = read_whole(decimals, "a number of decimals", high=18)
    units = read_whole(amount, "a number of whole units", low=1, high=10**15)
    pipeline = session.pipeline()
    container = session.project["TestToken"]
    address = pipeline.deploy(container, (f"Test {symbol}", symbol, digits), gas=CREATION_GAS).created
    pipeline.finish()
    token = attach(session.project, "TestToken", address)
    pipeline.call(f"mint {symbol}", token.mint, (session.operator.address, units * 10**digits), gas=MINT_GAS)
    pipeline.finish()
    show(symbol, ("", "now"), [("address", address), ("decimals", str(digits)), ("minted", f"{units:,}")])
