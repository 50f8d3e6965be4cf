"""`till payment`, `member`, `merchant`, `block`: what the chain says. Wiring only; the work is in node/explorer."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

import click

from node.chain.deployment import Deployment
from node.chain.rpc import Rpc
from node.cli.chain_options import ask_chain, where_the_chain_is
from node.domain.errors import Unusable
from node.domain.ids import MemberId, MerchantId, PaymentId, parse_payment_id
from node.explorer.accounts import ask_member, ask_merchant
from node.explorer.answers import BlockAnswer, MemberAnswer, MerchantAnswer, PaymentAnswer
from node.explorer.blocks import ask_block
from node.explorer.payments import ask_payment
from node.explorer.tables import print_answer, wide_console

P = ParamSpec("P")
Answer = PaymentAnswer | MemberAnswer | MerchantAnswer | BlockAnswer
Question = Callable[Concatenate[Rpc, Deployment, P], Awaitable[Answer]]


def _asks(question: Question[P]) -> Callable[..., None]:
    """Makes a command of a question: where the chain is, and how the answer is printed."""

    @where_the_chain_is
    @click.option("--json", "as_json", is_flag=True, help="One JSON object.")
    @wraps(question)
    def command(network: Path, url: str | None, file: Path | None, as_json: bool, **asked: Any) -> None:
        answer = asyncio.run(ask_chain(network, url, file, question, asked))
        if as_json:
            click.echo(json.dumps(asdict(answer), indent=2))
        else:
            print_answer(answer, wide_console())

    return command


@click.command()
@click.argument("payment", metavar="ID")
@_asks
async def payment(rpc: Rpc, deployment: Deployment, payment: str) -> Answer:
    """Show the payment ID (such as 1-42) as the chain has it."""
    try:
        parse_payment_id(payment)
    except ValueError as failure:
        raise Unusable(str(failure)) from None
    return await ask_payment(rpc, deployment, PaymentId(payment))


@click.command()
@click.argument("member", type=click.IntRange(1, 2**64 - 1), metavar="ID")
@_asks
async def member(rpc: Rpc, deployment: Deployment, member: int) -> Answer:
    """Show the points, stored value and state of the member ID."""
    return await ask_member(rpc, deployment, MemberId(member))


@click.command()
@click.argument("merchant", type=click.IntRange(1, 2**32 - 1), metavar="ID")
@_asks
async def merchant(rpc: Rpc, deployment: Deployment, merchant: int) -> Answer:
    """Show the points, payable and rule versions of the merchant ID."""
    return await ask_merchant(rpc, deployment, MerchantId(merchant))


@click.command()
@click.argument("number", type=click.IntRange(0, 2**63), metavar="N", required=False)
@_asks
async def block(rpc: Rpc, deployment: Deployment, number: int | None) -> Answer:
    """Show block N (the latest if left out) and what it carries."""
    return await ask_block(rpc, deployment, number)
