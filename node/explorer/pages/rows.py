"""Rows of lists that stand on several pages, and in the events that bring them up to date."""

from typing import Any

from node.explorer.known import Names
from node.explorer.pages.frame import address, digest, link, when
from node.explorer.pages.html import Html, el
from node.explorer.pages.words import Say
from node.explorer.queries.index import Row
from node.explorer.tables import money, points

BLOCK_HEADS = ("#Block", "Time (UTC)", "#Transactions", "#Gas", "Proposer")
TRANSACTION_HEADS = ("Transaction", "#Block", "From", "To", "Method", "Result")
PAYMENT_HEADS = ("Payment", "#Block", "Time (UTC)", "Merchant", "Member", "#Amount", "#Points")
TRANSFER_HEADS = ("Transaction", "#Block", "Token", "From", "To", "#Amount")


def heads(say: Say, names: tuple[str, ...]) -> list[str]:
    """Heads in the visitor's language; the mark of numbers stays."""
    return ["#" + say(name[1:]) if name.startswith("#") else say(name) for name in names]


def block_row(row: Row) -> list[Any]:
    """A block."""
    number = row["number"]
    return [
        link(f"/block/{number}", f"{number:,}"),
        when(row["time"]),
        f"{row['transactions']:,}",
        f"{row['gas_used']:,}",
        address(row["proposer"]) if row["proposer"] is not None else "–",
    ]


async def transaction_row(row: Row, names: Names, say: Say) -> list[Any]:
    """A transaction."""
    target = await names.of(row["receiver"])
    named = target.abi.function_name(row["input"]).partition("(")[0] if target.abi is not None else ""
    method = named or ("0x" + row["input"][:4].hex() if row["input"] else say("Transfer"))
    made = row["contract"] if row["receiver"] is None else row["receiver"]
    return [
        digest("/tx", row["hash"]),
        link(f"/block/{row['block']}", f"{row['block']:,}"),
        address(row["sender"]),
        address(made, target.name),
        say("New contract") if row["receiver"] is None else method,
        result(row["succeeded"], say),
    ]


def payment_row(row: Row) -> list[Any]:
    """A payment."""
    name = f"{row['stream']}-{row['sequence']}"
    return [
        link(f"/payment/{name}", name),
        link(f"/block/{row['block']}", f"{row['block']:,}"),
        when(row["time"]),
        link(f"/merchant/{row['merchant']}", row["merchant"]),
        link(f"/member/{row['member']}", row["member"]),
        money(row["amount"]),
        points(row["points"]),
    ]


async def transfer_row(row: Row, names: Names) -> list[Any]:
    """A transfer of a token."""
    token = await names.of(row["token"])
    return [
        digest("/tx", row["hash"]),
        link(f"/block/{row['block']}", f"{row['block']:,}"),
        link("/token/0x" + row["token"].hex(), row["symbol"] or token.name or "0x" + row["token"].hex()[:8]),
        address(row["sender"]),
        address(row["receiver"]),
        token_amount(row),
    ]


def token_amount(row: Row) -> str:
    """An amount with its token's decimals; of an ERC-721 token its id."""
    if row["standard"] == 721:
        return f"#{row['amount']}"
    return decimal(int(row["amount"]), row["decimals"] or 0)


def decimal(amount: int, decimals: int) -> str:
    """An amount of a token's smallest part as people read it."""
    whole, part = divmod(amount, 10**decimals) if 0 < decimals <= 77 else (amount, 0)
    tail = f"{part:0{decimals}d}".rstrip("0") if part else ""
    return f"{whole:,}" + (f".{tail}" if tail else "")


def result(succeeded: bool, say: Say) -> Html:
    """Whether a transaction worked; in words, for whoever sees no colours."""
    return el("span", say("done") if succeeded else say("failed"), class_="good" if succeeded else "bad")


def markup(rows: list[list[Any]], heads_: list[str]) -> Html:
    """Rows alone, for events."""
    return Html(
        "".join(
            el("tr", *(el("td", cell, class_="n" if head.startswith("#") else None, data_label=head.removeprefix("#"))
                       for cell, head in zip(row, heads_, strict=True)))
            for row in rows
        )
    )  # fmt: skip
