"""Assets as people name them: the network's cash and coin, and other tokens by their symbol or address."""

from dataclasses import dataclass
from typing import Any, Final

from eth_abi.exceptions import DecodingError
from web3.exceptions import BadFunctionCallOutput, ContractLogicError, Web3RPCError

from scripts.amounts import read_scaled, scaled
from scripts.names import read_address
from scripts.past_events import past_events
from scripts.pipeline import Pipeline
from scripts.session import Session, attach
from scripts.trouble import Trouble

PRICE_DIGITS: Final = 8  # a price is millionths of a minor unit: two decimals of money and six more
MAX_64: Final = 2**64 - 1
MAX_128: Final = 2**128 - 1
APPROVE_GAS: Final = 120_000


@dataclass(frozen=True, kw_only=True)
class Asset:
    """A token: its brownie contract, its symbol, and how many decimals it has."""

    token: Any
    symbol: str
    decimals: int

    @property
    def address(self) -> str:
        return str(self.token.address)

    def read(self, text: str) -> int:
        """Base units of an amount as people type it. Raises Trouble for more decimals than the asset has."""
        what = f"an amount of {self.symbol} with {self.decimals} decimals at most"
        return read_scaled(text, self.decimals, what, high=MAX_128)

    def show(self, amount: int) -> str:
        """`0.00123450 WBTC`."""
        return f"{scaled(amount, self.decimals)} {self.symbol}"


def read_asset(session: Session, text: str) -> Asset:
    """The asset with this symbol or address. Raises Trouble when nothing that is listed has this symbol."""
    if text.lower() == "cash":
        return asset_at(session, session["CashToken"].address)
    if text.lower() == "coin":
        return asset_at(session, session["RewardToken"].address)
    if text.lower().startswith("0x"):
        return asset_at(session, read_address(text))
    known = listed(session)
    found = [asset for asset in known if asset.symbol.lower() == text.lower()]
    if not found:
        names = ", ".join(["cash", "coin", *(asset.symbol for asset in known)])
        raise Trouble(f"{text!r} is no asset here; name one by its address, or {names}")
    if len(found) > 1:
        raise Trouble(f"{len(found)} listed tokens call themselves {text}; name one by its address")
    return found[0]


def listed(session: Session) -> list[Asset]:
    """The assets that the gateway or the exchange was ever told of."""
    addresses = [event["asset"] for event in past_events(session, "AssetGateway", "AssetListed")]
    addresses += [event["token"] for event in past_events(session, "PeerExchange", "TokenListed")]
    return [asset_at(session, address) for address in dict.fromkeys(addresses)]


def asset_at(session: Session, address: str) -> Asset:
    """The token at an address. Raises Trouble when there is none."""
    if not session.web3.eth.get_code(session.web3.to_checksum_address(address)):
        raise Trouble(f"there is no token at {address} on this chain")
    token = attach(session.project, "CashToken", address)  # for the functions that every ERC-20 has
    asked = session.web3.eth.contract(address=token.address, abi=token.abi).functions
    try:
        return Asset(token=token, symbol=str(asked.symbol().call()), decimals=int(asked.decimals().call()))
    except (BadFunctionCallOutput, ContractLogicError, DecodingError, Web3RPCError, ValueError, OverflowError):
        raise Trouble(f"what is at {address} tells no symbol and decimals: it is no token") from None


def approve(pipeline: Pipeline, asset: Asset, spender: str, amount: int) -> None:
    """Sends an approval of exactly this much when what is approved already does not reach."""
    if int(asset.token.allowance(pipeline.account.address, spender)) < amount:
        pipeline.call(f"approve {asset.show(amount)}", asset.token.approve, (spender, amount), gas=APPROVE_GAS)


def read_price(text: str) -> int:
    """What the oracle takes for the price of a whole unit in money, for instance `65,000.00`."""
    return read_scaled(text, PRICE_DIGITS, "a price in money such as 65,000.00", high=MAX_64)


def price(number: int) -> str:
    """`65,000.00` for what the oracle has; more decimals where they matter."""
    text = scaled(number, PRICE_DIGITS)
    return text[:-6] if text.endswith("000000") else text
