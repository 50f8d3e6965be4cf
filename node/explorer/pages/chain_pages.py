"""Pages of what every chain has: blocks, transactions with what they said and did, and addresses.

Before it node/explorer/web; after it node/explorer/queries. Arguments of calls and events are strangers' text: they
reach the page by `el` only.
"""

from typing import Any, Final

from aiohttp import web

from node.explorer.abi import Abi, Argument, Decoded
from node.explorer.pages import rows
from node.explorer.pages.frame import Visit, address, code, digest, facts, link, pager, render, table, when
from node.explorer.pages.html import Html, el
from node.explorer.pages.site import Site, page_of
from node.explorer.pages.validator_pages import signed_facts
from node.explorer.queries import chain, domain
from node.explorer.queries.chain import Page
from node.explorer.queries.index import Row
from node.explorer.sources.store import VerifiedSource
from node.explorer.tables import money, points
from node.explorer.web.request import Asked, NotFound, hexadecimal, whole
from node.indexer.rolled import rolled

MAX_CALLS: Final = 500
MAX_LOGS: Final = 500
SHOWN_BYTES: Final = 4_096
"""Of calldata, returned data and the like, so many bytes are on the page; the API has the rest."""


class ChainPages:
    """The pages."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def blocks(self, asked: Asked) -> web.Response:
        """Blocks, the newest first."""
        visit, say = _visit(asked)
        found = await self._site.index.rows(chain.newest_blocks(page_of(visit)))
        content = table(
            say("Blocks"), rows.heads(say, rows.BLOCK_HEADS), [rows.block_row(row) for row in found],
            empty=say("There is nothing here yet."), id_="blocks",
        )  # fmt: skip
        return render(visit, say("Blocks"), content, pager(visit, len(found)), live=_live(visit, "blocks"))

    async def transactions(self, asked: Asked) -> web.Response:
        """Transactions, the newest first."""
        visit, say = _visit(asked)
        found = await self._site.index.rows(chain.newest_transactions(page_of(visit)))
        content = await self._transactions(visit, found)
        return render(visit, say("Transactions"), content, pager(visit, len(found)), live=_live(visit, "transactions"))

    async def block(self, asked: Asked) -> web.Response:
        """One block, by number or hash."""
        visit, say = _visit(asked)
        text = asked.values["block"]
        query = (
            chain.block_by_hash(hexadecimal(text, 32, say("The block")))
            if text[:2] in ("0x", "0X")
            else chain.block_by_number(whole(text, say("The block"), high=2**62))
        )
        row = await self._site.index.row(query)
        if row is None:
            raise NotFound(f"{say('The index has no block')} {text[:70]}")
        number = row["number"]
        found = await self._site.index.rows(chain.transactions_of_block(number, page_of(visit)))
        paid = await self._site.index.rows(domain.newest_payments(Page(count=100), block=number))
        about = facts(
            [
                (say("Time (UTC)"), when(row["time"])),
                *await signed_facts(self._site.index, number, row["proposer"], say),
                (say("Transactions"), f"{row['transactions']:,}"),
                (say("Gas"), f"{row['gas_used']:,} / {row['gas_limit']:,}"),
                (say("Base fee"), f"{row['base_fee']:,} wei"),
                (say("Size"), f"{row['size']:,} B"),
                (say("Hash"), code(row["hash"])),
                (say("Block before"), link(f"/block/{number - 1}", "0x" + row["parent"].hex(), class_="hex")),
                (say("State root"), code(row["state_root"])),
                (say("Transactions root"), code(row["transactions_root"])),
                (say("Receipts root"), code(row["receipts_root"])),
            ]
        )
        payments = table(
            say("Payments"), rows.heads(say, rows.PAYMENT_HEADS), [rows.payment_row(each) for each in paid],
            empty=say("This block carries no payment."),
        )  # fmt: skip
        near = el(
            "nav",
            link(f"/block/{number - 1}", say("Block before"), rel="prev") if number else None,
            link(f"/block/{number + 1}", say("Block after"), rel="next"),
            class_="pager",
            aria_label=say("Blocks"),
        )
        title = f"{say('Block')} {number:,}"
        return render(
            visit, title, near, about, await self._transactions(visit, found), pager(visit, len(found)), payments
        )

    async def transaction(self, asked: Asked) -> web.Response:
        """One transaction: what it asked, what came of it, and how."""
        visit, say = _visit(asked)
        row = await self._site.index.row(
            chain.transaction_by_hash(hexadecimal(asked.values["hash"], 32, say("The transaction")))
        )
        if row is None:
            raise NotFound(say("The index has no such transaction"))
        index, names = self._site.index, self._site.names
        target = await names.of(row["receiver"])
        trace = await index.rows(chain.calls_of(row["block"], row["position"], MAX_CALLS))
        events = await index.rows(chain.logs_of(row["block"], row["position"], MAX_LOGS))
        moved = await index.rows(chain.transfers_of(row["block"], row["first_log"], row["logs"])) if row["logs"] else []
        failed = None if row["succeeded"] else await self._why(row, trace, say)
        about = facts(
            [
                (say("Result"), rows.result(row["succeeded"], say)),
                (say("Why it failed"), failed),
                (say("Block"), link(f"/block/{row['block']}", f"{row['block']:,}")),
                (say("Time (UTC)"), when(row["time"])),
                (say("From"), address(row["sender"])),
                (say("To"), address(row["receiver"], target.name) if row["receiver"] else None),
                (say("New contract"), address(row["contract"]) if row["contract"] else None),
                (say("Value"), f"{rows.decimal(int(row['value']), 18)}"),
                (say("Gas"), f"{row['gas_used']:,} / {row['gas']:,}"),
                (say("Gas price"), f"{int(row['gas_price']):,} wei"),
                (say("Nonce"), f"{row['nonce']:,}"),
                (say("Hash"), code(row["hash"])),
            ]
        )
        called = target.abi.function(row["input"]) if target.abi is not None else None
        input_ = el("section", el("h2", say("Input")), _said(called, say), _bytes(row["input"], say))
        logs = el("section", el("h2", say("Events")), *[await self._log(each, say) for each in events] or [
            el("p", say("It made no event."), class_="empty")
        ])  # fmt: skip
        transfers = [await rows.transfer_row({**each, "hash": row["hash"]}, names) for each in moved]
        shown = table(
            say("Transfers"), rows.heads(say, rows.TRANSFER_HEADS), transfers, empty=say("It moved no token.")
        )
        calls = el("section", el("h2", say("Internal calls")), await self._calls(trace, say))
        return render(visit, say("Transaction"), about, input_, shown, logs, calls)

    async def address(self, asked: Asked) -> web.Response:
        """One address: what it has, sent and received; of a contract its source as well."""
        visit, say = _visit(asked)
        value = hexadecimal(asked.values["address"], 20, say("The address"))
        index, site = self._site.index, self._site
        known = await site.names.of(value)
        contract = await index.row(chain.contract_by_address(value))
        verified = await site.sources.verified(value) if contract is not None else None  # type: ignore[arg-type]
        found = await index.rows(chain.transactions_of(value, page_of(visit)))
        moved = await index.rows(chain.transfers(Page(count=25), holder=value))
        held = await index.rows(chain.balances_of(value, Page(count=100)))
        account = await index.row(domain.holder_of(value))
        is_token = await index.row(chain.token_by_address(value)) is not None
        about = facts(
            [
                (say("Address"), code(value)),
                (say("Contract"), known.name or say("without a name") if contract is not None else None),
                (say("Created by"), _creation(contract)),
                (say("Source"), _source_line(verified, value, say) if contract is not None else None),
                (say("Token"), link(f"/token/0x{value.hex()}", say("Transfers and holders")) if is_token else None),
                *await self._account(account, say),
            ]
        )
        holdings = table(
            say("Tokens"), [say("Token"), "#" + say("Amount")],
            [[link("/token/0x" + each["token"].hex(), each["symbol"] or each["name"] or "0x" + each["token"].hex()[:8]),
              rows.decimal(int(each["balance"]), each["decimals"] or 0)] for each in held],
            empty=say("It has no token."),
        )  # fmt: skip
        transfers = table(
            say("Transfers"), rows.heads(say, rows.TRANSFER_HEADS),
            [await rows.transfer_row(each, site.names) for each in moved], empty=say("It moved no token."),
        )  # fmt: skip
        content = await self._transactions(visit, found)
        return render(
            visit, known.name or say("Address"), about, content, pager(visit, len(found)), transfers, holdings
        )

    async def _account(self, account: Row | None, say: Any) -> list[tuple[str, Any]]:
        if account is None:
            return []
        now = rolled(account, await self._site.coins.epoch())
        member = account["member"]
        return [
            (say("Member"), link(f"/member/{member}", member) if member else None),
            (say("Points"), points(now.coins)),
            (say("Stored value"), money(now.value)),
        ]

    async def _transactions(self, visit: Visit, found: list[Row]) -> Html:
        say = visit.say
        shown = [await rows.transaction_row(row, self._site.names, say) for row in found]
        heads = rows.heads(say, rows.TRANSACTION_HEADS)
        return table(say("Transactions"), heads, shown, empty=say("There is nothing here yet."), id_="transactions")

    async def _why(self, row: Row, trace: list[Row], say: Any) -> Html | str:
        """The reason that is in the revert data, in words."""
        first = next((call for call in trace if call["position"] == 0), None)
        deepest = next((call for call in reversed(trace) if call["error"] and call["output"]), first)
        if deepest is None:
            return str(say("The node gave no trace of it."))
        known = (await self._site.names.of(deepest["receiver"] or row["receiver"])).abi or Abi(())
        decoded = known.error(deepest["output"]) if deepest["output"] else None
        if decoded is not None:
            return el("span", _line(decoded), class_="bad")
        return str(deepest["revert_reason"] or deepest["error"] or say("without a reason"))

    async def _log(self, row: Row, say: Any) -> Html:
        topics = [bytes(row[f"topic{place}"]) for place in range(4) if row[f"topic{place}"] is not None]
        emitter = await self._site.names.of(row["address"])
        decoded = emitter.abi.event(topics, row["data"]) if emitter.abi is not None else None
        title = [f"{row['position']}: ", address(row["address"], emitter.name), " ", decoded.name if decoded else ""]
        raw = [el("div", code(topic)) for topic in topics]
        return el("details", el("summary", *title), _said(decoded, say), *raw, _bytes(row["data"], say), class_="fn",
                  open=decoded is not None)  # fmt: skip

    async def _calls(self, trace: list[Row], say: Any) -> Html:
        inner = [call for call in trace if call["position"] > 0]
        if not inner:
            return el("p", say("There are none, or the node gave no trace."), class_="empty")
        shown = [await self._call(call, say) for call in inner]
        more = el("p", say("There are more; the API has them."), class_="soft") if len(trace) == MAX_CALLS else None
        return el("div", *shown, more)

    async def _call(self, call: Row, say: Any) -> Html:
        target = await self._site.names.of(call["receiver"])
        name = target.abi.function_name(call["input"]) if target.abi is not None and call["input"] else ""
        reason = call["revert_reason"] or call["error"]
        return el(
            "p",
            "· " * min(call["depth"], 16),
            el("span", call["kind"], class_="soft"),
            " ",
            address(call["receiver"], target.name),
            f" {name} ",
            el("span", f"{call['gas_used']:,} {say('gas')}", class_="soft"),
            [" ", el("span", f"{say('failed')}: {reason}", class_="bad")] if reason else None,
            class_="call",
        )


def _visit(asked: Asked) -> tuple[Visit, Any]:
    visit = Visit.of(asked)
    return visit, visit.say


def _live(visit: Visit, what: str) -> str:
    return f"/events?of={what}" if visit.page == 1 else ""


def _said(decoded: Decoded | None, say: Any) -> Html | None:
    if decoded is None:
        return None
    arguments = [(f"{each.name or '–'} ({each.type})", _shown(each)) for each in decoded.arguments]
    return el("div", el("p", el("code", decoded.signature)), facts(arguments) if arguments else None)


def _shown(argument: Argument) -> Html | str:
    value = argument.value
    if argument.type == "address":
        return address(bytes.fromhex(str(value)[2:]))
    return _text(value)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return "0x" + value[:SHOWN_BYTES].hex() + ("…" if len(value) > SHOWN_BYTES else "")
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_text(each) for each in value[:100]) + (", …" if len(value) > 100 else "") + "]"
    return str(value)[: 2 * SHOWN_BYTES]


def _line(decoded: Decoded) -> str:
    return f"{decoded.name}({', '.join(f'{each.name}={_text(each.value)}' for each in decoded.arguments)})"


def _bytes(data: bytes, say: Any) -> Html | None:
    if not data:
        return None
    shown = data[:SHOWN_BYTES].hex()
    text = "0x" + shown + ("…" if len(data) > SHOWN_BYTES else "")
    return el("details", el("summary", f"{len(data):,} {say('bytes')}"), el("pre", code(text), tabindex="0"))


def _creation(contract: Row | None) -> Html | None:
    if contract is None or contract["creator"] is None:
        return None
    made = [address(contract["creator"])]
    return el("span", *made, " · ", digest("/tx", contract["hash"]) if contract["hash"] is not None else None)


def _source_line(verified: VerifiedSource | None, value: bytes, say: Any) -> Html:
    path = f"/address/0x{value.hex()}/source"
    if verified is None:
        return el("span", say("not verified"), class_="soft")
    exact = verified.runtime_match == "exact_match"
    word = say("verified, all of it") if exact else say("verified, but for its metadata")
    return el("span", el("span", word, class_="good"), " · ", link(path, say("Source, read and write")))
