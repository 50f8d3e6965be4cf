"""Opens a bridge's stream: lets one key post it, and bounds what that key may do in a day.

brownie run open_stream main STREAM POSTER DAILY_LIMIT [REFUND_LIMIT] --network FOLDER

  STREAM        the stream's number, which the bridge's configuration and its terminals name
  POSTER        the address of the bridge's key, or the key's file (FOLDER/keys/bridge.json)
  DAILY_LIMIT   money that the stream's payments may debit in a day, for instance 50,000.00; 0 = it may only earn
  REFUND_LIMIT  money that may go back in a day beyond what the day itself debited (the DAILY_LIMIT)

brownie run open_stream show STREAM --network FOLDER      who posts it, its limits, and what it did today
brownie run open_stream close STREAM --network FOLDER     nobody posts it any more, until it is opened again

The poster is given coin for gas. Opened again, a stream is moved to another key or gets other limits. Operator only.
"""

from typing import Final

from scripts.amounts import money, read_money, read_whole
from scripts.names import ZERO, read_address, typed_path
from scripts.onboard_merchant import open_stream
from scripts.plan_file import PlannedStream
from scripts.session import Session, open_session, read_key
from scripts.tables import show as table
from scripts.trouble import told

CLOSE_GAS: Final = 200_000
MAX_40: Final = 2**40 - 1  # a stream's limits, minor units


@told
def main(stream: str, poster: str, daily_limit: str, refund_limit: str = "") -> None:
    """Opens one stream and prints what the chain has of it."""
    session = open_session()
    number = read_whole(stream, "a stream's number", low=1, high=2**32 - 1)
    planned = PlannedStream(
        stream=number,
        poster=read_poster(poster),
        daily_limit=read_limit(daily_limit),
        refund_limit=read_limit(refund_limit or daily_limit),
    )
    pipeline = session.pipeline()
    open_stream(pipeline, session, planned)
    pipeline.finish()
    _show(session, number)


@told
def show(stream: str) -> None:
    """Prints what the chain has of a stream."""
    _show(open_session(), read_whole(stream, "a stream's number", low=1, high=2**32 - 1))


@told
def close(stream: str) -> None:
    """Closes a stream."""
    session = open_session()
    number = read_whole(stream, "a stream's number", low=1, high=2**32 - 1)
    pipeline = session.pipeline()
    method, arguments = session["RewardToken"].setStream, (number, ZERO, 0, 0)
    pipeline.checked_call(f"close stream {number}", method, arguments, gas=CLOSE_GAS)
    pipeline.finish()
    _show(session, number)


def _show(session: Session, number: int) -> None:
    ledger = session["RewardToken"]
    poster, limit, day, debited, refunded, refund_limit = ledger.stream(number)
    is_today = int(day) == int(ledger.currentDay())
    rows = [
        ("poster", "nobody: it is closed" if poster == ZERO else str(poster)),
        ("daily limit", money(limit)),
        ("refund limit", money(refund_limit)),
        ("debited today", money(debited if is_today else 0)),
        ("refunded today, of the limit", money(refunded if is_today else 0)),
    ]
    table(f"Stream {number}", ("", "now"), rows)


def read_limit(text: str) -> int:
    """Minor units of a limit of a day; 0 is one too."""
    return 0 if text == "0" else read_money(text, high=MAX_40)


def read_poster(text: str) -> str:
    """An address, as it is or from a key's file. Raises Trouble for anything else."""
    return str(read_key(typed_path(text)).address) if text.endswith(".json") else read_address(text)
