"""`till lines show | export | excerpt | view | fetch`: sealed line items out of a journal, a bridge, a file; opened."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from node.cli.chain_options import ask_chain, where_the_chain_is
from node.config import BridgeSettings, load_bridge, rpc_access

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    from node.bridge.lines.opening import Keys, SealedLines
    from node.chain.deployment import Deployment
    from node.chain.rpc import Rpc
    from node.domain.assignment import Item
    from node.domain.ids import Hash32, PaymentId
    from node.explorer.answers import PaymentAnswer

    Opened = tuple[int, Hash32, Sequence[tuple[int, Item]], dict[str, str]]

FILE = click.Path(path_type=Path)


@click.command()
@click.argument("payment", metavar="ID")
@click.option("--config", type=FILE, help="The bridge's settings: out of its journal, and from its chain.")
@click.option("--file", "source", type=FILE, help="Out of a file: sealed line items, or an excerpt.")
@click.option("--key", "holder", type=FILE, help="Your key; with --config, the operator's without it.")
@click.option("--view", type=FILE, help="A view's file, where the line items have no copy for you.")
@click.option("--currency", default="840", show_default=True, help="ISO 4217 number of the amounts.")
@where_the_chain_is
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def show(
    payment: str,
    config: Path | None,
    source: Path | None,
    holder: Path | None,
    view: Path | None,
    currency: str,
    network: Path,
    url: str | None,
    file: Path | None,
    as_json: bool,
) -> None:
    """Show the line items of the payment ID (such as 1-42), checked against the root on the chain.

    What --json prints of all items is a receipt, as offer_receipt takes it.
    """
    import json

    from node.bridge.lines.opening import check_on_chain
    from node.domain.currency import written
    from node.explorer.payments import ask_payment

    name, settings = _name(payment), None if config is None else load_bridge(config)
    merchant, root, shown, seed = _open(name, settings, source, holder, view)

    async def question(rpc: "Rpc", deployment: "Deployment") -> "PaymentAnswer":
        return await ask_payment(rpc, deployment, name)

    if settings is not None:
        answer = asyncio.run(_ask_configured(settings, question))
    else:
        answer = asyncio.run(ask_chain(network, url, file, question, {}))
    check_on_chain(name, merchant, root, answer)
    if as_json:
        items = [
            {"index": index, "product": item.product, "quantity": item.quantity, "amount": item.amount}
            for index, item in shown
        ]
        said = {"payment": name, "merchant": merchant, "root": "0x" + root.hex(), "block": answer.block}
        click.echo(json.dumps({**said, **seed, "items": items}, indent=2))
        return
    click.echo(f"payment {name} at merchant {merchant}, in block {answer.block}; the items are those of its root")
    for index, item in shown:
        click.echo(f"{index:>4}  {item.product:32} {item.quantity:>6}  {written(item.amount, currency):>14}")


@click.command()
@click.option("--config", required=True, type=FILE, help="The bridge's settings.")
@click.option("--merchant", required=True, type=click.IntRange(1, 2**32 - 1), help="Whose line items.")
@click.option("--to", type=FILE, help="The reader's public key; without it the operator's.")
@click.option("--output", "-o", required=True, type=FILE, help="The file, *.lines.json.")
def export(config: Path, merchant: int, to: Path | None, output: Path) -> None:
    """Write a merchant's sealed line items, with the reader's copies of content keys, out of the journal."""
    from node.bridge.journal.store import existing
    from node.bridge.lines.files import write_lines
    from node.bridge.lines.keys import load_public
    from node.bridge.lines.reading import page
    from node.domain.ids import StreamId

    settings = load_bridge(config)
    stream, reader = StreamId(settings.stream.id), load_public(to or settings.journal.lines_key_file)
    engine = existing(settings.journal, stream)

    def pages() -> "Iterator[SealedLines]":
        after: int | None = 0
        while after is not None:
            with engine.begin() as connection:
                found = page(connection, stream, merchant, reader, after)
            yield from found.lines
            after = found.after

    count = write_lines(output, pages(), reader=reader)
    click.echo(f"{count:,} payments of merchant {merchant} in {output}, sealed")


@click.command()
@click.option("--file", "source", required=True, type=FILE, help="Sealed line items that you can open.")
@click.option("--key", "holder", required=True, type=FILE, help="Your key.")
@click.option("--view", type=FILE, help="A view's file, where the line items have no copy for you.")
@click.option("--to", required=True, type=FILE, help="The public key of who may see the excerpt.")
@click.option("--products", required=True, type=FILE, help="A product set: a product code a line.")
@click.option("--output", "-o", required=True, type=FILE, help="The file, *.excerpt.json.")
def excerpt(source: Path, holder: Path, view: Path | None, to: Path, products: Path, output: Path) -> None:
    """Show somebody, a brand for instance, the items of its products alone, each provable."""
    from node.bridge.lines.files import ShownItem, read_lines, write_excerpt
    from node.bridge.lines.keys import load_holder, load_public
    from node.bridge.lines.opening import open_lines
    from node.domain.errors import Unusable

    try:
        wanted = {line.strip() for line in products.read_text("ascii").splitlines() if line.strip()}
    except (OSError, UnicodeDecodeError):
        raise Unusable(f"the product set {products} cannot be read") from None
    found, opener = read_lines(source), load_holder(holder)
    if len({each.merchant for each in found}) != 1:
        raise Unusable(f"{source} holds line items of no merchant, or of several")
    known, chosen, left_out = _known(view, opener), {}, 0
    for each in found:
        if not each.copy and each.key_name.number not in known:
            left_out += 1
            continue
        opened = open_lines(each, opener, known)
        shown = tuple(
            ShownItem(index=index, item=item, salt=opened.salts[index], proof=opened.proof(index))
            for index, item in enumerate(opened.items)
            if item.product in wanted
        )
        if shown:
            chosen[each.payment] = shown
    write_excerpt(output, chosen, merchant=found[0].merchant, reader=load_public(to))
    count = sum(map(len, chosen.values()))
    click.echo(f"{count:,} items of {len(chosen):,} payments in {output}, sealed for its reader")
    if left_out:
        click.echo(f"{left_out:,} payments are left out: they were sealed without your key")


@click.command()
@click.option("--file", "source", required=True, type=FILE, help="Sealed line items that you can open.")
@click.option("--key", "holder", required=True, type=FILE, help="Your key.")
@click.option("--to", required=True, type=FILE, help="The public key of who may read them.")
@click.option("--from", "since", type=click.DateTime(["%Y-%m-%d"]), help="The first day (UTC).")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="The last day (UTC).")
@click.option("--output", "-o", required=True, type=FILE, help="The file, *.view.json.")
def view(source: Path, holder: Path, to: Path, since: datetime | None, until: datetime | None, output: Path) -> None:
    """Let somebody read the line items in a file, without asking the operator: its content keys for another reader."""
    from node.bridge.lines.files import day_text, read_lines, write_view
    from node.bridge.lines.keys import load_holder, load_public
    from node.bridge.lines.sealing import key_from_copy

    opener, reader = load_holder(holder), load_public(to)
    first = "" if since is None else since.date().isoformat()
    last = "9999-12-31" if until is None else until.date().isoformat()
    copies = {}
    for each in read_lines(source):
        if first <= day_text(each.day) <= last and each.copy and each.key_name not in copies:
            copies[each.key_name] = key_from_copy(each.key_name, each.copy, opener).copy_for(reader)
    write_view(output, copies, about={"reader": "0x" + reader.hex(), "since": first or None, "until": last})
    click.echo(f"{len(copies):,} content keys in {output}, sealed for its reader")


@click.command()
@click.argument("url")
@click.option("--merchant", required=True, type=click.IntRange(1, 2**32 - 1), help="Whose line items.")
@click.option("--account", required=True, type=FILE, help="The secp256k1 key of an account in the merchant's groups.")
@click.option("--to", required=True, type=FILE, help="The reader's public key.")
@click.option("--after", type=click.IntRange(0), default=0, help="Only payments with a higher sequence.")
@click.option("--deployment", required=True, type=FILE, help="The network's deployment.json.")
@click.option("--output", "-o", required=True, type=FILE, help="The file, *.lines.json.")
def fetch(url: str, merchant: int, account: Path, to: Path, after: int, deployment: Path, output: Path) -> None:
    """Fetch a merchant's sealed line items from the bridge whose JSON-RPC is at URL."""
    from node.bridge.lines.files import lines_from, write_lines
    from node.bridge.lines.keys import load_public
    from node.chain.deployment import load_deployment
    from node.pos.lines import LinesClient, load_account

    reader, network = load_public(to), load_deployment(deployment)

    async def all_pages() -> list[dict[str, object]]:
        client = LinesClient(url, network, load_account(account))
        return await client.fetch(merchant, reader, after)

    found = [lines_from(each) for each in asyncio.run(all_pages())]
    count = write_lines(output, found, reader=reader)
    click.echo(f"{count:,} payments of merchant {merchant} in {output}, sealed")


def _name(text: str) -> "PaymentId":
    from node.domain.errors import Unusable
    from node.domain.ids import PaymentId, parse_payment_id

    try:
        parse_payment_id(text)
    except ValueError as failure:
        raise Unusable(str(failure)) from None
    return PaymentId(text)


def _open(
    name: "PaymentId", settings: BridgeSettings | None, source: Path | None, holder: Path | None, view: Path | None
) -> "Opened":
    """Merchant, items root, items and the seed of all their salts, from wherever they are; none of an excerpt."""
    from node.bridge.lines.files import EXCERPT, format_of, read_lines
    from node.bridge.lines.keys import load_holder
    from node.bridge.lines.opening import open_lines
    from node.domain.errors import Unusable
    from node.domain.line_items import Salting

    if (settings is None) == (source is None):
        raise Unusable("say where the line items are: --config FILE, or --file FILE")
    if holder is None and settings is None:
        raise Unusable("say which key is yours: --key FILE")
    opener = load_holder(holder if holder is not None else _lines_key(settings))
    if source is not None and format_of(source) == EXCERPT:
        return _of_excerpt(name, source, opener)
    if source is not None:
        found = next((each for each in read_lines(source) if each.payment == name), None)
    else:
        assert settings is not None
        found = _of_journal(name, settings, opener)
    if found is None:
        raise Unusable(f"there are no line items of {name}")
    items = open_lines(found, opener, _known(view, opener))
    seed = {"seed" if items.salting is Salting.EACH else "salt": "0x" + items.seed.hex()}
    return found.merchant, found.root, list(enumerate(items.items)), seed


def _of_excerpt(name: "PaymentId", source: Path, opener: "X25519PrivateKey") -> "Opened":
    from node.bridge.lines.errors import BadLinesFile
    from node.bridge.lines.files import read_excerpt
    from node.domain.errors import Unusable

    merchant, payments = read_excerpt(source, opener)
    if name not in payments:
        raise Unusable(f"the excerpt has no items of {name}")
    try:
        roots = {each.root for each in payments[name]}
    except ValueError as failure:
        raise BadLinesFile(f"an item of {name} is none ({failure})") from None
    if len(roots) != 1:
        raise BadLinesFile(f"the items of {name} prove several roots")
    return merchant, roots.pop(), [(each.index, each.item) for each in payments[name]], {}


def _of_journal(name: "PaymentId", settings: BridgeSettings, opener: "X25519PrivateKey") -> "SealedLines | None":
    from node.bridge.journal.store import existing
    from node.bridge.lines.reading import one
    from node.domain.errors import Unusable
    from node.domain.ids import StreamId, parse_payment_id

    stream, sequence = parse_payment_id(name)
    if stream != settings.stream.id:
        raise Unusable(f"{name} is of stream {stream}; this journal is stream {settings.stream.id}'s")
    with existing(settings.journal, StreamId(stream)).begin() as connection:
        return one(connection, stream, sequence, opener.public_key().public_bytes_raw())


def _known(view: Path | None, opener: "X25519PrivateKey") -> "Keys":
    from node.bridge.lines.files import read_view
    from node.bridge.lines.sealing import key_from_copy

    copies = {} if view is None else read_view(view)
    return {name.number: key_from_copy(name, copy, opener) for name, copy in copies.items()}


def _lines_key(settings: BridgeSettings | None) -> Path:
    assert settings is not None
    return settings.journal.lines_key_file


async def _ask_configured(
    settings: BridgeSettings, question: "Callable[[Rpc, Deployment], Awaitable[PaymentAnswer]]"
) -> "PaymentAnswer":
    from node.chain.deployment import load_deployment
    from node.chain.rpc import Rpc

    async with Rpc(settings.chain.rpc, attempts=2, access=rpc_access(settings.chain)) as rpc:
        return await question(rpc, load_deployment(settings.chain.deployment))
