"""Pages of tokens, and of contracts' sources with their functions to read and write.

Before it node/explorer/web; after it node/explorer/queries, and the chain for calls that read. Writing is not done:
the page gives the calldata and the command, and the visitor's own key signs.
"""

import json
from typing import Any, Final

from aiohttp import web
from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError, EncodingError

from node.chain.rpc import RpcRefused
from node.explorer.abi import Abi, selector_of, signature_of
from node.explorer.pages import rows
from node.explorer.pages.frame import Visit, address, code, digest, facts, link, pager, render, table
from node.explorer.pages.html import Html, el
from node.explorer.pages.site import Site, page_of
from node.explorer.queries import chain
from node.explorer.queries.chain import Page
from node.explorer.sources.compare import type_of
from node.explorer.sources.store import VerifiedSource
from node.explorer.web.request import Asked, BadRequest, NotFound, hexadecimal

MAX_ARGUMENT: Final = 20_000
_READS: Final = ("view", "pure")


class TokenPages:
    """The pages."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def tokens(self, asked: Asked) -> web.Response:
        """Tokens, those with most transfers first."""
        visit = Visit.of(asked)
        say = visit.say
        found = await self._site.index.rows(chain.all_tokens(page_of(visit)))
        shown = []
        for row in found:
            known = await self._site.names.of(row["address"])
            name = row["name"] or known.name or "0x" + row["address"].hex()[:8]
            kind, moved = f"ERC-{row['standard']}", f"{row['transfers']:,}"
            shown.append([link("/token/0x" + row["address"].hex(), name), row["symbol"] or "–", kind, moved])
        heads = [say("Token"), say("Symbol"), say("Kind"), "#" + say("Transfers")]
        content = table(say("Tokens"), heads, shown, empty=say("There is nothing here yet."))
        return render(visit, say("Tokens"), content, pager(visit, len(found)))

    async def token(self, asked: Asked) -> web.Response:
        """One token: what there is of it, who has most, what moved."""
        visit = Visit.of(asked)
        say, index, coins = visit.say, self._site.index, self._site.coins
        value = hexadecimal(asked.values["address"], 20, say("The address"))
        row = await index.row(chain.token_by_address(value))
        if row is None:
            raise NotFound(say("The index knows no transfer of such a token"))
        supply = await coins.supply(value)
        decimals = (row["decimals"] or 0) if row["standard"] == 20 else 0
        top = await coins.holders(value, Page(count=50))
        moved = await index.rows(chain.transfers(page_of(visit), token=value))
        about = facts(
            [
                (say("Contract"), address(value, (await self._site.names.of(value)).name)),
                (say("Symbol"), row["symbol"] or "–"),
                (say("Kind"), f"ERC-{row['standard']}"),
                (say("Supply"), rows.decimal(supply, decimals)),
                (say("Holders"), f"{await coins.holder_count(value):,}"),
                (say("Transfers"), f"{row['transfers']:,}"),
            ]
        )
        held = [
            [address(each["holder"]), rows.decimal(int(each["balance"]), decimals),
             f"{100 * int(each['balance']) / supply:.2f} %" if supply else "–"]
            for each in top
        ]  # fmt: skip
        heads = [say("Holder"), "#" + say("Amount"), "#" + say("Share")]
        holders = table(say("Holders"), heads, held, empty=say("Nobody has any."))
        shown = [await rows.transfer_row(each, self._site.names) for each in moved]
        empty = say("There is nothing here yet.")
        transfers = table(say("Transfers"), rows.heads(say, rows.TRANSFER_HEADS), shown, empty=empty)
        title = row["name"] or (await self._site.names.of(value)).name or say("Token")
        return render(visit, title, about, holders, transfers, pager(visit, len(moved)))

    async def source(self, asked: Asked) -> web.Response:
        """A verified source, and its functions; `fn` with its arguments in the query calls or encodes one."""
        visit = Visit.of(asked)
        say = visit.say
        value = hexadecimal(asked.values["address"], 20, say("The address"))
        verified = await self._site.sources.verified(value)  # type: ignore[arg-type]
        if verified is None:
            raise NotFound(say("Nobody has shown the source of this contract yet."))
        functions = [each for each in verified.abi if each.get("type") == "function"]
        reads = [
            await self._function(each, value, asked, say) for each in functions if each["stateMutability"] in _READS
        ]
        writes = [
            await self._function(each, value, asked, say) for each in functions if each["stateMutability"] not in _READS
        ]
        files = [
            el(
                "details",
                el("summary", path),
                el("pre", el("code", each["content"]), tabindex="0"),
                open=path == verified.path,
            )
            for path, each in sorted(verified.source["sources"].items(), key=lambda item: item[0] != verified.path)
        ]
        own_key = el("p", say("Your own key signs; this page knows none."), class_="soft")
        return render(
            visit,
            f"{verified.name}: {say('source')}",
            _about(verified, value, say),
            el("section", el("h2", say("Read")), *reads),
            el("section", el("h2", say("Write")), own_key, *writes),
            el("section", el("h2", say("Files")), *files),
            el("section", el("h2", "ABI"), el("pre", json.dumps(verified.abi, indent=1), tabindex="0")),
        )  # fmt: skip

    async def _function(self, entry: dict[str, Any], value: bytes, asked: Asked, say: Any) -> Html:
        signature = signature_of(entry)
        chosen = asked.fields.get("fn") == signature
        reads = entry["stateMutability"] in _READS
        given = [asked.fields.get(f"a{place}", "") for place in range(len(entry["inputs"]))] if chosen else None
        inputs = [
            el(
                "label",
                f"{each.get('name') or place} ({type_of(each)})",
                el("input", name=f"a{place}", value=given[place] if given else "", maxlength=str(MAX_ARGUMENT)),
            )
            for place, each in enumerate(entry["inputs"])
        ]
        answer = None
        if given is not None or (reads and not entry["inputs"]):
            answer = await self._said(entry, value, given or [], reads, say)
        button = el("button", say("Ask") if reads else say("Make the calldata"), type="submit")
        hidden = el("input", type="hidden", name="fn", value=signature)
        form = el("form", *inputs, hidden, button, method="get") if inputs or not reads else None
        return el("details", el("summary", el("code", signature)), form, answer, class_="fn", open=chosen or not inputs)

    async def _said(self, entry: dict[str, Any], value: bytes, given: list[str], reads: bool, say: Any) -> Html:
        try:
            data = selector_of(entry) + _encoded(entry, given)
        except BadRequest as refusal:
            return el("p", str(refusal), class_="bad", role="alert")
        whole = "0x" + value.hex()
        if not reads:
            command = f"cast send {whole} 0x{data.hex()} --rpc-url URL --keystore FILE"
            return el("div", facts([(say("Calldata"), code(data)), (say("Command"), code(command))]))
        try:
            answer = await self._site.rpc.call("eth_call", {"to": whole, "data": "0x" + data.hex()}, "latest")
            values = decode([type_of(each) for each in entry["outputs"]], bytes.fromhex(str(answer)[2:]))
        except RpcRefused as refusal:
            return el("p", _reason(refusal, Abi(()), say), class_="bad")
        except (DecodingError, ValueError, OverflowError):
            return el("p", say("It answered what its ABI does not say."), class_="bad")
        named = [
            (f"{each.get('name') or say('Answer')} ({type_of(each)})", _shown(each, said))
            for each, said in zip(entry["outputs"], values, strict=True)
        ]
        return facts(named)


def _about(verified: VerifiedSource, value: bytes, say: Any) -> Html:
    settings = verified.source["settings"]
    optimizer = settings.get("optimizer", {})
    matches = f"{verified.runtime_match}, {say('creation')}: {verified.creation_match or '–'}"
    return facts(
        [
            (say("Contract"), address(value, verified.name)),
            (say("Match"), matches),
            (say("Compiler"), verified.compiler),
            (say("Optimizer"), f"{optimizer.get('runs', 200)}" if optimizer.get("enabled") else say("no")),
            (say("Constructor's arguments"), code(verified.arguments) if verified.arguments else None),
            (say("Transaction"), digest("/tx", verified.creation) if verified.creation else None),
        ]
    )


def _shown(entry: dict[str, Any], said: Any) -> Html | str:
    if entry["type"] == "address":
        return address(bytes.fromhex(str(said)[2:]))
    return "0x" + said.hex() if isinstance(said, bytes) else str(said)[:MAX_ARGUMENT]


def _reason(refusal: RpcRefused, abi: Abi, say: Any) -> str:
    data = refusal.data if isinstance(refusal.data, str) and refusal.data.startswith("0x") else "0x"
    try:
        error = abi.error(bytes.fromhex(data[2:]))
    except ValueError:
        error = None
    if error is not None:
        return f"{error.name}({', '.join(str(each.value) for each in error.arguments)})"
    return f"{say('refused')}: {refusal.text[:300]}"


def _encoded(entry: dict[str, Any], given: list[str]) -> bytes:
    """Arguments as they are typed: plain, or JSON for lists and structs. Raises BadRequest."""
    values = []
    for each, text in zip(entry["inputs"], given, strict=True):
        try:
            values.append(_typed(type_of(each), text.strip()[:MAX_ARGUMENT]))
        except (ValueError, KeyError, RecursionError):
            raise BadRequest(f"{each.get('name') or type_of(each)}: {text[:80]!r} is no {type_of(each)}") from None
    try:
        return encode([type_of(each) for each in entry["inputs"]], values)
    except (EncodingError, ValueError, TypeError, OverflowError) as failure:
        raise BadRequest(f"these are no arguments of {signature_of(entry)}: {str(failure)[:200]}") from None


def _typed(kind: str, text: str) -> Any:
    if kind.endswith(("]", ")")):
        return json.loads(text)
    if kind.startswith(("uint", "int")):
        return int(text, 16) if text[:2] in ("0x", "0X") else int(text)
    if kind == "bool":
        return {"true": True, "false": False, "1": True, "0": False}[text.lower()] if text else False
    if kind.startswith("bytes"):
        return bytes.fromhex(text.removeprefix("0x"))
    return text
